"""The Markdown pages of the repo, and the code blocks in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (REPO / "docs").glob("*.md")))

_FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#{1,6}) +(.+?)\s*$", re.MULTILINE)
_FILE = re.compile(r"(?:--|#) (\S+/\S+|\S+\.ya?ml)(?: \((.+)\))?\n")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the headings it stands under, and its text."""

    page: str
    line: int
    language: str
    headings: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def file(self) -> str | None:
        """The path in a comment on the first line: what the block is the content of."""
        match = _FILE.match(self.text)
        return match[1] if match else None

    @property
    def remark(self) -> str | None:
        """What the first line says in parentheses after the path."""
        match = _FILE.match(self.text)
        return match[2] if match else None


def read(page: str) -> str:
    return (REPO / page).read_text(encoding="utf-8")


def headings(text: str) -> list[tuple[int, int, str]]:
    """Offset, level and words of each heading outside code."""
    hidden = [match.span() for match in _FENCE.finditer(text)]
    return [
        (match.start(), len(match[1]), match[2])
        for match in _HEADING.finditer(text)
        if not any(start <= match.start() < end for start, end in hidden)
    ]


def blocks(page: str, text: str | None = None) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = read(page) if text is None else text
    found = headings(text)
    for match in _FENCE.finditer(text):
        above: list[tuple[int, str]] = []
        for offset, level, words in found:
            if offset < match.start():
                above = [(other, name) for other, name in above if other < level] + [(level, words)]
        yield Block(page, text.count("\n", 0, match.start()) + 1, match[1], tuple(n for _, n in above), match[2])


def all_blocks(*languages: str) -> list[Block]:
    """The blocks of every page in some languages."""
    return [block for page in PAGES for block in blocks(page) if block.language in languages]


def prose() -> str:
    """All pages together."""
    return "\n".join(read(page) for page in PAGES)
