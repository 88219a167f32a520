"""`usersync plan`: what a build would do now, in rows and in people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from usersync.build.pipelines import BuildOptions
from usersync.build.rehearse import Rehearsal, rehearse
from usersync.build.results import Listener, Outcome, silent
from usersync.compile.sql import ident, literal, template
from usersync.project.model import Pipeline, Project, Property, UserSchema
from usersync.project.types import NESTED, Kind, PropertyType
from usersync.report.plan.moves import read_moves
from usersync.report.plan.values import (
    Change,
    Named,
    People,
    PipelinePlan,
    Plan,
    Rejected,
    Sample,
    Someone,
    Updated,
    named,
)
from usersync.report.plan.world import PACKAGE, run
from usersync.resolve.resolution import UserCounts
from usersync.warehouse.store import ALIAS, rows

FEW = 5
"""Identities of a user that are named."""

_LIFT = 1 << 60
"""Lifts the rank of a primary source's values over all others'."""


def plan(
    project: Project,
    selected: Mapping[str, Pipeline],
    options: BuildOptions,
    listener: Listener = silent,
    *,
    limit: int = 5,
) -> Plan:
    """What a build of the selected pipelines would do; writes nothing.

    Args:
        project: As loaded.
        selected: The pipelines.
        options: How to build.
        listener: Told of every step.
        limit: How many users of each change, and rows of each reason, are shown.

    Raises:
        ConfigError: something is wrong before anything runs.
        NothingSelectedError: all that is selected is disabled, or nothing is due.
        WarehouseError: the warehouse cannot be opened.
    """
    with rehearse(project, selected, options, listener) as rehearsal:
        return Plan(
            _pipelines(rehearsal, limit),
            _removed(rehearsal),
            _Reader(rehearsal, limit).people(),
            rehearsal.database != ALIAS,
            rehearsal.warnings,
            rehearsal.refused,
            rehearsal.exit_code,
        )


def _pipelines(rehearsal: Rehearsal, limit: int) -> tuple[PipelinePlan, ...]:
    engine = rehearsal.engine
    found = rows(engine, template(PACKAGE, "rejections", limit=limit))
    rejected = {
        str(stem): tuple(
            Rejected(name, reason, count, new, tuple(map(json.loads, samples)))
            for _, name, reason, count, new, samples in reasons
        )
        for stem, reasons in groupby(found, lambda row: row[0])
    }
    recovered = dict(rows(engine, template(PACKAGE, "recovered")))
    return tuple(
        PipelinePlan(result, rejected.get(result.pipeline, ()), recovered.get(result.pipeline, 0))
        if result.outcome is Outcome.SUCCESS
        else PipelinePlan(result, (), 0)
        for result in rehearsal.pipelines
    )


def _removed(rehearsal: Rehearsal) -> dict[str, int]:
    return dict(rows(rehearsal.engine, template(PACKAGE, "removed", pipelines=sorted(rehearsal.project.pipelines))))


class _Reader:
    """Reads what becomes of users from the tables of a resolution."""

    def __init__(self, rehearsal: Rehearsal, limit: int) -> None:
        self._rehearsal = rehearsal
        self._engine = rehearsal.engine
        self._leaves = rehearsal.users.leaves
        full = rehearsal.resolution.full
        self._values = {
            "limit": limit,
            "few": FEW,
            "leaves": self._leaves,
            "scope": rehearsal.resolution.scope,
            "users_before": "usersync.user_rows" if full else "temp.users_before",
            "before": "usersync.components" if full else "temp.before",
        }

    def people(self) -> People:
        counts = self._rehearsal.counts
        if self._rehearsal.resolution.idle:
            nobody: Sample[Any] = Sample(0)
            return People(counts, counts, nobody, nobody, nobody, nobody, nobody, nobody)
        run(self._engine, "shown", **self._values)
        self._identities = self._read_identities()
        someone = self._someone()
        waiting, names = self._rows("waiting")[0]
        merged, split = read_moves(self._rehearsal, self._identities)
        return People(
            _before(counts, self._rows("stored")[0][0]),
            counts,
            Sample(counts.created, someone["created"]),
            Sample(counts.updated, self._updated()),
            Sample(counts.merged, merged),
            Sample(counts.split, split),
            Sample(counts.deleted, someone["deleted"]),
            Sample(waiting, tuple(map(_named, names or ()))),
        )

    def _rows(self, name: str, **values: object) -> list[tuple[Any, ...]]:
        return rows(self._engine, template(PACKAGE, name, **self._values, **values))

    def _read_identities(self) -> dict[int, Sample[Named]]:
        return {key: Sample(count, tuple(map(_named, names))) for key, count, names in self._rows("identities")}

    def _someone(self) -> dict[str, tuple[Someone, ...]]:
        found: dict[str, list[Someone]] = {"created": [], "deleted": []}
        texts = [_text(ident(leaf.column), leaf.type) for leaf in self._leaves]
        for change, key, user_id, said in self._rows("someone", texts=texts):
            values = {leaf.path: text for leaf, text in zip(self._leaves, said, strict=True) if text is not None}
            one = Someone(user_id if change == "deleted" else None, self._identities.get(key, Sample(0)), values)
            found[change].append(one)
        return {change: tuple(some) for change, some in found.items()}

    def _updated(self) -> tuple[Updated, ...]:
        changes = self._changes()
        return tuple(
            Updated(user_id, self._identities[key], count, (old, new), tuple(changes.get(key, ())))
            for key, user_id, count, old, new in self._rows("updated")
        )

    def _changes(self) -> dict[int, list[Change]]:
        found: dict[int, list[Change]] = {}
        templates = [_leaf(leaf, self._rehearsal.users) for leaf in self._leaves]
        for key, leaf, old, new, source in self._rows("changes", changing=templates) if templates else ():
            change = Change(self._leaves[leaf].path, old, new, _named(source) if source else None)
            found.setdefault(key, []).append(change)
        return found


def _before(counts: UserCounts, identities: int) -> UserCounts:
    """How many there are now."""
    total = counts.total - counts.created - counts.split + counts.merged + counts.deleted
    return UserCounts(total=total, identities=identities)


def _named(found: Mapping[str, Any]) -> Named:
    return named(found["pipeline"], found["identity_id"], found["id_kind"], found["action"])


def _text(column: str, kind: PropertyType) -> str:
    return f"to_json({column})::varchar" if kind.kind in NESTED else f"{column}::varchar"


def _leaf(leaf: Property, users: UserSchema) -> dict[str, str]:
    """A property in the words of the template, with the place of each value in the order of which one wins."""
    column = ident(leaf.column)
    primary = users.primary_sources.get(leaf.path)
    lift = f" + if(s.connection = {literal(primary)}, {_LIFT}, 0)" if primary else ""
    array = leaf.type.kind is Kind.ARRAY
    added = f"list_filter(n.{column}, e -> not list_contains(coalesce(w.{column}, []), e))"
    return {
        "column": leaf.column,
        "old": _text(f"w.{column}", leaf.type),
        "new": _text(f"n.{column}", leaf.type),
        "rank": "s._rank" if array else f"s._rank{lift}",
        "source": f"list_has_any(s.{column}, {added})" if array else f"s.{column} is not null",
    }
