"""A pipeline's first rows, as they come and as they map; nothing is written anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from usersync.build.extract import mapping_error, raw_table, stage_rows
from usersync.build.read import heard
from usersync.compile.extraction import extraction_sql
from usersync.compile.pipeline import Compiled
from usersync.compile.projection import projection_sql
from usersync.compile.sql import ident
from usersync.project.model import Connection, Source
from usersync.sources.attach import attach
from usersync.sources.engine import seal
from usersync.sources.inspect import Inspected, inspect
from usersync.sources.misfits import misfits_as_text


@dataclass(frozen=True, slots=True)
class Preview:
    """Rows of a pipeline. Values are JSON's; the mapped rows also tell id, time, accounts and why one is rejected."""

    columns: Mapping[str, str]
    """DuckDB's type of every column of the query."""
    properties: Mapping[str, str]
    """The type of every mapped property, by its warehouse column."""
    rows: tuple[dict[str, Any], ...]
    identities: tuple[dict[str, Any], ...]


def preview(
    engine: duckdb.DuckDBPyConnection, compiled: Compiled, connection: Connection, *, limit: int, now: str
) -> Preview:
    """Reads so many rows of a pipeline and maps them.

    Raises:
        SourceError: the source cannot be read.
        ConfigError: the query or mapping does not fit what the source has.
    """

    def shown() -> Preview:
        source = attach(engine, connection)
        seal(engine, [connection])
        return misfits_as_text(engine, source, lambda given: _preview(engine, compiled, given, limit, now))

    return heard(engine, shown)


def _preview(engine: duckdb.DuckDBPyConnection, compiled: Compiled, source: Source, limit: int, now: str) -> Preview:
    found = inspect(engine, compiled, source)
    raw = raw_table(found.compiled.model)
    # All columns, not only those in use: each is a property that could be.
    everything = extraction_sql(replace(found.compiled, columns=None), found.source, None, incremental=False)
    stage_rows(engine, raw, f"{everything}\nlimit {limit}", found, found.types)
    return _mapped(engine, found, raw, now)


def _mapped(engine: duckdb.DuckDBPyConnection, found: Inspected, raw: str, now: str) -> Preview:
    sql = projection_sql(found.compiled, raw, found.types, found.expressions, now)
    own = (
        "identity_id",
        "id_kind",
        *(("fallback_id",) if found.compiled.model.fallback_id else ()),
        "updated_at",
        "account_ids",
        "account_name",
        "rejected property",
        "rejected reason",
    )
    leaves = {leaf.column: str(leaf.type) for m in found.compiled.mapped for leaf in m.target.leaves}
    listed = ", ".join(ident(name) for name in (*own, *leaves))
    try:
        rows = _json_rows(engine, f"select * from {raw}")
        identities = _json_rows(engine, f"select {listed} from ({sql})")
    except duckdb.Error as error:
        raise mapping_error(found.compiled.model, error) from None
    columns = {name: str(kind) for name, kind in found.types.items()}
    return Preview(columns, leaves, rows, identities)


def _json_rows(engine: duckdb.DuckDBPyConnection, sql: str) -> tuple[dict[str, Any], ...]:
    return tuple(
        json.loads(row[0]) for row in engine.execute(f"select to_json(r)::varchar from ({sql}) as r").fetchall()
    )
