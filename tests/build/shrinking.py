"""A failing story of many worlds, made as small as it can be: what a person has to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from tests.build.oracle import Identity, Key
from tests.build.worlds import PROPERTIES, START, Step, World

Story = tuple[Step, ...]


def explained(story: Story, found: str, problem: Callable[[Story], str]) -> str:
    """What is wrong with a story, in the smallest one found where something is.

    Args:
        story: One that fails.
        found: What is wrong with it.
        problem: Builds a story, and says what is wrong; empty when nothing is.
    """
    alone = one_world(story, problem)
    if len(alone[0].worlds) > 1:
        return f"{len(alone[0].worlds)} worlds together:\n{found}"
    small = smallest(alone, problem)
    return f"{told(small)}\n{problem(small)}"


def one_world(story: Story, problem: Callable[[Story], str]) -> Story:
    """The story of half of its worlds, and of half of those, as long as one of the halves fails."""
    middle = len(story[0].worlds) // 2
    halves = (slice(None, middle), slice(middle, None)) if middle else ()
    for half in halves:
        candidate = tuple(replace(step, worlds=step.worlds[half]) for step in story)
        if problem(candidate):
            return one_world(candidate, problem)
    return story


def smallest(story: Story, problem: Callable[[Story], str], tries: int = 300) -> Story:
    """Takes one thing after another away, as long as the story still fails."""
    found = True
    while found:
        found = False
        for candidate in smaller(story):
            tries -= 1
            if tries < 0:
                return story
            if problem(candidate):
                story, found = candidate, True
                break
    return story


def smaller(story: Story) -> Iterator[Story]:
    """The story with one thing less: the largest things first."""
    yield from (story[:n] + story[n + 1 :] for n in range(len(story)) if len(story) > 1)
    for key in sorted({key for step in story for key in step.worlds[0].identities}):
        yield each(story, partial(World.without, key=key))
    for decision in {decision: None for step in story for decision in step.worlds[0].decisions}:
        yield each(story, partial(without_decision, gone=decision))
    yield from simpler_rules(story)
    yield from simpler_values(story)


def without_decision(world: World, gone: object) -> World:
    return replace(world, decisions=tuple(one for one in world.decisions if one != gone))


def without_value(one: Identity, name: str) -> Identity:
    return replace(one, values={**one.values, name: None})


def simpler_rules(story: Story) -> Iterator[Story]:
    simple: dict[str, Any] = {"ignore_values": {}, "primary_sources": {}, "limit": None}
    for name, nothing in simple.items():
        if any(getattr(step.rules, name) != nothing for step in story):
            yield tuple(replace(step, rules=replace(step.rules, **{name: nothing})) for step in story)
    for gone in sorted({name for step in story for name in step.rules.identifiers}):
        yield tuple(
            replace(step, rules=replace(step.rules, identifiers=tuple(n for n in step.rules.identifiers if n != gone)))
            for step in story
        )
    if any(step.update_only for step in story):
        yield tuple(replace(step, update_only=frozenset()) for step in story)


def simpler_values(story: Story) -> Iterator[Story]:
    plain: dict[str, Any] = {"updated_at": START, "account_ids": (), "account_name": None}
    for key in sorted({key for step in story for key in step.worlds[0].identities}):
        for name in PROPERTIES:
            yield from changed(story, key, partial(without_value, name=name))
        yield from changed(story, key, lambda one: replace(one, **plain))


def changed(story: Story, key: Key, simpler: Callable[[Identity], Identity]) -> Iterator[Story]:
    """The story with a simpler identity; nothing if it is that simple already."""

    def mended(world: World) -> World:
        return world.having(simpler(world.identities[key])) if key in world.identities else world

    less = each(story, mended)
    if less != story:
        yield less


def each(story: Story, change: Callable[[World], World]) -> Story:
    return tuple(replace(step, worlds=[change(step.worlds[0])]) for step in story)


def told(story: Story) -> str:
    """The story in full."""
    lines = []
    for number, step in enumerate(story):
        [world] = step.worlds
        lines.append(
            f"build {number} of {', '.join(step.selected)}; update only {sorted(step.update_only)}; {step.rules}"
        )
        for _, one in sorted(world.identities.items()):
            held = {name: value for name, value in one.values.items() if value is not None}
            shown = [f"{one.updated_at:%H:%M}", one.fallback_id, one.account_ids, one.account_name]
            lines.append(f"  {one.pipeline}:{one.id} {held} {' '.join(str(part) for part in shown if part)}")
        lines += [f"  {one.decision} {one.identity} {one.other}" for one in world.decisions]
    return "\n".join(lines)
