"""From the warehouse to values: the identities at hand in temporary tables, and some of them as values.

`temp.explained` holds whole rows with their side: 0 is the user, 1 another one. `temp.held` is what they hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import duckdb

from usersync.compile.sql import ident, literal, template
from usersync.diagnostics import ConfigError
from usersync.project.model import Property, UserSchema
from usersync.project.overrides import Kind as DecisionKind
from usersync.project.types import NESTED, Kind, PropertyType
from usersync.report.explain.values import Ignored, Member, Origin, Rules, Source
from usersync.report.people import Person
from usersync.resolve.links import SAME_ID, Identifier, id_value, identifiers_of, value_hash
from usersync.resolve.state import read_state, resolution_of
from usersync.warehouse.store import rows, run_template, template_rows

PACKAGE = "usersync.report.explain"

FEW = 3
"""Holders of a value that are looked at on each side."""
VALUES = 100
"""Values that are told of: shared ones, and those of one property."""

_COLUMNS = (
    *("_pk", "_age", "pipeline", "connection", "identity_id", "id_kind", "fallback_id"),
    *("updated_at", "last_run"),
)
"""Of the identities, beside their properties."""

_FEW_ROWS = 100
"""Up to so many rows are read at once; of more, their places are read first."""

_LIFT = 1 << 60
"""Lifts the rank of a primary source's values over all others'."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the last build resolved by."""

    identifiers: tuple[Identifier, ...]
    leaves: tuple[Property, ...]
    """Properties that the warehouse has as they are today."""
    primary_sources: Mapping[str, str]
    salt: int
    current: bool
    """Whether the next build will resolve by the same."""


@dataclass(frozen=True, slots=True)
class SharedKeys:
    """A value that both sides hold."""

    level: int | None
    """Of the identifier, 0 being the strongest; None for one id in one connection."""
    value: str
    ones: list[int]
    """Keys of some holders on the user's side."""
    others: list[int]
    """Keys of some on the other."""
    count: int
    """How many there are on the other."""


def read_settings(engine: duckdb.DuckDBPyConnection, users: UserSchema) -> Settings:
    """What the last build resolved by.

    Raises:
        ConfigError: one of its identifiers is no property any more, or one of another type.
    """
    state = read_state(engine)
    stored = json.loads(state.resolution)
    columns = {(column, kind) for column, kind in stored["properties"]}
    leaves = {leaf.path: leaf for leaf in users.leaves if (leaf.column, leaf.type.stored) in columns}
    for path in stored["identifiers"]:
        if path not in leaves:
            message = f"{path}, by which the last build matched, is not in {users.file.path} as it was"
            raise ConfigError(message, hint="`usersync build` matches by what stands there now")
    return Settings(
        identifiers_of(replace(users, identifiers=tuple(stored["identifiers"]), ignore_values={})),
        tuple(leaves.values()),
        stored["primary_sources"],
        state.salt,
        resolution_of(users, state) == state.resolution,
    )


def load_people(
    engine: duckdb.DuckDBPyConnection, settings: Settings, people: Sequence[Person], leaves: Iterable[Property]
) -> None:
    """Reads all identities of one or two people, each a side of its own.

    Args:
        engine: With a warehouse attached.
        settings: What the last build resolved by.
        people: One or two.
        leaves: The properties to read beside identifiers.
    """
    columns = [*_COLUMNS, *(one.column for one in settings.identifiers), *(leaf.column for leaf in leaves)]
    run_template(engine, PACKAGE, "clusters", clusters=[(person.component, person.key) for person in people])
    _load(engine, settings, "temp.explained", columns)


def load_outsiders(engine: duckdb.DuckDBPyConnection, settings: Settings, keys: Iterable[int]) -> list[SharedKeys]:
    """Adds identities of others: some that share a value with the user, and those that a decision speaks of.

    Args:
        engine: With the user loaded.
        settings: What the last build resolved by.
        keys: The user's identities whose values are looked at.
    """
    _choose(engine, keys)
    levels = (*range(len(settings.identifiers)), SAME_ID)
    hashes = [(level, value_hash(level, "value", settings.salt)) for level in levels]
    run_template(engine, PACKAGE, "outside", hashes=hashes, few=FEW, most=VALUES, same_id=SAME_ID)
    columns = [str(name) for name, *_ in rows(engine, "describe temp.explained")]
    _load(engine, settings, "temp.outsiders", columns[1:])
    return _shared(engine)


def load_ends(engine: duckdb.DuckDBPyConnection, one: str, other: str) -> tuple[frozenset[int], frozenset[int]]:
    """The identities at the two ends of a chain, by key: those of which a condition holds, or all where it never does.

    Args:
        engine: With `temp.explained`.
        one: The condition in SQL.
        other: That of the other end.
    """
    run_template(engine, PACKAGE, "ends", sides=[(0, one), (1, other)])
    ends: tuple[set[int], set[int]] = (set(), set())
    for side, pk in rows(engine, "select side, _pk from temp.ends"):
        ends[side].add(pk)
    return frozenset(ends[0]), frozenset(ends[1])


def load_shared(engine: duckdb.DuckDBPyConnection) -> list[SharedKeys]:
    """Finds the values that both people hold."""
    run_template(engine, PACKAGE, "shared", few=FEW, most=VALUES, same_id=SAME_ID)
    return _shared(engine)


def _load(engine: duckdb.DuckDBPyConnection, settings: Settings, table: str, columns: Iterable[str]) -> None:
    """Reads the identities of `temp.explained_keys`, first of all or in addition to those read before."""
    count = int(rows(engine, "select count(*) from temp.explained_keys")[0][0])
    run_template(
        engine,
        PACKAGE,
        "rows",
        rows=table,
        fresh=table == "temp.explained",
        few=count <= _FEW_ROWS,
        columns=list(dict.fromkeys(columns)),
        identifiers=settings.identifiers,
        same_id=SAME_ID,
        id_value=id_value,
    )


def _shared(engine: duckdb.DuckDBPyConnection) -> list[SharedKeys]:
    found = rows(engine, "select level, value, ones, others, others_count from temp.shared")
    return [SharedKeys(None if level == SAME_ID else level, *rest) for level, *rest in found]


def read_members(engine: duckdb.DuckDBPyConnection, settings: Settings, keys: Iterable[int]) -> dict[int, Member]:
    """Some of the loaded identities by their keys, the oldest first."""
    _choose(engine, keys)
    found = template_rows(engine, PACKAGE, "members", identifiers=settings.identifiers)
    return {pk: Member(*(pk, *said, tuple(map(_values, held)), user)) for pk, *said, held, user in found}


def _choose(engine: duckdb.DuckDBPyConnection, keys: Iterable[int]) -> None:
    engine.execute(f"create or replace temp table chosen as select unnest({sorted(keys)}::bigint[]) as _pk")


def _values(held: list[str | None] | None) -> tuple[str, ...]:
    return tuple(value for value in held or () if value is not None)


def read_rules(engine: duckdb.DuckDBPyConnection, settings: Settings) -> Rules:
    """What the last build matched by, as far as it concerns the loaded identities; decisions are not among it."""
    ignored = rows(engine, "select level, value, reason, identities from temp.held_ignored")
    overruled = rows(engine, "select _pk, level, value from temp.overruled")
    return Rules(
        tuple(one.path for one in settings.identifiers),
        {(level, value): Ignored(reason, identities) for level, value, reason, identities in ignored},
        frozenset((pk, None if level == SAME_ID else level, value) for pk, level, value in overruled),
    )


def read_decisions(engine: duckdb.DuckDBPyConnection) -> list[tuple[DecisionKind, int, int]]:
    """The decisions in force between two loaded identities: kind, and the keys of both."""
    loaded = "(select _pk from temp.explained)"
    found = rows(
        engine, f"select decision, a, b from usersync.decisions where a in {loaded} and b in {loaded} order by all desc"
    )
    return [(kind, a, b) for kind, a, b in found]


def read_origins(engine: duckdb.DuckDBPyConnection, settings: Settings) -> tuple[Origin, ...]:
    """Where the value of each property of the loaded user comes from, and which others there are."""
    if not settings.leaves:
        return ()
    leaves = [_leaf(leaf, settings.primary_sources.get(leaf.path)) for leaf in settings.leaves]
    found = rows(engine, template(PACKAGE, "origins", leaves=leaves, lift=_LIFT, most=VALUES))
    return tuple(
        _origin(settings.leaves[index], [row[1:] for row in values])
        for index, values in groupby(found, lambda row: row[0])
    )


def _origin(leaf: Property, values: list[tuple[Any, ...]]) -> Origin:
    sources = tuple(Source(*row[:-1]) for row in values)
    chosen = len(sources) if leaf.type.kind is Kind.ARRAY else 1
    return Origin(leaf.path, sources[:chosen], sources[chosen:], values[0][-1])


def _leaf(leaf: Property, primary: str | None) -> dict[str, str]:
    """A property in the words of the template."""
    element = leaf.type.element if leaf.type.kind is Kind.ARRAY else None
    column = ident(leaf.column)
    said = f"unnest(list_distinct({column}))" if element else column
    return {
        "rows": f"select *, {said} as said from ranked",
        "text": _text("said", element or leaf.type),
        "place": "dense_rank() over (order by said)" if element else "0",
        "primary": "false" if element or primary is None else f"connection = {literal(primary)}",
    }


def _text(column: str, kind: PropertyType) -> str:
    return f"to_json({column})::varchar" if kind.kind in NESTED else f"{column}::varchar"
