"""The tables that a run compares with: the warehouse's own, or, where those are not yet what this run needs, others in
memory that stand in for them. The file is only read until there is something to write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from usersync.compile.sql import literal, template
from usersync.project.model import UserSchema
from usersync.warehouse.store import (
    ALIAS,
    PROPERTY_TABLES,
    attach_warehouse,
    prepare_tables,
    properties_fit,
    rows,
    run_template,
)

STAND_IN = "stand_in"
"""The database in memory, beside the warehouse."""


def attach_unwritable(
    engine: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    lock_timeout: float = 0,
    waiting: Callable[[str], None] | None = None,
) -> None:
    """Attaches the warehouse so that it cannot be written, as the default of the connection.

    Args:
        engine: The DuckDB instance.
        path: The file; where there is none, the warehouse is an empty one in memory.
        lock_timeout: Seconds to wait for another process to let go of it.
        waiting: Told once when there is someone to wait for.

    Raises:
        WarehouseError: the file cannot be opened, or another process is writing to it.
    """
    if path.exists():
        attach_warehouse(engine, path, read_only=True, lock_timeout=lock_timeout, waiting=waiting)
        return
    engine.execute(f"attach ':memory:' as {ALIAS}")
    engine.execute(f"use {ALIAS}")


@contextmanager
def tables_of_today(engine: duckdb.DuckDBPyConnection, users: UserSchema) -> Iterator[str]:
    """Makes a database that has the tables of today the default of the connection, and gives its name.

    Args:
        engine: With the warehouse attached.
        users: The properties of today.

    Raises:
        WarehouseError: another version of usersync made the warehouse's tables.
    """
    stored = _tables(engine)
    if stored >= _wanted() and properties_fit(engine, users):
        yield ALIAS
        return
    engine.execute(f"attach ':memory:' as {STAND_IN} (compress)")
    engine.execute(f"use {STAND_IN}")
    run_template(engine, "usersync.warehouse", "stand_in", stored=ALIAS, tables=sorted(_wanted() & stored))
    prepare_tables(engine, users, database=STAND_IN)
    try:
        yield STAND_IN
    finally:
        engine.execute(f"use {ALIAS}")
        engine.execute(f"detach {STAND_IN}")


def _wanted() -> set[str]:
    """The tables that every warehouse has, but for those of properties, as `schema.table`."""
    named = re.findall(r"create table if not exists (\S+)", template("usersync.warehouse", "tables"))
    return {name if "." in name else f"main.{name}" for name in named}


def _tables(engine: duckdb.DuckDBPyConnection) -> set[str]:
    found = f"select schema_name || '.' || table_name from duckdb_tables() where database_name = {literal(ALIAS)}"
    return {name for (name,) in rows(engine, found)} - {f"usersync.{table}" for table in PROPERTY_TABLES}
