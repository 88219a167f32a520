"""The build's own SQL templates, run."""

from __future__ import annotations

import duckdb

from usersync.compile.sql import statements

PACKAGE = "usersync.build"


def run(engine: duckdb.DuckDBPyConnection, name: str, **values: object) -> None:
    """Runs every statement of a template of this package."""
    for statement in statements(PACKAGE, name, **values):
        engine.execute(statement)
