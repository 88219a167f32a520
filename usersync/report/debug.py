"""Whether everything that a build needs is in reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from usersync.build.read import heard
from usersync.diagnostics import UsersyncError
from usersync.project.model import Connection, Profile, Project
from usersync.sources.attach import attach
from usersync.sources.engine import engine_for
from usersync.warehouse.store import attach_warehouse, warehouse_path


@dataclass(frozen=True, slots=True)
class WarehouseState:
    """Where the warehouse is, and what is wrong with it."""

    path: Path
    words: str = ""
    error: UsersyncError | None = None


def check_connection(project: Project, connection: Connection) -> UsersyncError | None:
    """Why a connection cannot be attached; None when it can."""
    try:
        with engine_for(project.root) as engine:
            heard(engine, lambda: attach(engine, connection))
    except UsersyncError as error:
        return error
    return None


def check_warehouse(project: Project, profile: Profile) -> WarehouseState:
    """Whether the warehouse can be read; a missing one is fine, the first build makes it."""
    path = warehouse_path(profile, project.root)
    if not path.exists():
        return WarehouseState(path, "not there yet, the first build makes it")
    try:
        with engine_for(project.root) as engine:
            attach_warehouse(engine, path, read_only=True)
    except UsersyncError as error:
        return WarehouseState(path, error=error)
    return WarehouseState(path)
