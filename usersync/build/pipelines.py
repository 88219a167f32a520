"""The pipelines of a run, read and merged: what a build writes and a plan shows. The warehouse is only read here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

import duckdb

from usersync.build.extract import Staged, State, extract
from usersync.build.history import last_runs, last_states
from usersync.build.merge import MergeCounts, add_orphans, drop_pipeline, merge_pipeline, start_merge
from usersync.build.read import attach_all, detach_all, run_all
from usersync.build.results import Event, Listener, Outcome, PipelineResult
from usersync.build.schedule import is_due
from usersync.compile.pipeline import Compiled
from usersync.compile.sql import literal
from usersync.diagnostics import Diagnostic, GuardError, Level, NothingSelectedError, UsersyncError
from usersync.project.model import Profile, Project, Source, UserSchema
from usersync.warehouse.store import rows


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


def wanted(
    engine: duckdb.DuckDBPyConnection, compiled: Mapping[str, Compiled], options: BuildOptions
) -> Mapping[str, Compiled]:
    """Of the selected pipelines those that are to run.

    Raises:
        NothingSelectedError: all are disabled, or none is due.
    """
    if not compiled:
        raise NothingSelectedError("all selected pipelines are disabled", hint="see `enabled` in their config()")
    if not options.due:
        return compiled
    now = datetime.now().astimezone()
    last = last_runs(engine)
    due = {stem: c for stem, c in compiled.items() if is_due(c.model, last.get(stem), now)}
    if not due:
        raise NothingSelectedError("no selected pipeline is due", hint="--allow-empty makes that a success")
    return due


@dataclass
class Pipelines:
    """The pipelines of one run, with what became of each so far."""

    engine: duckdb.DuckDBPyConnection
    project: Project
    profile: Profile
    users: UserSchema
    compiled: Mapping[str, Compiled]
    options: BuildOptions
    listener: Listener
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    results: dict[str, PipelineResult] = field(default_factory=dict, init=False)
    warnings: list[Diagnostic] = field(default_factory=list, init=False)
    orphans: bool = field(default=False, init=False)
    """Whether identities of removed models are to be deleted."""

    def __post_init__(self) -> None:
        self.now = self.started.strftime("%Y-%m-%d %H:%M:%S.%f")
        self.run_id = str(rows(self.engine, "select uuidv7()::varchar")[0][0])

    @property
    def failed(self) -> bool:
        """Whether one did not succeed."""
        return any(result.outcome is not Outcome.SUCCESS for result in self.results.values())

    @property
    def done(self) -> tuple[PipelineResult, ...]:
        """The results in the order of the pipelines."""
        return tuple(self.results[stem] for stem in self.compiled)

    def read(self) -> dict[str, Staged]:
        """Reads all pipelines into the stage; failures are kept as results."""
        states = last_states(self.engine)
        used = dict.fromkeys(compiled.model.connection for compiled in self.compiled.values())
        sources = attach_all(
            self.engine,
            [self.profile.connections[name] for name in used],
            self.options.threads,
            lambda why: self.listener(Event("waiting", detail=why)),
        )
        readers = {
            stem: partial(self._read_one, sources[compiled.model.connection], compiled, states.get(stem, State()))
            for stem, compiled in self.compiled.items()
        }
        staged: dict[str, Staged] = {}
        for stem, found in run_all(self.engine, readers, self.options.threads):
            if isinstance(found, UsersyncError):
                self._fail(stem, found)
            else:
                staged[stem] = found
                self._take(stem, found)
            if self.options.fail_fast and self.failed:
                break
        else:
            detach_all(self.engine, sources.values())
        for stem in self.compiled.keys() - self.results.keys():
            self.results[stem] = _result(self.compiled[stem], Outcome.SKIPPED)
        return {stem: staged[stem] for stem in self.compiled if stem in staged}

    def _read_one(self, source: Source | UsersyncError, compiled: Compiled, state: State) -> Staged:
        if isinstance(source, UsersyncError):
            raise source
        self.listener(Event("reading", compiled.model.stem))
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

    def merge(self, staged: Mapping[str, Staged]) -> None:
        """Compares what was read with what is stored, into `temp.delta` and, what fails, `temp.rejects`."""
        start_merge(self.engine, self.users)
        self.listener(Event("merging"))
        for stem, rows_of in staged.items():
            self._merge(stem, rows_of)

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

    def find_orphans(self) -> None:
        """Adds the identities of removed models to what is deleted if that is allowed, else warns of them."""
        known = sorted(self.project.pipelines)
        listed = ", ".join(literal(stem) for stem in known)
        found = rows(
            self.engine,
            "select pipeline, count(*) from usersync.identity_rows "
            f"where pipeline not in ({listed}) group by all order by all",
        )
        if found and self.options.allow_deletes:
            add_orphans(self.engine, self.users, known)
            self.orphans = True
            return
        for pipeline, count in found:
            message = f"{count:,} identities are of pipeline {pipeline!r}, which is no longer in models/"
            hint = "build with --allow-deletes to delete them"
            self.warnings.append(Diagnostic("orphans", message, None, hint, Level.WARNING))


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
