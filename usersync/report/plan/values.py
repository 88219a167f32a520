"""The vocabulary of plans: what a build would do to pipelines' rows and to users, with samples of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from usersync.build.results import PipelineResult
from usersync.diagnostics import Diagnostic
from usersync.project.overrides import Decision
from usersync.report.explain.values import Evidence
from usersync.resolve.resolution import UserCounts

T = TypeVar("T")

Fate = Literal["new", "changed", "gone"]
_CHANGES: Mapping[str | None, Fate] = {"insert": "new", "update": "changed", "delete": "gone"}


@dataclass(frozen=True, slots=True)
class Named:
    """An identity by its name."""

    pipeline: str
    identity_id: str
    id_kind: str
    change: Fate | None = None
    """What the build does to it."""

    @property
    def name(self) -> str:
        """As in models/overrides.csv."""
        return f"{self.pipeline}:{self.identity_id}"

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.name}{' (fallback id)' if self.id_kind == 'fallback' else ''}"


def named(pipeline: str, identity_id: str, id_kind: str, action: str | None) -> Named:
    """An identity by its name.

    Args:
        pipeline: Its pipeline.
        identity_id: Its id there.
        id_kind: `user_id` or `fallback`.
        action: As in `temp.delta`.
    """
    return Named(pipeline, identity_id, id_kind, _CHANGES.get(action))


@dataclass(frozen=True, slots=True)
class Sample(Generic[T]):
    """Some of what there is so many of."""

    count: int
    shown: tuple[T, ...] = ()


@dataclass(frozen=True, slots=True)
class Someone:
    """A user that comes or goes."""

    user_id: str | None
    """None of one that comes: the build gives it one."""
    identities: Sample[Named]
    values: Mapping[str, str]
    """By property, as text."""


@dataclass(frozen=True, slots=True)
class Change:
    """A property that gets another value."""

    property: str
    old: str | None
    new: str | None
    source: Named | None
    """Where the new value comes from; of an array the latest that brings something new."""


@dataclass(frozen=True, slots=True)
class Updated:
    """A user that changes."""

    user_id: str
    identities: Sample[Named]
    identities_before: int
    updated_at: tuple[str, str]
    """Before and after, in UTC."""
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """Why two identities match."""

    evidence: Evidence
    words: str
    """The evidence in words."""
    one: Named
    other: Named


@dataclass(frozen=True, slots=True)
class Merged:
    """A user that becomes part of another."""

    user_id: str
    into: str
    users: int
    """How many users become part of that one."""
    chain: tuple[Link, ...]
    """From an identity of the one to one of the other."""
    switch: tuple[Named, Named] | None = None
    """Instead of a chain: an identity under a fallback id, and the one that it is by its user id."""


@dataclass(frozen=True, slots=True)
class Overruled:
    """Evidence that an unlink cuts."""

    identifier: str | None
    """None for one id in one connection."""
    value: str
    identity: Named


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a match of the last build is none any more."""

    kind: Literal["gone", "switched", "changed", "identifiers", "guard", "conflict", "unlink", "link"]
    words: str
    identity: Named | None = None
    """The one that is gone, or has other values now."""
    overruled: tuple[Overruled, ...] = ()
    """Of an unlink: some of the evidence that it cuts."""
    decisions: tuple[Decision, ...] = ()
    """The unlinks that do so."""


@dataclass(frozen=True, slots=True)
class Split:
    """A user that comes out of another."""

    user_id: str
    out_of: str
    identities: Sample[Named]
    link: Link | None
    """What joined it to the rest; None where models/users.sql has changed too much to tell."""
    loss: Loss
    """Why it does so no more."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Rows of a pipeline that are rejected for one reason."""

    property: str
    reason: str
    rows: int
    new: int
    """How many of them the last build did not reject already."""
    samples: tuple[Any, ...]
    """Some of the new ones, as read."""


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    """What a build would do to the rows of a pipeline."""

    result: PipelineResult
    rejected: tuple[Rejected, ...]
    recovered: int
    """Rows that were rejected before, and are not any more."""

    @property
    def changes(self) -> bool:
        """Whether anything of it is written, but for the cursor."""
        result = self.result
        new = any(reason.new for reason in self.rejected)
        return bool(result.inserted or result.updated or result.deleted or new or self.recovered)


@dataclass(frozen=True, slots=True)
class People:
    """What a build would do to users."""

    before: UserCounts
    """Only `total` and `identities`."""
    counts: UserCounts
    created: Sample[Someone]
    updated: Sample[Updated]
    merged: Sample[Merged]
    split: Sample[Split]
    deleted: Sample[Someone]
    waiting: Sample[Named]
    """Identities that have no user until a pipeline that creates users brings one: those that are new, or had one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build would do."""

    pipelines: tuple[PipelinePlan, ...]
    removed: Mapping[str, int]
    """Identities that are deleted since their pipeline is no longer in models/."""
    people: People
    layout: bool
    """Whether the warehouse is made, or gets other columns."""
    warnings: tuple[Diagnostic, ...]
    refused: Diagnostic | None
    """Why nothing at all would be written."""
    exit_code: int
    """That of the build."""

    @property
    def changes(self) -> bool:
        """Whether the build would change anything."""
        counts, people = self.people.counts, self.people
        users = counts.created + counts.updated + counts.merged + counts.split + counts.deleted + people.waiting.count
        return bool(users or self.removed or self.layout) or any(pipeline.changes for pipeline in self.pipelines)
