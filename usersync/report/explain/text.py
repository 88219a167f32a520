"""Explanations for people: a small tree, what did not match, and where values come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from usersync.report.explain import words
from usersync.report.explain.values import Comparison, Explanation, Member, Origin, Source, Step, Subject

_VALUES = 5
"""Values of a property that are shown beside the chosen one."""


def as_text(found: Explanation | Comparison) -> str:
    """An explanation as text."""
    return _explanation(found) if isinstance(found, Explanation) else _comparison(found)


def _explanation(found: Explanation) -> str:
    steps = found.steps[: words.SHOWN]
    runs = _Runs(step.member for step in steps)
    left_out = found.subject.identity_count - len(steps)
    more = [f"… and {left_out:,} more, farther away"] if left_out else []
    width = max((len(origin.path) for origin in found.origins), default=0)
    return _page(
        _heads(found.subject),
        [*_tree(steps, runs), *more],
        _section("did not match", [*map(words.ruling, found.rulings), *map(words.withheld, found.withheld)]),
        _section("values", [line for origin in found.origins for line in _origin(origin, width)]),
        _section("last changed by run", runs.lines()),
    )


def _comparison(found: Comparison) -> str:
    heads = list(dict.fromkeys([*_heads(found.one), *_heads(found.other)]))
    if not found.same:
        reasons = [*map(words.ruling, found.rulings), *map(words.withheld, found.withheld)]
        return _page(heads, _section("two people, because", reasons or [words.NOTHING_SHARED]))
    runs = _Runs(step.member for step in found.path)
    return _page(heads, _chain(found.path, runs), _section("last changed by run", runs.lines()))


def _page(*blocks: Sequence[str]) -> str:
    return "\n\n".join("\n".join(map(_plain, block)) for block in blocks if block)


def _plain(line: str) -> str:
    """A line in which no character moves the cursor, whatever the values are."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []


def _heads(subject: Subject) -> list[str]:
    return [*words.became(subject), words.headline(subject)]


class _Runs:
    """Short numbers for the runs that last changed some identities."""

    def __init__(self, members: Iterable[Member]) -> None:
        self._at = dict(sorted({member.run_id: member.run_at for member in members}.items()))
        self._numbers = {run_id: number for number, run_id in enumerate(self._at, start=1)}

    def label(self, member: Member) -> str:
        return f"{words.identity(member)} [{self._numbers[member.run_id]}]"

    def lines(self) -> list[str]:
        return [f"[{number}] {run_id} at {self._at[run_id]}" for run_id, number in self._numbers.items()]


def _tree(steps: Sequence[Step], runs: _Runs) -> list[str]:
    below: dict[int | None, list[Step]] = defaultdict(list)
    for step in steps:
        below[step.parent.pk if step.parent else None].append(step)
    return [line for root in below[None] for line in (runs.label(root.member), *_branches(root, below, runs))]


def _branches(parent: Step, below: Mapping[int | None, list[Step]], runs: _Runs) -> Iterator[str]:
    steps = below.get(parent.member.pk, [])
    for step in steps:
        branch, stem = ("└── ", "    ") if step is steps[-1] else ("├── ", "│   ")
        why = f"  {words.evidence(step.evidence, step.member)}" if step.evidence else ""
        yield f"{branch}{runs.label(step.member)}{why}"
        yield from (f"{stem}{line}" for line in _branches(step, below, runs))


def _chain(path: Sequence[Step], runs: _Runs) -> list[str]:
    if not path:
        return ["no chain between them by what the warehouse says"]
    return [line for step in path for line in (*_link(step), runs.label(step.member))]


def _link(step: Step) -> list[str]:
    return [f"│ {words.evidence(step.evidence, step.member)}"] if step.evidence else []


def _origin(origin: Origin, width: int) -> Iterator[str]:
    shown = [("", source) for source in origin.chosen] + [("not ", source) for source in origin.beaten[:_VALUES]]
    for number, (prefix, source) in enumerate(shown):
        yield f"{('' if number else origin.path).ljust(width)}  {prefix}{source.value}  ({_source(source)})"
    if origin.distinct > len(shown):
        yield f"{''.ljust(width)}  … and {origin.distinct - len(shown):,} more"


def _source(source: Source) -> str:
    primary = ", primary source" if source.primary else ""
    return f"{words.identity(source)}, {source.updated_at}{primary}"
