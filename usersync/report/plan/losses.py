"""Why two identities that matched in the last build do not match any more."""

from __future__ import annotations

from collections.abc import Iterator

from usersync.compile.sql import template
from usersync.project.overrides import OVERRIDES, Decision
from usersync.report.explain import words
from usersync.report.explain.matching import withheld
from usersync.report.explain.values import Evidence, Member, Shared, Withheld
from usersync.report.plan.values import Loss, Overruled, named
from usersync.report.plan.world import PACKAGE, World, clusters, names_of
from usersync.warehouse.store import rows

MOST_OVERRULED = 5
"""Pieces of evidence that an unlink cuts, as far as they are told."""


def loss(after: World, evidence: Evidence, one: Member, other: Member) -> Loss:
    """Why evidence of the last build is none any more.

    Args:
        after: The world after the build, with both identities in it as far as they are still there.
        evidence: What they matched by.
        one: As it was.
        other: As it was, and in another user than the first one after the build.
    """
    for member in (other, one):
        if not clusters(after.engine, f"_pk = {member.pk}"):
            return _gone(after, member)
    return _Both(after, evidence, one, other).loss()


def _gone(after: World, member: Member) -> Loss:
    gone = names_of(after.engine, [member])[member.pk]
    taken = rows(after.engine, template(PACKAGE, "taken", place=member.pk))
    if taken:
        return Loss("switched", f"{words.identity(member)} is {named(*taken[0]).label} now", gone)
    return Loss("gone", f"{words.identity(member)} is gone", gone)


def decided(decision: Decision) -> str:
    """A decision for people: the two identities, who decided, when and why, as far as the file says so."""
    said = " ".join(part for part in (decision.when, decision.who) if part)
    whom = f"{decision.identity} and {decision.other}"
    return "".join((whom, f" ({said})" if said else "", f": {decision.why}" if decision.why else ""))


class _Both:
    """Two identities that are still there, after the build."""

    def __init__(self, after: World, evidence: Evidence, one: Member, other: Member) -> None:
        self.after, self.evidence, self.before = after, evidence, (one, other)
        own, others = (clusters(after.engine, f"_pk = {member.pk}") for member in (one, other))
        self.own = after.load(*own)
        after.load(*own, *others)
        self.rules = after.rules
        self.members = after.members(frozenset({one.pk, other.pk}))

    def loss(self) -> Loss:
        one, other = (self.members[member.pk] for member in self.before)
        match self.evidence.kind:
            case "link":
                return self._link()
            case "same_id":
                return self._same_id(one, other)
        return self._identifier(one, other)

    def _link(self) -> Loss:
        if self.members.keys() in self.after.pairs("link"):
            return self._unlink()
        return Loss("link", f"the link is not in {OVERRIDES} any more")

    def _same_id(self, one: Member, other: Member) -> Loss:
        if one.id_key == other.id_key:
            return self._unlink()
        moved = one if one.connection != self.before[0].connection else other
        name = names_of(self.after.engine, [moved])[moved.pk]
        return Loss("changed", f"{name.label} is of connection {moved.connection} now", name)

    def _identifier(self, one: Member, other: Member) -> Loss:
        path, value = self.evidence.identifier or "", self.evidence.value or ""
        if path not in self.rules.identifiers:
            return Loss("identifiers", f"{path} is no identifier any more")
        level = self.rules.identifiers.index(path)
        for member in (other, one):
            if value not in member.held[level]:
                name = names_of(self.after.engine, [member])[member.pk]
                has = f"has {path} = {', '.join(member.held[level])}" if member.held[level] else f"has no {path}"
                return Loss("changed", f"{name.label} {has} now", name)
        found = next(withheld([Shared(level, value, (one,), (other,), 1)], self.rules), None)
        return self._withheld(found)

    def _withheld(self, found: Withheld | None) -> Loss:
        # Where nothing keeps the two from a match, by this value or a stronger one, only an unlink does.
        if found is None:
            return self._unlink()
        if found.ignored:
            reason = f"{found.ignored.reason} ignores it now: {found.ignored.identities:,} identities have it"
            return Loss("guard", reason)
        if found.conflict:
            sides = "; ".join(", ".join(side) for side in (found.conflict.one, found.conflict.other))
            return Loss("conflict", f"{found.conflict.identifier} comes first and differs: {sides}")
        return self._unlink()

    def _unlink(self) -> Loss:
        decisions = tuple(self._unlinks())
        said = "; ".join(map(decided, decisions))
        return Loss(
            "unlink", f"an unlink overrules it{f': {said}' if said else ''}", None, self._overruled(), decisions
        )

    def _unlinks(self) -> Iterator[Decision]:
        for pair in self.after.pairs("unlink"):
            decision = self.after.written.get(("unlink", pair))
            if decision and len(pair & self.own) == 1:
                yield decision

    def _overruled(self) -> tuple[Overruled, ...]:
        cut = sorted(self.rules.overruled, key=lambda piece: (-1 if piece[1] is None else piece[1], piece[2], piece[0]))
        cut = cut[:MOST_OVERRULED]
        members = self.after.members(frozenset(pk for pk, _, _ in cut))
        names = names_of(self.after.engine, list(members.values()))
        return tuple(
            Overruled(None, members[pk].identity_id, names[pk])
            if level is None
            else Overruled(self.rules.identifiers[level], value, names[pk])
            for pk, level, value in cut
        )
