"""`usersync explain`: why the identities of a user are one person, and why two users are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product

import duckdb

from usersync.diagnostics import ConfigError
from usersync.project.model import Project, UserSchema
from usersync.project.overrides import Decision, Kind
from usersync.report.explain.find import find, meant, named_property
from usersync.report.explain.load import (
    Settings,
    SharedKeys,
    load_ends,
    load_outsiders,
    load_people,
    load_shared,
    read_decisions,
    read_members,
    read_origins,
    read_rules,
    read_settings,
)
from usersync.report.explain.matching import shortest_path, spanning_tree, withheld
from usersync.report.explain.values import Comparison, Explanation, Member, Rules, Ruling, Shared, Withheld
from usersync.report.explain.walk import between, nearest
from usersync.report.people import Person
from usersync.report.warehouse import reading
from usersync.warehouse.store import look_up_many

MOST = 2_000
"""Identities of one user that are looked at in Python, and shown."""


def explain(project: Project, text: str) -> Explanation:
    """Why the identities of a user are one person, and where the values of its properties come from.

    Args:
        project: As loaded.
        text: A user id, of the past too; `property=value`; or `pipeline:identity_id`.

    Raises:
        ConfigError: the text names nobody or several people.
        WarehouseError: there is no warehouse, or another process holds it.
    """
    users = _users(project)
    with reading(project) as engine:
        look_up_many(engine)
        person, subject = find(engine, users, text)
        settings = read_settings(engine, users)
        load_people(engine, settings, [person], settings.leaves)
        keys = _keys(person)
        shown = keys if len(keys) <= MOST else nearest(engine, person.identities[0].pk, MOST)
        shared = load_outsiders(engine, settings, shown)
        found = _Loaded(engine, settings, project.decisions, shown, shared)
        own = [member for pk, member in found.members.items() if pk in shown]
        return Explanation(
            subject,
            spanning_tree(own, found.rules),
            (*_guarded(own, found.rules), *found.withheld()),
            found.rulings(keys),
            read_origins(engine, settings),
            settings.current,
        )


def compare(project: Project, one: str, other: str) -> Comparison:
    """The shortest chain between two identities of one user, or why there is none.

    Args:
        project: As loaded.
        one: As of `explain`.
        other: The same.

    Raises:
        ConfigError: a text names nobody or several people.
        WarehouseError: there is no warehouse, or another process holds it.
    """
    users = _users(project)
    with reading(project) as engine:
        look_up_many(engine)
        (person, subject), (second, its) = find(engine, users, one), find(engine, users, other)
        settings = read_settings(engine, users)
        if (person.component, person.key) != (second.component, second.key):
            load_people(engine, settings, [person, second], ())
            found = _Loaded(engine, settings, project.decisions, frozenset(), load_shared(engine))
            rulings = found.rulings(_keys(person))
            return Comparison(subject, its, False, (), found.withheld(), rulings, settings.current)
        asked = [leaf for text in (one, other) if (leaf := named_property(users, text))]
        load_people(engine, settings, [person], asked)
        ends = load_ends(engine, meant(users, one, person), meant(users, other, second))
        shown = _keys(person) if len(person.identities) <= MOST else between(engine)
        found = _Loaded(engine, settings, project.decisions, shown, ())
        path = shortest_path(found.members.values(), found.rules, *ends)
        return Comparison(subject, its, True, path, (), (), settings.current)


def _users(project: Project) -> UserSchema:
    if project.users is None:
        raise ConfigError([problem for problem in project.problems if problem.level == "error"])
    return project.users


def _keys(person: Person) -> frozenset[int]:
    return frozenset(identity.pk for identity in person.identities)


class _Loaded:
    """The loaded identities as values: some of the user's, and whoever is to be named beside them."""

    def __init__(
        self,
        engine: duckdb.DuckDBPyConnection,
        settings: Settings,
        decisions: Iterable[Decision],
        shown: frozenset[int],
        shared: Sequence[SharedKeys],
    ) -> None:
        self._shared = shared
        self._decided = read_decisions(engine)
        named = {pk for value in shared for pk in (*value.ones, *value.others)}
        named |= {pk for _, a, b in self._decided for pk in (a, b)}
        self.members = read_members(engine, settings, shown | named)
        self._written = {
            (decision.kind, frozenset((str(decision.identity), str(decision.other)))): decision
            for decision in decisions
        }
        links = {frozenset({a, b}): self._as_written("link", a, b) for kind, a, b in self._decided if kind == "link"}
        self.rules = replace(read_rules(engine, settings), links=links)

    def withheld(self) -> tuple[Withheld, ...]:
        """Why the values that both sides hold joined nobody."""
        shared = (
            Shared(value.level, value.value, self._members(value.ones), self._members(value.others), value.count)
            for value in self._shared
        )
        return tuple(withheld(shared, self.rules))

    def rulings(self, keys: frozenset[int]) -> tuple[Ruling, ...]:
        """The decisions between some identities and others."""
        pairs = ((kind, a, b) if a in keys else (kind, b, a) for kind, a, b in self._decided)
        return tuple(
            Ruling(kind, self.members[own], self.members[other], self._as_written(kind, own, other))
            for kind, own, other in pairs
            if own in keys and other not in keys
        )

    def _members(self, keys: Iterable[int]) -> tuple[Member, ...]:
        return tuple(self.members[pk] for pk in keys)

    def _as_written(self, kind: Kind, a: int, b: int) -> Decision | None:
        """The decision on two identities in the file, which may have changed since the last build."""
        pairs = product(self.members[a].names, self.members[b].names)
        written = (self._written.get((kind, frozenset(pair))) for pair in pairs)
        return next((decision for decision in written if decision), None)


def _guarded(members: Iterable[Member], rules: Rules) -> tuple[Withheld, ...]:
    """The values of a user's identities that a guard took from them, each once."""
    found: dict[tuple[int, str], Withheld] = {}
    for member in members:
        for level, values in enumerate(member.held):
            for value in values:
                if ignored := rules.ignored.get((level, value)):
                    guarded = Withheld("guard", rules.identifiers[level], value, member, ignored=ignored)
                    found.setdefault((level, value), guarded)
    return tuple(found[key] for key in sorted(found))
