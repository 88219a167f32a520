"""Staged rows into identities: what is new, changed and gone, within the guards."""

from __future__ import annotations

import re
from dataclasses import dataclass

import duckdb

from usersync.build import PACKAGE
from usersync.build.extract import Staged, shown_table
from usersync.compile.limits import leaf_values
from usersync.compile.sql import literal
from usersync.diagnostics import Diagnostic, GuardError, SourceError
from usersync.project.model import Pipeline, UserSchema
from usersync.resolve.links import stored_values
from usersync.warehouse.store import run_template

PERCENTAGE_FROM = 20
"""Identities that a pipeline needs before a percentage of them means anything."""


@dataclass(frozen=True, slots=True)
class MergeCounts:
    """What a pipeline changes in identities."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0


def start_merge(engine: duckdb.DuckDBPyConnection, users: UserSchema) -> None:
    """Empties the delta and the rejected rows of this build."""
    run_template(engine, PACKAGE, "stage", old=stored_values(users))


def merge_pipeline(
    engine: duckdb.DuckDBPyConnection, staged: Staged, run_id: str, *, allow_deletes: bool
) -> MergeCounts:
    """Adds a pipeline's changes to the delta, and its rejected rows to `temp.rejects`.

    Raises:
        GuardError: it would delete more identities than `max_deleted`.
        SourceError: more rows were rejected than `max_rejected`.
    """
    model = staged.compiled.model
    if model.max_rejected is not None and staged.rejected > model.max_rejected:
        raise SourceError(too_many_rejected(model, staged.rejected))
    users, fallback, rows = staged.compiled.users, model.fallback_id is not None, staged.rows
    if fallback:
        shown = shown_table(model)
        run_template(
            engine,
            PACKAGE,
            "switches",
            pipeline=model.stem,
            rows=rows,
            shown=shown,
            full=staged.full,
            old=stored_values(users),
        )
        rows = "temp.rows_taken"
    run_template(
        engine,
        PACKAGE,
        "changes",
        pipeline=model.stem,
        connection=model.connection,
        creating=model.write != "update_only",
        columns=[leaf.column for leaf in users.leaves],
        mapped=_mapped_columns(staged),
        timed=model.updated_at is not None,
        rows=rows,
        run_id=run_id,
        fallback=fallback,
        later_stays=fallback and not staged.full,
        full=staged.full,
        deleting=staged.full and model.on_missing == "delete",
        old=stored_values(users),
    )
    counts = _counts(engine, model, rows)
    if not allow_deletes:
        _guard(engine, model, staged, counts)
    run_template(engine, PACKAGE, "rejected", pipeline=model.stem, rows=staged.rows)
    return counts


def too_many_rejected(model: Pipeline, rejected: int) -> Diagnostic:
    """The diagnostic of a pipeline over its `max_rejected`."""
    message = f"{rejected} rows were rejected, more than max_rejected = {model.max_rejected}"
    return model.problem("guard", message, "max_rejected", hint="mend the rows or the mapping, or raise max_rejected")


def _mapped_columns(staged: Staged) -> set[str]:
    return {column for mapped in staged.compiled.mapped for column, _ in leaf_values("", mapped.target)}


def _counts(engine: duckdb.DuckDBPyConnection, model: Pipeline, rows: str) -> MergeCounts:
    """What is counted of the delta; an identity in whose place another comes is not deleted."""
    actions = dict(
        engine.execute(
            "select _action, count(*) from temp.delta "
            f"where pipeline = {literal(model.stem)} and _into is null group by _action"
        ).fetchall()
    )
    inserted, updated, deleted = (actions.get(action, 0) for action in ("insert", "update", "delete"))
    [(taken,)] = engine.execute(f'select count(*) from {rows} where "rejected reason" is null').fetchall()
    return MergeCounts(inserted, updated, deleted, taken - inserted - updated)


def _guard(engine: duckdb.DuckDBPyConnection, model: Pipeline, staged: Staged, counts: MergeCounts) -> None:
    row = engine.execute(
        f"select count(*) from usersync.identity_rows where pipeline = {literal(model.stem)}"
    ).fetchone()
    existing = row[0] if row else 0
    if not counts.deleted:
        return
    emptied = staged.read == 0
    if not emptied and counts.deleted <= _allowed(model.max_deleted, existing):
        return
    what = "the source returned no rows" if emptied else f"more than max_deleted = {model.max_deleted!r}"
    message = f"{counts.deleted} of {existing} identities would be deleted: {what}"
    hint = "if that is right, build with --allow-deletes; `on_missing = 'keep'` never deletes"
    raise GuardError(model.problem("guard", message, "max_deleted", hint=hint))


def _allowed(max_deleted: int | str, existing: int) -> float:
    """How many identities may go; a percentage of few identities is no limit."""
    if isinstance(max_deleted, int):
        return max_deleted
    if existing < PERCENTAGE_FROM:
        return existing
    return existing * float(re.sub(r"[%\s]", "", max_deleted)) / 100


def drop_pipeline(engine: duckdb.DuckDBPyConnection, model: Pipeline) -> None:
    """Takes a refused pipeline's changes out of the delta again."""
    engine.execute(f"delete from temp.delta where pipeline = {literal(model.stem)}")


def add_orphans(engine: duckdb.DuckDBPyConnection, users: UserSchema, pipelines: list[str]) -> None:
    """Adds the identities of pipelines that are not among these to what is deleted."""
    run_template(engine, PACKAGE, "orphans", pipelines=pipelines, old=stored_values(users))


def forget_orphans(engine: duckdb.DuckDBPyConnection, pipelines: list[str]) -> None:
    """Deletes cursors and rejected rows of pipelines that are not among these."""
    run_template(engine, PACKAGE, "forget_orphans", pipelines=pipelines)


def record_rejected(engine: duckdb.DuckDBPyConnection, run_id: str, pipelines: list[str]) -> None:
    """Keeps the rejected rows of the pipelines that succeeded."""
    if pipelines:
        run_template(engine, PACKAGE, "keep_rejected", pipelines=pipelines, run_id=run_id)
