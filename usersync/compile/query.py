"""A rendered query, parsed: one read-only SELECT with named columns and its cursor placeholders found."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError, TokenError
from sqlglot.tokenizer_core import Token

from usersync.diagnostics import ConfigError, Diagnostic, Location, did_you_mean
from usersync.project.model import NAME
from usersync.project.schema import parse_error
from usersync.project.templates import Rendered

# What sqlglot cannot parse it returns as a Command, which is refused below; its warning would say it twice.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

PLACEHOLDER = re.compile(r"__cursor_+\Z")
"""The identifier that stands for the cursor in parsed SQL, as long as what was written: places stay exact."""
_SPELLED = "$LAST_SYNC_TIMESTAMP"

_WRITES = (
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
    exp.Into,
    exp.Lock,
    exp.TruncateTable,
    exp.Kill,
    exp.LoadData,
    exp.Install,
)


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column that the query returns, with its place."""

    name: str
    location: Location


@dataclass(frozen=True)
class Query:
    """A parsed query; its placeholders are columns named like `__cursor_____`."""

    rendered: Rendered
    tree: exp.Query
    columns: tuple[OutputColumn, ...] | None
    """None when only the database can tell: `select *`."""

    @property
    def placeholders(self) -> tuple[exp.Column, ...]:
        """Every place where the cursor is asked for."""
        return tuple(column for column in self.tree.find_all(exp.Column) if is_placeholder(column))

    def location(self, node: exp.Expr) -> Location:
        """Where in the templates a node was written."""
        return locate(self.rendered, node)


def is_placeholder(node: exp.Expr | None) -> bool:
    """Whether a node is the cursor placeholder."""
    return isinstance(node, exp.Column) and not node.table and bool(PLACEHOLDER.match(node.name))


def first_offset(node: exp.Expr) -> tuple[int, int] | None:
    """Offset and length of the leftmost token known of a node."""
    spans = [(part.meta["start"], part.meta["end"]) for part in node.walk() if "start" in part.meta]
    start, end = min(spans) if spans else (0, 0)
    return (start, end - start + 1) if spans else None


def locate(rendered: Rendered, node: exp.Expr) -> Location:
    """Where in the templates a node was written; the query's start when it has no token of its own."""
    while True:
        span = first_offset(node)
        if span:
            return rendered.location(*span)
        if node.parent is None:
            return rendered.location(len(rendered.sql) - len(rendered.sql.lstrip()))
        node = node.parent


def parse_query(rendered: Rendered, dialect: str) -> tuple[Query, list[Diagnostic]]:
    """The one SELECT of a rendered model, and what is wrong with its columns.

    Raises:
        ConfigError: it does not parse (US002), is not one statement, or is not read-only (US501).
    """
    reader = _dialect(rendered, dialect)
    tokens = _tokens(rendered, reader)
    sql = _with_placeholders(rendered, tokens)
    try:
        statements = [s for s in reader.parse(sql) if s is not None and not isinstance(s, exp.Semicolon)]
    except SqlglotError as error:
        raise ConfigError(parse_error(rendered, error)) from None
    except RecursionError:
        raise ConfigError(Diagnostic("US002", "SQL: nested too deeply", rendered.location(0))) from None
    tree = _one_query(rendered, statements, tokens)
    columns, problems = _columns(rendered, tree)
    return Query(rendered, tree, columns), problems


def _dialect(rendered: Rendered, name: str) -> Dialect:
    try:
        return Dialect.get_or_raise(name)
    except ValueError:
        known = sorted(str(d) for d in Dialect.classes if d)
        message = f"there is no SQL dialect {name!r}"
        raise ConfigError(Diagnostic("US108", message, rendered.file.location(0), did_you_mean(name, known))) from None


def _with_placeholders(rendered: Rendered, tokens: Sequence[Token]) -> str:
    """The SQL with each placeholder outside strings and comments replaced by an identifier of the same length."""
    sql = rendered.sql
    parts, end = [], 0
    for start, stop in _placeholder_spans(rendered, tokens):
        # In parentheses, so that it cannot grow together with the words around it.
        parts += [sql[end:start], f"({'__cursor'.ljust(stop - start - 2, '_')})"]
        end = stop
    return "".join([*parts, sql[end:]])


def _tokens(rendered: Rendered, dialect: Dialect) -> Sequence[Token]:
    try:
        return dialect.tokenize(rendered.sql)
    except SqlglotError as error:
        try:
            # ClickHouse has no `$`; the plain rules for strings and comments find the placeholders there.
            return sqlglot.tokenize(rendered.sql)
        except TokenError:
            raise ConfigError(parse_error(rendered, error)) from None


def _placeholder_spans(rendered: Rendered, tokens: Sequence[Token]) -> Iterator[tuple[int, int]]:
    for index, token in enumerate(tokens):
        ahead = tokens[index + 1 : index + 4]
        if rendered.sql[token.start] != "$":
            continue
        if token.text.upper() == _SPELLED:
            yield token.start, token.end + 1
        elif token.text != "$" or not ahead or ahead[0].start != token.end + 1:
            continue
        elif ahead[0].text.upper() == _SPELLED[1:]:
            yield token.start, ahead[0].end + 1
        elif ahead[0].text == "{":
            name = ahead[1].text if len(ahead) > 1 else ""
            closed = len(ahead) == 3 and ahead[2].text == "}"
            if name != "updated_at" or not closed:
                message = f"unknown placeholder ${{{name}}}" if closed else "the placeholder ${ is not closed"
                where = rendered.location(token.start, 2)
                raise ConfigError(Diagnostic("US003", message, where, "the cursor is ${updated_at}"))
            yield token.start, ahead[2].end + 1


def _one_query(rendered: Rendered, statements: Sequence[exp.Expr], tokens: Sequence[Token]) -> exp.Query:
    if not statements:
        hint = "write the SELECT below config()"
        raise ConfigError(Diagnostic("US002", "the model has no query", rendered.location(len(rendered.sql)), hint))
    if len(statements) > 1:
        where = locate(rendered, statements[1])
        raise ConfigError(Diagnostic("US501", "a model is one SELECT: this is a second statement", where))
    for node in statements[0].walk():
        where = rendered.location(tokens[0].start) if node is statements[0] else _place(rendered, node, tokens)
        if isinstance(node, _WRITES):
            raise ConfigError(Diagnostic("US501", f"a model only reads: {_word(node)} is refused", where))
        if isinstance(node, exp.Parameter | exp.Placeholder | exp.SessionParameter):
            hint = "the cursor is ${updated_at}; other values come from var() and env_var()"
            raise ConfigError(Diagnostic("US003", f"unknown parameter {node.sql()}", where, hint))
    tree = statements[0]
    if isinstance(tree, exp.Subquery):
        tree = tree.unnest()
    if not isinstance(tree, exp.Select | exp.SetOperation):
        raise ConfigError(Diagnostic("US501", "a model is one SELECT", rendered.location(tokens[0].start)))
    return tree


# How nodes begin that keep no place of their own.
_FIRST_WORDS: dict[type[exp.Expr], tuple[str, ...]] = {
    exp.Lock: ("FOR", "LOCK"),
    exp.Parameter: ("$", "@", ":"),
    exp.Placeholder: ("?", ":", "$"),
}


def _place(rendered: Rendered, node: exp.Expr, tokens: Sequence[Token]) -> Location:
    words = next((words for kind, words in _FIRST_WORDS.items() if isinstance(node, kind)), ())
    token = next((t for t in tokens if t.text.upper() in words), None)
    return rendered.location(token.start, len(token.text)) if token else locate(rendered, node)


def _word(node: exp.Expr) -> str:
    """What SQL calls a refused node."""
    if isinstance(node, exp.Command):
        return str(node.this).upper()
    return {"INTO": "SELECT INTO", "LOCK": "FOR UPDATE", "TRUNCATETABLE": "TRUNCATE"}.get(
        node.key.upper(), node.key.upper()
    )


def _columns(rendered: Rendered, tree: exp.Query) -> tuple[tuple[OutputColumn, ...] | None, list[Diagnostic]]:
    columns: list[OutputColumn] = []
    problems: list[Diagnostic] = []
    seen: set[str] = set()
    starred = False
    for node in tree.selects:
        if node.is_star:
            starred = True
            continue
        where = locate(rendered, node)
        name = _output_name(node)
        if name is None:
            hint = "give it a name: … as name"
            problems.append(Diagnostic("US211", "an expression in the SELECT has no name", where, hint))
            continue
        if not NAME.match(name):
            hint = "give it an alias of letters, digits and underscores"
            problems.append(Diagnostic("US208", f"column name {name!r} is not valid", where, hint))
        if name.lower() in seen:
            message = f"column {name!r} is selected twice (names are compared without regard to case)"
            problems.append(Diagnostic("US209", message, where))
        seen.add(name.lower())
        columns.append(OutputColumn(name, where))
    return (None if starred or not tree.selects else tuple(columns)), problems


def _output_name(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Alias | exp.Column | exp.Dot):
        return node.alias or node.name or None
    return None
