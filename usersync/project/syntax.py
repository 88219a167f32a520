"""What sqlglot says of a piece of SQL, with places: why it does not parse, and whether it is a scalar of one row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from usersync.diagnostics import Diagnostic
from usersync.project.calls import refused_calls
from usersync.project.duckdb_parser import refusal
from usersync.project.grammar import MisplacedError
from usersync.project.nodes import Nodes
from usersync.project.templates import Rendered

STATEMENTS = (
    exp.DML,
    exp.DDL,
    exp.Command,
    exp.Merge,
    exp.Drop,
    exp.Alter,
    exp.Set,
    exp.Use,
    exp.Attach,
    exp.Detach,
    exp.Copy,
    exp.Pragma,
    exp.Transaction,
    exp.Commit,
    exp.Rollback,
    exp.TruncateTable,
    exp.Kill,
    exp.LoadData,
    exp.Install,
)
"""What changes something, or cannot be told from what does."""

OTHERS = (exp.Describe, exp.Show, exp.Comment, exp.Analyze, exp.Summarize, exp.Grant, exp.Revoke)
"""What changes nothing and is no query either, or is of no use here."""

_NOT_SCALAR: Mapping[type[exp.Expr], str] = {
    exp.Query: "a subquery",
    exp.AggFunc: "an aggregate",
    exp.Window: "a window function",
    exp.Star: "a star",
    exp.Columns: "a star",
    exp.UDTF: "more than one row",
    exp.Parameter: "a parameter",
    exp.Placeholder: "a parameter",
    exp.Rand: "a random value",
    exp.Uuid: "a random value",
    **dict.fromkeys((*STATEMENTS, *OTHERS), "a statement"),
}


def not_scalar(nodes: Nodes[exp.Expr]) -> tuple[exp.Expr, str] | None:
    """The first part of an expression that does not compute one value from one row, and what it is called."""
    for node in nodes.of(*_NOT_SCALAR):
        return node, next(what for kind, what in _NOT_SCALAR.items() if isinstance(node, kind))
    return next(((node, f"the function {name}()") for node, name, _ in refused_calls(nodes.of(exp.Func))), None)


def free_columns(nodes: Nodes[exp.Expr]) -> list[exp.Column]:
    """The columns that an expression reads: the parameters of its lambdas are none."""
    bound = {name.name.lower() for part in nodes.of(exp.Lambda) for name in part.expressions}
    return [column for column in nodes.of(exp.Column) if column.parts[0].name.lower() not in bound]


def scalar(text: str, dialect: str) -> Nodes[exp.Expr]:
    """The nodes of an expression. A statement is one too, so that it can be refused as what it is.

    Raises:
        SqlglotError: it does not parse.
    """
    try:
        # As an expression, so that a column may be called `comment` or `set`.
        found = Nodes(sqlglot.parse_one(text, read=dialect, into=exp.Expr))
    except ParseError:
        try:
            whole = Nodes(sqlglot.parse_one(text, read=dialect))
        except ParseError:
            whole = None
        if whole and (isinstance(whole.tree, exp.Query) or not_scalar(whole)):
            return whole
        raise
    # What is more than an expression is refused by those who ask for one, in words of their own.
    if not isinstance(found.tree, exp.Alias) and not not_scalar(found) and (wrong := refusal(text, expression=True)):
        raise MisplacedError(wrong)
    return found


def parse_error(rendered: Rendered, error: SqlglotError, hint: str | None = None) -> Diagnostic:
    """sqlglot's error as a diagnostic at its place in the template (US002)."""
    message, offset, length = broken(rendered.sql, error)
    return Diagnostic("US002", message, rendered.location(offset, length), hint)


def broken(sql: str, error: SqlglotError) -> tuple[str, int, int]:
    """sqlglot's error in our words, with the offset and length of what is wrong."""
    if isinstance(error, MisplacedError):
        return f"SQL: {error.found.message}", error.found.offset, error.found.length
    if not isinstance(error, ParseError) or not error.errors:
        return "SQL: a string, name or comment is not closed", _unclosed(sql), 1
    first: dict[str, Any] = error.errors[0]
    near = str(first.get("highlight") or "").strip()
    lines = sql.split("\n")
    line = min(max(int(first.get("line") or 1), 1), len(lines))
    # sqlglot's column is that of the token's last character.
    column = max(1, int(first.get("col") or 1) - len(near) + 1)
    offset = sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
    return f"SQL: {_reason(str(first.get('description') or ''), near)}", min(offset, len(sql)), max(1, len(near))


def _reason(description: str, near: str) -> str:
    if "missing for" in description:
        return f"incomplete SQL near {near!r}" if near else "incomplete SQL"
    description = description.replace("Invalid expression / Unexpected token", "").strip()
    # Its own name of a token is no help.
    expected, got, _ = description.partition(" but got <Token ")
    if got:
        return f"{expected} instead of {near!r}" if near else expected
    return description or (f"unexpected {near!r}" if near else "the query ends too early")


_QUOTED = re.compile(r"""--[^\n]*|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|/\*.*?\*/""", re.DOTALL)
_OPENING = re.compile(r"""['"`]|/\*""")


def _unclosed(sql: str) -> int:
    """The offset of the first quote or comment that nothing closes."""
    rest = _QUOTED.sub(lambda match: " " * len(match[0]), sql)
    found = _OPENING.search(rest)
    return found.start() if found else 0
