"""The warehouse: one DuckDB file, attached to the engine, with one writer at a time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from usersync.compile.sql import literal, statements, template
from usersync.diagnostics import ConfigError, WarehouseError
from usersync.project.model import RESERVED, Profile, UserSchema
from usersync.sources.engine import reason_of, set_option

ALIAS = "warehouse"
DEFAULT_PATH = "target/warehouse.duckdb"

ROW_GROUP_SIZE = 32_768
"""Rows that are skipped together, or not: a quarter of DuckDB's default. Smaller ones help a build of a hundred changes
little, and make the file larger and one of ten thousand slower; larger ones are rewritten by every checkpoint."""

STORAGE_VERSION = "v1.3.0"
"""The oldest DuckDB that can read the file: from this one on texts are written in less than half the time."""


def warehouse_path(profile: Profile, root: Path) -> Path:
    """Where the warehouse file is."""
    return root / str(profile.warehouse.get("path", DEFAULT_PATH))


def attach_warehouse(
    engine: duckdb.DuckDBPyConnection,
    path: Path,
    *,
    alias: str = ALIAS,
    read_only: bool = False,
    lock_timeout: float = 0,
    waiting: Callable[[str], None] | None = None,
) -> None:
    """Attaches the warehouse file and makes it the default of the connection.

    Args:
        engine: The DuckDB instance.
        path: The file; made when missing, unless read-only.
        alias: Its name in SQL.
        read_only: Fails when there is no warehouse yet.
        lock_timeout: Seconds to wait for another process to let go of it.
        waiting: Told once when there is someone to wait for.

    Raises:
        WarehouseError: it cannot be opened, or another process holds it.
    """
    if read_only and not path.exists():
        raise WarehouseError(f"there is no warehouse {path} yet", hint="`usersync build` makes it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(path, error.strerror or str(error)) from None
    deadline = time.monotonic() + lock_timeout
    mode = "read_only" if read_only else f"row_group_size {ROW_GROUP_SIZE}, storage_version {literal(STORAGE_VERSION)}"
    while True:
        try:
            engine.execute(f"attach {literal(str(path))} as {alias} ({mode})")
            break
        except duckdb.Error as error:
            holder = _holder(str(error))
            if holder is None:
                raise _unusable(path, reason_of(error)) from None
            if time.monotonic() >= deadline:
                hint = "wait for it to end, or give --lock-timeout SECONDS"
                raise WarehouseError(f"the warehouse {path} is held by {holder}", hint=hint) from None
            if waiting:
                waiting(holder)
                waiting = None
            time.sleep(0.2)
    engine.execute(f"use {alias}")


def _unusable(path: Path, reason: str) -> WarehouseError:
    hint = "the warehouse's path is in profiles.yml: warehouse: {type: duckdb, path: …}"
    return WarehouseError(f"cannot open the warehouse {path}: {reason}", hint=hint)


def _holder(message: str) -> str | None:
    """Who holds the lock, from DuckDB's message; None when the error is another."""
    if "Could not set lock" not in message and "Conflicting lock" not in message:
        return None
    pid = re.search(r"\(PID (\d+)\)", message)
    return f"another process (PID {pid[1]})" if pid else "another process"


@contextmanager
def refusals() -> Iterator[None]:
    """Says of what DuckDB refuses that the warehouse did.

    Raises:
        WarehouseError: DuckDB refused a statement.
    """
    try:
        yield
    except duckdb.Error as error:
        raise WarehouseError(f"the warehouse refused the build: {reason_of(error)}") from error


@contextmanager
def transaction(engine: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """One transaction: committed at the end, rolled back on any error or interrupt.

    Raises:
        WarehouseError: DuckDB refused a statement or the commit.
    """
    with refusals():
        engine.execute("begin")
        try:
            yield
            engine.execute("commit")
        except BaseException:
            # At once: DuckDB aborts the process when a broken transaction is left open.
            with suppress(duckdb.Error):
                engine.execute("rollback")
            raise


def prepare_tables(engine: duckdb.DuckDBPyConnection, users: UserSchema, *, database: str = ALIAS) -> None:
    """Makes the tables, or fits them to the properties of today; nothing is written when they fit.

    Args:
        engine: With the warehouse attached.
        users: The properties of today.
        database: Where to: the default of the connection. The rows are those of the warehouse.

    Raises:
        WarehouseError: another version of usersync made them.
    """
    _refuse_outdated(engine)
    engine.execute(template("usersync.warehouse", "tables"))
    if database == ALIAS and properties_fit(engine, users):
        return
    run_template(
        engine,
        "usersync.warehouse",
        "layout",
        leaves=users.leaves,
        stored=ALIAS,
        identities=_names(_property_columns(engine, "identity_rows")),
        people=_names(_property_columns(engine, "user_rows")),
    )


def properties_fit(engine: duckdb.DuckDBPyConnection, users: UserSchema) -> bool:
    """Whether the warehouse's tables of identities and users have the properties of today."""
    wanted = [(leaf.column, _canonical(engine, leaf.type.stored)) for leaf in users.leaves]
    return all(_property_columns(engine, table) == wanted for table in PROPERTY_TABLES)


PROPERTY_TABLES = ("identity_rows", "user_rows")
_OWN_COLUMNS = RESERVED | {"_pk", "_age", "_heir", "_creates", "_user"}


def _property_columns(engine: duckdb.DuckDBPyConnection, table: str) -> list[tuple[str, str]] | None:
    """Name and type of a table's properties, in order; None when there is no such table."""
    found = rows(
        engine,
        "select column_name, data_type from duckdb_columns() where schema_name = 'usersync' "
        f"and database_name = {literal(ALIAS)} and table_name = {literal(table)} order by column_index",
    )
    return [(name, kind) for name, kind in found if name not in _OWN_COLUMNS] if found else None


def _names(columns: list[tuple[str, str]] | None) -> frozenset[str] | None:
    return None if columns is None else frozenset(name.lower() for name, _ in columns)


def _canonical(engine: duckdb.DuckDBPyConnection, kind: str) -> str:
    row = engine.execute(f"select typeof(null::{kind})").fetchone()
    return str(row[0]) if row else kind


def _has(engine: duckdb.DuckDBPyConnection, table: str) -> bool:
    found = f"select 1 from duckdb_tables() where database_name = {literal(ALIAS)} and schema_name = 'usersync'"
    return bool(rows(engine, f"{found} and table_name = {literal(table)}"))


def _refuse_outdated(engine: duckdb.DuckDBPyConnection) -> None:
    if _has(engine, "identity_rows") and not _has(engine, "id_seeds"):
        hint = "`usersync clean --warehouse` removes it, and the next build makes it anew, with new user ids"
        raise WarehouseError("the warehouse has the layout of another version of usersync", hint=hint)


def require_tables(engine: duckdb.DuckDBPyConnection) -> None:
    """Raises ConfigError when the attached warehouse has no users yet, WarehouseError when it is of another version."""
    _refuse_outdated(engine)
    if not rows(engine, f"select 1 from duckdb_views() where database_name = {literal(ALIAS)} and view_name = 'users'"):
        raise ConfigError("the warehouse has no users yet", hint="`usersync build` makes them")


def run_template(engine: duckdb.DuckDBPyConnection, package: str, name: str, **values: object) -> None:
    """Runs every statement of a package's SQL template."""
    for statement in statements(package, name, **values):
        engine.execute(statement)


def template_rows(
    engine: duckdb.DuckDBPyConnection, package: str, name: str, **values: object
) -> list[tuple[Any, ...]]:
    """Runs every statement of a package's SQL template; all rows of the last one."""
    *before, last = statements(package, name, **values)
    for statement in before:
        engine.execute(statement)
    return rows(engine, last)


LOOKED_UP = 3_000
"""Up to so many keys a lookup skips the row groups that have none of them; DuckDB's default is 50."""


def look_up_many(engine: duckdb.DuckDBPyConnection) -> None:
    """Lets lookups of up to `LOOKED_UP` keys skip row groups: beyond it they are scans."""
    set_option(engine, "dynamic_or_filter_threshold", LOOKED_UP)


def rows(engine: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """All rows of a query."""
    return engine.execute(sql).fetchall()
