"""What a source says of the tables that models use: read, written as DDL, and compared with what was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import duckdb
from sqlglot import exp

from usersync.compile.query import Query
from usersync.compile.readers import file_path
from usersync.compile.sql import DIALECT, literal, template
from usersync.compile.tables import default_schema, qualify_tables
from usersync.diagnostics import Diagnostic, SourceError, did_you_mean
from usersync.project.model import Connection
from usersync.project.recorded import IMPORTED, RecordedColumn, RecordedTable, recorded_sql
from usersync.sources.attach import attach, source_error
from usersync.sources.catalog import json_columns

Tables = Mapping[tuple[str, str], RecordedTable]
"""By schema and name, in lower case."""


def record(engine: duckdb.DuckDBPyConnection, connection: Connection, queries: Iterable[Query]) -> Tables:
    """The tables that queries read, as the connection has them now. Reads no rows of databases.

    Raises:
        SourceError: the connection is out of reach, or has no such table.
        ConfigError: a table out of the connection's reach.
    """
    source = attach(engine, connection)
    if connection.type == "files":
        return _files(engine, connection, queries)
    known = _catalog(engine, connection, source.version)
    found: dict[tuple[str, str], RecordedTable] = {}
    for query in queries:
        bound = qualify_tables(query.tree, connection, query.rendered)
        for table in bound.find_all(exp.Table):
            if table.catalog:
                recorded = _named(known, connection, query, table)
                found[recorded.id] = recorded
    return found


def _named(known: Tables, connection: Connection, query: Query, table: exp.Table) -> RecordedTable:
    schema = "" if table.db.lower() == default_schema(connection).lower() else table.db.lower()
    if found := known.get((schema, table.name.lower())):
        return found
    message = f"connection {connection.name!r} has no table {table.name!r}"
    hint = did_you_mean(table.name, [t.name for t in known.values() if t.schema.lower() == schema])
    node = next((t for t in query.tree.find_all(exp.Table) if t.name.lower() == table.name.lower()), None)
    raise SourceError(Diagnostic("source", message, query.location(node) if node else None, hint))


def _catalog(engine: duckdb.DuckDBPyConnection, connection: Connection, version: str) -> Tables:
    default = default_schema(connection).lower()
    found: dict[tuple[str, str], RecordedTable] = {}
    columns = _ask(engine, connection, "record")
    schemas = {row[0] for row in columns} if connection.type == "mysql" else set()
    json = json_columns(engine, connection, schemas, version) if schemas else set()
    for schema, name, column, kind, nullable, view in columns:
        key = ("" if schema.lower() == default else schema.lower(), name.lower())
        shown = "" if schema.lower() == default else schema
        table = found.get(key) or RecordedTable(shown, name, (), view=_true(view))
        written = "json" if (schema, name, column) in json else kind
        described = RecordedColumn(column, str(written), _true(nullable))
        found[key] = replace(table, columns=(*table.columns, described))
    keys: dict[tuple[tuple[str, str], str, bool], list[str]] = {}
    for schema, name, index, primary, column in _ask(engine, connection, "record_indexes"):
        key = ("" if schema.lower() == default else schema.lower(), name.lower())
        keys.setdefault((key, index, _true(primary)), []).append(column)
    for (key, _, primary), indexed in keys.items():
        if key in found and None not in indexed:
            found[key] = _indexed(found[key], tuple(indexed), primary=primary)
    return found


def _true(value: object) -> bool:
    """What a catalog says: of SQLite's the scanner makes texts, and '0' is one."""
    return str(value) not in {"0", "False"}


def _indexed(table: RecordedTable, columns: tuple[str, ...], *, primary: bool) -> RecordedTable:
    if not primary:
        return replace(table, indexes=tuple(sorted({*table.indexes, columns})))
    strict = tuple(replace(c, nullable=c.nullable and c.name not in columns) for c in table.columns)
    return replace(table, key=columns, columns=strict)


def _ask(engine: duckdb.DuckDBPyConnection, connection: Connection, what: str) -> list[tuple[Any, ...]]:
    try:
        return _rows(engine, connection, f"{what}_{connection.type}")
    except duckdb.Error as error:
        raise source_error(connection, error, stage="its tables cannot be read") from None


def _rows(engine: duckdb.DuckDBPyConnection, connection: Connection, name: str) -> list[tuple[Any, ...]]:
    sql = template("usersync.sources", name, connection=connection.name)
    if connection.type == "duckdb":
        return engine.execute(sql).fetchall()
    call = f"{connection.type}_query({literal(connection.name)}, {literal(sql)})"
    return engine.execute(f"from {call}").fetchall()


def _files(engine: duckdb.DuckDBPyConnection, connection: Connection, queries: Iterable[Query]) -> Tables:
    found: dict[tuple[str, str], RecordedTable] = {}
    for query in queries:
        for table in query.tree.find_all(exp.Table):
            path = file_path(table)
            if path is None or ("", path.lower()) in found:
                continue
            alone = exp.select("*").from_(exp.Table(this=table.this.copy(), db=table.args.get("db")))
            bound = qualify_tables(alone, connection, query.rendered)
            try:
                rows = engine.execute(f"describe {bound.sql(dialect=DIALECT)}").fetchall()
            except duckdb.Error as error:
                raise source_error(connection, error, stage=f"{path!r} cannot be read") from None
            columns = tuple(RecordedColumn(str(name), str(kind)) for name, kind, *_ in rows)
            found["", path.lower()] = RecordedTable("", path, columns)
    return found


# --- Writing ---


def recorded_text(connection: Connection, tables: Tables, before: str) -> str:
    """The text of `models/sources/<connection>.sql`. What `usersync import` added to it stays.

    Args:
        connection: Whose tables they are.
        tables: As recorded now.
        before: The file as it is; empty where there is none.
    """
    head = (
        f"-- The tables of {connection.name} ({connection.type}) that models use, as the source has them.\n"
        f"-- Written by `usersync record {connection.name}`; record again when the source changes.\n\n"
    )
    start = before.find(f"-- {IMPORTED}")
    imported = f"\n{before[start:].strip()}\n" if start >= 0 else ""
    return head + recorded_sql(tables.values(), connection.type) + imported


# --- Drift ---


def drift(before: Tables, now: Tables) -> Iterator[str]:
    """What of the tables in use is no longer as it was recorded, a line each."""
    for key, table in sorted(now.items()):
        if key in before:
            yield from _table_drift(before[key], table)
        else:
            yield f"{table.shown}: the table is not recorded"


def _table_drift(before: RecordedTable, now: RecordedTable) -> Iterator[str]:
    for column in now.columns:
        old = before.column(column.name)
        if old is None:
            yield f"{now.shown}.{column.name}: the column is new ({_spoken(column)})"
        elif _spoken(old) != _spoken(column):
            yield f"{now.shown}.{column.name}: {_spoken(old)} became {_spoken(column)}"
    for column in before.columns:
        if now.column(column.name) is None:
            yield f"{now.shown}.{column.name}: the column is gone ({_spoken(column)})"
    if before.key != now.key:
        yield f"{now.shown}: the primary key ({', '.join(before.key)}) became ({', '.join(now.key)})"
    for names in sorted(set(now.indexes) - set(before.indexes)):
        yield f"{now.shown}: the index on ({', '.join(names)}) is new"
    for names in sorted(set(before.indexes) - set(now.indexes)):
        yield f"{now.shown}: the index on ({', '.join(names)}) is gone"


def _spoken(column: RecordedColumn) -> str:
    return f"{column.type}{'' if column.nullable else ' not null'}".strip()
