"""Identities as the last build left them, or as the next one would: which evidence connects them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import duckdb

from usersync.build.rehearse import Rehearsal
from usersync.project.model import UserSchema
from usersync.project.overrides import Decision
from usersync.report.explain import words
from usersync.report.explain.load import Settings, load_ends, load_people, read_decisions, read_members, read_rules
from usersync.report.explain.matching import shortest_path
from usersync.report.explain.person import MOST
from usersync.report.explain.values import Member, Rules, Step
from usersync.report.explain.walk import between
from usersync.report.people import Person
from usersync.report.plan.values import Link, Named, named
from usersync.resolve.links import identifiers_of
from usersync.warehouse.store import rows, run_template

PACKAGE = "usersync.report.plan"
PLANNED = "planned"
"""A small warehouse in memory: some users as the build would leave them."""

Cluster = tuple[int, int | None]
"""Component and `_user`: a user, or identities that wait for one."""
Pair = tuple[str, frozenset[int]]
"""`link` or `unlink`, and the keys of two identities."""


@dataclass(frozen=True)
class World:
    """A warehouse, which is the default of the engine while it is asked."""

    engine: duckdb.DuckDBPyConnection
    name: str
    """Of the attached database."""
    settings: Settings
    written: Mapping[Pair, Decision]
    """The decisions in models/overrides.csv."""

    def load(self, *some: Cluster) -> frozenset[int]:
        """Loads the identities of some users; their keys."""
        self.engine.execute(f"use {self.name}")
        load_people(self.engine, self.settings, [Person(None, component, key, ()) for component, key in some], ())
        return keys(self.engine, "select _pk from temp.explained")

    def members(self, some: frozenset[int]) -> dict[int, Member]:
        """Some of the loaded identities as values."""
        return read_members(self.engine, self.settings, some)

    @property
    def rules(self) -> Rules:
        """What the loaded identities are matched by."""
        links = {pair: self.written.get(("link", pair)) for pair in self.pairs("link")}
        return replace(read_rules(self.engine, self.settings), links=links)

    def pairs(self, kind: str) -> list[frozenset[int]]:
        """The loaded identities that decisions of a kind speak of."""
        return [frozenset((a, b)) for found, a, b in read_decisions(self.engine) if found == kind]

    def chain(self, cluster: Cluster, one: str, other: str) -> tuple[Step, ...]:
        """A shortest chain between identities of a user.

        Args:
            cluster: The user.
            one: Which identities to begin at, as a condition in SQL.
            other: Which to end at.
        """
        everyone = self.load(cluster)
        ends = load_ends(self.engine, one, other)
        shown = everyone if len(everyone) <= MOST else between(self.engine)
        return shortest_path(self.members(shown).values(), self.rules, *ends)


def planned(rehearsal: Rehearsal) -> World:
    """The world after the build, nobody in it yet."""
    engine, users = rehearsal.engine, rehearsal.users
    engine.execute(f"attach ':memory:' as {PLANNED}")
    run(engine, "rules", identifiers=users.identifiers, scope=rehearsal.resolution.scope)
    return World(engine, PLANNED, _settings(users), written(rehearsal))


def _settings(users: UserSchema) -> Settings:
    plain = identifiers_of(replace(users, ignore_values={}))
    return Settings(plain, users.leaves, users.primary_sources, 0, True)


def written(rehearsal: Rehearsal) -> dict[Pair, Decision]:
    """The decisions of the project by whom they speak of; those about identities that are not there left out."""
    sides = "select line, list(_pk) from temp.decision_sides group by line having count(*) = 2"
    decisions = rehearsal.project.decisions
    return {
        (decisions[line - 1].kind, frozenset(pair)): decisions[line - 1] for line, pair in rows(rehearsal.engine, sides)
    }


def keys(engine: duckdb.DuckDBPyConnection, sql: str) -> frozenset[int]:
    """The keys that a query returns."""
    return frozenset(pk for (pk,) in rows(engine, sql))


def clusters(engine: duckdb.DuckDBPyConnection, condition: str) -> list[Cluster]:
    """Where identities are after the build, by a condition in SQL."""
    return [(c, key) for c, key in rows(engine, f"select distinct component, _user from temp.placed where {condition}")]


def links(engine: duckdb.DuckDBPyConnection, steps: tuple[Step, ...]) -> tuple[Link, ...]:
    """A chain as links."""
    names = names_of(engine, [step.member for step in steps])
    return tuple(
        Link(step.evidence, words.evidence(step.evidence, step.member), names[step.parent.pk], names[step.member.pk])
        for step in steps
        if step.parent and step.evidence
    )


def names_of(engine: duckdb.DuckDBPyConnection, members: list[Member]) -> dict[int, Named]:
    """Identities by key, as they are named in a plan."""
    listed = ", ".join(str(member.pk) for member in members)
    found = rows(engine, f"select _pk, _action from temp.delta where _pk in ({listed})") if members else []
    actions = dict(found)
    return {m.pk: named(m.pipeline, m.identity_id, m.id_kind, actions.get(m.pk)) for m in members}


def run(engine: duckdb.DuckDBPyConnection, name: str, **values: object) -> None:
    """Runs every statement of a template of this package."""
    run_template(engine, PACKAGE, name, **values)
