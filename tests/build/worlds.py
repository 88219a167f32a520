"""Random small worlds of identities, and what becomes of them from build to build. A seed decides everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.build.oracle import Decision, Identity, Key, Rules

PIPELINES: Mapping[str, str] = {"crm": "one", "leads": "one", "forms": "two", "letter": "three"}
"""Each pipeline's connection."""
UNTIMED = "forms"
"""The pipeline without update times, and with fallback ids."""
IDENTIFIERS = ("number", "email", "phones", "code", "cards")
PROPERTIES = (*IDENTIFIERS, "name")
NUMBERS, ARRAYS = ("number", "cards"), ("phones", "cards")
START = datetime(2024, 3, 1, 8)


@dataclass(frozen=True)
class World:
    """Identities that share no value with any other world but the empty text, and decisions about them."""

    number: int
    identities: Mapping[Key, Identity]
    decisions: tuple[Decision, ...] = ()
    values: int = 3
    """How many values each identifier has to choose from."""
    nulls: float = 0.5

    def without(self, key: Key) -> World:
        return replace(self, identities={other: one for other, one in self.identities.items() if other != key})

    def having(self, one: Identity, **changes: Any) -> World:
        return replace(self, identities={**self.identities, one.key: replace(one, **changes)})


@dataclass(frozen=True)
class Step:
    """What one build is given."""

    rules: Rules
    worlds: Sequence[World]
    update_only: frozenset[str] = frozenset()
    """Pipelines that create no users."""
    selected: tuple[str, ...] = tuple(PIPELINES)
    """Pipelines that the build reads; identities of others are as of the step before."""

    @property
    def identities(self) -> Iterator[Identity]:
        for world in self.worlds:
            for one in world.identities.values():
                yield replace(one, creates=one.pipeline not in self.update_only)


# --- A world ---


def some_value(world: World, dice: Random, name: str) -> Any:
    if name == "name":
        return dice.choice((None, "Ada", "Bob", "Cid"))
    if dice.random() < world.nulls:
        return [] if name in ARRAYS and dice.random() < 0.2 else None
    if name in ARRAYS:
        return [some_scalar(world, dice, name) for _ in range(dice.choice((1, 1, 2, 3)))]
    return some_scalar(world, dice, name)


def some_scalar(world: World, dice: Random, name: str) -> int | str:
    """Identifiers draw from the same numbers and texts, so that equal values of different ones occur."""
    if name in NUMBERS:
        return world.number * 10 + dice.randrange(world.values)
    return "" if dice.random() < 0.05 else f"{world.number} 'ä:{dice.randrange(world.values)}"


def some_time(dice: Random) -> datetime:
    return START + timedelta(minutes=dice.randrange(4))


def some_accounts(world: World, dice: Random) -> tuple[str, ...]:
    return tuple(sorted({f"{world.number}/{dice.randrange(3)}" for _ in range(dice.choice((0, 0, 1, 2)))}))


def some_identity(world: World, dice: Random) -> Identity:
    pipeline, number = dice.choice(list(PIPELINES)), dice.randrange(4)
    shows_fallback = pipeline == UNTIMED and dice.random() < 0.5
    falls_back = shows_fallback and dice.random() < 0.6
    fallback_id = f"{world.number}:f{number}"
    return Identity(
        pipeline,
        PIPELINES[pipeline],
        fallback_id if falls_back else f"{world.number}:{number}",
        {name: some_value(world, dice, name) for name in PROPERTIES},
        some_time(dice),
        kind="fallback" if falls_back else "user_id",
        fallback_id=fallback_id if shows_fallback else None,
        account_ids=some_accounts(world, dice),
        account_name=dice.choice((None, "Acme", "Bolt")),
    )


def some_reference(world: World, dice: Random) -> str:
    """Somebody of the world; now and then nobody."""
    if not world.identities or dice.random() < 0.05:
        return f"crm:{world.number}:nobody"
    one = anyone(world, dice)
    return f"{one.pipeline}:{dice.choice((one.id, one.fallback_id or one.id))}"


def some_decisions(world: World, dice: Random, count: int) -> tuple[Decision, ...]:
    kinds = dice.choices(("link", "unlink"), (1, 2), k=count)
    made = (Decision(kind, some_reference(world, dice), some_reference(world, dice)) for kind in kinds)
    return tuple(one for one in made if one.identity != one.other)


def anyone(world: World, dice: Random) -> Identity:
    return world.identities[dice.choice(sorted(world.identities))]


def new_world(number: int, dice: Random) -> World:
    world = World(number, {}, values=dice.choice((2, 3, 4)), nulls=dice.choice((0.2, 0.5, 0.7)))
    for _ in range(dice.randint(1, 9)):
        world = insert(world, dice)
    return replace(world, decisions=some_decisions(world, dice, dice.choice((0, 0, 1, 2, 3))))


# --- What may happen to it ---


def insert(world: World, dice: Random) -> World:
    born = some_identity(world, dice)
    switched = {one.fallback_id for one in world.identities.values()}
    # One row a record: either with its user id or without.
    return world if born.key in world.identities or born.fallback_id in switched - {None} else world.having(born)


def delete(world: World, dice: Random) -> World:
    return world.without(anyone(world, dice).key)


def revalue(world: World, dice: Random) -> World:
    one, name = anyone(world, dice), dice.choice(PROPERTIES)
    return world.having(one, values={**one.values, name: some_value(world, dice, name)})


def blank(world: World, dice: Random) -> World:
    one = anyone(world, dice)
    return world.having(one, values={**one.values, dice.choice(PROPERTIES): None})


def move(world: World, dice: Random) -> World:
    """Somebody takes over everything that somebody else is identified by."""
    one, other = anyone(world, dice), anyone(world, dice)
    return world.having(one, values={**other.values, "name": one.values["name"]}, updated_at=some_time(dice))


def touch(world: World, dice: Random) -> World:
    """Nothing that matters for matching."""
    return world.having(anyone(world, dice), updated_at=some_time(dice), account_ids=some_accounts(world, dice))


def switch(world: World, dice: Random) -> World:
    """A record that had only a fallback id gets its user id, perhaps one that is there already."""
    records = sorted(key for key in world.identities if key[2] == "fallback")
    if not records:
        return world
    old = world.identities[dice.choice(records)]
    return world.without(old.key).having(replace(old, id=old.id.replace("f", ""), kind="user_id"))


def decide(world: World, dice: Random) -> World:
    return replace(world, decisions=(*world.decisions, *some_decisions(world, dice, 1)))


def undecide(world: World, dice: Random) -> World:
    gone = dice.choice((None, *world.decisions))
    return replace(world, decisions=tuple(one for one in world.decisions if one is not gone))


EVENTS: Sequence[Callable[[World, Random], World]] = (
    *(insert, delete, revalue, revalue, blank, move, move, touch, switch, switch, decide, decide, undecide),
)


def later(past: Sequence[World], dice: Random) -> World:
    """The world of the next build: changed here and there, or put back to what it once was."""
    world = past[-1]
    if dice.random() < 0.15:
        world = dice.choice(past)
    else:
        for _ in range(dice.choice((0, 0, 1, 1, 2, 4))):
            world = dice.choice(EVENTS if world.identities else (insert,))(world, dice)
    # A record that had its user id never loses it again.
    shown = {one.fallback_id for one in past[-1].identities.values() if one.kind == "user_id"}
    for key in [key for key in world.identities if key[2] == "fallback" and key[1] in shown]:
        world = world.without(key)
    return world


# --- All worlds of a project, and its settings ---


def new_rules(worlds: int, dice: Random) -> Rules:
    identifiers = dice.sample(IDENTIFIERS, dice.choice((1, 2, 3, 4, 5, 5, 5)))
    sources = {
        name: dice.choice(("one", "two", "three")) for name in ("number", "email", "name") if dice.random() < 0.6
    }
    return Rules(tuple(identifiers), sources, some_ignored(worlds, dice), dice.choice((None, None, 2, 3, 4)))


def some_ignored(worlds: int, dice: Random) -> dict[str, list[int | str]]:
    """The empty text, which would join all worlds, and a value of some worlds each."""
    listed: dict[str, list[int | str]] = {name: [] if name in NUMBERS else [""] for name in IDENTIFIERS}
    for name in dice.sample(IDENTIFIERS, 2):
        some = range(dice.randrange(5), worlds, 5)
        listed[name] += [number * 10 if name in NUMBERS else f"{number} 'ä:0" for number in some]
    return listed


def later_rules(rules: Rules, worlds: int, dice: Random) -> Rules:
    other = new_rules(worlds, dice)
    match dice.randrange(5):
        case 0:
            return replace(rules, identifiers=other.identifiers)
        case 1:
            return replace(rules, identifiers=rules.identifiers[1:])
        case 2:
            return replace(rules, limit=dice.choice((None, 2, 3, 4)))
        case 3:
            return replace(rules, ignore_values=other.ignore_values)
    return replace(rules, primary_sources=other.primary_sources)


def new_step(worlds: int, dice: Random) -> Step:
    update_only = frozenset(dice.choice(((), ("letter",), ("forms", "letter"))))
    return Step(new_rules(worlds, dice), [new_world(number, dice) for number in range(worlds)], update_only)


def story(worlds: int, steps: int, dice: Random) -> Iterator[Step]:
    """Build after build: most change worlds only, some the settings, some read only some pipelines."""
    step = new_step(worlds, dice)
    pasts = [[world] for world in step.worlds]
    yield step
    for _ in range(steps - 1):
        selected = tuple(PIPELINES) if dice.random() < 0.8 else tuple(dice.sample(list(PIPELINES), 2))
        # In a quiet build few worlds change, so that hardly a value passes the limit, which would resolve all anew.
        changing = dice.choice((1.0, 0.1))
        coming = [
            only(selected, past[-1], later(past, dice)) if dice.random() < changing else past[-1] for past in pasts
        ]
        step = replace(step, worlds=coming, selected=selected)
        if dice.random() < 0.25:
            step = replace(step, rules=later_rules(step.rules, worlds, dice))
        for past, world in zip(pasts, step.worlds, strict=True):
            past.append(world)
        yield step


def only(selected: Sequence[str], before: World, after: World) -> World:
    """The world where only the identities of some pipelines have changed."""
    stays = {key: one for key, one in before.identities.items() if key[0] not in selected}
    comes = {key: one for key, one in after.identities.items() if key[0] in selected}
    return replace(after, identities={**stays, **comes})
