"""A rendered query, parsed: one read-only SELECT with named columns and its cursor placeholders found."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, takewhile
from typing import cast

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect, Dialects
from sqlglot.errors import ParseError, SqlglotError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from usersync.compile.sql import DIALECT
from usersync.diagnostics import ConfigError, Diagnostic, Location, did_you_mean
from usersync.project.jinja.rendered import Rendered
from usersync.project.model import NAME
from usersync.project.sql.calls import refused_calls
from usersync.project.sql.duckdb_parser import EMPTY_NAME, refusal
from usersync.project.sql.errors import MisplacedError, parse_error
from usersync.project.sql.grammar import check, check_nul, check_words
from usersync.project.sql.nodes import Nodes, first_offset
from usersync.project.sql.statements import OTHERS, STATEMENTS
from usersync.project.sql.stumbles import check_written, understood

# What sqlglot cannot parse it returns as a Command, which is refused below; its warning would say it twice.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

PLACEHOLDER = re.compile(r"__cursor_+\Z")
"""The identifier that stands for the cursor in parsed SQL, as long as what was written: places stay exact."""
_SPELLED = "$LAST_SYNC_TIMESTAMP"
_CURSOR = re.compile(r"(?<![\w$])(?:\$\{updated_at\}|(?i:\$LAST_SYNC_TIMESTAMP)\b)")

_WRITES = (*STATEMENTS, exp.Into, exp.Lock)
_REFUSED = (*_WRITES, *OTHERS, exp.Parameter, exp.Placeholder, exp.SessionParameter)


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column that the query returns."""

    name: str
    rendered: Rendered = field(repr=False, compare=False)
    node: exp.Expr = field(repr=False, compare=False)

    @property
    def location(self) -> Location:
        """Where it was written."""
        return locate(self.rendered, self.node)


@dataclass(frozen=True)
class Query:
    """A parsed query; its placeholders are columns named like `__cursor_____`."""

    rendered: Rendered
    nodes: Nodes[exp.Query]
    columns: tuple[OutputColumn, ...] | None
    """None when only the database can tell: `select *`."""
    dialect: str = DIALECT
    """sqlglot's name of the dialect that it is written in."""
    text: str = ""
    """What was parsed: the SQL with each placeholder as an identifier of the same length."""

    @property
    def tree(self) -> exp.Query:
        """The outermost SELECT or set operation."""
        return self.nodes.tree

    @cached_property
    def _tokens(self) -> Sequence[Token]:
        return _tokens(self.rendered, _dialect(self.dialect, None))

    @property
    def words(self) -> list[tuple[int, str]]:
        """Every token of the rendered SQL, with its offset."""
        return [(token.start, token.text) for token in self._tokens]

    def item_spans(self) -> list[tuple[int, int]]:
        """Where each thing that the outermost SELECT selects begins and ends in the rendered SQL; empty in doubt."""
        spans = _item_spans(self._tokens)
        return spans if len(spans) == len(self.tree.selects) else []

    @cached_property
    def placeholders(self) -> tuple[exp.Column, ...]:
        """Every place where the cursor is asked for."""
        return tuple(column for column in self.nodes.of(exp.Column) if is_placeholder(column))

    @cached_property
    def ctes(self) -> Mapping[str, exp.Expr]:
        """The queries of all CTEs by name, in lower case."""
        return {cte.alias.lower(): cte.this for cte in self.nodes.of(exp.CTE)}

    def location(self, node: exp.Expr) -> Location:
        """Where in the templates a node was written."""
        return locate(self.rendered, node)


def is_placeholder(node: exp.Expr | None) -> bool:
    """Whether a node is the cursor placeholder."""
    return isinstance(node, exp.Column) and not node.table and bool(PLACEHOLDER.match(node.name))


def locate(rendered: Rendered, node: exp.Expr) -> Location:
    """Where in the templates a node was written; the query's start when it has no token of its own."""
    while True:
        span = first_offset(node)
        if span:
            return rendered.location(*span)
        if node.parent is None:
            return rendered.location(len(rendered.sql) - len(rendered.sql.lstrip()))
        node = node.parent


def parse_query(rendered: Rendered, dialect: str, dialect_at: Location | None = None) -> tuple[Query, list[Diagnostic]]:
    """The one SELECT of a rendered model, and what is wrong with its columns.

    Args:
        rendered: The model's SQL.
        dialect: sqlglot's name of its dialect.
        dialect_at: Where that name was written.

    Raises:
        ConfigError: it does not parse (US002), is not one statement, or is not read-only (US501); or there is no such
            dialect (US108).
    """
    reader = _dialect(dialect, dialect_at)
    sql, tokens = rendered.sql, list[Token]()
    try:
        sql, tokens = _with_placeholders(rendered, reader)
        with understood():
            parsed = reader.parser().parse(tokens, sql)
        statements = [Nodes(s) for s in parsed if s is not None and not isinstance(s, exp.Semicolon)]
        check_nul(sql, tokens)
        if dialect.lower() != DIALECT:
            check(sql, tokens, statements, dialect.lower())
        for statement in statements:
            check_written(statement, sql, dialect)
    except SqlglotError as error:
        raise ConfigError(parse_error(rendered, error, _way_out(error, sql, tokens, dialect.lower()))) from None
    except RecursionError:
        raise ConfigError(Diagnostic("US002", "SQL: nested too deeply", rendered.location(0))) from None
    nodes = _one_query(rendered, statements, tokens)
    columns, problems = _columns(rendered, nodes.tree, tokens)
    wrong = refusal(sql, written=rendered.sql) if dialect.lower() == DIALECT else None
    # A column without a name has a rule of its own.
    if wrong and not (problems and wrong.message == EMPTY_NAME):
        raise ConfigError(parse_error(rendered, MisplacedError(wrong)))
    return Query(rendered, nodes, columns, dialect, sql), problems


_QUERIES = frozenset({TokenType.SELECT, TokenType.WITH, TokenType.FROM, TokenType.L_PAREN})


def _way_out(error: SqlglotError, sql: str, tokens: Sequence[Token], dialect: str) -> str | None:
    """What to do where the database may well read what sqlglot does not; None where the SQL is wrong for sure."""
    if not isinstance(error, ParseError) or not tokens or tokens[0].token_type not in _QUERIES:
        return None
    if dialect == DIALECT:
        return None if refusal(sql) else f"DuckDB reads this, but usersync cannot: {_ANOTHER_WAY}"
    try:
        check_words(sql, tokens, dialect)
    except MisplacedError:
        return None
    return f"where {dialect} itself reads this, usersync cannot: {_ANOTHER_WAY}"


_ANOTHER_WAY = "say it in another way, or select from a view of the database that says it"


def _dialect(name: str, where: Location | None) -> Dialect:
    try:
        return Dialect.get_or_raise(name)
    except ValueError:
        hint = did_you_mean(name, [known.value for known in Dialects if known.value])
        raise ConfigError(Diagnostic("US108", f"there is no SQL dialect {name!r}", where, hint)) from None


def _with_placeholders(rendered: Rendered, reader: Dialect) -> tuple[str, list[Token]]:
    """The SQL with each placeholder outside strings and comments as an identifier of the same length, and its tokens.

    Raises:
        SqlglotError: a string, name or comment is not closed.
        ConfigError: so it is, or a placeholder is wrong (US003).
    """
    spans = [found.span() for found in _CURSOR.finditer(rendered.sql)]
    sql = _replaced(rendered.sql, spans)
    # Tokens take a fifth of the time: they are read twice only where one of those may be in a string or a comment.
    if "$" not in sql:
        with suppress(SqlglotError):
            tokens = reader.tokenize(sql)
            if [token.start - 1 for token in tokens if PLACEHOLDER.match(token.text)] == [start for start, _ in spans]:
                return sql, tokens
    sql = _replaced(rendered.sql, _placeholder_spans(rendered, _tokens(rendered, reader)))
    return sql, reader.tokenize(sql)


def _replaced(sql: str, spans: Iterable[tuple[int, int]]) -> str:
    parts, end = [], 0
    for start, stop in spans:
        # In parentheses, so that it cannot grow together with the words around it.
        parts += [sql[end:start], f"({'__cursor'.ljust(stop - start - 2, '_')})"]
        end = stop
    return "".join([*parts, sql[end:]])


def _tokens(rendered: Rendered, dialect: Dialect) -> list[Token]:
    try:
        return dialect.tokenize(rendered.sql)
    except SqlglotError as error:
        if "$" not in rendered.sql:
            raise ConfigError(parse_error(rendered, error)) from None
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


def check_calls(query: Query, dialect: str = DIALECT) -> None:
    """Refuses a query that calls anything but functions of values.

    Args:
        query: As parsed.
        dialect: Of the database that runs it: `duckdb`, or `postgres` or `mysql` where the server does.

    Raises:
        ConfigError: it calls another function (US501).
    """
    found = [
        Diagnostic("US501", f"a query cannot call {name}()", query.location(node), hint)
        for node, name, hint in refused_calls(query.nodes.of(exp.Func), dialect)
    ]
    if found:
        raise ConfigError(found)


def _one_query(rendered: Rendered, statements: Sequence[Nodes[exp.Expr]], tokens: Sequence[Token]) -> Nodes[exp.Query]:
    if not statements:
        hint = "write the SELECT below config()"
        raise ConfigError(Diagnostic("US002", "the model has no query", rendered.location(len(rendered.sql)), hint))
    if len(statements) > 1:
        where = locate(rendered, statements[1].tree)
        raise ConfigError(Diagnostic("US501", "a model is one SELECT: this is a second statement", where))
    [nodes] = statements
    for node in nodes.of(*_REFUSED):
        # Places take another rendering: they are found only for what is wrong.
        where = rendered.location(tokens[0].start) if node is nodes.tree else _place(rendered, node, tokens)
        if isinstance(node, OTHERS) and node is nodes.tree:
            continue
        if isinstance(node, (*_WRITES, *OTHERS)):
            raise ConfigError(Diagnostic("US501", f"a model only reads: {_word(node)} is refused", where))
        hint = "the cursor is ${updated_at}; other values come from var() and env_var()"
        raise ConfigError(Diagnostic("US003", f"unknown parameter {node.sql()}", where, hint))
    if isinstance(nodes.tree, exp.Subquery):
        nodes = Nodes(nodes.tree.unnest())
    if not isinstance(nodes.tree, exp.Select | exp.SetOperation):
        raise ConfigError(Diagnostic("US501", "a model is one SELECT", rendered.location(tokens[0].start)))
    return cast("Nodes[exp.Query]", nodes)


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


def _columns(
    rendered: Rendered, tree: exp.Query, tokens: Sequence[Token]
) -> tuple[tuple[OutputColumn, ...] | None, list[Diagnostic]]:
    if not tree.selects:
        where = rendered.location(tokens[0].start, len(tokens[0].text))
        raise ConfigError(Diagnostic("US002", "SQL: the SELECT names no columns", where))
    columns: list[OutputColumn] = []
    problems: list[Diagnostic] = []
    seen: set[str] = set()
    for index, node in enumerate(tree.selects):
        if node.is_star:
            continue
        name = _output_name(node)
        if name is None:
            problems.append(_unnamed(rendered, tree, tokens, index))
            continue
        if not NAME.match(name):
            hint = "give it an alias of letters, digits and underscores"
            where = locate(rendered, node)
            problems.append(Diagnostic("US208", f"column name {name!r} is not valid", where, hint))
        if name.lower() in seen:
            message = f"column {name!r} is selected twice (names are compared without regard to case)"
            problems.append(Diagnostic("US209", message, locate(rendered, node)))
        seen.add(name.lower())
        columns.append(OutputColumn(name, rendered, node))
    starred = any(node.is_star for node in tree.selects)
    return (None if starred else tuple(columns)), problems


def _unnamed(rendered: Rendered, tree: exp.Query, tokens: Sequence[Token], index: int) -> Diagnostic:
    spans = _item_spans(tokens)
    exact = len(spans) == len(tree.selects)
    where = rendered.location(spans[index][0]) if exact else locate(rendered, tree.selects[index])
    return Diagnostic("US211", "an expression in the SELECT has no name", where, "give it a name: … as name")


_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})


def _item_spans(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Where each thing that the outermost SELECT selects begins and ends: nodes of the tree do not keep all words."""
    depths = list(accumulate((t.token_type in _OPENING) - (t.token_type in _CLOSING) for t in tokens))
    selects = [i for i, token in enumerate(tokens) if token.token_type is TokenType.SELECT]
    first = min(selects, key=lambda i: depths[i], default=len(tokens))
    level = [i for i in range(first, len(tokens)) if depths[i] == depths[first]]
    inside = list(takewhile(lambda i: tokens[i].token_type is not TokenType.FROM, level))
    begins = [i + 1 for i in inside if tokens[i].token_type in {TokenType.SELECT, TokenType.COMMA}]
    last = next((i for i in level if tokens[i].token_type is TokenType.FROM), len(tokens))
    ends = [*(begin - 1 for begin in begins[1:]), last]
    pairs = zip(begins, ends, strict=True)
    return [(tokens[a].start, tokens[b - 1].end + 1) for a, b in pairs if a < b]


def _output_name(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Alias | exp.Column | exp.Dot):
        return node.alias or node.name or None
    return None
