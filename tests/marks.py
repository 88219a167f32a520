"""Texts with a mark, », where a problem is expected: no test counts columns."""

from usersync.diagnostics import Diagnostic, Location

MARK = "»"
Place = tuple[int, int]
"""Line and column, from 1."""


def marked(text: str) -> tuple[str, Place]:
    """The text without its mark, and the place of the character behind it."""
    before, mark, after = text.partition(MARK)
    assert mark, "no mark in the text"
    return before + after, (before.count("\n") + 1, len(before) - before.rfind("\n"))


def place(location: Location | None) -> Place:
    """Line and column of a location."""
    assert location is not None
    return location.line, location.column


def summary(problems: list[Diagnostic]) -> list[tuple[str, Place]]:
    """Code and place of each problem."""
    return [(problem.code, place(problem.location)) for problem in problems]
