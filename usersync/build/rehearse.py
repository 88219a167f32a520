"""A build that stops before it writes anything: what it would do, for `usersync plan` and for decisions."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from usersync.build.findings import too_many_merged, without_effect
from usersync.build.pipelines import BuildOptions, Pipelines, wanted
from usersync.build.results import Event, Listener, Outcome, PipelineResult, silent
from usersync.build.selected import compile_selected
from usersync.compile.pipeline import Compiled
from usersync.diagnostics import ConfigError, Diagnostic
from usersync.project.model import Pipeline, Project, UserSchema
from usersync.resolve.resolution import Resolution, UserCounts
from usersync.sources.engine import engine_for
from usersync.warehouse.stand_in import attach_unwritable, tables_of_today
from usersync.warehouse.store import refusals, warehouse_path


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a build would do. While it is open, the tables of `Resolution` and `temp.rejects` tell the rest."""

    engine: duckdb.DuckDBPyConnection
    project: Project
    users: UserSchema
    pipelines: tuple[PipelineResult, ...]
    resolution: Resolution
    counts: UserCounts
    warnings: tuple[Diagnostic, ...]
    refused: Diagnostic | None
    """Why nothing would be written at all, if a guard says so."""
    database: str
    """What the tables of the last build are in: the warehouse, or what stands in for it where a build would fit it."""

    @property
    def exit_code(self) -> int:
        """That of the build: 1 a pipeline failed, 4 a guard refused."""
        outcomes = {result.outcome for result in self.pipelines}
        if Outcome.FAILED in outcomes:
            return 1
        return 4 if self.refused or Outcome.REFUSED in outcomes else 0


@contextmanager
def rehearse(
    project: Project,
    selected: Mapping[str, Pipeline],
    options: BuildOptions,
    listener: Listener = silent,
) -> Iterator[Rehearsal]:
    """Reads, merges and resolves as a build of the selected pipelines does, on a warehouse that cannot be written.

    Args:
        project: As loaded.
        selected: The pipelines; none to see what decisions and settings alone would do.
        options: How to build; what is about writing has no effect.
        listener: Told of every step.

    Raises:
        ConfigError: something is wrong before anything runs.
        NothingSelectedError: all that is selected is disabled, or nothing is due.
        WarehouseError: the warehouse cannot be opened.
    """
    profile, users = project.profile, project.users
    compiled: Mapping[str, Compiled] = compile_selected(project, selected) if selected else {}
    if profile is None or users is None:
        raise ConfigError("there is no project to build")
    with _spill(project.root) as spill, engine_for(project.root, {**spill, **profile.warehouse}) as engine:
        attach_unwritable(
            engine,
            warehouse_path(profile, project.root),
            lock_timeout=options.lock_timeout,
            waiting=lambda holder: listener(Event("waiting", detail=f"the warehouse is held by {holder}")),
        )
        if selected:
            compiled = wanted(engine, compiled, options)
        pipelines = Pipelines(engine, project, profile, users, compiled, options, listener)
        staged = pipelines.read()
        with refusals(), tables_of_today(engine, users) as database:
            pipelines.merge(staged)
            pipelines.find_orphans()
            listener(Event("resolving"))
            full = options.full_refresh
            resolution = Resolution(engine, users, project.decisions, full=full)
            counts = resolution.compute(pipelines.now)
            yield Rehearsal(
                engine,
                project,
                users,
                pipelines.done,
                resolution,
                counts,
                (*pipelines.warnings, *without_effect(resolution.unknown)),
                too_many_merged(users, counts, resolution),
                database,
            )


@contextmanager
def _spill(root: Path) -> Iterator[dict[str, str]]:
    """Where to put what does not fit in memory: outside of a project that was never built, and has no target/."""
    if (root / "target").is_dir():
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="usersync_") as folder:
        yield {"temp_directory": folder}
