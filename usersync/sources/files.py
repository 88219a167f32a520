"""Files of a query: all inside the connection's folder, and all of one pattern of one kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from usersync.compile.pipeline import Compiled
from usersync.compile.query import Query
from usersync.compile.readers import files_read, is_url, option, reader_name, with_option
from usersync.compile.sql import DIALECT, literal
from usersync.compile.tables import qualify_tables
from usersync.diagnostics import ConfigError, Diagnostic, Location, SourceError
from usersync.project.model import Source


def check_files(engine: duckdb.DuckDBPyConnection, compiled: Compiled, source: Source) -> None:
    """Looks at the files that a pipeline's query names; for other sources there is nothing to do.

    Raises:
        ConfigError: one is a link that leads out of the connection's folder (US501).
        SourceError: files that are read as one have different columns.
    """
    if source.connection.type != "files":
        return
    queries = {query.rendered.sql: query for query in (compiled.full, compiled.incremental)}
    for query in queries.values():
        for call, where in _calls(query, source):
            paths = files_read(call)
            try:
                files = [file for path in paths for file in _matching(engine, path)]
            except duckdb.PermissionException:
                # The engine is closed to all that is not in the folder: only a link leads there.
                raise _leads_out(paths[0], source, where) from None
            _check_links(files, source, where)
            _check_columns(engine, call, files, source, where)


def _calls(query: Query, source: Source) -> Iterator[tuple[exp.Func, Location]]:
    written = [t for t in query.tree.find_all(exp.Table) if t.name or isinstance(t.this, exp.Func)]
    bound = qualify_tables(query.tree, source.connection, query.rendered)
    where = query.location(written[0]) if written else query.location(query.tree)
    for table in bound.find_all(exp.Table):
        if isinstance(table.this, exp.Func) and files_read(table.this):
            yield table.this, where


def _matching(engine: duckdb.DuckDBPyConnection, path: str) -> list[str]:
    """The files of a pattern, as DuckDB finds them."""
    if is_url(path):
        return [path]
    return [str(row[0]) for row in engine.execute(f"from glob({literal(path)})").fetchall()]


def _check_links(files: list[str], source: Source, where: Location) -> None:
    root = source.connection.place
    for file in files:
        if not is_url(file) and not Path(file).resolve().is_relative_to(root):
            raise _leads_out(file, source, where)


def _leads_out(file: str, source: Source, where: Location) -> ConfigError:
    message = f"{Path(file).name!r} is behind a link that leads out of connection {source.connection.name!r}"
    return ConfigError(Diagnostic("US501", message, where))


def _check_columns(
    engine: duckdb.DuckDBPyConnection, call: exp.Func, files: list[str], source: Source, where: Location
) -> None:
    if option(call, "columns") is not None:
        if reader_name(call).startswith("read_csv"):
            _check_order(engine, call, files, source, where)
        return
    if len(files) < 2 or option(call, "union_by_name") is not None:
        return
    if reader_name(call) in {"read_parquet", "parquet_scan"}:
        _check_parquet(engine, files, source, where)
        return
    one, all_ = _described(engine, call), _described(engine, with_option(call, "union_by_name", exp.true()))
    differing = sorted(name for name in one.keys() | all_.keys() if one.get(name) != all_.get(name))
    if one and all_ and differing:
        raise _different(source, where, f"column {differing[0]!r} is not alike in all files that are read as one")


def _check_parquet(engine: duckdb.DuckDBPyConnection, files: list[str], source: Source, where: Location) -> None:
    """Parquet files say what they hold; DuckDB would take the columns of the first for those of all."""
    listed = ", ".join(map(literal, files))
    columns = "file_name, name, num_children, type, converted_type, scale, precision, logical_type"
    try:
        rows = engine.execute(f"select {columns} from parquet_schema([{listed}])").fetchall()
    except duckdb.Error:
        # Reading will tell why.
        return
    schemas = [_top_level(list(part)) for _, part in groupby(rows, key=itemgetter(0))]
    for schema in schemas[1:]:
        for name in sorted(schema.keys() | schemas[0].keys()):
            if schema.get(name) != schemas[0].get(name):
                raise _different(source, where, f"column {name!r} is not alike in all files that are read as one")


def _top_level(rows: Sequence[tuple[Any, ...]]) -> dict[str, list[tuple[Any, ...]]]:
    """The columns of one file, each with all that is inside it."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    inside, name = 0, ""
    for _, part, children, *kind in rows[1:]:
        if not inside:
            name, inside = part, 1
        found.setdefault(name, []).append((part if part != name else "", *kind))
        inside += (children or 0) - 1
    return found


def _check_order(
    engine: duckdb.DuckDBPyConnection, call: exp.Func, files: list[str], source: Source, where: Location
) -> None:
    """Columns that are told for CSV go by their place: a header in another order would mix them up."""
    told = list(_described(engine, call))
    for file in files:
        single = with_option(call, "columns", None, file=file)
        found = list(_described(engine, single))
        if found != told and sorted(map(str.lower, found)) == sorted(map(str.lower, told)):
            raise _different(source, where, f"the columns of {Path(file).name!r} are in another order")


def _described(engine: duckdb.DuckDBPyConnection, call: exp.Func) -> dict[str, str]:
    """Columns and types of what a reader returns; none where it fails, as reading will tell why."""
    try:
        rows = engine.execute(f"describe select * from {call.sql(dialect=DIALECT)}").fetchall()
    except duckdb.Error:
        return {}
    return {str(name): str(kind) for name, kind, *_ in rows}


def _different(source: Source, where: Location, what: str) -> SourceError:
    hint = "union_by_name = true in read_csv(…) and the like, or in profiles.yml, matches columns by name"
    return SourceError(Diagnostic("source", f"connection {source.connection.name!r}: {what}", where, hint))
