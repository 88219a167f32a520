"""Why users become one, and why they come apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from usersync.build.rehearse import Rehearsal
from usersync.compile.sql import literal, template
from usersync.diagnostics import ConfigError
from usersync.report.explain.load import read_settings
from usersync.report.explain.values import Step
from usersync.report.plan.losses import loss
from usersync.report.plan.values import Loss, Merged, Named, Sample, Split, named
from usersync.report.plan.world import PACKAGE, World, clusters, keys, links, planned, run, written
from usersync.warehouse.store import rows


@dataclass(frozen=True, slots=True)
class _Move:
    """A user that comes or goes, and the other one that has to do with it."""

    key: int
    other: int
    user_id: str
    other_id: str
    users: int


def read_moves(
    rehearsal: Rehearsal, identities: Mapping[int, Sample[Named]]
) -> tuple[tuple[Merged, ...], tuple[Split, ...]]:
    """The shown merges and splits, each with its evidence.

    Args:
        rehearsal: With the tables of the shown users.
        identities: Of the shown users, by key.
    """
    engine = rehearsal.engine
    found = rows(engine, template(PACKAGE, "moved"))
    merges, splits = ([_Move(*row[1:]) for row in found if row[0] == change] for change in ("merged", "split"))
    if not found:
        return (), ()
    after = planned(rehearsal)
    former, unreadable = _former(rehearsal, splits)
    _enter(rehearsal, merges, splits, former)
    told = (
        tuple(_merged(after, merge) for merge in merges),
        tuple(_split(after, s, steps, unreadable, identities[s.key]) for s, steps in zip(splits, former, strict=True)),
    )
    engine.execute(f"use {rehearsal.database}")
    return told


def _former(rehearsal: Rehearsal, splits: Sequence[_Move]) -> tuple[list[tuple[Step, ...]], str]:
    """What joined each user that comes out to the rest: an identity of either side; or why there is no telling."""
    if not splits:
        return [], ""
    engine = rehearsal.engine
    try:
        settings = read_settings(engine, rehearsal.users)
    except ConfigError as error:
        return [()] * len(splits), error.diagnostics[0].message
    before = World(engine, rehearsal.database, settings, written(rehearsal))
    return [_joint(before, split) for split in splits], ""


def _joint(before: World, split: _Move) -> tuple[Step, ...]:
    own = f"_pk in (select _pk from temp.placed where old_user = {split.other} and _user = {split.key})"
    stored = f"select component from usersync.components where _user = {split.other} limit 1"
    [component] = keys(before.engine, stored)
    return before.chain((component, split.other), own, f"not {own}")


def _enter(
    rehearsal: Rehearsal, merges: Iterable[_Move], splits: Iterable[_Move], former: Iterable[tuple[Step, ...]]
) -> None:
    """Puts everyone who is told of into the small warehouse."""
    users = [merge.other for merge in merges] + [split.key for split in splits]
    others = [step.member.pk for steps in former for step in steps]
    told = f"list_contains({literal(users)}::bigint[], _user) or list_contains({literal(others)}::bigint[], _pk)"
    found = clusters(rehearsal.engine, told)
    run(rehearsal.engine, "world", clusters=found, scope=rehearsal.resolution.scope)


def _merged(after: World, merge: _Move) -> Merged:
    """A user that becomes part of another, with a shortest chain between what they were."""
    [cluster] = clusters(after.engine, f"_user = {merge.other}")
    chain = links(after.engine, after.chain(cluster, _were(merge, merge.key), _were(merge, merge.other)))
    return Merged(merge.user_id, merge.other_id, merge.users, chain, None if chain else _switch(after, merge))


def _were(merge: _Move, key: int) -> str:
    """Of the identities of the user that stays those that were of one of the two."""
    return f"_pk in (select _pk from temp.placed where _user = {merge.other} and {key} in (old_user, _age))"


def _switch(after: World, merge: _Move) -> tuple[Named, Named] | None:
    """The identity whose id the user had, and the one that took its place."""
    found = rows(after.engine, template(PACKAGE, "switch", key=merge.key, other=merge.other))
    return next(((named(*row[:4]), named(*row[4:])) for row in found), None)


def _split(after: World, split: _Move, steps: tuple[Step, ...], unreadable: str, identities: Sample[Named]) -> Split:
    """A user that comes out of another, with what joined it to the rest and does no more."""
    joint = next(((step.evidence, step.parent, step.member) for step in steps if step.parent and step.evidence), None)
    lost = loss(after, *joint) if joint else Loss("identifiers", unreadable)
    link = next(iter(links(after.engine, steps)), None)
    return Split(split.user_id, split.other_id, identities, link, lost)
