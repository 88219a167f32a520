"""What every form of a plan says in the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from usersync.build.results import PipelineResult
from usersync.report.plan.values import Named, Overruled, Plan, Sample

COLUMNS = ("read", "unchanged", "inserted", "updated", "deleted", "rejected")
"""What is counted of a pipeline."""
CHANGES = ("created", "updated", "merged", "split", "deleted")
"""What is counted of users."""

_LONGEST = 120


def counted(number: int, what: str, plural: str = "") -> str:
    """`1 user`, `2 users`."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def counts(result: PipelineResult) -> list[str]:
    """The counts of a pipeline."""
    return [f"{getattr(result, name):,}" for name in COLUMNS]


def totals(plan: Plan) -> str:
    """How many users and identities there are, and will be."""
    before, after = plan.people.before, plan.people.counts
    users = f"{before.total:,} -> {after.total:,}" if before.total != after.total else f"{after.total:,}"
    return f"{users} from {_identities(before.identities, after.identities)}"


def _identities(before: int, after: int) -> str:
    return f"{before:,} -> {after:,} identities" if before != after else counted(after, "identity", "identities")


def summary(plan: Plan) -> str:
    """What happens to users, in one line."""
    some = [f"{getattr(plan.people.counts, name):,} {name}" for name in CHANGES]
    waiting = plan.people.waiting.count
    return ", ".join([*some, *([f"{counted(waiting, 'identity', 'identities')} without a user"] if waiting else [])])


def identity(one: Named) -> str:
    """An identity, and what the build does to it."""
    return f"{one.label} [{one.change}]" if one.change else one.label


def listed(some: Sample[Named], show: Callable[[Named], str]) -> str:
    """The first few identities of a user."""
    more = some.count - len(some.shown)
    return ", ".join(map(show, some.shown)) + (f" and {more:,} more" if more > 0 else "")


def overruled(pieces: Iterable[Overruled]) -> str:
    """Evidence that an unlink cuts."""
    return ", ".join(f"{clipped(_piece(piece))} ({piece.identity.label})" for piece in pieces)


def _piece(piece: Overruled) -> str:
    return f"{piece.identifier} = {piece.value}" if piece.identifier else f"id {piece.value}"


def clipped(text: str) -> str:
    """A value on one line, not too long."""
    line = " ".join(text.split("\n"))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def value(text: str | None) -> str:
    """A value, or that there is none."""
    return "null" if text is None else clipped(text)
