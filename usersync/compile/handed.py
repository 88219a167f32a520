"""Queries that a server runs itself, whole and in its own SQL: `pushdown = 'native'`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from usersync.compile.cursor import bind_cursor
from usersync.compile.placeholders import PLACEHOLDER
from usersync.compile.query import Query
from usersync.compile.reach import Reach, bare_star, origins
from usersync.compile.readings import reading
from usersync.compile.source_types import SourceType
from usersync.compile.sql import ident, literal
from usersync.compile.tables import default_schema, is_cte, with_head
from usersync.diagnostics import ConfigError, Diagnostic
from usersync.project.model import Connection, Pipeline, Source, SourceColumn
from usersync.project.sql.nodes import first_offset
from usersync.project.sql.stumbles import understood

SERVER_DIALECTS = ("postgres", "mysql", "sqlite")
"""Connection types that take a query in their own SQL, which is the dialect of the same name."""


def setting_problems(model: Pipeline, connection: Connection | None) -> list[Diagnostic]:
    """What is wrong with a pipeline's `pushdown`, which needs the dialect of its connection."""
    if model.pushdown is None:
        return []
    if connection is not None and connection.type not in SERVER_DIALECTS:
        message = f"a connection of type {connection.type} has no SQL of its own to push a query down to"
        hint = "leave pushdown out: DuckDB runs the query"
        return [model.problem("US108", message, "pushdown:key", hint=hint, length=len("pushdown"))]
    wanted = connection.type if connection is not None else " or ".join(map(repr, SERVER_DIALECTS))
    if model.dialect == wanted or (connection is None and model.dialect in SERVER_DIALECTS):
        return []
    message = f"pushdown = 'native' needs the connection's own SQL, and dialect is {model.dialect!r}"
    hint = f"write the query in it, and say dialect = {wanted!r}" if connection else f"dialect is {wanted}"
    return [model.problem("US108", message, "pushdown:key", hint=hint, length=len("pushdown"))]


def statement(query: Query, model: Pipeline, source: Source, cursor: exp.Expr | None) -> str:
    """The one statement in the server's own SQL: the query as written, without comments, its cursor filled in.

    Args:
        query: The parsed query.
        model: Its pipeline.
        source: Its connection.
        cursor: The cursor's literal; None reads everything.

    Raises:
        ConfigError: it cannot be said without the cursor (US002).
    """
    text = query.text
    if cursor is None and query.placeholders:
        text = _without_cursor(query, model.dialect)
    dialect = Dialect.get_or_raise(model.dialect)
    tree, tokens = sqlglot.parse_one(text, read=dialect), dialect.tokenize(text)
    edits = [*_table_edits(tree, source)]
    if cursor is not None:
        edits += _cursor_edits(text, tokens, server_literal(cursor, model.dialect))
    return "".join(_rewritten(text, tokens, {start: (end, new) for start, end, new in edits})).strip()


def _without_cursor(query: Query, dialect: str) -> str:
    """The query that lets every row through, said so that it reads back as the same."""
    bound = bind_cursor(query.tree, None)
    try:
        with understood():
            text = bound.sql(dialect=dialect, comments=False, unsupported_level=ErrorLevel.RAISE)
        if sqlglot.parse_one(text, read=dialect) == bound:
            return text
    except (SqlglotError, RecursionError):
        pass
    hint = "write it in another way, or keep the cursor in `{% if is_incremental() %} … {% endif %}`"
    message = "the query cannot be said without its cursor"
    raise ConfigError(Diagnostic("US002", message, query.location(query.tree), hint))


def _table_edits(tree: exp.Expr, source: Source) -> Iterator[tuple[int, int, str]]:
    """Where tables are named otherwise than on the server: start, end and what takes the place."""
    connection = source.connection
    for table in tree.find_all(exp.Table):
        span = first_offset(table)
        if not isinstance(table.this, exp.Identifier) or span is None or is_cte(table):
            continue
        first = [part for part in (table.catalog, table.db) if part]
        if first and first[0].lower() == connection.name.lower() and not _is_schema(source, first[0]):
            rest = first_offset(table.args["db"] if table.catalog else table.this)
            if rest is not None:
                yield span[0], rest[0], ""
                if table.catalog:
                    continue
                first = []
                span = rest
        if not first and connection.type == "postgres" and source.columns(default_schema(connection), table.name):
            schema = exp.to_identifier(default_schema(connection), quoted=True).sql(dialect="postgres")
            yield span[0], span[0], f"{schema}."


def _is_schema(source: Source, name: str) -> bool:
    return any(schema.lower() == name.lower() for schema, _ in source.tables)


def _cursor_edits(text: str, tokens: Sequence[Token], value: str) -> Iterator[tuple[int, int, str]]:
    """Where the cursor is asked for, with the parentheses around its placeholder."""
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if PLACEHOLDER.match(text[token.start : token.end + 1]):
            yield before.start, after.end + 1, value


def _rewritten(text: str, tokens: Sequence[Token], edits: Mapping[int, tuple[int, str]]) -> Iterator[str]:
    """The tokens one after the other, without what is between them: the server may not take it for a comment."""
    end, skip = 0, 0
    for token in tokens:
        if token.token_type in {TokenType.SEMICOLON, TokenType.HINT}:
            continue
        if token.start > end:
            yield " "
        end = token.end + 1
        until, new = edits.get(token.start, (0, ""))
        skip = max(skip, until)
        yield new
        if token.start < skip:
            continue
        yield text[token.start : end]


def server_literal(cursor: exp.Expr, dialect: str) -> str:
    """The cursor's literal in a server's SQL."""
    value = cursor.this if isinstance(cursor, exp.Cast) else cursor
    text = exp.Literal.string(value.name).sql(dialect=dialect)
    if not isinstance(cursor, exp.Cast) or dialect == "sqlite" or cursor.to.is_type("json"):
        return text
    if dialect == "mysql" and cursor.to.is_type("timestamptz"):
        # The session is in UTC.
        return "timestamp " + exp.Literal.string(value.name.removesuffix("+00:00")).sql(dialect=dialect)
    return f"{cursor.to.sql(dialect='postgres').lower()} {text}"


def server_query(source: Source, sql: str) -> str:
    """DuckDB's table of what a server answers to a statement."""
    sent = with_head(sql, source.statement_head)
    return f"{source.connection.type}_query({literal(source.connection.name)}, {literal(sent)})"


def rows_of(
    model: Pipeline, source: Source, sql: str, results: tuple[SourceColumn, ...] | None, used: tuple[str, ...] | None
) -> tuple[str, dict[str, SourceType]]:
    """DuckDB's SELECT of a statement's rows, and the types of the columns that come as exact text.

    Args:
        model: The pipeline.
        source: Its connection.
        sql: The statement.
        results: Its columns as the server describes them; None when it was not asked.
        used: The columns to read; None for all.
    """
    if results is None:
        return f"select {', '.join(map(ident, used)) if used else '*'}\nfrom {server_query(source, sql)}", {}
    wanted = None if used is None else {name.lower() for name in used}
    kept = [column for column in results if wanted is None or column.name.lower() in wanted]
    outer, inner, exact = [], [], {}
    for column in kept:
        how = reading(source.connection.type, column)
        own, theirs = ident(column.name), exp.to_identifier(column.name, quoted=True).sql(dialect=model.dialect)
        server = how.server.format(theirs) if how else theirs
        inner.append(theirs if server == theirs else f"{server} as {theirs}")
        if how and how.exact:
            exact[column.name] = how.exact
        value = own if how is None or how.exact else how.value.format(own)
        outer.append(own if value == own else f"{value} as {own}")
    asked = f"select {', '.join(inner)} from ({sql}) as q"
    return f"select {', '.join(outer)}\nfrom {server_query(source, asked)}", exact


def table_columns(tree: exp.Query, names: list[str], source: Source) -> dict[str, SourceColumn]:
    """Which of the result's columns are those of a table as they are, by their names in the result."""
    if not isinstance(tree, exp.Select):
        return {}
    reach = Reach(lambda node: _columns_of(node, source))
    sources = origins(tree)
    outputs = {node.alias_or_name.lower(): node.unalias() for node in tree.expressions if not node.is_star}
    starred = any(map(bare_star, tree.expressions))
    found: dict[str, SourceColumn] = {}
    for name in names:
        node = outputs.get(name.lower(), exp.column(name) if starred else None)
        origin = reach.resolve(node, sources) if isinstance(node, exp.Column) else None
        columns = _columns_of(origin.node, source) if origin and origin.query is None else None
        if columns and node is not None and node.name.lower() in columns:
            found[name] = replace(columns[node.name.lower()], name=name)
    return found


def _columns_of(node: exp.Expr, source: Source) -> dict[str, SourceColumn] | None:
    if not isinstance(node, exp.Table):
        return None
    own = {"", source.connection.name.lower()}
    schema = node.db if node.db.lower() not in own else default_schema(source.connection)
    columns = source.columns(schema, node.name)
    return {column.name.lower(): column for column in columns} if columns else None
