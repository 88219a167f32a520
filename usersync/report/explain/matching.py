"""The matching rule over a few identities, in Python: what matches by what, and what kept a value from matching."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from usersync.report.explain.values import Conflict, Evidence, Member, Rules, Shared, Step, Withheld

_LINK, _SAME_ID = -2, -1
"""Levels of what comes before all identifiers."""

_Key = tuple[int, str]
"""Level and value of a piece of evidence."""


def kept(member: Member, rules: Rules, level: int) -> frozenset[str]:
    """What an identity has of an identifier to be compared by: ignored values are none."""
    return frozenset(value for value in member.held[level] if (level, value) not in rules.ignored)


def spanning_tree(members: Iterable[Member], rules: Rules) -> tuple[Step, ...]:
    """Every identity by a shortest chain from the oldest one.

    What no evidence reaches by the rules of today starts a tree of its own.
    """
    graph = _Graph(members, rules)
    return tuple(step for root in graph.members if root.pk not in graph.seen for step in graph.walk([root]))


def shortest_path(
    members: Iterable[Member], rules: Rules, starts: frozenset[int], ends: frozenset[int]
) -> tuple[Step, ...]:
    """A shortest chain from one of some identities to one of others, by their keys; empty when there is none."""
    graph = _Graph(members, rules)
    found: dict[int, Step] = {}
    for step in graph.walk([member for member in graph.members if member.pk in starts]):
        found[step.member.pk] = step
        if step.member.pk in ends:
            return tuple(reversed(list(_back(step, found))))
    return ()


def _back(step: Step, found: dict[int, Step]) -> Iterator[Step]:
    yield step
    while step.parent:
        step = found[step.parent.pk]
        yield step


class _Graph:
    """Identities by what they hold, so that a walk looks at every value once and never at all pairs."""

    def __init__(self, members: Iterable[Member], rules: Rules) -> None:
        self.members = sorted(members, key=lambda member: member.age)
        self.rules = rules
        self.seen: set[int] = set()
        self._levels = range(_LINK, len(rules.identifiers))
        self._held = {member.pk: _evidence(member, rules) for member in self.members}
        for pair in rules.links:
            for pk in pair & self._held.keys():
                self._held[pk][_LINK].append((" ".join(map(str, sorted(pair))), 0))
        self._holders: dict[_Key, dict[int, list[Member]]] = defaultdict(lambda: defaultdict(list))
        for member in self.members:
            for level, pieces in self._held[member.pk].items():
                for value, mask in pieces:
                    self._holders[level, value][mask].append(member)

    def walk(self, starts: Sequence[Member]) -> Iterator[Step]:
        """The identities reached from some, the nearest first; of those equally near, by the strongest evidence."""
        self.seen.update(member.pk for member in starts)
        yield from (Step(member) for member in starts)
        frontier = list(starts)
        while frontier:
            reached = [step for level in self._levels for parent in frontier for step in self._reach(parent, level)]
            yield from reached
            frontier = sorted((step.member for step in reached), key=lambda member: member.age)

    def _reach(self, parent: Member, level: int) -> Iterator[Step]:
        for value, mask in self._held[parent.pk][level]:
            holders = self._holders[level, value]
            for other in sorted(other for other in holders if not other & mask):
                # All of them are reached by now, so nobody needs to look at them again.
                for member in holders.pop(other):
                    if member.pk not in self.seen:
                        self.seen.add(member.pk)
                        yield Step(member, parent, self._why(level, value, parent, member))

    def _why(self, level: int, value: str, parent: Member, member: Member) -> Evidence:
        if level == _LINK:
            return Evidence("link", decision=self.rules.links[frozenset({parent.pk, member.pk})])
        if level == _SAME_ID:
            return Evidence("same_id", value=member.identity_id)
        return Evidence("identifier", level + 1, self.rules.identifiers[level], value)


def _evidence(member: Member, rules: Rules) -> dict[int, list[tuple[str, int]]]:
    """What an identity can be matched by: of each level its values, with the mask of its stronger identifiers."""
    found: dict[int, list[tuple[str, int]]] = {_LINK: [], _SAME_ID: []}
    if (member.pk, None, member.id_key) not in rules.overruled:
        found[_SAME_ID].append((member.id_key, 0))
    mask = 0
    for level in range(len(rules.identifiers)):
        values = kept(member, rules, level)
        found[level] = [(value, mask) for value in sorted(values) if (member.pk, level, value) not in rules.overruled]
        mask |= bool(values) << level
    return found


def withheld(shared: Iterable[Shared], rules: Rules) -> Iterator[Withheld]:
    """Why values that identities of two users hold did not join them: one reason of each kind for each value."""
    for value in shared:
        reasons: dict[str, Withheld] = {}
        for one, other in product(value.ones, value.others):
            if found := _reason(value, one, other, rules):
                reasons.setdefault(found.kind, found)
        yield from reasons.values()


def _reason(shared: Shared, one: Member, other: Member, rules: Rules) -> Withheld | None:
    level, value = shared.level, shared.value
    overruled = not {(one.pk, level, value), (other.pk, level, value)}.isdisjoint(rules.overruled)
    if level is None:
        return Withheld("unlink", None, one.identity_id, one, other, shared.count) if overruled else None
    name = rules.identifiers[level]
    if ignored := rules.ignored.get((level, value)):
        return Withheld("guard", name, value, one, other, shared.count, ignored=ignored)
    both = (k for k in range(level) if kept(one, rules, k) and kept(other, rules, k))
    if (decides := next(both, None)) is not None:
        sides = kept(one, rules, decides), kept(other, rules, decides)
        # Equal values there are a match that an unlink overruled, which is told of that value.
        if sides[0] & sides[1]:
            return None
        conflict = Conflict(rules.identifiers[decides], *(tuple(sorted(side)) for side in sides))
        return Withheld("conflict", name, value, one, other, shared.count, conflict)
    return Withheld("unlink", name, value, one, other, shared.count) if overruled else None
