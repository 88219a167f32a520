"""Where every pipeline stands: cursor, identities, rejected rows with reasons and samples."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import duckdb

from usersync.compile.sql import template
from usersync.project.model import Pipeline, Project
from usersync.report.warehouse import reading
from usersync.warehouse.store import rows

PACKAGE = "usersync.report"
SAMPLES = 3
"""Rejected rows that are shown of each reason."""


@dataclass(frozen=True, slots=True)
class Rejections:
    """Rows of a pipeline that were rejected for one reason."""

    property: str
    reason: str
    rows: int
    attempts: int
    """The most times that one of them was tried."""
    samples: tuple[Any, ...]
    """A few of them, as read."""


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """One pipeline; those that never ran have no times."""

    pipeline: str
    connection: str
    enabled: bool
    schedule: str | None
    last_run: str | None
    last_outcome: str | None
    cursor: str | None
    identities: int
    rejected: tuple[Rejections, ...]


def read_status(project: Project) -> tuple[PipelineStatus, ...]:
    """The status of every pipeline of the project.

    Raises:
        WarehouseError: there is no warehouse, or another process holds it.
    """
    with reading(project) as engine:
        found = {str(row[0]): row[1:] for row in rows(engine, template(PACKAGE, "status"))}
        rejected = _rejections(engine)
    return tuple(_status(model, found.get(stem), rejected.get(stem, [])) for stem, model in project.pipelines.items())


def _status(model: Pipeline, found: tuple[Any, ...] | None, rejected: list[Rejections]) -> PipelineStatus:
    last_run, last_outcome, cursor, identities = found or (None, None, None, 0)
    return PipelineStatus(
        model.stem,
        model.connection,
        model.enabled,
        str(model.schedule["period"]) if model.schedule else None,
        last_run,
        last_outcome,
        cursor,
        identities,
        tuple(rejected),
    )


def _rejections(engine: duckdb.DuckDBPyConnection) -> dict[str, list[Rejections]]:
    found: dict[str, list[Rejections]] = {}
    for pipeline, name, reason, count, attempts, samples in rows(
        engine, template(PACKAGE, "rejections", samples=SAMPLES)
    ):
        parsed = tuple(json.loads(sample) for sample in samples)
        found.setdefault(pipeline, []).append(Rejections(name, reason, count, attempts, parsed))
    return found


@dataclass(frozen=True, slots=True)
class Run:
    """A build of the past."""

    run_id: str
    command: str
    started_at: str
    seconds: float
    outcome: str
    pipelines: int
    read: int
    inserted: int
    updated: int
    deleted: int
    rejected: int


def read_runs(project: Project, limit: int) -> tuple[Run, ...]:
    """The latest builds, newest first.

    Raises:
        WarehouseError: there is no warehouse, or another process holds it.
    """
    with reading(project) as engine:
        return tuple(Run(*row) for row in rows(engine, template(PACKAGE, "runs", limit=limit)))
