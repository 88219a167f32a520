"""SQLite holds values of any type in any column: what does not fit its column rejects its row, not the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import duckdb

from usersync.compile.sql import literal, template
from usersync.diagnostics import SourceError
from usersync.project.model import Source, SourceColumn
from usersync.sources.attach import source_error

_MISFIT = (duckdb.ConversionException, duckdb.TypeMismatchException)
T = TypeVar("T")


class MisfitError(SourceError):
    """A table holds a value that does not fit its column."""


def reading_error(source: Source, error: duckdb.Error) -> SourceError:
    """The error of a source that fails while it is read."""
    found = source_error(source.connection, error, stage="reading fails")
    misfit = source.connection.type == "sqlite" and not source.tables and isinstance(error, _MISFIT)
    return MisfitError(found.diagnostics) if misfit else found


def misfits_as_text(engine: duckdb.DuckDBPyConnection, source: Source, read: Callable[[Source], T]) -> T:
    """What `read` makes of a source; where a value does not fit its column, of one that gives texts.

    The scanner trusts the types as declared, and is twice as fast as reading texts.
    """
    try:
        return read(source)
    except MisfitError:
        return read(replace(source, tables=declared(engine, source)))


def declared(engine: duckdb.DuckDBPyConnection, source: Source) -> dict[tuple[str, str], tuple[SourceColumn, ...]]:
    """Columns of the tables of a SQLite file with the types that the scanner takes them for, by schema and table."""
    found: dict[tuple[str, str], tuple[SourceColumn, ...]] = {}
    sql = template("usersync.sources", "columns_sqlite")
    for table, name, kind in engine.execute(
        template("usersync.sources", "types_sqlite", connection=source.connection.name, declared=literal(sql))
    ).fetchall():
        found["main", table] = (*found.get(("main", table), ()), SourceColumn(name, kind))
    return found
