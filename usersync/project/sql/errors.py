"""Why a text of SQL does not parse, and where: our errors, and sqlglot's in our words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token

from usersync.diagnostics import Diagnostic, Location
from usersync.project.jinja.rendered import Rendered


@dataclass(frozen=True, slots=True)
class Misplaced:
    """Something that cannot stand where it does."""

    offset: int
    length: int
    message: str

    @classmethod
    def token(cls, token: Token, message: str) -> Misplaced:
        """A token that cannot stand there."""
        return cls(token.start, token.end - token.start + 1, message)


class MisplacedError(SqlglotError):
    """SQL that sqlglot reads, and should not."""

    def __init__(self, found: Misplaced) -> None:
        super().__init__(found.message)
        self.found = found


def parse_error(rendered: Rendered, error: SqlglotError, hint: str | None = None) -> Diagnostic:
    """sqlglot's error as a diagnostic at its place in the template (US002)."""
    message, offset, length = broken(rendered.sql, error)
    where = rendered.location(offset, length)
    if where.file != rendered.file.path and not isinstance(error, MisplacedError | ParseError):
        where = _last_quote(rendered, offset) or where
    return Diagnostic("US002", message, where, hint)


def _last_quote(rendered: Rendered, before: int) -> Location | None:
    """The last quote of the template itself: that one is missing shows first in a macro that is called behind it."""
    quotes = [found.start() for found in _OPENING.finditer(rendered.sql, 0, before)]
    places = map(rendered.location, reversed(quotes))
    return next((place for place in places if place.file == rendered.file.path), None)


def broken(sql: str, error: SqlglotError) -> tuple[str, int, int]:
    """sqlglot's error in our words, with the offset and length of what is wrong."""
    if isinstance(error, MisplacedError):
        return f"SQL: {error.found.message}", error.found.offset, error.found.length
    if not isinstance(error, ParseError) or not error.errors:
        return "SQL: a string, name or comment is not closed", _unclosed(sql), 1
    first: dict[str, Any] = error.errors[0]
    near = str(first.get("highlight") or "").strip()
    lines = sql.split("\n")
    line = min(max(int(first.get("line") or 1), 1), len(lines))
    # sqlglot's column is that of the token's last character.
    column = max(1, int(first.get("col") or 1) - len(near) + 1)
    offset = sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
    return f"SQL: {_reason(str(first.get('description') or ''), near)}", min(offset, len(sql)), max(1, len(near))


def _reason(description: str, near: str) -> str:
    if "missing for" in description:
        return f"incomplete SQL near {near!r}" if near else "incomplete SQL"
    description = description.replace("Invalid expression / Unexpected token", "").strip()
    # Its own name of a token is no help.
    expected, got, _ = description.partition(" but got <Token ")
    if got:
        return f"{expected} instead of {near!r}" if near else expected
    return description or (f"unexpected {near!r}" if near else "the query ends too early")


_QUOTED = re.compile(r"""--[^\n]*|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|/\*.*?\*/""", re.DOTALL)
_OPENING = re.compile(r"""['"`]|/\*""")


def _unclosed(sql: str) -> int:
    """The offset of the first quote or comment that nothing closes."""
    rest = _QUOTED.sub(lambda match: " " * len(match[0]), sql)
    found = _OPENING.search(rest)
    return found.start() if found else 0
