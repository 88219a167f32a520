"""What explanations say, in words that text and diagrams share."""

from __future__ import annotations

from usersync.project.overrides import OVERRIDES, Decision
from usersync.report.explain.values import Evidence, Member, Ruling, Source, Subject, Withheld

SHOWN = 100
"""Identities that a text or a diagram has room for."""

NOTHING_SHARED = "no value of an identifier is of both"


def identity(one: Member | Source) -> str:
    """An identity by its name."""
    return f"{one.pipeline}:{one.identity_id}{' (fallback id)' if one.id_kind == 'fallback' else ''}"


def headline(subject: Subject) -> str:
    """Who it is."""
    count = _counted(subject.identity_count, "identity", "identities")
    if subject.user_id:
        return f"user {subject.user_id}: {count}"
    return f"no user yet, only {count} that update: {subject.oldest}"


def became(subject: Subject) -> list[str]:
    """How a past user id became the one of today."""
    return [
        f"user {past.user_id} was merged into {past.became} by run {past.run_id} at {past.at}" for past in subject.past
    ]


def evidence(found: Evidence, member: Member) -> str:
    """By what an identity matches the one before."""
    match found.kind:
        case "identifier":
            return f"{found.identifier} = {found.value}"
        case "same_id":
            return f"same id in {member.connection}"
        case "link":
            return f"link{_written(found.decision)}"


def ruling(found: Ruling) -> str:
    """A decision on two identities that are not one person."""
    overruled = ", overruled by an unlink" if found.kind == "link" else ""
    sides = f"{identity(found.one)} and {identity(found.other)}"
    return f"{found.kind} of {sides}{overruled}{_written(found.decision)}"


def withheld(found: Withheld) -> str:
    """Why a value did not make a match."""
    what = f"{found.identifier} = {found.value}" if found.identifier else f"id {found.value} in {found.one.connection}"
    if found.ignored:
        count = _counted(found.ignored.identities, "identity has", "identities have")
        return f"{what} ({identity(found.one)}): ignored by {found.ignored.reason}, {count} it"
    assert found.other is not None
    sides = f"{identity(found.one)}, {identity(found.other)}"
    more = f" and {found.others - 1:,} more" if found.others > 1 else ""
    return f"{what} ({sides}{more}): {_reason(found)}"


def _reason(found: Withheld) -> str:
    if found.conflict is None:
        return "overruled by an unlink"
    one, other = (", ".join(values) for values in (found.conflict.one, found.conflict.other))
    return f"{found.conflict.identifier} comes first and differs: {one}; {other}"


def _written(decision: Decision | None) -> str:
    """Who decided, when and why, as far as the file says so."""
    if decision is None:
        return f", which is no longer in {OVERRIDES}"
    said = " ".join(part for part in (decision.when, decision.who) if part)
    return "".join((f" ({said})" if said else "", f": {decision.why}" if decision.why else ""))


def _counted(number: int, what: str, plural: str) -> str:
    return f"{number:,} {what if number == 1 else plural}"
