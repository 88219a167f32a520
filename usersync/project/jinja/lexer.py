"""Jinja's lexer with exact places.

Jinja's nodes, errors and tracebacks carry one number, the line. The lexer here yields the offset of each token
instead, so that number is exact everywhere, run-time errors included.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import TemplateSyntaxError
from jinja2.lexer import Lexer


class OffsetLexer(Lexer):
    """Jinja's lexer, with the offset of each token where the line number goes."""

    def tokeniter(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> Iterator[tuple[int, str, str]]:
        position = 0
        try:
            for _, token, value in super().tokeniter(source, name, filename, state):
                # Tokens cover the source but for blanks that `-` strips, so the next find is the token itself.
                found = source.find(value, position)
                start = found if found >= 0 else position
                position = start + len(value)
                yield start, token, value
        except TemplateSyntaxError as error:
            error.lineno = position
            raise
