"""The cursor placeholder of a query: found among its tokens, and put as an identifier that any dialect reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError, TokenError
from sqlglot.tokenizer_core import Token

from usersync.diagnostics import ConfigError, Diagnostic
from usersync.project.jinja.rendered import Rendered
from usersync.project.sql.errors import parse_error

PLACEHOLDER = re.compile(r"__cursor_+\Z")
"""The identifier that stands for the cursor in parsed SQL, as long as what was written: places stay exact."""
_SPELLED = "$LAST_SYNC_TIMESTAMP"
_CURSOR = re.compile(r"(?<![\w$])(?:\$\{updated_at\}|(?i:\$LAST_SYNC_TIMESTAMP)\b)")


def is_placeholder(node: exp.Expr | None) -> bool:
    """Whether a node is the cursor placeholder."""
    return isinstance(node, exp.Column) and not node.table and bool(PLACEHOLDER.match(node.name))


def with_placeholders(rendered: Rendered, reader: Dialect) -> tuple[str, list[Token]]:
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
    sql = _replaced(rendered.sql, _placeholder_spans(rendered, tokens_of(rendered, reader)))
    return sql, reader.tokenize(sql)


def _replaced(sql: str, spans: Iterable[tuple[int, int]]) -> str:
    parts, end = [], 0
    for start, stop in spans:
        # In parentheses, so that it cannot grow together with the words around it.
        parts += [sql[end:start], f"({'__cursor'.ljust(stop - start - 2, '_')})"]
        end = stop
    return "".join([*parts, sql[end:]])


def tokens_of(rendered: Rendered, dialect: Dialect) -> list[Token]:
    """The tokens of rendered SQL as it is.

    Raises:
        ConfigError: a string, name or comment is not closed (US002).
    """
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
