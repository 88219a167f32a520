"""models/sources/<connection>.sql: columns with their types, read for exports and extended by imports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from usersync.compile.cursor import bind_cursor
from usersync.compile.query import Query
from usersync.compile.sql import ident
from usersync.diagnostics import ConfigError, SourceFile
from usersync.exchange.columns import column_sql, property_type, said, wire_type
from usersync.exchange.names import name
from usersync.exchange.types import WireProperty, WireType
from usersync.project.jinja.rendered import Rendered
from usersync.project.schema import read_users
from usersync.project.sql.reading import parse_one

_DDL_DIALECT = "postgres"
_REQUIRED = (exp.NotNullColumnConstraint, exp.PrimaryKeyColumnConstraint)


@dataclass(frozen=True, slots=True)
class RecordedTable:
    """A table's columns as recorded."""

    name: str
    columns: tuple[WireProperty, ...]
    said: Mapping[str, str]
    """What the DDL says of each."""

    def column(self, wanted: str) -> WireProperty | None:
        """A column by its name, without regard to case."""
        return next((c for c in self.columns if c.name.lower() == wanted.lower()), None)


def read_recorded(text: str, path: str) -> dict[str, RecordedTable]:
    """The tables of a file of recorded DDL, by name in lower case.

    Raises:
        ConfigError: it is no SQL.
    """
    tables = (_table(statement, path) for statement in _statements(text, path))
    return {table.name.lower(): table for table in tables if table}


def _statements(text: str, path: str) -> Iterator[str]:
    try:
        tokens = sqlglot.tokenize(text, read=_DDL_DIALECT)
    except SqlglotError as error:
        raise ConfigError(f"{path} is no SQL: {str(error).splitlines()[0]}") from None
    start = 0
    for token in tokens:
        if token.token_type is TokenType.SEMICOLON:
            yield text[start : token.start]
            start = token.end + 1
    if tokens and tokens[-1].end >= start:
        yield text[start:]


def _table(statement: str, path: str) -> RecordedTable | None:
    try:
        tree = parse_one(statement, _DDL_DIALECT)
        if not isinstance(tree, exp.Create) or not isinstance(tree.this, exp.Schema):
            return None
        schema, _ = read_users(Rendered(statement, SourceFile(path, statement), lambda: ("", [])), None)
    except (SqlglotError, RecursionError, ConfigError):
        # `usersync record` writes the source's own SQL, whose types may be unknown here.
        return None
    required = {
        column.name
        for column in tree.this.expressions
        if isinstance(column, exp.ColumnDef)
        and column.find(exp.NotNullColumnConstraint, exp.PrimaryKeyColumnConstraint)
    }
    columns = tuple(
        WireProperty(p.path, wire_type(p.type, p.check), nullable=p.path not in required, description=p.description)
        for p in schema.properties
    )
    return RecordedTable(tree.this.this.name, columns, {p.path: said(p.type, p.check) for p in schema.properties})


def table_sql(table: str, columns: Sequence[WireProperty], model: str) -> str:
    """The DDL of a pipeline's columns, for its connection's file."""
    lines = []
    for index, column in enumerate(columns):
        sql, comment = column_sql(column, nulls=False)
        comma = "," if index < len(columns) - 1 else ""
        lines.append(f"    {sql}{comma}{f'  -- {comment}' if comment else ''}")
    body = "\n".join(lines)
    return f"-- What the query of {model} returns, by its definition.\ncreate table {name(table)} (\n{body}\n);\n"


def appended(text: str, ddl: str) -> str:
    """A file's text with one more table."""
    if not text.strip():
        return ddl
    return f"{text.rstrip()}\n\n{ddl}" if text.rstrip().endswith(";") else f"{text.rstrip()};\n\n{ddl}"


def described(query: Query, tables: Mapping[str, RecordedTable]) -> dict[str, WireProperty]:
    """The columns that a query returns, by name in lower case, as the recorded tables tell; empty where they do not."""
    tree = bind_cursor(query.tree, None)
    for table in tree.find_all(exp.Table):
        table.set("db", None)
        table.set("catalog", None)
    with duckdb.connect() as engine:
        try:
            for recorded in tables.values():
                columns = ", ".join(f"{ident(c.name)} {property_type(c.type).stored}" for c in recorded.columns)
                engine.execute(f"create table {ident(recorded.name)} ({columns})")
            rows = engine.execute(f"describe {tree.sql(dialect='duckdb')}").fetchall()
        except duckdb.Error:
            return {}
    plain = _plain_columns(query, tables)
    found = {str(row[0]).lower(): WireProperty(str(row[0]), _by_name(str(row[1])), nullable=True) for row in rows}
    return found | {alias: replace(column, name=found[alias].name) for alias, column in plain.items() if alias in found}


def _plain_columns(query: Query, tables: Mapping[str, RecordedTable]) -> dict[str, WireProperty]:
    """Output columns that are a table's own: these keep lengths and other options, which expressions lose."""
    used = [tables[t.name.lower()] for t in query.tree.find_all(exp.Table) if t.name.lower() in tables]
    found = {}
    for node in query.tree.selects:
        inner = node.unalias()
        owners = [column for table in used if (column := table.column(inner.name))]
        if isinstance(inner, exp.Column) and len(owners) == 1:
            found[node.alias_or_name.lower()] = owners[0]
    return found


def _by_name(kind: str) -> WireType:
    """The JSON form of a type that DuckDB names."""
    rendered = Rendered(f"create table users (c {kind})", SourceFile("", ""), lambda: ("", []))
    schema, _ = read_users(rendered, None)
    return wire_type(schema.properties[0].type) if schema.properties else WireType("string")
