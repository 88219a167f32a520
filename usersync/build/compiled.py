"""The SQL of pipelines as text, for people: what the source is asked, and the projection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import duckdb
import sqlglot
from sqlglot.errors import ErrorLevel, SqlglotError

from usersync.build.extract import raw_table
from usersync.compile.cursor import cursor_literal
from usersync.compile.pipeline import UNKNOWN, Compiled, extraction_sql
from usersync.compile.projection import projection_sql
from usersync.compile.sql import DIALECT
from usersync.diagnostics import ConfigError, Diagnostic, Level, SourceError, did_you_mean
from usersync.project.model import Connection, Project
from usersync.sources.attach import attach
from usersync.sources.engine import open_engine
from usersync.sources.inspect import Inspected, inspect

NOW = "2000-01-01 00:00:00"
"""Stands for the start of the build in compiled SQL."""
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
    engine = open_engine(project.root / "target" / "spill")
    try:
        for stem, pipeline in compiled.items():
            connection = project.profile.connections[pipeline.model.connection]
            found, problem = _inspected(engine, pipeline, connection, offline)
            yield stem, _text(found, connection, dialect), problem
    finally:
        engine.close()


def _inspected(
    engine: duckdb.DuckDBPyConnection, compiled: Compiled, connection: Connection, offline: bool
) -> tuple[Inspected, Diagnostic | None]:
    problem = None
    if not offline:
        try:
            cursor = engine.cursor()
            attached = cursor.execute(
                f"select 1 from duckdb_databases() where database_name = '{connection.name}'"
            ).fetchone()
            if not attached:
                attach(cursor, connection)
            return inspect(cursor, compiled, connection), None
        except SourceError as error:
            problem = replace(
                error.diagnostics[0], level=Level.WARNING, hint="types are taken for text where they matter"
            )
    names = compiled.columns or ()
    return Inspected(compiled, dict.fromkeys(names, UNKNOWN), (UNKNOWN,) * len(compiled.mapped)), problem


def _text(found: Inspected, connection: Connection, dialect: str | None) -> str:
    compiled, model = found.compiled, found.compiled.model
    parts = [
        f"-- {model.file.path}: everything, as on the first run",
        extraction_sql(compiled, connection, None, incremental=False),
    ]
    if model.incremental and model.updated_at:
        kind = {name.lower(): kind for name, kind in found.types.items()}.get(model.updated_at.lower(), UNKNOWN)
        sql = extraction_sql(compiled, connection, cursor_literal(CURSOR, kind), incremental=True)
        parts += [f"-- what changed, here since {CURSOR}", sql]
    if dialect:
        return ";\n\n".join(_transpiled(part, dialect) for part in parts if not part.startswith("--")) + ";"
    parts.append(projection_sql(compiled, raw_table(model), found.types, found.expressions, NOW))
    return "\n".join(part if part.startswith("--") and "\n" not in part else f"{part};\n" for part in parts).rstrip()


def _transpiled(sql: str, dialect: str) -> str:
    try:
        return sqlglot.transpile(sql, read=DIALECT, write=dialect, pretty=True, unsupported_level=ErrorLevel.RAISE)[0]
    except ValueError as error:
        if isinstance(error, SqlglotError):
            raise ConfigError(f"the query cannot be said in {dialect}: {error}") from None
        known = [str(name) for name in sqlglot.Dialect.classes if name]
        raise ConfigError(f"there is no SQL dialect {dialect!r}", hint=did_you_mean(dialect, known)) from None
