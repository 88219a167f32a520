"""Counts of findings as a small table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from usersync.lint.statistics import Count, Silent


def statistics(counts: Iterable[Count], silent: Silent | None) -> Iterator[str]:
    """A line a code, and one for the rules that could not look."""
    for count in counts:
        fixable = f", {count.fixable} with a fix" if count.fixable else ""
        yield f"{count.found:>6}  {count.code} {count.name} ({count.level.value}{fixable})"
    if silent:
        says = "says" if len(silent.codes) == 1 else "say"
        tables = f"the tables of {', '.join(silent.connections)} are not recorded in models/sources/"
        yield f"{', '.join(silent.codes)} {says} nothing where {tables}"
