"""Identity resolution by the letter, in plain Python on every pair of identities: what builds are checked against.

Slow and readable. It knows nothing of how a build does it: no hashes, no masks in bits, no increments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import Any

Key = tuple[str, str, str]
"""An identity: its pipeline, its id, and what kind of id that is."""
Cluster = frozenset[Key]
Link = tuple[str, str]
"""A value that an identity can match by: identifier, value as text."""
Overruled = tuple[str | None, str, Key]


@dataclass(frozen=True)
class Identity:
    pipeline: str
    connection: str
    id: str
    values: Mapping[str, Any]
    updated_at: datetime
    kind: str = "user_id"
    fallback_id: str | None = None
    creates: bool = True
    account_ids: tuple[str, ...] = ()
    account_name: str | None = None

    @property
    def key(self) -> Key:
        return self.pipeline, self.id, self.kind


@dataclass(frozen=True)
class Decision:
    decision: str
    """`link` or `unlink`."""
    identity: str
    other: str


@dataclass(frozen=True)
class Rules:
    """What users() says."""

    identifiers: tuple[str, ...] = ()
    """The strongest first."""
    primary_sources: Mapping[str, str] = field(default_factory=dict)
    ignore_values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    limit: int | None = None
    """`max_identities_per_value`."""


# --- What there is to match by ---


def elements(value: Any) -> frozenset[str]:
    """A value as texts: of an array its elements, nulls left out."""
    given = value if isinstance(value, list) else [value]
    return frozenset(str(one) for one in given if one is not None)


def ignored_values(identities: Iterable[Identity], rules: Rules) -> dict[Link, tuple[int, str]]:
    """Values that count as null: how many identities hold each, and why."""
    holders = Counter((name, v) for one in identities for name in rules.identifiers for v in elements(one.values[name]))
    ignored = {}
    for (name, value), count in holders.items():
        if value in map(str, rules.ignore_values.get(name, ())):
            ignored[name, value] = (count, "ignore_values")
        elif rules.limit is not None and count > rules.limit:
            ignored[name, value] = (count, "max_identities_per_value")
    return ignored


@dataclass(frozen=True)
class Node:
    """An identity as matching sees it."""

    key: Key
    age: int
    """The smaller the older."""
    same_id: tuple[str, str, str]
    held: tuple[frozenset[str], ...]
    """The values of each identifier that count, the strongest identifier first."""

    def stronger(self, level: int) -> set[int]:
        """Which identifiers above one it has."""
        return {above for above in range(level) if self.held[above]}


def node(identity: Identity, age: int, rules: Rules, ignored: Iterable[Link]) -> Node:
    silent = set(ignored)
    held = (
        frozenset(value for value in elements(identity.values[name]) if (name, value) not in silent)
        for name in rules.identifiers
    )
    return Node(identity.key, age, (identity.connection, identity.kind, identity.id), tuple(held))


def match(a: Node, b: Node) -> bool:
    """Whether two identities are one person: by one id in one connection, else by the first identifier both have."""
    if a.same_id == b.same_id:
        return True
    for mine, others in zip(a.held, b.held, strict=True):
        if mine and others:
            return bool(mine & others)
    return False


# --- Decisions ---


def referred(reference: str, identities: Iterable[Identity]) -> Key | None:
    """The identity that `pipeline:id` names: by its user id, its fallback id, or the fallback id it last had."""
    pipeline, _, wanted = reference.partition(":")
    ofs: Sequence[Callable[[Identity], str | None]] = (
        lambda one: one.id if one.kind == "user_id" else None,
        lambda one: one.id if one.kind == "fallback" else None,
        lambda one: one.fallback_id,
    )
    candidates = [one for one in identities if one.pipeline == pipeline]
    return next((one.key for of in ofs for one in candidates if of(one) == wanted), None)


def decided(identities: Sequence[Identity], decisions: Iterable[Decision], which: str) -> set[Cluster]:
    """The pairs that decisions of one sort name; those of identities that are gone, or of one alone, name none."""
    pairs = {
        frozenset((referred(d.identity, identities), referred(d.other, identities)))
        for d in decisions
        if d.decision == which
    }
    return {frozenset(key for key in pair if key) for pair in pairs if None not in pair and len(pair) == 2}


# --- Clusters ---


@dataclass(frozen=True)
class Evidence:
    """A reason for an identity to be one person with others, by strength."""

    level: int
    """-2: a decision; -1: one id in one connection; from 0 on: an identifier."""
    age: int
    value: str
    node: Node
    partner: Key | None = None
    """The older identity of a decision."""

    def joins(self, other: Evidence) -> bool:
        """Whether it matches its identity with that of other evidence of the same value."""
        disjoint = not self.node.stronger(self.level) & other.node.stronger(self.level)
        return self.level != -2 and (self.level, self.value) == (other.level, other.value) and disjoint


def evidence(nodes: Mapping[Key, Node], linked: Iterable[Cluster]) -> Iterator[Evidence]:
    for pair in linked:
        older, younger = sorted((nodes[key] for key in pair), key=lambda one: one.age)
        yield Evidence(-2, younger.age, f"{older.age:09}", younger, older.key)
    for one in nodes.values():
        yield Evidence(-1, one.age, "\x1f".join(one.same_id), one)
        for level, values in enumerate(one.held):
            yield from (Evidence(level, one.age, value, one) for value in values)


def components(keys: Iterable[Key], pairs: Iterable[Iterable[Key]]) -> set[Cluster]:
    """Everyone who is connected, over any number of pairs."""
    cluster_of: dict[Key, Cluster] = {key: frozenset({key}) for key in keys}
    for pair in pairs:
        union = frozenset().union(*(cluster_of[key] for key in pair))
        cluster_of |= dict.fromkeys(union, union)
    return set(cluster_of.values())


@dataclass
class Clusters:
    clusters: set[Cluster] = field(default_factory=set)
    overruled: list[Evidence] = field(default_factory=list)


def resolve(nodes: Mapping[Key, Node], links: set[Cluster], unlinks: set[Cluster]) -> Clusters:
    """Who is one person.

    Args:
        nodes: The identities.
        links: Pairs that are one person, whatever their values say, unless they are among the unlinked.
        unlinks: Pairs that are never one person, whatever connects them.
    """
    linked = links - unlinks
    matches = {frozenset((a.key, b.key)) for a, b in combinations(nodes.values(), 2) if match(a, b)}
    found = Clusters()
    for cluster in components(nodes, matches | linked):
        if any(pair <= cluster for pair in unlinks):
            within = {key: nodes[key] for key in cluster}
            cut(found, within, {pair for pair in linked if pair <= cluster}, unlinks)
        else:
            found.clusters.add(cluster)
    return found


def cut(found: Clusters, nodes: Mapping[Key, Node], linked: set[Cluster], unlinks: set[Cluster]) -> None:
    """Takes evidence from the strongest to the weakest, but none that would bring an unlinked pair together."""
    together = {key: frozenset({key}) for key in nodes}
    accepted: list[Evidence] = []
    for one in sorted(evidence(nodes, linked), key=lambda one: (one.level, one.age, one.value)):
        partners = [one.partner] if one.partner else [other.node.key for other in accepted if one.joins(other)]
        union = together[one.node.key].union(*(together[key] for key in partners))
        if any(pair <= union for pair in unlinks):
            found.overruled.append(one)
            continue
        accepted.append(one)
        together |= dict.fromkeys(union, union)
    found.clusters |= set(together.values())


# --- What a user is like ---


def latest_first(members: Iterable[Identity]) -> list[Identity]:
    """The latest first; of equally late ones the smaller pipeline, then the smaller id."""
    by_key = sorted(members, key=lambda one: (one.pipeline, one.id, one.kind))
    return sorted(by_key, key=lambda one: one.updated_at, reverse=True)


def value_of(members: Iterable[Identity], name: str, rules: Rules) -> Any:
    """The value of a property: the primary source's latest, else the latest; of arrays all elements, sorted."""
    given = [one for one in latest_first(members) if one.values[name] is not None]
    if any(isinstance(one.values[name], list) for one in given):
        return sorted({element for one in given for element in one.values[name] if element is not None})
    primary = [one for one in given if one.connection == rules.primary_sources.get(name)]
    return next((one.values[name] for one in primary or given), None)


def accounts_of(members: Iterable[Identity]) -> dict[str, str | None]:
    """Every account with the latest name that is known."""
    accounts: dict[str, str | None] = {}
    for one in latest_first(members):
        for account in one.account_ids:
            accounts[account] = accounts.get(account) or one.account_name
    return accounts


# --- Ids that stay ---


@dataclass(frozen=True)
class Birth:
    """What an identity was born with, or inherited."""

    own_id: int
    """Stands for a UUID."""
    age: int
    """The smaller the older."""
    inherited: bool = False
    """Whether it has its id from one that made users."""


@dataclass
class Registry:
    """The births of all identities there are, followed from build to build."""

    births: dict[Key, Birth] = field(default_factory=dict)
    born: int = 0
    users: dict[Key, int | None] = field(default_factory=dict)
    """Whose each identity was after the last build."""
    creates: dict[Key, bool] = field(default_factory=dict)
    """Whether its pipeline made users then."""

    def admit(self, identities: Mapping[Key, Identity]) -> None:
        """Those that are gone leave their user's id to the next oldest of that user; those that are new are born."""
        gone = self.births.keys() - identities.keys()
        for one in identities.values():
            fallback = (one.pipeline, one.fallback_id or "", "fallback")
            if one.kind == "user_id" and fallback in gone:
                self._switch(fallback, one.key)
        for key in gone & self.births.keys():
            self._bequeath(key, self.births.keys() - gone)
        self.births = {key: birth for key, birth in self.births.items() if key in identities}
        for key in sorted(identities.keys() - self.births.keys()):
            self.born += 1
            self.births[key] = Birth(self.born, self.born)

    def _switch(self, old: Key, new: Key) -> None:
        """An identity under a fallback id gets its user id, and becomes one with that which has it already."""
        leaving, staying = self.births[old], self.births.get(new)
        if staying is None or leaving.age < staying.age:
            made_users = leaving.inherited or (staying is not None and (self.creates[old] or staying.inherited))
            self.births[new] = Birth(leaving.own_id, leaving.age, made_users)
            self.users.setdefault(new, self.users[old])
            self.creates.setdefault(new, self.creates[old])
            del self.births[old]

    def _bequeath(self, gone: Key, alive: Iterable[Key]) -> None:
        """If the id of a user is that of one who is gone, the next oldest of that user inherits id and age."""
        birth = self.births[gone]
        heirs = [key for key in alive if self.users.get(key) == birth.own_id]
        if self.users[gone] == birth.own_id and heirs:
            heir = min(heirs, key=lambda key: (not self.creates[key], self.births[key].age))
            self.births[heir] = Birth(birth.own_id, birth.age, inherited=True)

    def settle(self, clusters: Iterable[Cluster], identities: Mapping[Key, Identity]) -> dict[Cluster, int | None]:
        """The id of each cluster: that of its oldest member which makes users, or inherited from one that did."""
        ids = {cluster: self._id(cluster, identities) for cluster in clusters}
        self.users = {key: user for cluster, user in ids.items() for key in cluster}
        self.creates = {key: identities[key].creates for key in self.users}
        return ids

    def _id(self, cluster: Cluster, identities: Mapping[Key, Identity]) -> int | None:
        if not any(identities[key].creates for key in cluster):
            return None
        owners = [self.births[key] for key in cluster if identities[key].creates or self.births[key].inherited]
        return min(owners, key=lambda birth: birth.age).own_id
