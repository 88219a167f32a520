"""Users of very many identities: which of those to look at, by steps in SQL from an identity to its neighbours."""

from __future__ import annotations

import duckdb

from usersync.compile.sql import template
from usersync.resolve.links import SAME_ID
from usersync.warehouse.store import rows, run_template

PACKAGE = "usersync.report.explain"


def nearest(engine: duckdb.DuckDBPyConnection, start: int, most: int) -> frozenset[int]:
    """The identities that are nearest to one, with all on the way to them.

    Args:
        engine: With the tables of `usersync.report.explain.load`.
        start: The key of the identity.
        most: How many.
    """
    _begin(engine, f"_pk = {start}")
    distance, count = 0, 1
    while count < most and (new := _step(engine, distance := distance + 1)):
        count += new
    found = rows(engine, f"select _pk from temp.reached order by distance, _age limit {most}")
    return frozenset(pk for (pk,) in found)


def between(engine: duckdb.DuckDBPyConnection) -> frozenset[int]:
    """The identities on a shortest chain from the one end to the other of `temp.ends`; none where there is no chain."""
    _begin(engine, "_pk in (select _pk from temp.ends where side = 0)")
    reached = template(PACKAGE, "way_back")
    distance = 0
    while not (found := rows(engine, reached)) and _step(engine, distance := distance + 1):
        pass
    return frozenset(pk for (pk,) in found)


def _begin(engine: duckdb.DuckDBPyConnection, start: str) -> None:
    run_template(engine, PACKAGE, "pieces", start=start, same_id=SAME_ID)


def _step(engine: duckdb.DuckDBPyConnection, distance: int) -> int:
    """Goes one step further; how many identities it reached."""
    run_template(engine, PACKAGE, "step", distance=distance)
    return int(rows(engine, "select count(*) from temp.frontier")[0][0])
