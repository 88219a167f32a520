"""The vocabulary of explanations: identities with what they can be matched by, evidence, and where values come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from usersync.project.overrides import Decision


@dataclass(frozen=True, slots=True)
class Member:
    """An identity as the last build left it."""

    pk: int
    """Its key inside the warehouse."""
    age: int
    """The smaller the older."""
    pipeline: str
    connection: str
    identity_id: str
    id_kind: str
    fallback_id: str | None
    updated_at: str
    """In UTC, as ISO 8601."""
    run_id: str
    """The build that last changed it."""
    run_at: str | None
    """When that build started."""
    held: tuple[tuple[str, ...], ...] = ()
    """Its values of each identifier as text, the strongest identifier first; ignored ones too."""
    user_id: str | None = None
    """Its user, where it is another's."""

    @property
    def name(self) -> str:
        """Its name in models/overrides.csv."""
        return f"{self.pipeline}:{self.identity_id}"

    @property
    def names(self) -> tuple[str, str]:
        """Every name that a decision can call it by."""
        return self.name, f"{self.pipeline}:{self.fallback_id or self.identity_id}"

    @property
    def id_key(self) -> str:
        """What two identities of one connection and id have in common."""
        return "\x1f".join((self.connection, self.id_kind, self.identity_id))


@dataclass(frozen=True, slots=True)
class Ignored:
    """Why a value of an identifier counts as null."""

    reason: str
    """`ignore_values` or `max_identities_per_value`."""
    identities: int
    """How many hold it, of all users."""


@dataclass(frozen=True)
class Rules:
    """What the last build matched by."""

    identifiers: tuple[str, ...]
    """Property paths, the strongest first."""
    ignored: Mapping[tuple[int, str], Ignored] = field(default_factory=dict)
    """By level, 0 being the strongest identifier, and value."""
    overruled: frozenset[tuple[int, int | None, str]] = frozenset()
    """Evidence that an unlink cut: identity, level and value; no level is one id in one connection."""
    links: Mapping[frozenset[int], Decision | None] = field(default_factory=dict)
    """Pairs of identities that a decision joined, with what the file says of it today."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why two identities match."""

    kind: Literal["link", "same_id", "identifier"]
    priority: int | None = None
    """Of an identifier, 1 being the strongest."""
    identifier: str | None = None
    value: str | None = None
    """Of an identifier; or the id."""
    decision: Decision | None = None
    """Of a link, where it still stands in the file."""


@dataclass(frozen=True, slots=True)
class Step:
    """An identity in a chain, and by what it matches the one before; the first of a chain has none before it."""

    member: Member
    parent: Member | None = None
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Shared:
    """A value that identities of two users hold."""

    level: int | None
    """Of the identifier, 0 being the strongest; None for one id in one connection."""
    value: str
    ones: tuple[Member, ...]
    """Some of the one user's that hold it."""
    others: tuple[Member, ...]
    """Some of the others' that hold it."""
    count: int
    """How many of the others hold it."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A stronger identifier that both of two identities have, with different values."""

    identifier: str
    one: tuple[str, ...]
    other: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Withheld:
    """A value that did not make a match."""

    kind: Literal["guard", "conflict", "unlink"]
    identifier: str | None
    """None for one id in one connection."""
    value: str
    one: Member
    """An identity of the user that holds it."""
    other: Member | None = None
    """One of another user that holds it too; none where a guard speaks of no one in particular."""
    others: int = 0
    """How many identities of other users hold it."""
    conflict: Conflict | None = None
    ignored: Ignored | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision in force on two identities that are not one person: an unlink, or a link that an unlink overrules."""

    kind: Literal["link", "unlink"]
    one: Member
    """The identity of the user."""
    other: Member
    decision: Decision | None
    """As it stands in the file; None when it is gone from there since the last build."""


@dataclass(frozen=True, slots=True)
class Source:
    """A value, and the identity that it was last seen in."""

    value: str
    pipeline: str
    identity_id: str
    id_kind: str
    updated_at: str
    primary: bool
    """Whether that is of the property's primary source."""
    identities: int
    """How many of the user's identities have it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a property's value comes from."""

    path: str
    chosen: tuple[Source, ...]
    """One; of an array each element's, sorted."""
    beaten: tuple[Source, ...]
    """Other values, the next best first; of an array none."""
    distinct: int
    """How many different values there are, those not listed included."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a user id."""

    change: str
    user_id: str
    became: str | None
    run_id: str
    at: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A person who was asked about."""

    user_id: str | None
    """None while only `update_only` pipelines know the person."""
    past: tuple[Change, ...]
    """How the id that was asked about became this user's."""
    identity_count: int
    oldest: str
    """Name of the oldest identity."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why some identities are one person."""

    subject: Subject
    steps: tuple[Step, ...]
    """Every identity, or as many as are shown, each after the one that it hangs on."""
    withheld: tuple[Withheld, ...]
    rulings: tuple[Ruling, ...]
    origins: tuple[Origin, ...]
    current: bool
    """Whether the next build will match by the same settings as the last one did."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Why two identities or users are one person, or are not."""

    one: Subject
    other: Subject
    same: bool
    path: tuple[Step, ...]
    """The shortest chain between them, when they are one."""
    withheld: tuple[Withheld, ...]
    rulings: tuple[Ruling, ...]
    current: bool
    """Whether the next build will match by the same settings as the last one did."""
