"""Random small worlds, built once, against the rule of identity resolution applied to every pair of identities."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.build.packs import Expected, check
from tests.build.worlds import START, Step, new_step, story

PACKS, WORLDS = 12, 180


def pack(seed: int) -> Step:
    return new_step(WORLDS, Random(f"worlds {seed}"))


@pytest.mark.parametrize("seed", range(PACKS))
def test_a_build_agrees_with_the_rule_on_every_pair(tmp_path: Path, seed: int) -> None:
    check(tmp_path, [pack(seed)])


def test_the_worlds_have_what_makes_resolution_hard() -> None:
    states = [Expected().after(pack(seed), START) for seed in range(PACKS)]
    users = [user for state in states for user in state.users.values()]
    assert sum(len(pack(seed).worlds) for seed in range(PACKS)) >= 2000
    assert sum(user.identity_count > 2 for user in users) > 500
    assert sum(len(state.waiting) for state in states) > 100
    reasons = [reason for state in states for _, reason in state.ignored.values()]
    assert min(reasons.count(reason) for reason in ("ignore_values", "max_identities_per_value")) > 100
    overruled = {name for state in states for name, _, _ in state.overruled}
    assert overruled == {None, *(name for seed in range(PACKS) for name in pack(seed).rules.identifiers)}


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("order", [1, 2])
def test_neither_threads_nor_the_order_of_rows_make_a_difference(tmp_path: Path, threads: int, order: int) -> None:
    """The oracle knows of neither, and says who keeps which id."""
    worlds = story(60, 3, Random("the same for all"))
    assert check(tmp_path, worlds, order=order, threads=threads) == 3
