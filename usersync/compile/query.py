"""A rendered query, parsed: one read-only SELECT with named columns and its cursor placeholders found."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import dropwhile
from typing import cast

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect, Dialects
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from usersync.compile.outputs import OutputColumn, item_spans, output_columns, uneven_sets
from usersync.compile.placeholders import is_placeholder, tokens_of, with_placeholders
from usersync.compile.sql import DIALECT
from usersync.diagnostics import ConfigError, Diagnostic, Location, did_you_mean
from usersync.project.jinja.rendered import Rendered
from usersync.project.sql.calls import refused_calls
from usersync.project.sql.casts import unknown_type
from usersync.project.sql.duckdb_parser import EMPTY_NAME, refusal
from usersync.project.sql.errors import MisplacedError, parse_error
from usersync.project.sql.grammar import check, check_nul, check_words
from usersync.project.sql.methods import with_plain_calls
from usersync.project.sql.nodes import Nodes, locate
from usersync.project.sql.reading import parse
from usersync.project.sql.statements import OTHERS, STATEMENTS
from usersync.project.sql.stumbles import check_written

# What sqlglot cannot parse it returns as a Command, which is refused below; its warning would say it twice.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_WRITES = (*STATEMENTS, exp.Into, exp.Lock)
_REFUSED = (*_WRITES, *OTHERS, exp.Parameter, exp.Placeholder, exp.SessionParameter)


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
        return tokens_of(self.rendered, _dialect(self.dialect, None))

    @property
    def words(self) -> list[tuple[int, str]]:
        """Every token of the rendered SQL, with its offset."""
        return [(token.start, token.text) for token in self._tokens]

    def item_spans(self) -> list[tuple[int, int]]:
        """Where each thing that the outermost SELECT selects begins and ends in the rendered SQL; empty in doubt."""
        spans = item_spans(self._tokens)
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
        sql, tokens = with_placeholders(rendered, reader)
        parsed = parse(tokens, sql, reader)
        if dialect == DIALECT:
            parsed = [statement and with_plain_calls(statement, sql) for statement in parsed]
        statements = [Nodes(s) for s in parsed if s is not None and not isinstance(s, exp.Semicolon)]
        check_nul(sql, tokens)
        if dialect.lower() != DIALECT:
            check(sql, tokens, statements, dialect.lower())
        for statement in statements:
            check_written(statement, sql, dialect)
    except SqlglotError as error:
        problem = parse_error(rendered, error, _way_out(error, sql, tokens, dialect.lower()))
        raise ConfigError(_in_own_text(problem, rendered, sql, dialect)) from None
    except RecursionError:
        raise ConfigError(Diagnostic("US002", "SQL: nested too deeply", rendered.location(0))) from None
    nodes = _one_query(rendered, statements, tokens, dialect)
    columns, problems = output_columns(rendered, nodes.tree, tokens)
    problems += uneven_sets(rendered, nodes)
    wrong = refusal(sql, written=rendered.sql) if dialect == DIALECT else None
    # A column without a name has a rule of its own.
    if wrong and not (problems and wrong.message == EMPTY_NAME):
        raise ConfigError(parse_error(rendered, MisplacedError(wrong)))
    if dialect == DIALECT and (unknown := unknown_type(nodes, sql)):
        where = rendered.location(unknown.offset, unknown.length)
        problems.append(Diagnostic("US003", unknown.message, where))
    return Query(rendered, nodes, columns, dialect, sql), problems


def _in_own_text(problem: Diagnostic, rendered: Rendered, sql: str, dialect: str) -> Diagnostic:
    """An error that sqlglot finds in a macro, where DuckDB finds it in what the model gave to the macro."""
    where = problem.location
    if where is None or where.file == rendered.file.path or dialect != DIALECT or not (wrong := refusal(sql)):
        return problem
    other = parse_error(rendered, MisplacedError(wrong), problem.hint)
    return other if other.location and other.location.file == rendered.file.path else problem


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
    known = [each.value for each in Dialects if each.value]
    # With settings behind it, as sqlglot allows, it would be none of the names that are compared.
    if name not in known:
        raise ConfigError(Diagnostic("US108", f"there is no SQL dialect {name!r}", where, did_you_mean(name, known)))
    return Dialect.get_or_raise(name)


_TRANSLATED = "DuckDB runs the query: say it in its SQL with dialect = 'duckdb'"


def check_calls(query: Query, dialect: str = DIALECT) -> None:
    """Refuses a query that calls anything but functions of values.

    Args:
        query: As parsed.
        dialect: Of the database that runs it: `duckdb`, or `postgres` or `mysql` where the server does.

    Raises:
        ConfigError: it calls another function (US501).
    """
    own = query.dialect.lower() == dialect
    found = [
        Diagnostic("US501", f"a query cannot call {name}()", query.location(node), hint if own else _TRANSLATED)
        for node, name, hint in refused_calls(query.nodes.of(exp.Func), dialect)
    ]
    if found:
        raise ConfigError(found)


def _one_query(
    rendered: Rendered, statements: Sequence[Nodes[exp.Expr]], tokens: Sequence[Token], dialect: str
) -> Nodes[exp.Query]:
    if not statements:
        hint = "write the SELECT below config()"
        raise ConfigError(Diagnostic("US002", "the model has no query", rendered.location(len(rendered.sql)), hint))
    if len(statements) > 1:
        where = rendered.location(*_second(tokens))
        raise ConfigError(Diagnostic("US501", "a model is one SELECT: this is a second statement", where))
    [nodes] = statements
    for node in nodes.of(*_REFUSED):
        if isinstance(node, exp.Parameter) and dialect.lower() in _ABSOLUTE:
            continue
        # Places take another rendering: they are found only for what is wrong.
        where = rendered.location(tokens[0].start) if node is nodes.tree else _place(rendered, node, tokens)
        if isinstance(node, OTHERS) and node is nodes.tree:
            continue
        if isinstance(node, (*_WRITES, *OTHERS)):
            raise ConfigError(Diagnostic("US501", f"a model only reads: {_word(node)} is refused", where))
        hint = "the cursor is ${updated_at}; other values come from var() and env_var()"
        spelled = _PARAMETER.match(rendered.sql, _offset(node, tokens))
        written = spelled[0] if spelled else node.sql(comments=False)
        raise ConfigError(Diagnostic("US003", f"unknown parameter {written}", where, hint))
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


_PARAMETER = re.compile(r"[@$:?]+[\w.]*")
_ABSOLUTE = frozenset({"postgres", "redshift"})
"""Dialects in which `@` is an operator, the absolute value."""


def _place(rendered: Rendered, node: exp.Expr, tokens: Sequence[Token]) -> Location:
    token = _first_word(node, tokens)
    if token is None:
        return locate(rendered, node)
    spelled = _PARAMETER.match(rendered.sql, token.start)
    return rendered.location(token.start, len(spelled[0]) if spelled else len(token.text))


def _first_word(node: exp.Expr, tokens: Sequence[Token]) -> Token | None:
    words = next((words for kind, words in _FIRST_WORDS.items() if isinstance(node, kind)), ())
    return next((t for t in tokens if t.text.upper() in words), None)


def _offset(node: exp.Expr, tokens: Sequence[Token]) -> int:
    token = _first_word(node, tokens)
    return token.start if token else 0


def _second(tokens: Sequence[Token]) -> tuple[int, int]:
    """Where the second statement begins, and how long its first word is."""
    said = dropwhile(lambda t: t.token_type is TokenType.SEMICOLON, tokens)
    rest = dropwhile(lambda t: t.token_type is not TokenType.SEMICOLON, said)
    token = next(t for t in rest if t.token_type is not TokenType.SEMICOLON)
    return token.start, token.end + 1 - token.start


def _word(node: exp.Expr) -> str:
    """What SQL calls a refused node."""
    if isinstance(node, exp.Command):
        return str(node.this).upper()
    return {"INTO": "SELECT INTO", "LOCK": "FOR UPDATE", "TRUNCATETABLE": "TRUNCATE"}.get(
        node.key.upper(), node.key.upper()
    )
