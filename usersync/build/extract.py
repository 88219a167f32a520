"""One pipeline's rows, from its source to the stage: read, then projected to identities."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import duckdb

from usersync.build import PACKAGE
from usersync.compile.cursor import cursor_literal
from usersync.compile.extraction import extraction_sql
from usersync.compile.pipeline import Compiled
from usersync.compile.projection import projection_sql, row_column
from usersync.compile.source_types import Family, SourceType
from usersync.compile.sql import ident, literal, template
from usersync.compile.times import parsed
from usersync.diagnostics import SourceError, WarehouseError
from usersync.project.model import Pipeline, Source
from usersync.sources.catalog import changed_column
from usersync.sources.engine import reason_of
from usersync.sources.inspect import Inspected, inspect
from usersync.sources.misfits import misfits_as_text, reading_error
from usersync.warehouse.store import run_template


@dataclass(frozen=True, slots=True)
class State:
    """What the warehouse knows of a pipeline from its last run."""

    cursor: str | None = None
    definition_hash: str | None = None


@dataclass(frozen=True)
class Staged:
    """A pipeline's rows in the stage."""

    compiled: Compiled
    rows: str
    """The table of projected rows, as SQL."""
    full: bool
    read: int
    rejected: int
    duplicates: int
    cursor: str | None
    """The greatest update time read, as the next run's cursor; None without update times."""
    seconds: dict[str, float] = field(default_factory=dict)


def extract(
    engine: duckdb.DuckDBPyConnection,
    compiled: Compiled,
    source: Source,
    state: State,
    *,
    now: str,
    full_refresh: bool = False,
) -> Staged:
    """Reads a pipeline's rows into the stage and maps them; writes nothing else.

    Args:
        engine: A cursor of the engine, used by this thread only.
        compiled: The pipeline, compiled offline.
        source: Its connection, attached.
        state: Its last run.
        now: The build's start in UTC.
        full_refresh: Ignore the cursor.

    Raises:
        SourceError: the source cannot be read.
        ConfigError: the query or mapping does not fit what the source has.
    """
    started = time.perf_counter()
    return misfits_as_text(
        engine, source, lambda given: _extract(engine, compiled, given, state, started, now, full_refresh)
    )


def _extract(
    engine: duckdb.DuckDBPyConnection,
    compiled: Compiled,
    source: Source,
    state: State,
    started: float,
    now: str,
    full_refresh: bool,
) -> Staged:
    found = inspect(engine, compiled, source)
    compiled = found.compiled
    model = compiled.model
    incremental = (
        model.incremental
        and not full_refresh
        and state.cursor is not None
        and state.definition_hash == compiled.definition_hash
    )
    cursor = _bound_cursor(engine, found, state.cursor or "") if incremental else None
    read = _read(engine, found, cursor)
    extracted = time.perf_counter()
    staged = _project(engine, found, now, full=not incremental, read=read)
    staged.seconds.update(extract=extracted - started, map=time.perf_counter() - extracted)
    if incremental and (staged.cursor is None or _later(model, state.cursor, staged.cursor)):
        return replace(staged, cursor=state.cursor)
    return staged


def _later(model: Pipeline, old: str | None, new: str) -> bool:
    """Whether the old cursor is to be kept: times as stored sort as text, other texts are the source's business."""
    return model.updated_at_format is None and old is not None and old > new


def raw_table(model: Pipeline) -> str:
    """The staged rows as read."""
    return f"stage.{ident(f'{model.stem}.read')}"


def mapped_table(model: Pipeline) -> str:
    """The staged rows as mapped."""
    return f"stage.{ident(f'{model.stem}.mapped')}"


def shown_table(model: Pipeline) -> str:
    """Which user ids show which fallback values in the staged rows, of a pipeline that has fallback ids."""
    return f"stage.{ident(f'{model.stem}.shown')}"


def _read(engine: duckdb.DuckDBPyConnection, found: Inspected, cursor: Any) -> int:
    sql = extraction_sql(found.compiled, found.source, cursor, incremental=cursor is not None)
    table = raw_table(found.compiled.model)
    stage_rows(engine, table, sql, found, found.used_types)
    return int(_one(engine, f"select count(*) from {table}"))


def stage_rows(
    engine: duckdb.DuckDBPyConnection, table: str, sql: str, found: Inspected, types: Mapping[str, SourceType]
) -> None:
    """Reads a source's rows into a table of the stage.

    Args:
        engine: A cursor of the engine.
        table: The table, as SQL; made anew.
        sql: The SELECT.
        found: The pipeline.
        types: Of the columns, as the source told them before.

    Raises:
        SourceError: the source cannot be read, or a column is of another type by now.
    """
    try:
        engine.execute(f"create or replace table {table} as\n{sql}")
    except duckdb.Error as error:
        raise reading_error(found.source, error) from None
    for name, kind, *_ in engine.execute(f"describe {table}").fetchall():
        if name in types and types[name].name != kind:
            raise _changed(found, name, types[name].name, kind)
    # Times of MySQL and exact numbers come as texts: only the server knows what they are of.
    if found.source.connection.type != "mysql" and not any(kind.natural for kind in types.values()):
        return
    try:
        changed = changed_column(engine, found.source, found.compiled.full.tree)
    except duckdb.Error as error:
        raise reading_error(found.source, error) from None
    if changed:
        before, now = changed
        raise _changed(found, now.name, before.type, now.type)


def _changed(found: Inspected, column: str, before: str, now: str) -> SourceError:
    connection = found.source.connection.name
    message = f"connection {connection!r}: column {column!r} became {now} while it was read: it was {before}"
    return SourceError(message, hint="the table was changed meanwhile: build again")


def _bound_cursor(engine: duckdb.DuckDBPyConnection, found: Inspected, value: str) -> Any:
    model = found.compiled.model
    kind = {name.lower(): kind for name, kind in found.types.items()}[(model.updated_at or "").lower()]
    if model.lookback:
        value = str(_one(engine, f"select {_looking_back(value, kind, model)}"))
    return cursor_literal(value, kind.name)


def _looking_back(value: str, kind: SourceType, model: Pipeline) -> str:
    """SQL of the cursor moved back by the lookback, in the spelling that the column has."""
    back = f"interval {literal(model.lookback)}"
    if model.updated_at_format is None:
        return f"(timestamp {literal(value)} - {back})::varchar"
    text = literal(value.strip('"') if kind.family is Family.JSON else value)
    if model.updated_at_format == "ISO8601":
        # Local time without fraction and zone: a prefix sorts before every text that it begins.
        blank, day = "T" not in value, len(value.strip('"')) <= 10
        spelled = "%Y-%m-%d" if day else "%Y-%m-%d %H:%M:%S" if blank else "%Y-%m-%dT%H:%M:%S"
        local = (
            f"stage.iso8601(regexp_replace({text}, '(Z|[+-]\\d{{2}}(:?\\d{{2}})?)$', ''))"
            if not day
            else f"stage.iso8601({text})"
        )
        moved = f"strftime({local} - {back}, {literal(spelled)})"
    else:
        moved = f"strftime({parsed(text, model.updated_at_format)} - {back}, {literal(model.updated_at_format)})"
    return f"to_json({moved})::varchar" if kind.family is Family.JSON else moved


def _project(engine: duckdb.DuckDBPyConnection, found: Inspected, now: str, *, full: bool, read: int) -> Staged:
    model = found.compiled.model
    raw, mapped = raw_table(model), mapped_table(model)
    sql = projection_sql(found.compiled, raw, found.used_types, found.expressions, now)
    try:
        engine.execute(f"create or replace table {mapped} as\n{sql}")
    except duckdb.Error as error:
        raise mapping_error(model, error) from None
    engine.execute(f"drop table {raw}")
    cursor = _greatest(engine, mapped, now) if model.updated_at else None
    if not full:
        _retry(engine, found, now)
    duplicates = _drop_duplicates(engine, model)
    rejected = int(_one(engine, f'select count(*) from {mapped} where "rejected reason" is not null'))
    return Staged(found.compiled, mapped, full, read, rejected, duplicates, cursor)


def mapping_error(model: Pipeline, error: duckdb.Error) -> WarehouseError:
    """The error of a projection that fails as a whole."""
    return WarehouseError(f"pipeline {model.stem!r}: mapping fails: {reason_of(error)}")


def _retry(engine: duckdb.DuckDBPyConnection, found: Inspected, now: str) -> None:
    """Adds the rows that earlier runs rejected: no update of theirs may ever come."""
    model = found.compiled.model
    kept, retried = f"stage.{ident(f'{model.stem}.kept')}", f"stage.{ident(f'{model.stem}.retried')}"
    columns = [(name, row_column("row", name, kind)) for name, kind in found.used_types.items()]
    engine.execute(template(PACKAGE, "retry", pipeline=model.stem, rows=kept, columns=columns))
    if not _one(engine, f"select count(*) from {kept}"):
        return
    sql = projection_sql(found.compiled, kept, found.used_types, found.expressions, now)
    engine.execute(f"create or replace table {retried} as\n{sql}")
    rows, fallback = mapped_table(model), model.fallback_id is not None
    engine.execute(template(PACKAGE, "retried", pipeline=model.stem, rows=rows, retried=retried, fallback=fallback))


def _drop_duplicates(engine: duckdb.DuckDBPyConnection, model: Pipeline) -> int:
    """Leaves one row an id, and says how many went, or are of an identity that has another row too."""
    mapped, fallback, twice = mapped_table(model), model.fallback_id is not None, 0
    before = int(_one(engine, f"select count(*) from {mapped}"))
    if fallback:
        run_template(engine, PACKAGE, "shown", pipeline=model.stem, rows=mapped, shown=shown_table(model))
    repeated = f"select 1 from {mapped} where identity_id is not null group by id_kind, identity_id having count(*) > 1"
    if _one(engine, f"{repeated} limit 1") is not None:
        engine.execute(template(PACKAGE, "deduplicate", rows=mapped, fallback=fallback))
    if fallback:
        twice = int(_one(engine, template(PACKAGE, "twice", rows=mapped, shown=shown_table(model))))
    return before - int(_one(engine, f"select count(*) from {mapped}")) + twice


def _greatest(engine: duckdb.DuckDBPyConnection, mapped: str, now: str) -> str | None:
    """The cursor that the rows leave behind."""
    text = _one(engine, template(PACKAGE, "greatest", rows=mapped, now=now))
    return None if text is None else str(text)


def _one(engine: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = engine.execute(sql).fetchone()
    return row[0] if row else None
