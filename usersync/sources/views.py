"""Views of a DuckDB file, which DuckDB itself runs: they read tables of their own file, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from usersync.compile.pipeline import Compiled
from usersync.compile.query import Query
from usersync.compile.sql import DIALECT, literal, template
from usersync.compile.tables import qualify_tables
from usersync.diagnostics import ConfigError, Diagnostic
from usersync.project.model import Source
from usersync.sources.engine import INSTALLS_NOTHING

_ROWS_OF_VALUES = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree"})
"""Table functions that read nothing."""
_OPENING = re.compile(r'\b(\w+_scan(?:_pushdown)?|\w+_attach|query(?:_table)?)"?\(', re.IGNORECASE)
"""Calls that open what they name when they are bound; of a query as text nobody knows."""
_FILE = "the_file"


def read_definitions(path: Path) -> dict[str, str]:
    """The SQL of a DuckDB file's views and macros by their names in lower case, as DuckDB spells it.

    In an instance of its own: another would list those of all that is attached to it, of servers too.

    Raises:
        duckdb.Error: the file cannot be opened.
    """
    found: dict[str, str] = {}
    with duckdb.connect(":memory:", config=INSTALLS_NOTHING) as alone:
        alone.execute(f"attach {literal(str(path))} as {_FILE} (read_only)")
        for name, sql in alone.execute(template("usersync.sources", "definitions_duckdb", file=_FILE)).fetchall():
            found[name] = f"{found.get(name, '')}\n{sql}"
    return found


def check_views(engine: duckdb.DuckDBPyConnection, compiled: Compiled, source: Source) -> None:
    """Looks at what the tables of a pipeline's query read when they are views; for other sources than DuckDB's nothing.

    Asks DuckDB for its plan, so that views of views and macros are seen through. Reads no rows.

    Raises:
        ConfigError: a view reads the warehouse, another connection, a file or a server (US501).
    """
    if source.connection.type != "duckdb":
        return
    seen = set()
    for query in (compiled.full, compiled.incremental):
        for table in qualify_tables(query.tree, source.connection, query.rendered).find_all(exp.Table):
            name = exp.table_name(table, dialect=DIALECT, identify=True)
            if table.catalog and name not in seen:
                seen.add(name)
                if call := _opening(source.definitions, table.name):
                    raise _refused(query, table, source, f"{call}()")
                for read in _beyond(engine, name, source.connection.name):
                    raise _refused(query, table, source, read)


def _opening(definitions: Mapping[str, str], view: str) -> str | None:
    """What a view, or anything that it names, may call that opens a server or file as soon as DuckDB looks at it."""
    seen: set[str] = set()
    names = [view.lower()]
    while names:
        name = names.pop()
        if name in seen or name not in definitions:
            continue
        seen.add(name)
        if call := _OPENING.search(definitions[name]):
            return call[1].lower()
        text = definitions[name].lower()
        names += [other for other in definitions if other in text]
    return None


def _beyond(engine: duckdb.DuckDBPyConnection, table: str, own: str) -> Iterator[str]:
    """What a table or view reads that is not of its own file, as a person would call it."""
    plan = _plan(engine, f"from {table}")
    if plan.get("error_type") == "not implemented":  # of a scan that is none of DuckDB's tables
        yield "what is no table of its file"
    for scan in _scans(plan.get("plans")):
        given = scan.get("function_data") or {}
        if scan["name"] != "seq_scan":
            if scan["name"] not in _ROWS_OF_VALUES:
                yield f"{scan['name']}()"
        elif given["catalog"].lower() != own.lower():
            yield f"{given['catalog']}.{given['schema']}.{given['table']}"


def _plan(engine: duckdb.DuckDBPyConnection, sql: str) -> dict[str, Any]:
    """A query's plan as DuckDB binds it, or the error; nothing where that is no error of the query's."""
    try:
        row = engine.execute(f"select json_serialize_plan({literal(sql)})").fetchone()
    except duckdb.Error:
        # Reading will tell why.
        return {}
    found: dict[str, Any] = json.loads(row[0]) if row else {}
    return found


def _scans(node: Any) -> Iterator[dict[str, Any]]:
    """The places of a plan where rows come from."""
    if isinstance(node, dict):
        if node.get("type") == "LOGICAL_GET":
            yield node
        node = list(node.values())
    if isinstance(node, list):
        for inner in node:
            yield from _scans(inner)


def _refused(query: Query, table: exp.Table, source: Source, read: str) -> ConfigError:
    written = next((t for t in query.tree.find_all(exp.Table) if t.name.lower() == table.name.lower()), query.tree)
    message = f"the view {table.name!r} of connection {source.connection.name!r} reads {read}"
    hint = "a view of a DuckDB file may read that file's own tables only"
    return ConfigError(Diagnostic("US501", message, query.location(written), hint))
