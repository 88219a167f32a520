"""What the next build makes of a decision on two identities: a rehearsal of it that reads no source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from usersync.build.pipelines import BuildOptions
from usersync.build.rehearse import Rehearsal, rehearse
from usersync.compile.sql import template
from usersync.project.model import Project
from usersync.project.overrides import Kind
from usersync.report.people import Identity, Person
from usersync.warehouse.store import rows

PACKAGE = "usersync.report"
MOST = 5
"""Pieces of evidence that are told of."""


@dataclass(frozen=True, slots=True)
class Overruled:
    """Evidence that an unlink cuts."""

    identifier: str | None
    """None for one id in one connection, and for a link."""
    value: str
    """Of the identifier; else the id, or the identity that was linked."""
    identity: str
    """Who holds it."""

    def __str__(self) -> str:
        return f"{f'{self.identifier} = ' if self.identifier else ''}{self.value} ({self.identity})"


@dataclass(frozen=True, slots=True)
class Effect:
    """What the next build makes of a decision, as far as the people go whom it is about."""

    words: str
    overruled: tuple[Overruled, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """A user after the build, or identities that wait for one."""

    component: int
    key: int | None
    user_id: str | None
    identities: int
    were: tuple[str, ...] = ()
    """The users of today whose identities are in it, the oldest first."""


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two: the person of today, its identity in the decision, and what becomes of that."""

    person: Person
    identity: Identity
    part: _Part


def effect(project: Project, kind: Kind, people: tuple[Person, Person], pair: tuple[Identity, Identity]) -> Effect:
    """What the next build makes of a decision.

    Args:
        project: With the decision among its own.
        kind: `link` or `unlink`.
        people: Whom it is about, as they are today.
        pair: The identities that stand for them.

    Raises:
        WarehouseError: there is no warehouse, or another process is writing to it.
    """
    with rehearse(project, {}, BuildOptions()) as rehearsal:
        parts = _parts(rehearsal, pair)
        one, other = (
            _Side(person, identity, parts.get(identity.pk, _today(person)))
            for person, identity in zip(people, pair, strict=True)
        )
        words = _linked(one, other) if kind == "link" else _unlinked(one, other)
        return Effect(words, _overruled(rehearsal, parts))


def _today(person: Person) -> _Part:
    """Of someone who stays as he is."""
    return _Part(person.component, person.key, person.user_id, len(person.identities))


def _parts(rehearsal: Rehearsal, pair: tuple[Identity, Identity]) -> dict[int, _Part]:
    if rehearsal.resolution.idle:
        return {}
    found = rows(rehearsal.engine, template(PACKAGE, "parts", keys=[identity.pk for identity in pair]))
    return {
        pk: _Part(component, key, user_id, identities, tuple(were or ()))
        for pk, component, key, user_id, identities, were in found
    }


def _overruled(rehearsal: Rehearsal, parts: dict[int, _Part]) -> tuple[Overruled, ...]:
    values: dict[str, Any] = {
        "components": sorted({part.component for part in parts.values()}),
        "identifiers": rehearsal.users.identifiers,
        "scope": rehearsal.resolution.scope,
        "limit": MOST,
    }
    found = rows(rehearsal.engine, template(PACKAGE, "overruled", **values)) if parts else []
    return tuple(Overruled(*row) for row in found)


def _unlinked(one: _Side, other: _Side) -> str:
    if _group(one.person) != _group(other.person):
        return "they are two users already, and stay so whatever they come to share"
    sides = "; ".join(
        f"{side.identity.reference} {_belongs(side, one.person)}" for side in (one, other) if side.part.user_id
    )
    said = f"they are one person today, {one.person.label}: the next build parts them"
    return f"{said}: {sides}" if sides else said


def _belongs(side: _Side, person: Person) -> str:
    return f"{'stays' if side.part.user_id == person.user_id else 'becomes'} user {side.part.user_id}"


def _linked(one: _Side, other: _Side) -> str:
    if (one.part.component, one.part.key) != (other.part.component, other.part.key):
        return "they stay two: an unlink of others stands against it"
    if _group(one.person) == _group(other.person):
        return f"they are one person already, {one.person.label}, and stay so whatever becomes of their values"
    return _joined(one, other)


def _joined(one: _Side, other: _Side) -> str:
    part = one.part
    if part.user_id is None:
        return "neither has a user: they become one when a pipeline that creates users knows either"
    if len(part.were) > 1:
        *some, last = part.were
        joined = f"users {', '.join(some)} and {last} become one of {part.identities:,} identities"
        return f"{joined}: {part.user_id} stays its id"
    waiting = next((side.person for side in (one, other) if side.person.user_id is None), other.person)
    rest = f"becomes part of user {part.user_id}: {part.identities:,} identities then"
    return f"{waiting.label}, which has no user, {rest}"


def _group(person: Person) -> tuple[int, int | None]:
    return person.component, person.key
