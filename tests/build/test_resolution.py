"""Identity resolution against the rule applied to every pair, in plain Python, over random small worlds.

A build resolves many worlds at once: no value of one world occurs in another.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import pytest

from tests.sources.tables import Feeds

WORLDS = 150
PIPELINES = {"crm": "one", "leads": "one", "app": "two", "letter": "three"}
"""Each pipeline's connection."""
COLUMNS = "id text, number bigint, email text, phones text[], code text, name text, ts timestamp"
IDENTIFIERS = ("number", "email", "phones", "code")

Key = tuple[str, str]
Cluster = frozenset[Key]


@dataclass(frozen=True)
class Identity:
    pipeline: str
    id: str
    values: Mapping[str, Any]
    name: str | None
    minute: int

    @property
    def key(self) -> Key:
        return self.pipeline, self.id

    @property
    def row(self) -> tuple[object, ...]:
        return self.id, *(self.values[name] for name in IDENTIFIERS), self.name, f"2026-03-01 08:{self.minute:02}:00"

    def holds(self, identifier: str) -> frozenset[Any]:
        value = self.values[identifier]
        return frozenset(value) if isinstance(value, list) else frozenset({value} - {None})


World = dict[Key, Identity]


def random_values(world: int, dice: random.Random) -> dict[str, Any]:
    def one_of(name: str) -> str | None:
        return dice.choice((None, None, *(f"{name} {world}.{n}" for n in range(3))))

    return {
        "number": dice.choice((None, None, *range(world * 10, world * 10 + 3))),
        "email": one_of("email"),
        "phones": dice.choice((None, [], sorted({phone for _ in range(3) if (phone := one_of("phone"))}))),
        "code": one_of("code"),
    }


def random_identity(world: int, dice: random.Random) -> Identity:
    name = dice.choice((None, f"name {dice.randrange(9)}"))
    pipeline = dice.choice(list(PIPELINES))
    return Identity(pipeline, f"{world}.{dice.randrange(3)}", random_values(world, dice), name, dice.randrange(4))


def random_world(world: int, dice: random.Random) -> World:
    return {found.key: found for found in (random_identity(world, dice) for _ in range(dice.randint(2, 8)))}


def changed(number: int, world: World, dice: random.Random, deletions: bool) -> World:
    """A world a while later: some identities have other values, some are new, and some may be gone."""
    after = {
        key: replace(one, values=random_values(number, dice)) if dice.random() < 0.3 else one
        for key, one in world.items()
        if not deletions or dice.random() < 0.8
    }
    born = random_identity(number, dice)
    return {born.key: born, **after} if dice.random() < 0.5 else after


# --- The rule, on every pair ---


def match(a: Identity, b: Identity, identifiers: Sequence[str]) -> bool:
    if PIPELINES[a.pipeline] == PIPELINES[b.pipeline] and a.id == b.id:
        return True
    for identifier in identifiers:
        if a.holds(identifier) and b.holds(identifier):
            return bool(a.holds(identifier) & b.holds(identifier))
    return False


def clusters(world: World, identifiers: Sequence[str]) -> set[Cluster]:
    cluster_of: dict[Key, Cluster] = {key: frozenset({key}) for key in world}
    for a, b in combinations(world.values(), 2):
        if match(a, b, identifiers):
            union = cluster_of[a.key] | cluster_of[b.key]
            cluster_of |= dict.fromkeys(union, union)
    return set(cluster_of.values())


def best_name(members: Iterable[Identity]) -> str | None:
    """The latest name of connection two, else the latest; of equally late ones that of the smaller key."""
    named = [one for one in members if one.name is not None]
    primary = [one for one in named if PIPELINES[one.pipeline] == "two"]
    best = min(primary or named, key=lambda one: (-one.minute, one.key), default=None)
    return best.name if best else None


# --- The builds ---


@dataclass
class History:
    """Worlds that change, and a warehouse that follows."""

    feeds: Feeds
    identifiers: Sequence[str]
    dice: random.Random
    waits: bool = False
    """Whether the pipeline `letter` is update-only."""

    def __post_init__(self) -> None:
        self.feeds.workspace.users(
            COLUMNS.removeprefix("id text, ").replace(", ts timestamp", ""),
            identifiers=list(self.identifiers),
            primary_sources={"name": "two"},
        )
        for pipeline, connection in PIPELINES.items():
            self.feeds.add(pipeline, COLUMNS, connection=connection)
        self.worlds = [random_world(number, self.dice) for number in range(WORLDS)]

    def let_letters_wait(self) -> None:
        self.waits = True
        self.feeds.model("letter", write="update_only")

    def change(self, *, deletions: bool) -> None:
        self.worlds = [changed(n, world, self.dice, deletions) for n, world in enumerate(self.worlds)]

    def build(self) -> dict[object, Cluster]:
        """Builds the worlds as they are: the members of every user."""
        rows = defaultdict(list)
        for world in self.worlds:
            for identity in world.values():
                rows[identity.pipeline].append(identity.row)
        for pipeline in PIPELINES:
            self.feeds.fill(pipeline, *rows[pipeline])
        self.feeds.workspace.build("--allow-deletes")
        members = defaultdict(set)
        sql = "select user_id, pipeline, identity_id from identities where user_id is not null"
        for user, *key in self.feeds.workspace.rows(sql):
            members[user].add(tuple(key))
        return {user: frozenset(keys) for user, keys in members.items()}

    def expected(self) -> set[Cluster]:
        found = {cluster for world in self.worlds for cluster in clusters(world, self.identifiers)}
        return {c for c in found if not self.waits or any(pipeline != "letter" for pipeline, _ in c)}


PRIORITIES: Sequence[tuple[str, ...]] = [
    ("email",),
    ("phones", "number"),
    ("code", "email", "phones"),
    ("number", "email", "phones", "code"),
    ("phones", "code", "number", "email"),
]


some_priorities = pytest.mark.parametrize("history", PRIORITIES[:4:3], indirect=True, ids=" ".join)


@pytest.fixture(params=PRIORITIES, ids=" ".join)
def history(request: pytest.FixtureRequest, feeds: Feeds) -> History:
    return History(feeds, request.param, random.Random(" ".join(request.param)))


@pytest.mark.parametrize("waits", [False, True], ids=["", "update only"])
def test_users_are_the_components_of_the_rule(history: History, waits: bool) -> None:
    if waits:
        history.let_letters_wait()
    for _ in range(3):
        found = history.build()
        assert set(found.values()) == history.expected()
        identities = {key: one for world in history.worlds for key, one in world.items()}
        for user, name, phones, count in history.feeds.workspace.rows(
            "select user_id, name, phones, identity_count from users"
        ):
            members = [identities[key] for key in found[user]]
            assert (name, count) == (best_name(members), len(members))
            assert phones == (sorted(set().union(*(one.holds("phones") for one in members))) or empty(members))
        history.change(deletions=True)


def empty(members: Iterable[Identity]) -> list[str] | None:
    """What a user has of phones when nobody has any: null, unless one said so by an empty array."""
    return None if all(one.values["phones"] is None for one in members) else []


@some_priorities
def test_ids_are_those_of_the_oldest_identities(history: History) -> None:
    ages: dict[Key, tuple[object, ...]] = {}
    owners: dict[Key, object] = {}
    for step in range(4):
        found = history.build()
        ages = {key: (step, key) for world in history.worlds for key in world} | ages
        for user, members in found.items():
            oldest = min(members, key=lambda key: ages[key])
            assert owners.setdefault(oldest, user) == user
        history.change(deletions=False)
    assert len(set(owners.values())) == len(owners)


@some_priorities
@pytest.mark.parametrize("waits", [False, True], ids=["", "update only"])
def test_a_user_that_neither_splits_nor_merges_keeps_its_id(history: History, waits: bool) -> None:
    if waits:
        history.let_letters_wait()
    before = history.build()
    for _ in range(3):
        history.change(deletions=True)
        after = history.build()
        user_of = {key: user for user, members in after.items() for key in members}
        old_user_of = {key: user for user, members in before.items() for key in members}
        for user, members in before.items():
            successors = {user_of.get(key) for key in members if any(key in world for world in history.worlds)}
            if len(successors) == 1 and None not in successors:
                [successor] = successors
                if {old_user_of.get(key, user) for key in after[successor]} == {user}:
                    assert successor == user
        before = after


@some_priorities
def test_changes_lead_from_the_users_before_to_those_after(history: History) -> None:
    history.let_letters_wait()
    users: set[object] = set()
    for _ in range(4):
        before, after = set(users), set(history.build())
        changes = history.feeds.workspace.rows(
            "select change, user_id, old_user_id from usersync.user_changes "
            "where run_id = (select max(run_id) from usersync.runs)"
        )
        for change, user, old in changes:
            match change:
                case "created":
                    assert (user in before, old) == (False, None)
                    users.add(user)
                case "split":
                    assert old in before
                    users.add(user)
                case "merged":
                    assert user in after
                    users.remove(old)
                case _:
                    assert (change, old) == ("deleted", None)
                    users.remove(user)
        assert users == after
        history.change(deletions=True)
