"""Explanations as Mermaid diagrams, for pages and pull requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from usersync.report.explain import words
from usersync.report.explain.values import Comparison, Explanation, Step, Subject

_PLAIN = frozenset(" _.,:/=+-…")
"""Characters beside letters and digits that mean nothing to Mermaid inside quotes."""


def as_mermaid(found: Explanation | Comparison) -> str:
    """An explanation as a flowchart."""
    return _explanation(found) if isinstance(found, Explanation) else _comparison(found)


def _explanation(found: Explanation) -> str:
    steps = found.steps[: words.SHOWN]
    left_out = found.subject.identity_count - len(steps)
    more = [f"more[{_quoted(f'… and {left_out:,} more')}]"] if left_out else []
    return _diagram([*_steps(steps), *more])


def _comparison(found: Comparison) -> str:
    if found.same:
        return _diagram(_steps(found.path))
    return _diagram([*_side("one", found.one), *_side("other", found.other), *_apart(found)])


def _diagram(lines: Iterable[str]) -> str:
    return "\n".join(["flowchart LR", *(f"    {line}" for line in lines)])


def _steps(steps: Iterable[Step]) -> Iterator[str]:
    numbers: dict[int, str] = {}
    for step in steps:
        name = numbers.setdefault(step.member.pk, f"i{len(numbers)}")
        yield f"{name}[{_quoted(words.identity(step.member))}]"
        if step.parent and step.evidence:
            yield f"{numbers[step.parent.pk]} ---|{_quoted(words.evidence(step.evidence, step.member))}| {name}"


def _side(name: str, subject: Subject) -> list[str]:
    return [f"{name}[{_quoted(words.headline(subject))}]"]


def _apart(found: Comparison) -> Iterator[str]:
    reasons = [*map(words.ruling, found.rulings), *map(words.withheld, found.withheld)]
    for reason in reasons or [words.NOTHING_SHARED]:
        yield f"one -.-|{_quoted(reason)}| other"


def _quoted(text: str) -> str:
    """A label: whatever could mean something to Mermaid as the code of its character."""
    return '"' + "".join(c if c.isalnum() or c in _PLAIN else f"#{ord(c)};" for c in text) + '"'
