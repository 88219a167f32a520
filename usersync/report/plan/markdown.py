"""Plans as a comment on a pull request: what matters first, samples folded away."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from usersync.build.results import Outcome
from usersync.diagnostics import Diagnostic
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


def as_markdown(plan: Plan) -> str:
    """A plan as Markdown, as forges show it."""
    people = plan.people
    blocks = (
        [f"### usersync plan: {_title(plan)}"],
        [f"- {_finding(found)}" for found in _findings(plan)],
        _table(plan.pipelines),
        [f"Users: {words.totals(plan).replace('->', '→')}", *_notes(plan)],
        *(_rejections(pipeline) for pipeline in plan.pipelines),
        _details("user", "created", people.created, _someone),
        _details("user", "updated", people.updated, _updated),
        _details("user", "merged into another", people.merged, _merged),
        _details("user", "split off another", people.split, _split),
        _details("user", "deleted", people.deleted, _someone),
        _details("identity", "without a user", people.waiting, _waiting, "identities"),
    )
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _title(plan: Plan) -> str:
    if plan.refused:
        return "refused by a guard"
    counts = {name: getattr(plan.people.counts, name) for name in words.CHANGES}
    some = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    if some:
        return f"users {some}"
    return "no change of users" if plan.changes else "no changes"


def _findings(plan: Plan) -> Iterator[Diagnostic]:
    if plan.refused:
        yield plan.refused
    yield from (diagnostic for pipeline in plan.pipelines for diagnostic in pipeline.result.diagnostics)
    yield from plan.warnings


def _finding(found: Diagnostic) -> str:
    hint = f" ({_escaped(found.hint)})" if found.hint else ""
    return f"**{found.level.value}**: {_escaped(str(found))}{hint}"


def _table(pipelines: Iterable[PipelinePlan]) -> list[str]:
    lines = [_row(pipeline) for pipeline in pipelines]
    head = ["pipeline", *words.COLUMNS]
    return [_cells(head), _cells(["---", *("---:" for _ in words.COLUMNS)]), *lines] if lines else []


def _row(pipeline: PipelinePlan) -> str:
    result = pipeline.result
    done = result.outcome is Outcome.SUCCESS
    counts = words.counts(result) if done else [f"**{result.outcome.value}**", *("" for _ in words.COLUMNS[1:])]
    return _cells([_code(result.pipeline), *counts])


def _cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _notes(plan: Plan) -> Iterator[str]:
    for pipeline, count in plan.removed.items():
        deleted = words.counted(count, "identity", "identities")
        yield f"\n{deleted} of {_code(pipeline)} deleted, which is no longer in models/."
    if plan.layout:
        yield "\nThe tables of the warehouse are made, or fitted to models/users.sql."


def _rejections(pipeline: PipelinePlan) -> list[str]:
    rows = sum(reason.rows for reason in pipeline.rejected)
    if not rows:
        return []
    lines = [line for reason in pipeline.rejected for line in _rejected(reason)]
    return _folded(f"{words.counted(rows, 'row')} of {pipeline.result.pipeline} rejected", lines)


def _rejected(found: Rejected) -> Iterator[str]:
    new = f", {found.new:,} new" if found.new < found.rows else ""
    yield f"- {_code(f'{found.property} {found.reason}')}: {words.counted(found.rows, 'row')}{new}"
    yield from (f"  - {_code(json.dumps(sample, ensure_ascii=False))}" for sample in found.samples)


def _details(what: str, done: str, some: Sample[T], show: Callable[[T], Iterable[str]], plural: str = "") -> list[str]:
    if not some.count:
        return []
    more = some.count - len(some.shown)
    lines = [line for one in some.shown for line in show(one)]
    left_out = [f"- and {more:,} more"] if more and lines else []
    return _folded(f"{words.counted(some.count, what, plural)} {done}", [*lines, *left_out])


def _folded(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return [_escaped(title)]
    return ["<details>", f"<summary>{_escaped(title)}</summary>", "", *lines, "", "</details>"]


def _someone(one: Someone) -> Iterator[str]:
    user_id = f"{_code(one.user_id)}: " if one.user_id else ""
    yield f"- {user_id}{words.listed(one.identities, lambda identity: _code(identity.label))}"
    yield from (f"  - {path}: {_value(text)}" for path, text in one.values.items())


def _updated(one: Updated) -> Iterator[str]:
    yield f"- {_code(one.user_id)}: {words.listed(one.identities, _identity)}"
    yield from (f"  - {_change(change)}" for change in one.changes)
    if one.identities_before != one.identities.count:
        yield f"  - identities: {one.identities_before:,} → {one.identities.count:,}"
    old, new = one.updated_at
    if not one.changes and old != new:
        yield f"  - updated_at: {old} → {new}"


def _change(change: Change) -> str:
    source = f", from {_code(change.source.label)}" if change.source else ""
    return f"{change.property}: {_value(change.old)} → {_value(change.new)}{source}"


def _merged(one: Merged) -> Iterator[str]:
    others = f", as {one.users - 1:,} more" if one.users > 1 else ""
    yield f"- {_code(one.user_id)} into {_code(one.into)}{others}"
    yield from (f"  - {_link(link)}" for link in one.chain)
    if one.switch:
        was, now = one.switch
        yield f"  - {_code(was.label)} is {_code(now.label)} now"


def _link(link: Link) -> str:
    return f"{_value(link.words)}: {_identity(link.one)}, {_identity(link.other)}"


def _split(one: Split) -> Iterator[str]:
    yield f"- {_code(one.user_id)} out of {_code(one.out_of)}: {words.listed(one.identities, _identity)}"
    if one.link:
        yield f"  - was joined by {_link(one.link)}"
    yield f"  - {_value(one.loss.words)}"
    if one.loss.overruled:
        yield f"  - overruled: {_value(words.overruled(one.loss.overruled))}"


def _waiting(one: Named) -> Iterator[str]:
    yield f"- {_identity(one)}"


def _identity(one: Named) -> str:
    return f"{_code(one.label)} ({one.change})" if one.change else _code(one.label)


def _value(text: str | None) -> str:
    return "none" if text is None else _code(words.clipped(text))


def _code(text: str) -> str:
    """A text that nothing in it can turn into markup, nor into a mention of anybody."""
    line = " ".join(text.split("\n"))
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    blank = " " if line.startswith(("`", " ")) or line.endswith(("`", " ")) or not line else ""
    return f"{fence}{blank}{line}{blank}{fence}"


def _escaped(text: str) -> str:
    """Prose of ours that names things of the user's."""
    return re.sub(r"([\\`*_{}\[\]<>|#@~])", r"\\\1", " ".join(text.split()))
