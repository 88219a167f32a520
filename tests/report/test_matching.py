"""Chains and reasons over a few identities, against the matching rule on every pair."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from usersync.report.explain.matching import kept, shortest_path, spanning_tree
from usersync.report.explain.values import Ignored, Member, Rules, Step

IDENTIFIERS = ("number", "phones", "code")


def member(pk: int, *held: tuple[str, ...], connection: str = "", identity_id: str = "") -> Member:
    connection, identity_id = connection or f"c{pk}", identity_id or str(pk)
    return Member(pk, pk, "p", connection, identity_id, "user_id", None, "", "run", None, held)


def random_world(dice: random.Random) -> tuple[list[Member], Rules]:
    def some(most: int) -> tuple[str, ...]:
        return tuple(sorted({str(dice.randrange(4)) for _ in range(dice.randint(0, most))}))

    members = [
        member(pk, some(1), some(3), some(1), connection=dice.choice("ab"), identity_id=str(dice.randrange(9)))
        for pk in range(dice.randint(2, 9))
    ]
    ignored = {
        (level, str(dice.randrange(4))): Ignored("ignore_values", 9) for level in range(3) if dice.random() < 0.3
    }
    pieces = [(one.pk, level, value) for one in members for level in range(3) for value in one.held[level]]
    overruled = [piece for piece in pieces if dice.random() < 0.1]
    overruled_ids = [(one.pk, None, one.id_key) for one in members if dice.random() < 0.1]
    links = {frozenset(dice.sample(range(len(members)), 2)): None for _ in range(dice.choice((0, 0, 1)))}
    return members, Rules(IDENTIFIERS, ignored, frozenset([*overruled, *overruled_ids]), links)


def matches(a: Member, b: Member, rules: Rules) -> bool:
    """The rule as it is written down."""
    if frozenset((a.pk, b.pk)) in rules.links:
        return True
    if a.id_key == b.id_key and not {(one.pk, None, one.id_key) for one in (a, b)} & rules.overruled:
        return True
    for level in range(3):
        sides = kept(a, rules, level), kept(b, rules, level)
        if all(sides):
            accepted = [
                {v for v in side if (one.pk, level, v) not in rules.overruled}
                for one, side in zip((a, b), sides, strict=True)
            ]
            return bool(accepted[0] & accepted[1])
    return False


def distances(members: list[Member], rules: Rules, start: Member) -> dict[int, int]:
    found, frontier = {start.pk: 0}, [start]
    for one in frontier:
        for other in members:
            if other.pk not in found and matches(one, other, rules):
                found[other.pk] = found[one.pk] + 1
                frontier.append(other)
    return found


def is_said(step: Step, rules: Rules) -> bool:
    """Whether an identity and the one before have what is said to be their evidence."""
    assert step.parent
    assert step.evidence
    pair = step.parent, step.member
    match step.evidence.kind:
        case "link":
            return frozenset(one.pk for one in pair) in rules.links
        case "same_id":
            return pair[0].id_key == pair[1].id_key
    level = rules.identifiers.index(step.evidence.identifier or "")
    stronger = any(all(kept(one, rules, higher) for one in pair) for higher in range(level))
    return not stronger and all(step.evidence.value in kept(one, rules, level) for one in pair)


@pytest.mark.parametrize("seed", range(10))
def test_chains_are_shortest_and_made_of_matches(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(50):
        members, rules = random_world(dice)
        steps = spanning_tree(members, rules)
        assert sorted(step.member.pk for step in steps) == [one.pk for one in members]
        depth: dict[int, int] = {}
        root = members[0]
        for step in steps:
            if step.parent is None:
                root = step.member
                depth[root.pk] = 0
            else:
                assert matches(step.parent, step.member, rules)
                assert is_said(step, rules)
                depth[step.member.pk] = depth[step.parent.pk] + 1
                assert depth[step.member.pk] == distances(members, rules, root)[step.member.pk]


@pytest.mark.parametrize("seed", range(10))
def test_the_chain_between_two_is_shortest(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(20):
        members, rules = random_world(dice)
        for a, b in combinations(members, 2):
            path = shortest_path(members, rules, frozenset({a.pk}), frozenset({b.pk}))
            assert len(path) - 1 == distances(members, rules, a).get(b.pk, -1)
            assert all(is_said(step, rules) for step in path[1:])
