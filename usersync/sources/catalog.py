"""What servers say of their tables: columns and types, in one statement a connection."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import duckdb
from sqlglot import exp

from usersync.compile.sql import literal, template
from usersync.compile.tables import default_schema
from usersync.project.model import Connection, Source, SourceColumn

Tables = dict[tuple[str, str], tuple[SourceColumn, ...]]


def read_tables(
    engine: duckdb.DuckDBPyConnection,
    connection: Connection,
    version: str = "",
    schemas: Collection[str] | None = None,
) -> Tables:
    """Columns of the tables of an attached connection, by schema and table; none where nobody needs them.

    Args:
        engine: The DuckDB instance.
        connection: The connection.
        version: What a MySQL server says that it is.
        schemas: The databases of one to read; None for the connection's own.

    Raises:
        duckdb.Error: the server does not say.
    """
    match connection.type:
        case "postgres":
            rows = _ask(engine, connection, "columns_postgres", tables="")
            return _grouped((row[:2], postgres_column(*row[2:])) for row in rows)
        case "mysql":
            names = schemas or [default_schema(connection)]
            json = json_columns(engine, connection, names, version)
            rows = _ask(engine, connection, "columns_mysql", schemas=_listed(names), tables="")
            return _grouped((row[:2], _mysql_column(*row[2:], json=row[:3] in json)) for row in rows)
    return {}


def with_schemas(engine: duckdb.DuckDBPyConnection, source: Source, tree: exp.Query) -> Source:
    """A source that knows the tables of every database of its server that a query reads.

    Args:
        engine: The DuckDB instance.
        source: The source, which knows those of its own database.
        tree: The query.

    Raises:
        duckdb.Error: the server does not say.
    """
    own = {"", default_schema(source.connection), source.connection.name}
    others = {table.db for table in tree.find_all(exp.Table)} - own - {schema for schema, _ in source.tables}
    if source.connection.type != "mysql" or not others:
        return source
    return replace(source, tables={**source.tables, **read_tables(engine, source.connection, source.version, others)})


def changed_column(
    engine: duckdb.DuckDBPyConnection, source: Source, tree: exp.Query
) -> tuple[SourceColumn, SourceColumn] | None:
    """A column of the tables of a query that its server describes otherwise than before: as it was, and as it is.

    Args:
        engine: The DuckDB instance.
        source: The source; of one that is no server nothing is asked.
        tree: The query.

    Raises:
        duckdb.Error: the server does not say.
    """
    tables = _in_use(source, tree)
    if not tables:
        return None
    names = {"schemas": _listed({schema for schema, _ in tables}), "tables": _listed({name for _, name in tables})}
    for schema, table, *said in _ask(engine, source.connection, f"columns_{source.connection.type}", **names):
        now = postgres_column(*said) if source.connection.type == "postgres" else _mysql_column(*said, json=False)
        for before in tables.get((schema, table), ()):
            stored = replace(before, type="longtext") if before.type == "json" != now.type else before
            if before.name == now.name and now != stored:
                return before, now
    return None


def _in_use(source: Source, tree: exp.Query) -> Tables:
    """The tables of a server that a query names, as described."""
    if source.connection.type not in {"postgres", "mysql"}:
        return {}
    own = {"", source.connection.name.lower()}
    default = default_schema(source.connection).lower()
    named = {(default if t.db.lower() in own else t.db.lower(), t.name.lower()) for t in tree.find_all(exp.Table)}
    return {key: columns for key, columns in source.tables.items() if (key[0].lower(), key[1].lower()) in named}


_MARIADB = re.compile(r"(\d+)\.(\d+)\.(\d+).*mariadb", re.IGNORECASE)
_CHECKS_SINCE = (10, 3, 10)


def json_columns(
    engine: duckdb.DuckDBPyConnection, connection: Connection, schemas: Collection[str], version: str
) -> set[tuple[Any, ...]]:
    """Schema, table and column of what MariaDB calls json, and stores as text; MySQL has a type for it.

    Args:
        engine: The DuckDB instance.
        connection: The connection, of type `mysql`.
        schemas: The databases to look at.
        version: What the server says that it is.

    Raises:
        duckdb.Error: the server does not say.
    """
    found = _MARIADB.match(version)
    if found is None or tuple(map(int, found.groups())) < _CHECKS_SINCE:
        return set()
    return {row[:3] for row in _ask(engine, connection, "json_columns_mariadb", schemas=_listed(schemas))}


def server_version(engine: duckdb.DuckDBPyConnection, connection: Connection) -> str:
    """What a server says that it is.

    Raises:
        duckdb.Error: the server does not say.
    """
    [(version,)] = _ask(engine, connection, "version")
    return str(version)


def _listed(names: Collection[str]) -> str:
    return ", ".join(exp.Literal.string(name).sql(dialect="mysql") for name in sorted(names))


def _grouped(pairs: Any) -> Tables:
    found: dict[tuple[str, str], list[SourceColumn]] = {}
    for table, column in pairs:
        found.setdefault(table, []).append(column)
    return {table: tuple(columns) for table, columns in found.items()}


def postgres_column(name: str, kind: str, modifier: int | None, dimensions: int, order: str | None) -> SourceColumn:
    """A column as PostgreSQL describes it."""
    precision, scale = None, 0
    if kind == "numeric" and modifier is not None:
        # Eleven bits of scale, signed.
        precision, scale = (modifier - 4) >> 16, (((modifier - 4) & 0x7FF) ^ 1024) - 1024
    return SourceColumn(name, kind, precision, scale, dimensions, order)


def _mysql_column(
    name: str, kind: str, precision: int | None, scale: int | None, collation: str | None, *, json: bool
) -> SourceColumn:
    return SourceColumn(name, "json" if json else kind.lower(), precision, scale or 0, order=collation)


def _ask(engine: duckdb.DuckDBPyConnection, connection: Connection, name: str, **values: str) -> list[tuple[Any, ...]]:
    """Rows of a statement in the server's own SQL."""
    sql = template("usersync.sources", name, **values)
    return engine.execute(f"from {connection.type}_query({literal(connection.name)}, {literal(sql)})").fetchall()
