"""The main job: read every source, merge, resolve, test, commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import duckdb

from usersync.build.datatests import has_data_tests, run_data_tests
from usersync.build.extract import Staged
from usersync.build.findings import too_many_merged, without_effect
from usersync.build.history import record_cursors, record_run
from usersync.build.merge import forget_orphans, record_rejected
from usersync.build.pipelines import BuildOptions, Pipelines, wanted
from usersync.build.results import BuildResult, Event, Listener, Outcome, TestResult, silent
from usersync.build.selected import compile_selected
from usersync.compile.pipeline import Compiled
from usersync.diagnostics import ConfigError, GuardError
from usersync.project.model import Pipeline, Project
from usersync.resolve.resolution import Resolution, UserCounts
from usersync.sources.engine import engine_for
from usersync.warehouse.stand_in import tables_of_today
from usersync.warehouse.store import attach_warehouse, prepare_tables, refusals, transaction, warehouse_path


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """A finished build, and the pipelines as they ran: with the columns that their databases have."""

    result: BuildResult
    compiled: Mapping[str, Compiled]


class FailedFastError(Exception):
    """A pipeline was refused under --fail-fast: nothing is written."""


class TestsFailedError(Exception):
    """Data tests found wrong rows: the transaction is rolled back."""

    __test__ = False

    def __init__(self, tests: tuple[TestResult, ...]) -> None:
        super().__init__("data tests failed")
        self.tests = tests


def build(
    project: Project,
    selected: Mapping[str, Pipeline],
    options: BuildOptions,
    listener: Listener = silent,
) -> BuildOutcome:
    """Builds the selected pipelines.

    Raises:
        ConfigError: something is wrong before anything runs.
        NothingSelectedError: all that is selected is disabled, or nothing is due.
        WarehouseError: the warehouse cannot be opened or written.
        GuardError: more users would be merged than `max_users_merged`.
    """
    compiled = compile_selected(project, selected)
    profile, users = project.profile, project.users
    if profile is None or users is None:
        raise ConfigError("there is no project to build")
    # DuckDB makes the folder target/spill when something spills, but not target/.
    (project.root / "target").mkdir(exist_ok=True)
    with engine_for(project.root, profile.warehouse) as engine:
        attach_warehouse(
            engine,
            warehouse_path(profile, project.root),
            lock_timeout=options.lock_timeout,
            waiting=lambda holder: listener(Event("waiting", detail=f"the warehouse is held by {holder}")),
        )
        running = wanted(engine, compiled, options)
        return _Build(engine, Pipelines(engine, project, profile, users, running, options, listener)).run()


@dataclass
class _Build:
    """One build over an open engine."""

    engine: duckdb.DuckDBPyConnection
    pipelines: Pipelines
    tests: tuple[TestResult, ...] = ()

    def run(self) -> BuildOutcome:
        pipelines = self.pipelines
        staged = pipelines.read()
        counts = None
        if not (pipelines.options.fail_fast and pipelines.failed):
            try:
                counts = self._write(staged)
            except TestsFailedError as error:
                self.tests = error.tests
            except FailedFastError:
                pass
        result = BuildResult(
            pipelines.run_id,
            pipelines.started.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            (datetime.now(UTC) - pipelines.started).total_seconds(),
            Outcome.SUCCESS,
            pipelines.done,
            counts or UserCounts(),
            counts is not None,
            self.tests,
            tuple(pipelines.warnings),
        )
        outcome = Outcome.SUCCESS if result.exit_code == 0 else Outcome.FAILED
        ran = {stem: staged[stem].compiled if stem in staged else c for stem, c in pipelines.compiled.items()}
        return BuildOutcome(replace(result, outcome=outcome), ran)

    def _write(self, staged: Mapping[str, Staged]) -> UserCounts:
        """Everything that is written, in one transaction.

        What is to be written is made before that: DuckDB reads what a transaction has just made with one thread.
        """
        pipelines, listener = self.pipelines, self.pipelines.listener
        with refusals(), tables_of_today(self.engine, pipelines.users):
            pipelines.merge(staged)
            if pipelines.options.fail_fast and pipelines.failed:
                raise FailedFastError
            pipelines.find_orphans()
            listener(Event("resolving"))
            decisions, full = pipelines.project.decisions, pipelines.options.full_refresh
            resolution = Resolution(self.engine, pipelines.users, decisions, full=full)
            counts = resolution.compute(pipelines.now)
            if refused := too_many_merged(pipelines.users, counts, resolution):
                raise GuardError(refused)
            pipelines.warnings += without_effect(resolution.unknown)
        with transaction(self.engine):
            prepare_tables(self.engine, pipelines.users)
            self._apply(staged, resolution)
            listener(Event("committing"))
        return counts

    def _apply(self, staged: Mapping[str, Staged], resolution: Resolution) -> None:
        engine, pipelines = self.engine, self.pipelines
        resolution.apply(pipelines.run_id, pipelines.now)
        done = {stem: found for stem, found in staged.items() if pipelines.results[stem].outcome is Outcome.SUCCESS}
        record_rejected(engine, pipelines.run_id, list(done))
        if pipelines.orphans:
            forget_orphans(engine, sorted(pipelines.project.pipelines))
        if pipelines.options.tests and has_data_tests(pipelines.project):
            pipelines.listener(Event("testing"))
            self.tests = run_data_tests(engine, pipelines.project)
            if any(test.failures for test in self.tests):
                raise TestsFailedError(self.tests)
        record_cursors(engine, pipelines.run_id, done)
        outcome = "failed" if pipelines.failed else "success"
        record_run(engine, pipelines.run_id, pipelines.now, outcome, pipelines.results.values())
