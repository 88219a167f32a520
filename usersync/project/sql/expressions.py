"""Expressions of SQL: parsed, and whether they make one value of one row."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from sqlglot import exp
from sqlglot.errors import ParseError

from usersync.project.sql.calls import refused_calls
from usersync.project.sql.duckdb_parser import refusal
from usersync.project.sql.errors import Misplaced, MisplacedError
from usersync.project.sql.methods import with_plain_calls
from usersync.project.sql.nodes import Nodes
from usersync.project.sql.reading import parse_one
from usersync.project.sql.statements import OTHERS, STATEMENTS
from usersync.project.sql.stumbles import check_written

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
    """The columns that an expression reads: the parameters of its lambdas and list comprehensions are none."""
    bound = {name.name.lower() for part in nodes.of(exp.Lambda) for name in part.expressions}
    for each in nodes.of(exp.Comprehension):
        bound |= {name.name.lower() for part in ("expression", "position") if (name := each.args.get(part))}
    return [column for column in nodes.of(exp.Column) if column.parts[0].name.lower() not in bound]


def scalar(text: str, dialect: str) -> Nodes[exp.Expr]:
    """The nodes of an expression. A statement is one too, so that it can be refused as what it is.

    Raises:
        SqlglotError: it does not parse.
    """
    try:
        # As an expression, so that a column may be called `comment` or `set`.
        found = Nodes(with_plain_calls(parse_one(text, dialect, exp.Expr), text))
    except ParseError:
        try:
            whole = Nodes(parse_one(text, dialect))
        except ParseError:
            whole = None
        if whole and (isinstance(whole.tree, exp.Query) or not_scalar(whole)):
            return whole
        raise
    # What is more than an expression is refused by those who ask for one, in words of their own.
    if not isinstance(found.tree, exp.Alias) and not not_scalar(found) and (wrong := refusal(text, expression=True)):
        raise MisplacedError(wrong)
    return found


@lru_cache(maxsize=4096)
def expression(text: str, dialect: str) -> Nodes[exp.Expr]:
    """The nodes of an expression, as `scalar` reads it, that can be written again. They are shared: look only.

    Raises:
        SqlglotError: it cannot be read or written.
        RecursionError: it is nested too deeply.
    """
    if "\0" in text:
        raise MisplacedError(Misplaced(text.index("\0"), 1, "a NUL character"))
    nodes = scalar(text, dialect)
    check_written(nodes, text, dialect)
    return nodes
