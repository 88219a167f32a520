"""The main job: read every source, merge, resolve, test, commit."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import duckdb

from usersync.build.components import PACKAGE
from usersync.build.datatests import has_data_tests, run_data_tests
from usersync.build.extract import Staged, State, extract
from usersync.build.merge import (
    MergeCounts,
    drop_orphans,
    drop_pipeline,
    merge_pipeline,
    start_merge,
    write_identities,
)
from usersync.build.resolve import UserCounts, resolve
from usersync.build.results import BuildResult, Event, Listener, Outcome, PipelineResult, TestResult, silent
from usersync.build.schedule import is_due
from usersync.compile.pipeline import Compiled, compile_pipeline
from usersync.compile.sql import literal, template
from usersync.diagnostics import (
    ConfigError,
    Diagnostic,
    GuardError,
    Level,
    NothingSelectedError,
    UsersyncError,
)
from usersync.project.model import Connection, Pipeline, Profile, Project, Source
from usersync.sources.attach import attach
from usersync.sources.engine import engine_for
from usersync.warehouse.store import attach_warehouse, prepare_tables, rows, transaction, warehouse_path


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How to build."""

    full_refresh: bool = False
    fail_fast: bool = False
    threads: int = 4
    """Pipelines read at once."""
    allow_deletes: bool = False
    due: bool = False
    tests: bool = True
    lock_timeout: float = 0
    """Seconds to wait for another build on the same warehouse."""


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """A finished build, and the pipelines as they ran: with the columns that their databases have."""

    result: BuildResult
    compiled: Mapping[str, Compiled]


class FailedFastError(Exception):
    """A pipeline was refused under --fail-fast: the transaction is rolled back."""


class TestsFailedError(Exception):
    """Data tests found wrong rows: the transaction is rolled back."""

    __test__ = False

    def __init__(self, tests: tuple[TestResult, ...]) -> None:
        super().__init__("data tests failed")
        self.tests = tests


def compile_selected(
    project: Project, selected: Mapping[str, Pipeline], *, disabled: bool = False
) -> dict[str, Compiled]:
    """The selected pipelines, compiled offline; disabled ones are left out unless asked for.

    Raises:
        ConfigError: with every problem found in them, in users.sql and in the macros.
    """
    files = {model.file.path for model in project.models.values() if model.stem not in selected}
    problems = [p for p in project.problems if p.location is None or p.location.file not in files]
    compiled: dict[str, Compiled] = {}
    for stem, model in selected.items():
        found, wrong = compile_pipeline(project, model)
        problems += wrong
        if found is not None and (model.enabled or disabled):
            compiled[stem] = found
    if project.profile is None:
        hint = "write profiles.yml, or name its folder with --profiles-dir"
        problems.append(Diagnostic("profile", "there is no profiles.yml", None, hint))
    errors = [p for p in problems if p.level is Level.ERROR]
    if errors:
        raise ConfigError(sorted(dict.fromkeys(errors), key=lambda p: p.sort_key))
    return compiled


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
    """
    compiled = compile_selected(project, selected)
    profile = project.profile
    if profile is None or project.users is None:
        raise ConfigError("there is no project to build")
    with engine_for(project.root, profile.warehouse) as engine:
        attach_warehouse(
            engine,
            warehouse_path(profile, project.root),
            lock_timeout=options.lock_timeout,
            waiting=lambda holder: listener(Event("waiting", detail=f"the warehouse is held by {holder}")),
        )
        return _Build(engine, project, profile, compiled, options, listener).run()


@dataclass
class _Build:
    """One build over an open engine."""

    engine: duckdb.DuckDBPyConnection
    project: Project
    profile: Profile
    compiled: Mapping[str, Compiled]
    options: BuildOptions
    listener: Listener
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    results: dict[str, PipelineResult] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)
    tests: tuple[TestResult, ...] = ()

    def __post_init__(self) -> None:
        self.now = self.started.strftime("%Y-%m-%d %H:%M:%S.%f")
        self.run_id = str(rows(self.engine, "select uuidv7()::varchar")[0][0])

    def run(self) -> BuildOutcome:
        self.compiled = self._wanted()
        staged = self._extract_all(self._states())
        counts = None
        if not (self.options.fail_fast and self._failed()):
            try:
                counts = self._write(staged)
            except TestsFailedError as error:
                self.tests = error.tests
            except FailedFastError:
                pass
        result = BuildResult(
            self.run_id,
            self.started.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            (datetime.now(UTC) - self.started).total_seconds(),
            Outcome.SUCCESS,
            tuple(self.results[stem] for stem in self.compiled),
            counts or UserCounts(),
            counts is not None,
            self.tests,
            tuple(self.warnings),
        )
        outcome = Outcome.SUCCESS if result.exit_code == 0 else Outcome.FAILED
        ran = {stem: staged[stem].compiled if stem in staged else c for stem, c in self.compiled.items()}
        return BuildOutcome(replace(result, outcome=outcome), ran)

    def _failed(self) -> bool:
        return any(result.outcome is not Outcome.SUCCESS for result in self.results.values())

    def _wanted(self) -> Mapping[str, Compiled]:
        if not self.compiled:
            raise NothingSelectedError("all selected pipelines are disabled", hint="see `enabled` in their config()")
        if not self.options.due:
            return self.compiled
        now = datetime.now().astimezone()
        last = self._last_runs()
        due = {stem: c for stem, c in self.compiled.items() if is_due(c.model, last.get(stem), now)}
        if not due:
            raise NothingSelectedError("no selected pipeline is due", hint="--allow-empty makes that a success")
        return due

    def _last_runs(self) -> dict[str, datetime]:
        if not self._has_table("pipeline_runs"):
            return {}
        found = rows(self.engine, template(PACKAGE, "last_runs"))
        return {stem: datetime.fromisoformat(at).astimezone() for stem, at in found}

    def _has_table(self, name: str) -> bool:
        return bool(
            rows(
                self.engine,
                "select 1 from duckdb_tables() where database_name = 'warehouse' and schema_name = 'usersync' "
                f"and table_name = {literal(name)}",
            )
        )

    def _states(self) -> dict[str, State]:
        if not self._has_table("cursors"):
            return {}
        found = rows(self.engine, "select pipeline, value, definition_hash from usersync.cursors")
        return {pipeline: State(value, definition) for pipeline, value, definition in found}

    def _extract_all(self, states: Mapping[str, State]) -> dict[str, Staged]:
        """Reads all pipelines, so many at once; failures are kept as results."""
        attached = _Attached(self.engine, self.profile.connections)
        staged: dict[str, Staged] = {}
        pool = ThreadPoolExecutor(max_workers=max(1, self.options.threads), thread_name_prefix="read")
        try:
            pending = {
                pool.submit(self._extract_one, attached, compiled, states.get(stem, State())): stem
                for stem, compiled in self.compiled.items()
            }
            while pending:
                # In small waits, so that Ctrl-C is heard while a source hangs.
                done, _ = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
                for future in done:
                    stem = pending.pop(future)
                    self._take(stem, future, staged)
                if self.options.fail_fast and self._failed():
                    break
            for future, stem in pending.items():
                future.cancel()
                self.results[stem] = _result(self.compiled[stem], Outcome.SKIPPED)
        except BaseException:
            self.engine.interrupt()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown(wait=True)
        return {stem: staged[stem] for stem in self.compiled if stem in staged}

    def _extract_one(self, attached: _Attached, compiled: Compiled, state: State) -> Staged:
        model = compiled.model
        self.listener(Event("reading", model.stem))
        source = attached.get(model.connection)
        cursor = self.engine.cursor()
        try:
            return extract(cursor, compiled, source, state, now=self.now, full_refresh=self.options.full_refresh)
        finally:
            cursor.close()

    def _take(self, stem: str, future: Future[Staged], staged: dict[str, Staged]) -> None:
        try:
            staged[stem] = found = future.result()
        except UsersyncError as error:
            self._fail(stem, error)
            return
        self.results[stem] = _result(found.compiled, Outcome.SUCCESS, found)
        rejected = f", {found.rejected:,} rejected" if found.rejected else ""
        self.listener(Event("read", stem, f"{found.read:,} row{'' if found.read == 1 else 's'}{rejected}"))
        if found.duplicates:
            message = f"{found.duplicates:,} rows repeat a user id of the same read: the latest update time won"
            self.warnings.append(found.compiled.model.problem("duplicates", message, "user_id", level=Level.WARNING))

    def _fail(self, stem: str, error: UsersyncError) -> None:
        outcome = Outcome.REFUSED if isinstance(error, GuardError) else Outcome.FAILED
        model = self.compiled[stem].model
        diagnostics = tuple(
            d if d.location else replace(d, location=model.location("connection", length=len(model.connection)))
            for d in error.diagnostics
        )
        before = self.results.get(stem) or _result(self.compiled[stem], outcome)
        self.results[stem] = replace(before, outcome=outcome, diagnostics=diagnostics)
        self.listener(Event("failed", stem, diagnostics[0].message))

    def _write(self, staged: Mapping[str, Staged]) -> UserCounts:
        """Everything that is written, in one transaction."""
        users = self.project.users
        assert users is not None
        with transaction(self.engine):
            prepare_tables(self.engine, users)
            start_merge(self.engine)
            self.listener(Event("merging"))
            for stem, rows_of in staged.items():
                self._merge(stem, rows_of)
            if self.options.fail_fast and self._failed():
                raise FailedFastError
            self._orphans()
            write_identities(self.engine)
            self.listener(Event("resolving"))
            counts = resolve(self.engine, users, self.run_id, self.now)
            if self.options.tests and has_data_tests(self.project):
                self.listener(Event("testing"))
                self.tests = run_data_tests(self.engine, self.project)
                if any(test.failures for test in self.tests):
                    raise TestsFailedError(self.tests)
            self._record(staged)
            self.listener(Event("committing"))
        return counts

    def _merge(self, stem: str, staged: Staged) -> None:
        started = time.perf_counter()
        try:
            counts = merge_pipeline(self.engine, staged, self.run_id, allow_deletes=self.options.allow_deletes)
        except UsersyncError as error:
            drop_pipeline(self.engine, staged.compiled.model)
            self._fail(stem, error)
            return
        seconds = {**staged.seconds, "merge": time.perf_counter() - started}
        self.results[stem] = replace(_result(staged.compiled, Outcome.SUCCESS, staged, counts), seconds=seconds)

    def _orphans(self) -> None:
        known = sorted(self.project.pipelines)
        listed = ", ".join(literal(stem) for stem in known)
        found = rows(
            self.engine,
            "select pipeline, count(*) from usersync.identity_rows "
            f"where pipeline not in ({listed}) group by all order by all",
        )
        if found and self.options.allow_deletes:
            drop_orphans(self.engine, known)
            return
        for pipeline, count in found:
            message = f"{count:,} identities are of pipeline {pipeline!r}, which is no longer in models/"
            hint = "build with --allow-deletes to delete them"
            self.warnings.append(Diagnostic("orphans", message, None, hint, Level.WARNING))

    def _record(self, staged: Mapping[str, Staged]) -> None:
        """Cursors and the history of this run."""
        done = {stem: s for stem, s in staged.items() if self.results[stem].outcome is Outcome.SUCCESS}
        for stem, found in done.items():
            self.engine.execute(f"delete from usersync.cursors where pipeline = {literal(stem)}")
            values = [stem, found.cursor, found.compiled.definition_hash, self.run_id]
            self.engine.execute(f"insert into usersync.cursors values ({_values(values)})")
        outcome = "failed" if self._failed() else "success"
        ended = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        self.engine.execute(
            f"insert into usersync.runs values ({_values([self.run_id, 'build', self.now, ended, outcome])})"
        )
        for result in self.results.values():
            self.engine.execute(
                f"insert into usersync.pipeline_runs values ({_values(_recorded(self.run_id, result))})"
            )


def _values(values: Sequence[object]) -> str:
    return ", ".join(literal(value) for value in values)


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


def _result(
    compiled: Compiled, outcome: Outcome, staged: Staged | None = None, counts: MergeCounts | None = None
) -> PipelineResult:
    model = compiled.model
    result = PipelineResult(model.stem, model.connection, outcome)
    if staged:
        result = replace(
            result,
            full_import=staged.full,
            read=staged.read,
            rejected=staged.rejected,
            duplicates=staged.duplicates,
            seconds=dict(staged.seconds),
        )
    if counts:
        result = replace(
            result,
            unchanged=counts.unchanged,
            inserted=counts.inserted,
            updated=counts.updated,
            deleted=counts.deleted,
        )
    return result


class _Attached:
    """Attaches each connection once, by the first thread that needs it; its failure is that of all its pipelines."""

    def __init__(self, engine: duckdb.DuckDBPyConnection, connections: Mapping[str, Connection]) -> None:
        self._engine = engine
        self._connections = connections
        self._locks = {name: threading.Lock() for name in connections}
        self._done: dict[str, Source | UsersyncError] = {}

    def get(self, name: str) -> Source:
        with self._locks[name]:
            if name not in self._done:
                self._done[name] = self._attach(name)
            found = self._done[name]
        if isinstance(found, UsersyncError):
            raise found
        return found

    def _attach(self, name: str) -> Source | UsersyncError:
        cursor = self._engine.cursor()
        try:
            return attach(cursor, self._connections[name])
        except UsersyncError as error:
            return error
        finally:
            cursor.close()
