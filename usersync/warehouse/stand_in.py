"""The warehouse for whoever only wants to know what a build would do: its file, which nothing can be written to, or one
in memory where the file's tables are not those that the build would find.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb

from usersync.compile.sql import literal, statements, template
from usersync.project.model import UserSchema
from usersync.warehouse.store import ALIAS, PROPERTY_TABLES, attach_warehouse, prepare_tables, properties_fit, rows

STORED = "stored"
"""The file beside the warehouse that stands in for it."""


def attach_unwritable(
    engine: duckdb.DuckDBPyConnection,
    path: Path,
    users: UserSchema,
    *,
    lock_timeout: float = 0,
    waiting: Callable[[str], None] | None = None,
) -> bool:
    """Attaches the warehouse with the tables of today, as the default of the connection.

    Args:
        engine: The DuckDB instance.
        path: The file; where there is none, the warehouse is an empty one in memory.
        users: The properties of today.
        lock_timeout: Seconds to wait for another process to let go of it.
        waiting: Told once when there is someone to wait for.

    Returns:
        Whether the file has these tables, so that a build has none to make or to fit.

    Raises:
        WarehouseError: the file cannot be opened, or another process is writing to it.
    """
    if path.exists():
        attach_warehouse(engine, path, read_only=True, lock_timeout=lock_timeout, waiting=waiting)
        if _tables(engine, ALIAS) >= _wanted() and properties_fit(engine, users):
            return True
        engine.execute("use memory")
        engine.execute(f"detach {ALIAS}")
        attach_warehouse(engine, path, alias=STORED, read_only=True, lock_timeout=lock_timeout, waiting=waiting)
    engine.execute(f"attach ':memory:' as {ALIAS} (compress)")
    engine.execute(f"use {ALIAS}")
    tables = sorted(_wanted() & _tables(engine, STORED))
    for statement in statements("usersync.warehouse", "stand_in", stored=STORED, tables=tables):
        engine.execute(statement)
    prepare_tables(engine, users, stored=STORED)
    return False


def _wanted() -> set[str]:
    """The tables that every warehouse has, but for those of properties, as `schema.table`."""
    named = re.findall(r"create table if not exists (\S+)", template("usersync.warehouse", "tables"))
    return {name if "." in name else f"main.{name}" for name in named}


def _tables(engine: duckdb.DuckDBPyConnection, database: str) -> set[str]:
    found = f"select schema_name || '.' || table_name from duckdb_tables() where database_name = {literal(database)}"
    return {name for (name,) in rows(engine, found)} - {f"usersync.{table}" for table in PROPERTY_TABLES}
