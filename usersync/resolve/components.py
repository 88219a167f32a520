"""Connected components in SQL, by hooking and contraction: a few rounds over ever fewer edges."""

from __future__ import annotations

import duckdb

from usersync.resolve import PACKAGE
from usersync.warehouse.store import run_template


def label_components(engine: duckdb.DuckDBPyConnection) -> None:
    """From `temp.edges(u, w)` with u > w to `temp.labels(node, root)`: the smallest node of each one's component.

    Nodes that are their own root have no row.
    """
    engine.execute("create or replace temp table labels (node bigint, root bigint)")
    edges, rounds = "temp.edges", 0
    while _any(engine, f"select 1 from {edges} limit 1"):
        run_template(engine, PACKAGE, "hook", round=rounds, edges=edges)
        moved = _any(engine, "select 1 from temp.jumping limit 1")
        while moved:
            run_template(engine, PACKAGE, "jump")
            moved = _any(engine, "select 1 from temp.jumped where moved limit 1")
        run_template(engine, PACKAGE, "contract", round=rounds, edges=edges)
        edges, rounds = f"temp.edges{rounds}", rounds + 1
    for done in reversed(range(rounds)):
        run_template(engine, PACKAGE, "compose", round=done)
        for table in ("parents", "roots", "edges"):
            engine.execute(f"drop table temp.{table}{done}")


def _any(engine: duckdb.DuckDBPyConnection, sql: str) -> bool:
    return engine.execute(sql).fetchone() is not None
