"""Plans for people at a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from usersync.build.results import Outcome
from usersync.report.diagnostics import Style, plain
from usersync.report.plan import words
from usersync.report.plan.values import (
    Change,
    Link,
    Merged,
    Named,
    PipelinePlan,
    Plan,
    Rejected,
    Sample,
    Someone,
    Split,
    Updated,
)

T = TypeVar("T")
Block = list[str]


def as_text(plan: Plan, style: Style = plain) -> str:
    """A plan as text."""
    people = plan.people
    blocks = (
        _table(plan.pipelines, style),
        [f"users: {words.totals(plan)} ({words.summary(plan)})", *_notes(plan, style)],
        *(_rejections(pipeline, style) for pipeline in plan.pipelines),
        _section("created", people.created, _someone, style, "done"),
        _section("updated", people.updated, _updated, style, "warning"),
        _section("merged", people.merged, _merged, style, "warning"),
        _section("split", people.split, _split, style, "warning"),
        _section("deleted", people.deleted, _someone, style, "error"),
        _section("without a user", people.waiting, _waiting, style, "info"),
    )
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _table(pipelines: Sequence[PipelinePlan], style: Style) -> Block:
    if not pipelines:
        return []
    width = max(len("pipeline"), *(len(p.result.pipeline) for p in pipelines))
    head = "  ".join(["pipeline".ljust(width), *(name.rjust(9) for name in words.COLUMNS)])
    return [head, *(_line(pipeline, width, style) for pipeline in pipelines)]


def _line(pipeline: PipelinePlan, width: int, style: Style) -> str:
    result = pipeline.result
    if result.outcome is not Outcome.SUCCESS:
        return f"{result.pipeline.ljust(width)}  {style(result.outcome.value, 'error')}"
    return "  ".join([result.pipeline.ljust(width), *(count.rjust(9) for count in words.counts(result))])


def _notes(plan: Plan, style: Style) -> Iterator[str]:
    for pipeline, count in plan.removed.items():
        deleted = style(words.counted(count, "identity", "identities"), "error")
        yield f"{deleted} of {pipeline} deleted, which is no longer in models/"
    if plan.layout:
        yield "the tables of the warehouse are made, or fitted to models/users.sql"
    if plan.refused:
        yield style("a build would write nothing: a guard refuses it", "error")
    elif not plan.changes:
        yield "nothing changes"


def _rejections(pipeline: PipelinePlan, style: Style) -> Block:
    name = pipeline.result.pipeline
    lines = [line for reason in pipeline.rejected for line in _rejected(name, reason, style)]
    if pipeline.recovered:
        lines.append(f"{name}: {words.counted(pipeline.recovered, 'row')} not rejected any more")
    return lines


def _rejected(pipeline: str, found: Rejected, style: Style) -> Iterator[str]:
    count = style(f"{words.counted(found.rows, 'row')} rejected", "error")
    new = f" ({found.new:,} new)" if found.new < found.rows else ""
    yield f"{pipeline}: {count}{new}: {found.property} {found.reason}"
    yield from (f"    {json.dumps(sample, ensure_ascii=False)}" for sample in found.samples)


def _section(title: str, some: Sample[T], show: Callable[[T], Iterable[str]], style: Style, colour: str) -> Block:
    if not some.count:
        return []
    more = some.count - len(some.shown)
    lines = [f"  {line}" for one in some.shown for line in show(one)]
    left_out = [f"  … and {more:,} more"] if more and some.shown else []
    return [f"{style(title, colour)}: {some.count:,}", *lines, *left_out]


def _someone(one: Someone) -> Iterator[str]:
    names = words.listed(one.identities, lambda identity: identity.label)
    yield f"{one.user_id}  {names}" if one.user_id else names
    yield from (f"    {path} = {words.value(text)}" for path, text in one.values.items())


def _updated(one: Updated) -> Iterator[str]:
    yield f"{one.user_id}  {words.listed(one.identities, words.identity)}"
    yield from (f"    {_change(change)}" for change in one.changes)
    if one.identities_before != one.identities.count:
        yield f"    identities: {one.identities_before:,} -> {one.identities.count:,}"
    old, new = one.updated_at
    if not one.changes and old != new:
        yield f"    updated_at: {old} -> {new}"


def _change(change: Change) -> str:
    source = f"  ({change.source.label})" if change.source else ""
    return f"{change.property}: {words.value(change.old)} -> {words.value(change.new)}{source}"


def _merged(one: Merged) -> Iterator[str]:
    others = f" (as {one.users - 1:,} more)" if one.users > 1 else ""
    yield f"{one.user_id} into {one.into}{others}"
    yield from (f"    {_link(link)}" for link in one.chain)
    if one.switch:
        was, now = one.switch
        yield f"    {was.label} is {now.label} now"


def _link(link: Link) -> str:
    return f"{words.clipped(link.words)}: {words.identity(link.one)}, {words.identity(link.other)}"


def _split(one: Split) -> Iterator[str]:
    yield f"{one.user_id} out of {one.out_of}  {words.listed(one.identities, words.identity)}"
    if one.link:
        yield f"    was joined by {_link(one.link)}"
    yield f"    {words.clipped(one.loss.words)}"
    if one.loss.overruled:
        yield f"    overruled: {words.overruled(one.loss.overruled)}"


def _waiting(one: Named) -> Iterator[str]:
    yield words.identity(one)
