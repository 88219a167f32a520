"""Finding people by a text: a user id of today or of the past, a value of a property, or one of their identities."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from usersync.compile.conversions import value_of
from usersync.compile.source_types import source_type
from usersync.compile.sql import literal, template
from usersync.diagnostics import ConfigError, did_you_mean
from usersync.project.model import Property, UserSchema
from usersync.project.types import NESTED, Kind, PropertyType
from usersync.resolve.links import value_hash
from usersync.resolve.state import read_state
from usersync.warehouse.store import rows, template_rows

PACKAGE = "usersync.report"
MOST = 10
"""How many people a message lists when it should have been one."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FORMS = "a person is named by a user_id, a value (email=ada@example.com) or an identity (pipeline:identity_id)"


@dataclass(frozen=True, slots=True)
class Identity:
    """One identity of a person, by its keys."""

    pk: int
    """Its key inside the warehouse, `_pk`."""
    age: int
    """The smaller the older."""
    pipeline: str
    identity_id: str
    id_kind: str
    creates: bool
    """Whether its pipeline makes users, and does not only enrich them."""

    @property
    def reference(self) -> str:
        """Its name in texts and in models/overrides.csv."""
        return f"{self.pipeline}:{self.identity_id}"


@dataclass(frozen=True, slots=True)
class Person:
    """A user, or the identities of one that waits for a pipeline which creates it."""

    user_id: str | None
    """None while only `update_only` pipelines know the person."""
    component: int
    """Key of what evidence connects: several users, where an `unlink` parts them."""
    key: int | None
    """Key of this part of it, `_user`."""
    identities: tuple[Identity, ...]
    """All of them, the oldest first."""
    named: Identity | None = None
    """The identity that the text named, where it named one."""

    @property
    def label(self) -> str:
        """The user id; of one who waits, the oldest identity."""
        return self.user_id or self.identities[0].reference


def find_person(engine: duckdb.DuckDBPyConnection, users: UserSchema, text: str) -> Person:
    """The one person whom a text names.

    Args:
        engine: With a warehouse attached.
        users: The unified user.
        text: As of `find_people`.

    Raises:
        ConfigError: it names nobody, several people, or a property that there is not.
    """
    people = find_people(engine, users, text)
    if len(people) > 1:
        count = str(len(people)) if len(people) <= MOST else f"more than {MOST}"
        raise ConfigError(f"{text!r} is said of {count} users", hint=_choice(engine, users, people[:MOST]))
    return people[0]


def find_people(engine: duckdb.DuckDBPyConnection, users: UserSchema, text: str) -> list[Person]:
    """Everyone whom a text names, those with the oldest identities first: one more than `MOST` at most.

    Args:
        engine: With a warehouse attached.
        users: The unified user.
        text: A user id, of the past too; `property=value`; or `pipeline:identity_id`.

    Raises:
        ConfigError: it names nobody, or a property that there is not.
    """
    if _UUID.fullmatch(text.strip()):
        return [_by_id(engine, text.strip().lower())]
    separator = next((char for char in text if char in "=:"), None)
    if separator is None:
        raise ConfigError(f"{text!r} names nobody", hint=_FORMS)
    before, after = text.split(separator, 1)
    if separator == "=":
        return _by_value(engine, users, before.strip(), after)
    return [_by_reference(engine, before, after)]


def find_identity(engine: duckdb.DuckDBPyConnection, pipeline: str, identity_id: str) -> Identity | None:
    """The identity of a pipeline with a user id; else with a fallback id, current or last seen; else None."""
    for column in ("identity_id", "fallback_id"):
        values = {"pipeline": pipeline, "column": column, "value": identity_id}
        if found := rows(engine, template(PACKAGE, "identity", **values)):
            return Identity(*found[0])
    return None


def _by_id(engine: duckdb.DuckDBPyConnection, user_id: str) -> Person:
    # Id by id, since the view `user_ids` would follow every id that there ever was.
    at: str | None = user_id
    while at is not None:
        if clusters := _clusters(engine, template(PACKAGE, "user", user_id=at)):
            return _load(engine, clusters)[0]
        became = rows(engine, template(PACKAGE, "past", user_id=at))
        if not became:
            raise ConfigError(f"there is no user {user_id}", hint="`usersync show` lists them")
        at = became[0][0]
    raise ConfigError(f"the user {user_id} is gone", hint="no identity is left of it")


def _by_reference(engine: duckdb.DuckDBPyConnection, pipeline: str, identity_id: str) -> Person:
    found = find_identity(engine, pipeline, identity_id)
    if found is None:
        known = [str(row[0]) for row in rows(engine, "select distinct pipeline from usersync.identity_rows")]
        if pipeline not in known:
            raise ConfigError(f"no pipeline {pipeline!r} has brought identities", hint=did_you_mean(pipeline, known))
        hint = "ids are compared as text, letter by letter; `usersync show identities` lists them"
        raise ConfigError(f"{pipeline} has no identity {identity_id!r}", hint=hint)
    component = f"select component from usersync.nodes where _pk = {found.pk}"
    own = f"select component, _user from usersync.components where component in ({component}) and _pk = {found.pk}"
    [person] = _load(engine, _clusters(engine, own))
    return replace(person, named=found)


def _by_value(engine: duckdb.DuckDBPyConnection, users: UserSchema, path: str, text: str) -> list[Person]:
    leaf = _leaf(engine, users, path)
    array = leaf.type.kind is Kind.ARRAY
    kind = leaf.type.element if array and leaf.type.element else leaf.type
    value = _as_stored(engine, kind, text)
    if value is None:
        raise ConfigError(f"{text!r} is not a valid {kind}, which is what {path} is")
    sought = {"column": leaf.column, "array": array, "value": value, "stored": kind.stored, "limit": MOST + 1}
    # The index does not have ignored values.
    clusters = next(
        filter(None, (_holders(engine, hash=found, **sought) for found in (*_hashes(engine, path, value), None))), []
    )
    people = _load(engine, clusters)
    if not people:
        hint = "values are compared as they are after mapping and conversion: letter by letter"
        raise ConfigError(f"nobody has {path} = {text!r}", hint=hint)
    return people


def _hashes(engine: duckdb.DuckDBPyConnection, path: str, value: str) -> list[str]:
    """SQL of a value's hash in the index of identifiers, if the last build matched by the property."""
    state = read_state(engine)
    identifiers = json.loads(state.resolution or "{}").get("identifiers", [])
    return [value_hash(identifiers.index(path), literal(value), state.salt)] if path in identifiers else []


def _holders(engine: duckdb.DuckDBPyConnection, **sought: Any) -> list[tuple[int, int | None]]:
    return [(component, key) for component, key in template_rows(engine, PACKAGE, "holders", **sought)]


def _leaf(engine: duckdb.DuckDBPyConnection, users: UserSchema, path: str) -> Property:
    """The property to search, which the warehouse has a column of."""
    leaves = {leaf.path: leaf for leaf in users.leaves}
    leaf = leaves.get(path)
    if leaf is None:
        raise ConfigError(f"there is no property {path!r}", hint=did_you_mean(path, leaves) or f"see {users.file.path}")
    kind = leaf.type.element if leaf.type.kind is Kind.ARRAY and leaf.type.element else leaf.type
    if kind.kind in NESTED or kind.kind is Kind.JSON:
        raise ConfigError(f"{path} is {leaf.type}: nobody can be found by that", hint=_FORMS)
    column = f"database_name = current_database() and schema_name = 'usersync' and column_name = {literal(leaf.column)}"
    if not rows(engine, f"select 1 from duckdb_columns() where table_name = 'identity_rows' and {column}"):
        raise ConfigError(f"no build has brought {path} yet", hint="`usersync build` does")
    return leaf


def _as_stored(engine: duckdb.DuckDBPyConnection, kind: PropertyType, text: str) -> str | None:
    """The text as the warehouse writes a value of the type; None when it is none."""
    given = literal(text)
    if kind.kind in {Kind.TIMESTAMP, Kind.DATE, Kind.TIME}:
        # As `usersync show` prints them, which no source has to.
        found = f"try_cast({given} as {kind.stored})"
    else:
        value = value_of(given, source_type("VARCHAR"), kind)
        found = value.value if value else "null"
    stored = rows(engine, f"select ({found})::varchar")[0][0]
    return None if stored is None else str(stored)


def _clusters(engine: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[int, int | None]]:
    return [(component, key) for component, key in rows(engine, sql)]


def _load(engine: duckdb.DuckDBPyConnection, clusters: Sequence[tuple[int, int | None]]) -> list[Person]:
    """The people of some clusters, each given by component and `_user`."""
    # One at a time: with a constant the scans skip nearly all of both tables.
    return [_person(rows(engine, template(PACKAGE, "person", component=c, user=key))) for c, key in clusters]


def _person(members: list[tuple[Any, ...]]) -> Person:
    component, key, user_id = members[0][:3]
    return Person(user_id, component, key, tuple(Identity(*row[3:]) for row in members))


def _choice(engine: duckdb.DuckDBPyConnection, users: UserSchema, people: Sequence[Person]) -> str:
    """One line a person: the id, and a value that tells who it is."""
    telling = [leaf for leaf in users.leaves if leaf.path in users.identifiers] or users.leaves
    ids = [person.user_id for person in people if person.user_id]
    told = dict(rows(engine, template(PACKAGE, "telling", leaves=telling, ids=ids))) if ids else {}
    lines = [f"\n    {person.label}  {told.get(person.user_id) or ''}".rstrip() for person in people]
    return f"name one of them:{''.join(lines)}"
