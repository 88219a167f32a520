"""What servers say of their tables: columns and types, in one statement a connection."""

from __future__ import annotations

import re
from typing import Any

import duckdb

from usersync.compile.sql import literal, template
from usersync.project.model import Connection, SourceColumn

Tables = dict[tuple[str, str], tuple[SourceColumn, ...]]


def read_tables(engine: duckdb.DuckDBPyConnection, connection: Connection) -> Tables:
    """Columns of the tables of an attached connection, by schema and table; none where nobody needs them."""
    match connection.type:
        case "postgres":
            rows = _ask(engine, connection, "columns_postgres")
            return _grouped((row[:2], _postgres_column(*row[2:])) for row in rows)
        case "mysql":
            json = {row[:3] for row in _ask(engine, connection, "json_columns_mariadb")}
            rows = _ask(engine, connection, "columns_mysql")
            return _grouped((row[:2], _mysql_column(*row[2:], json=row[:3] in json)) for row in rows)
    return {}


def _grouped(pairs: Any) -> Tables:
    found: dict[tuple[str, str], list[SourceColumn]] = {}
    for table, column in pairs:
        found.setdefault(table, []).append(column)
    return {table: tuple(columns) for table, columns in found.items()}


def _postgres_column(name: str, kind: str, modifier: int | None, dimensions: int, order: str | None) -> SourceColumn:
    precision, scale = None, 0
    if kind == "numeric" and modifier is not None:
        # Eleven bits of scale, signed.
        precision, scale = (modifier - 4) >> 16, (((modifier - 4) & 0x7FF) ^ 1024) - 1024
    return SourceColumn(name, kind, precision, scale, dimensions, order)


def _mysql_column(
    name: str, kind: str, precision: int | None, scale: int | None, collation: str | None, *, json: bool
) -> SourceColumn:
    return SourceColumn(name, "json" if json else kind.lower(), precision, scale or 0, order=collation)


def _ask(engine: duckdb.DuckDBPyConnection, connection: Connection, name: str) -> list[tuple[Any, ...]]:
    """Rows of a statement in the server's own SQL; none where the server does not know what is asked for.

    Raises:
        duckdb.Error: the server does not answer.
    """
    sql = template("usersync.sources", name)
    try:
        return engine.execute(f"from {connection.type}_query({literal(connection.name)}, {literal(sql)})").fetchall()
    except duckdb.Error as error:
        if _UNKNOWN.search(str(error)):
            return []
        raise


_UNKNOWN = re.compile(r"does not exist|doesn't exist|unknown (table|column|database)|denied|syntax", re.IGNORECASE)
