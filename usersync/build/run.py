"""The main job: read every source, merge, resolve, test, commit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

import duckdb

from usersync.build.datatests import has_data_tests, run_data_tests
from usersync.build.extract import Staged, State, extract
from usersync.build.history import last_runs, last_states, record_cursors, record_run
from usersync.build.merge import (
    MergeCounts,
    drop_orphans,
    drop_pipeline,
    merge_pipeline,
    start_merge,
)
from usersync.build.read import Attached, read_all
from usersync.build.resolve import Resolution, UserCounts
from usersync.build.results import BuildResult, Event, Listener, Outcome, PipelineResult, TestResult, silent
from usersync.build.schedule import is_due
from usersync.build.selected import compile_selected
from usersync.compile.pipeline import Compiled
from usersync.compile.sql import literal
from usersync.diagnostics import (
    ConfigError,
    Diagnostic,
    GuardError,
    Level,
    NothingSelectedError,
    UsersyncError,
)
from usersync.project.model import Pipeline, Profile, Project, UserSchema
from usersync.project.overrides import OVERRIDES, Decision
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
        staged = self._read()
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
        last = last_runs(self.engine)
        due = {stem: c for stem, c in self.compiled.items() if is_due(c.model, last.get(stem), now)}
        if not due:
            raise NothingSelectedError("no selected pipeline is due", hint="--allow-empty makes that a success")
        return due

    def _read(self) -> dict[str, Staged]:
        """Reads all pipelines; failures are kept as results."""
        attached = Attached(self.engine, self.profile.connections)
        states = last_states(self.engine)
        readers = {
            stem: partial(self._read_one, attached, compiled, states.get(stem, State()))
            for stem, compiled in self.compiled.items()
        }
        staged: dict[str, Staged] = {}
        for stem, found in read_all(self.engine, readers, self.options.threads):
            if isinstance(found, UsersyncError):
                self._fail(stem, found)
            else:
                staged[stem] = found
                self._take(stem, found)
            if self.options.fail_fast and self._failed():
                break
        for stem in self.compiled.keys() - self.results.keys():
            self.results[stem] = _result(self.compiled[stem], Outcome.SKIPPED)
        return {stem: staged[stem] for stem in self.compiled if stem in staged}

    def _read_one(self, attached: Attached, compiled: Compiled, state: State) -> Staged:
        self.listener(Event("reading", compiled.model.stem))
        source = attached.get(compiled.model.connection)
        cursor = self.engine.cursor()
        try:
            return extract(cursor, compiled, source, state, now=self.now, full_refresh=self.options.full_refresh)
        finally:
            cursor.close()

    def _take(self, stem: str, found: Staged) -> None:
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
            start_merge(self.engine, users)
            self.listener(Event("merging"))
            for stem, rows_of in staged.items():
                self._merge(stem, rows_of)
            if self.options.fail_fast and self._failed():
                raise FailedFastError
            self._orphans(users)
            self.listener(Event("resolving"))
            resolution = Resolution(self.engine, users, self.project.decisions, full=self.options.full_refresh)
            counts = resolution.compute(self.now)
            _guard_merges(users, counts, resolution)
            self._unknown(resolution.unknown)
            self.listener(Event("writing"))
            resolution.apply(self.run_id, self.now)
            if self.options.tests and has_data_tests(self.project):
                self.listener(Event("testing"))
                self.tests = run_data_tests(self.engine, self.project)
                if any(test.failures for test in self.tests):
                    raise TestsFailedError(self.tests)
            done = {stem: found for stem, found in staged.items() if self.results[stem].outcome is Outcome.SUCCESS}
            record_cursors(self.engine, self.run_id, done)
            outcome = "failed" if self._failed() else "success"
            record_run(self.engine, self.run_id, self.now, outcome, self.results.values())
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

    def _unknown(self, decisions: Sequence[Decision]) -> None:
        """Warns of decisions about identities that are not there."""
        for decision in decisions:
            named = f"{decision.kind} {decision.identity} {decision.other}"
            message = f"{OVERRIDES}:{decision.line}: {named} has no effect: one of the two is not there"
            hint = "`usersync show identities` lists them"
            self.warnings.append(Diagnostic("overrides", message, None, hint, Level.WARNING))

    def _orphans(self, users: UserSchema) -> None:
        known = sorted(self.project.pipelines)
        listed = ", ".join(literal(stem) for stem in known)
        found = rows(
            self.engine,
            "select pipeline, count(*) from usersync.identity_rows "
            f"where pipeline not in ({listed}) group by all order by all",
        )
        if found and self.options.allow_deletes:
            drop_orphans(self.engine, users, known)
            return
        for pipeline, count in found:
            message = f"{count:,} identities are of pipeline {pipeline!r}, which is no longer in models/"
            hint = "build with --allow-deletes to delete them"
            self.warnings.append(Diagnostic("orphans", message, None, hint, Level.WARNING))


def _guard_merges(users: UserSchema, counts: UserCounts, resolution: Resolution) -> None:
    """Raises GuardError when more users would be merged into others than `max_users_merged` allows."""
    if users.max_users_merged is None or counts.merged <= users.max_users_merged:
        return
    limit = users.max_users_merged
    glue = [f"{path or 'one id in one connection:'} {value!r} ({many:,})" for path, value, many in resolution.glue()]
    message = f"{counts.merged:,} users would be merged into others, more than max_users_merged = {limit}"
    message += f"; what joins most users: {', '.join(glue)}" if glue else ""
    hint = "nothing was written; list a value that says nothing about a person in ignore_values, or raise the limit"
    raise GuardError(Diagnostic("guard", message, users.location("max_users_merged"), hint))


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
