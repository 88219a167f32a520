"""What the warehouse knows of earlier runs, and what it is told of this one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import duckdb

from usersync.build import PACKAGE
from usersync.build.extract import Staged, State
from usersync.build.results import PipelineResult
from usersync.compile.sql import literal, template
from usersync.warehouse.store import rows


def last_states(engine: duckdb.DuckDBPyConnection) -> dict[str, State]:
    """Cursor and definition of every pipeline that ran."""
    if not _has_table(engine, "cursors"):
        return {}
    found = rows(engine, "select pipeline, value, definition_hash from usersync.cursors")
    return {pipeline: State(value, definition) for pipeline, value, definition in found}


def last_runs(engine: duckdb.DuckDBPyConnection) -> dict[str, datetime]:
    """When each pipeline last ran well, in local time."""
    if not _has_table(engine, "pipeline_runs"):
        return {}
    found = rows(engine, template(PACKAGE, "last_runs"))
    return {stem: datetime.fromisoformat(at).astimezone() for stem, at in found}


def _has_table(engine: duckdb.DuckDBPyConnection, name: str) -> bool:
    condition = f"database_name = 'warehouse' and schema_name = 'usersync' and table_name = {literal(name)}"
    return bool(rows(engine, f"select 1 from duckdb_columns() where {condition} limit 1"))


def record_cursors(engine: duckdb.DuckDBPyConnection, run_id: str, staged: Mapping[str, Staged]) -> None:
    """Stores where the next run of each pipeline begins."""
    for stem, found in staged.items():
        engine.execute(f"delete from usersync.cursors where pipeline = {literal(stem)}")
        _insert(engine, "cursors", [stem, found.cursor, found.compiled.definition_hash, run_id])


def record_run(
    engine: duckdb.DuckDBPyConnection, run_id: str, started: str, outcome: str, results: Iterable[PipelineResult]
) -> None:
    """Adds a build and its pipelines to the history; times are in UTC."""
    ended = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    _insert(engine, "runs", [run_id, "build", started, ended, outcome])
    for result in results:
        _insert(engine, "pipeline_runs", _recorded(run_id, result))


def _insert(engine: duckdb.DuckDBPyConnection, table: str, values: Sequence[object]) -> None:
    engine.execute(f"insert into usersync.{table} values ({', '.join(literal(value) for value in values)})")


def _recorded(run_id: str, result: PipelineResult) -> list[object]:
    error = "; ".join(str(d) for d in result.diagnostics) or None
    counts = [
        result.read,
        result.unchanged,
        result.inserted,
        result.updated,
        result.deleted,
        result.rejected,
        result.duplicates,
    ]
    seconds = [round(result.seconds.get(stage, 0.0), 6) for stage in ("extract", "map", "merge")]
    return [run_id, result.pipeline, result.outcome.value, result.full_import, *counts, *seconds, error]
