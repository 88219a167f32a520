"""The SQL of pipelines as text, for people: what the source is asked, and the projection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import duckdb
import sqlglot
from sqlglot.errors import ErrorLevel, SqlglotError

from usersync.build.extract import raw_table
from usersync.build.read import attach_all, heard
from usersync.compile.cursor import cursor_literal
from usersync.compile.extraction import extraction_sql
from usersync.compile.pipeline import UNKNOWN, Compiled
from usersync.compile.projection import projection_sql
from usersync.compile.source_types import Family, SourceType, source_type
from usersync.compile.sql import DIALECT, literal
from usersync.compile.times import needs_format
from usersync.diagnostics import ConfigError, Diagnostic, Level, SourceError, UsersyncError, did_you_mean
from usersync.project.model import Connection, Pipeline, Project, Source
from usersync.project.sql.stumbles import understood
from usersync.project.types import NESTED
from usersync.sources.engine import engine_for
from usersync.sources.inspect import Inspected, inspect

NOW = "2000-01-01 00:00:00"
"""Stands for the start of the build in compiled SQL."""
_ANY = source_type("JSON")
"""What can become an array, a map or a struct."""
CURSOR = "2000-01-01 00:00:00"
"""Stands for the cursor in compiled SQL."""


def compiled_sql(
    project: Project, compiled: Mapping[str, Compiled], *, dialect: str | None = None, offline: bool = False
) -> Iterator[tuple[str, str, Diagnostic | None]]:
    """Each pipeline's name, its SQL, and why its types had to be assumed, if they had.

    Raises:
        ConfigError: a query or mapping does not fit what its source has, or cannot be said in the dialect.
    """
    if project.profile is None:
        raise ConfigError("there is no profiles.yml")
    connections = {stem: project.profile.connections[c.model.connection] for stem, c in compiled.items()}
    with engine_for(project.root) as engine:
        sources = {} if offline else attach_all(engine, connections.values(), threads=len(connections))
        for stem, pipeline in compiled.items():
            found, problem = _inspected(engine, pipeline, connections[stem], sources)
            yield stem, _text(engine, found, dialect), problem


def _inspected(
    engine: duckdb.DuckDBPyConnection,
    compiled: Compiled,
    connection: Connection,
    sources: Mapping[str, Source | UsersyncError],
) -> tuple[Inspected, Diagnostic | None]:
    problem = None
    if source := sources.get(connection.name):
        try:
            if isinstance(source, UsersyncError):
                raise source
            return heard(engine, partial(inspect, engine, compiled, source)), None
        except SourceError as error:
            hint = "types are taken for text where they matter"
            problem = replace(error.diagnostics[0], level=Level.WARNING, hint=hint)
    expressions = tuple(_ANY if m.target.type.kind in NESTED else UNKNOWN for m in compiled.mapped)
    assumed = Inspected(compiled, Source(connection), dict.fromkeys(compiled.columns or (), UNKNOWN), expressions)
    return assumed, problem


def _text(engine: duckdb.DuckDBPyConnection, found: Inspected, dialect: str | None) -> str:
    compiled, source, model = found.compiled, found.source, found.compiled.model
    parts = [
        f"-- {model.file.path}: everything, as on the first run",
        extraction_sql(compiled, source, None, incremental=False),
    ]
    if model.incremental and model.updated_at:
        kind = {name.lower(): kind for name, kind in found.types.items()}.get(model.updated_at.lower(), UNKNOWN)
        cursor = _cursor(engine, model, kind)
        sql = extraction_sql(compiled, source, cursor_literal(cursor, kind.name), incremental=True)
        parts += [f"-- what changed, here since {CURSOR}", sql]
    if dialect:
        return ";\n\n".join(_transpiled(part, dialect) for part in parts if not part.startswith("--")) + ";"
    parts.append(projection_sql(compiled, raw_table(model), _types(found), found.expressions, NOW))
    return "\n".join(part if part.startswith("--") and "\n" not in part else f"{part};\n" for part in parts).rstrip()


def _types(found: Inspected) -> dict[str, SourceType]:
    """Of the columns that are read; of a `select *` that nobody was asked about, those that are named at least."""
    return {name: found.types.get(name, UNKNOWN) for name in found.compiled.used_columns}


def _cursor(engine: duckdb.DuckDBPyConnection, model: Pipeline, kind: SourceType) -> str:
    """The example cursor in the spelling of the update column."""
    spelled = model.updated_at_format
    if spelled is None or not needs_format(kind):
        return CURSOR
    text = "%Y-%m-%dT%H:%M:%SZ" if spelled == "ISO8601" else spelled
    row = engine.execute(f"select strftime(timestamp {literal(CURSOR)}, {literal(text)})").fetchone()
    found = str(row[0]) if row else CURSOR
    return f'"{found}"' if kind.family is Family.JSON else found


def _transpiled(sql: str, dialect: str) -> str:
    try:
        writer = sqlglot.Dialect.get_or_raise(dialect)
    except ValueError:
        known = [str(name) for name in sqlglot.Dialect.classes if name]
        raise ConfigError(f"there is no SQL dialect {dialect!r}", hint=did_you_mean(dialect, known)) from None
    try:
        with understood():
            tree = sqlglot.parse_one(sql, read=DIALECT)
            return tree.sql(dialect=writer, pretty=True, unsupported_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise ConfigError(f"the query cannot be said in {dialect}: {error}") from None
