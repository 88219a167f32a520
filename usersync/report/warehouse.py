"""Reading the warehouse for people: never a writable connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from usersync.compile.sql import ident
from usersync.diagnostics import ConfigError
from usersync.project.model import Project
from usersync.sources.engine import engine_for
from usersync.warehouse.store import attach_warehouse, require_tables, rows, warehouse_path

TABLES = {
    "users": "created_at, user_id",
    "identities": "pipeline, identity_id, id_kind",
    "user_accounts": "user_id, account_id",
}
"""Tables that people look at, and their order."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a table, values as text, nested ones as JSON."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    total: int


@contextmanager
def reading(project: Project) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse of a project, attached read-only.

    Raises:
        WarehouseError: there is no warehouse, or another process holds it.
        ConfigError: there are no profiles, or no users yet.
    """
    if project.profile is None:
        raise ConfigError("there is no profiles.yml")
    with engine_for(project.root) as engine:
        attach_warehouse(engine, warehouse_path(project.profile, project.root), read_only=True)
        require_tables(engine)
        yield engine


def read_table(project: Project, name: str, limit: int | None) -> Rows:
    """The first rows of a table of the warehouse.

    Raises:
        WarehouseError: there is no warehouse, or another process holds it.
    """
    with reading(project) as engine:
        described = rows(engine, f"describe {ident(name)}")
        listed = ", ".join(_shown(str(column), str(kind)) for column, kind, *_ in described)
        bound = f" limit {limit}" if limit is not None else ""
        found = rows(engine, f"select {listed} from {ident(name)} order by {TABLES[name]}{bound}")
        total = rows(engine, f"select count(*) from {ident(name)}")[0][0]
        return Rows([str(row[0]) for row in described], found, total)


def _shown(column: str, kind: str) -> str:
    """Plain numbers and truths as they are, nested values as JSON, all else as text."""
    name = ident(column)
    if kind in {"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "DOUBLE", "FLOAT", "BOOLEAN"}:
        return name
    if kind.endswith("]") or kind.startswith(("MAP", "STRUCT")):
        return f"to_json({name})::varchar"
    return f"{name}::varchar"
