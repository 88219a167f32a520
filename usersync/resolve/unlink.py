"""Which evidence an `unlink` overrules: the weakest on the paths between the two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain


@dataclass(frozen=True, slots=True)
class Evidence:
    """What may join an identity to others: a value that it holds, or a `link` to another identity."""

    level: int
    """-1 for a link, 0 for one id in one connection, then the identifiers from 1, strongest first."""
    age: int
    """Of the identity; the smaller the older."""
    value: str
    identity: int
    mask: int = 0
    """Its stronger identifiers, as bits: who shares one is not matched by this value."""
    other: int | None = None
    """The second identity of a link."""

    @property
    def strength(self) -> tuple[int, int, str]:
        """What comes first is taken first."""
        return self.level, self.age, self.value


@dataclass
class _Parts:
    """Disjoint sets of identities, in which some pairs may never meet."""

    parent: dict[int, int]
    members: dict[int, list[int]]
    enemies: dict[int, set[int]]

    def find(self, node: int) -> int:
        while (above := self.parent[node]) != node:
            self.parent[node] = node = self.parent[above]
        return node

    def may_join(self, roots: set[int]) -> bool:
        foes = set(chain.from_iterable(self.enemies.get(root, ()) for root in roots))
        return not any(self.find(foe) in roots for foe in foes)

    def join(self, roots: set[int]) -> None:
        """Joins sets into the largest of them, so that each member moves only a few times."""
        into = max(roots, key=lambda root: len(self.members[root]))
        for root in roots - {into}:
            self.parent[root] = into
            self.members[into] += self.members.pop(root)
            if root in self.enemies:
                self.enemies.setdefault(into, set()).update(self.enemies.pop(root))


@dataclass
class _Holders:
    """Who holds a value by accepted evidence, by mask; those of one mask that met someone are one set already."""

    by_mask: dict[int, list[int]] = field(default_factory=dict)

    def matched(self, mask: int) -> Iterable[int]:
        """Who matches a holder with this mask."""
        return chain.from_iterable(held for other, held in self.by_mask.items() if other & mask == 0)

    def accept(self, identity: int, mask: int) -> None:
        """Adds a holder, and keeps one of those whom it joined."""
        for other, held in self.by_mask.items():
            if other & mask == 0:
                del held[1:]
        held = self.by_mask.setdefault(mask, [])
        if mask or not held:
            held.append(identity)


def part(
    identities: Iterable[int], evidence: Iterable[Evidence], apart: Sequence[tuple[int, int]]
) -> tuple[dict[int, int], list[Evidence]]:
    """Takes evidence from the strongest to the weakest, and refuses what would bring two together that are to be apart.

    Within one level the older identity's evidence comes first.

    Args:
        identities: The identities, by key.
        evidence: All that may join them.
        apart: Pairs that may never meet.

    Returns:
        For each identity the smallest key of its part, and the evidence that was refused.
    """
    nodes = list(identities)
    parts = _Parts({node: node for node in nodes}, {node: [node] for node in nodes}, {})
    for a, b in apart:
        parts.enemies.setdefault(a, set()).add(b)
        parts.enemies.setdefault(b, set()).add(a)
    holders: dict[tuple[int, str], _Holders] = {}
    refused = []
    for piece in sorted(evidence, key=lambda piece: piece.strength):
        held = holders.setdefault((piece.level, piece.value), _Holders())
        matched = (piece.other,) if piece.other is not None else held.matched(piece.mask)
        roots = {parts.find(node) for node in (piece.identity, *matched)}
        if len(roots) > 1 and not parts.may_join(roots):
            refused.append(piece)
            continue
        parts.join(roots)
        if piece.other is None:
            held.accept(piece.identity, piece.mask)
    smallest = {root: min(members) for root, members in parts.members.items()}
    return {node: smallest[parts.find(node)] for node in nodes}, refused
