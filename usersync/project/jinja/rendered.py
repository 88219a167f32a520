"""Rendered SQL, which knows where it was written."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from usersync.diagnostics import Location, SourceFile


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of rendered text and where it was written; `verbatim` text moves along with its source."""

    start: int
    file: SourceFile
    offset: int
    verbatim: bool


@dataclass(frozen=True)
class Rendered:
    """SQL as rendered, able to say where in the templates each of its characters was written."""

    sql: str
    file: SourceFile
    _trace: Callable[[], tuple[str, list[Segment]]] = field(repr=False)

    @cached_property
    def _segments(self) -> list[Segment]:
        text, segments = self._trace()
        # A filter that counts or cuts text sees the marks too; then only the file is known.
        return segments if text == self.sql else []

    def location(self, offset: int, length: int = 1) -> Location:
        """The place in a template of the rendered character at `offset`."""
        index = bisect.bisect_right(self._segments, offset, key=lambda s: s.start) - 1
        if index < 0:
            return self.file.location(len(self.file.text) - len(self.file.text.lstrip()))
        segment = self._segments[index]
        moved = offset - segment.start if segment.verbatim else 0
        return segment.file.location(segment.offset + moved, length if segment.verbatim else 1)

    def written(self, start: int, end: int) -> tuple[int, int] | None:
        """The offsets in the model's own text of the rendered characters from `start` up to `end`.

        None where that is not certain: behind expressions and macros, and where one text is rendered again.
        """
        index = bisect.bisect_right(self._segments, start, key=lambda s: s.start) - 1
        if index < 0:
            return None
        segment = self._segments[index]
        begins = segment.offset + start - segment.start
        uses = [s for s in self._segments if s.verbatim and (s.file.path, s.offset) == (self.file.path, segment.offset)]
        same = self.file.text[begins : begins + end - start] == self.sql[start:end]
        return (begins, begins + end - start) if uses == [segment] and same else None
