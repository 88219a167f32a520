"""Identities to users: links, edges, components, and the users that come out."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from usersync.build.components import label_components
from usersync.build.statements import PACKAGE, run
from usersync.compile.sql import ident, literal, template
from usersync.diagnostics import WarehouseError
from usersync.project.model import Property, UserSchema
from usersync.project.types import Kind

_PRIMARY = 1 << 60
"""Lifts the rank of a primary source's values over all others'."""


@dataclass(frozen=True, slots=True)
class UserCounts:
    """What a build did to users."""

    created: int = 0
    updated: int = 0
    merged: int = 0
    split: int = 0
    deleted: int = 0
    total: int = 0
    identities: int = 0


def resolve(engine: duckdb.DuckDBPyConnection, users: UserSchema, run_id: str, now: str) -> UserCounts:
    """Recomputes every cluster and writes what changed of users, within the caller's transaction.

    Args:
        engine: Where identities are written already.
        users: The unified user.
        run_id: The build.
        now: Its start in UTC.
    """
    identifiers = [_identifier(users, path) for path in users.identifiers]
    for name in ("links", "edges"):
        run(engine, name, identifiers=identifiers, limit=users.max_identities_per_value)
    label_components(engine)
    leaves = [{"column": leaf.column, "golden": _golden(users, leaf)} for leaf in users.leaves]
    run(engine, "users", leaves=leaves, run_id=run_id, now=now)
    problems = engine.execute(template(PACKAGE, "check")).fetchall()
    if problems:
        raise WarehouseError(f"a check of the warehouse failed, nothing was written: {problems[0][0]}")
    return _counts(engine, run_id)


def _identifier(users: UserSchema, path: str) -> dict[str, object]:
    leaf = next(leaf for leaf in users.leaves if leaf.path == path)
    return {
        "path": path,
        "column": leaf.column,
        "array": leaf.type.kind is Kind.ARRAY,
        "ignored": [str(value) for value in users.ignore_values.get(path, ()) if value is not None],
    }


def _golden(users: UserSchema, leaf: Property) -> str:
    column = ident(leaf.column)
    if leaf.type.kind is Kind.ARRAY:
        return f"list_sort(list_distinct(flatten(list({column}) filter ({column} is not null))))"
    primary = users.primary_sources.get(leaf.path)
    rank = f"_rank + if(connection = {literal(primary)}, {_PRIMARY}, 0)" if primary else "_rank"
    return f"arg_max({column}, {rank})"


def _counts(engine: duckdb.DuckDBPyConnection, run_id: str) -> UserCounts:
    changes = dict(
        engine.execute(
            f"select change, count(*) from usersync.user_changes where run_id = {literal(run_id)} group by change"
        ).fetchall()
    )
    updated, total, identities = engine.execute(
        "select (select count(*) from temp.user_delta where _action = 'update'), "
        "(select count(*) from usersync.user_rows), (select count(*) from usersync.identity_rows)"
    ).fetchall()[0]
    return UserCounts(
        **{change: changes.get(change, 0) for change in ("created", "merged", "split", "deleted")},
        updated=updated,
        total=total,
        identities=identities,
    )
