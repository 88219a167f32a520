"""What is wrong and where: one value behind lint, compile and run, and the errors that carry it."""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from itertools import accumulate


class Level(StrEnum):
    """How bad a finding is; only errors stop a build."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a project file. Lines and columns count from 1, columns in code points."""

    file: str
    line: int
    column: int
    text: str = field(default="", compare=False)
    """The whole line, for the caret."""
    length: int = field(default=1, compare=False)
    """How many characters the caret underlines."""


@dataclass(frozen=True)
class SourceFile:
    """A project file as read: its path relative to the project, and its text with `\\n` line ends."""

    path: str
    text: str
    unreadable: tuple[int, str] | None = None
    """Where its text cannot be read, and why: it is not UTF-8, or cannot be opened."""

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *accumulate(len(line) + 1 for line in self.text.split("\n")[:-1])]

    def location(self, offset: int, length: int = 1) -> Location:
        """The place of the character at `offset`; an offset past the end is the end."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect.bisect_right(self._line_starts, offset)
        start = self._line_starts[line - 1]
        end = self.text.find("\n", start)
        text = self.text[start : end if end >= 0 else len(self.text)]
        column = offset - start + 1
        return Location(self.path, line, column, text, max(1, min(length, len(text) - column + 1)))

    def offset(self, line: int, column: int = 1) -> int:
        """The offset of a line and column, both from 1; places past the end are clamped."""
        index = max(0, min(line - 1, len(self._line_starts) - 1))
        return min(self._line_starts[index] + column - 1, len(self.text))


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a project file: the characters from offset `start` up to `end`, both from 0, become `text`."""

    file: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: what is wrong, where, and what to do about it."""

    code: str
    message: str
    location: Location | None = None
    hint: str | None = None
    level: Level = Level.ERROR
    fix: tuple[Edit, ...] = field(default=(), compare=False)
    """What mends it without changing what anything means, where that is known."""

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Files, then lines, then codes: the order in which people read."""
        at = self.location
        return (at.file, at.line, at.column, self.code, self.message) if at else ("", 0, 0, self.code, self.message)

    def __str__(self) -> str:
        at = self.location
        where = f"{at.file}:{at.line}:{at.column}: " if at else ""
        return f"{where}{self.message}"


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint naming the closest known name, or all of them where there are few; None where nothing fits."""
    names = sorted(set(known))
    folded = {n.lower(): n for n in reversed(names)}
    close = difflib.get_close_matches(name.lower(), list(folded), n=1, cutoff=0.6)
    if close:
        return f"did you mean {folded[close[0]]!r}?"
    if 0 < len(names) <= 8:
        return f"known: {', '.join(names)}"
    return None


class UsersyncError(Exception):
    """Base of every error that a user can cause. Carries diagnostics and the exit code of the command."""

    exit_code = 1
    code = "error"

    def __init__(self, problem: str | Diagnostic | Sequence[Diagnostic], *, hint: str | None = None) -> None:
        if isinstance(problem, str):
            problem = Diagnostic(self.code, problem, hint=hint)
        self.diagnostics = (problem,) if isinstance(problem, Diagnostic) else tuple(problem)
        super().__init__("; ".join(str(d) for d in self.diagnostics))


class ConfigError(UsersyncError):
    """A wrong call, configuration or template: nothing was run."""

    exit_code = 2
    code = "config"


class NothingSelectedError(UsersyncError):
    """No pipeline matches the selection."""

    exit_code = 3
    code = "nothing-selected"


class GuardError(UsersyncError):
    """A guard refused what would have been written."""

    exit_code = 4
    code = "guard"


class SourceError(UsersyncError):
    """A source could not be reached or read."""

    code = "source"


class WarehouseError(UsersyncError):
    """The warehouse could not be opened or written."""

    code = "warehouse"
