"""Data tests: queries in `tests/*.sql` that return the rows which are wrong."""

from __future__ import annotations

from pathlib import Path

import duckdb

from usersync.build.results import TestResult
from usersync.compile.query import check_calls, parse_query
from usersync.compile.sql import DIALECT
from usersync.compile.tables import qualify_tables
from usersync.diagnostics import ConfigError, Diagnostic
from usersync.project.model import Connection, Project
from usersync.project.render import render_users
from usersync.project.texts import read_file
from usersync.sources.engine import reason_of
from usersync.warehouse.store import ALIAS

FOLDER = "tests"


def has_data_tests(project: Project) -> bool:
    """Whether the project has any."""
    return any((project.root / FOLDER).glob("*.sql"))


def run_data_tests(engine: duckdb.DuckDBPyConnection, project: Project) -> tuple[TestResult, ...]:
    """Runs every data test on the warehouse as the open transaction sees it."""
    return tuple(_run(engine, project, path) for path in sorted((project.root / FOLDER).glob("*.sql")))


def _run(engine: duckdb.DuckDBPyConnection, project: Project, path: Path) -> TestResult:
    try:
        file = read_file(project.root, path)
        rendered = render_users(file, project.library, project.profile, project.vars)
        query, _ = parse_query(rendered, DIALECT)
        check_calls(query)
        tree = qualify_tables(query.tree, Connection(ALIAS, "duckdb", {}, project.root), rendered)
        row = engine.execute(f"select count(*) from ({tree.sql(dialect=DIALECT, comments=False)})").fetchone()
    except ConfigError as error:
        return TestResult(path.stem, 1, error.diagnostics[0])
    except duckdb.Error as error:
        message = reason_of(error)
        return TestResult(path.stem, 1, Diagnostic("test", f"test {path.stem}: {message}", file.location(0)))
    failures = row[0] if row else 0
    if not failures:
        return TestResult(path.stem, 0)
    message = f"test {path.stem} found {failures} wrong row{'s' if failures > 1 else ''}"
    return TestResult(path.stem, failures, Diagnostic("test", message, file.location(0)))
