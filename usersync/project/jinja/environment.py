"""The Jinja environment of all templates: a strict sandbox with bounds and exact places."""

from __future__ import annotations

from functools import cached_property

from jinja2 import DictLoader, StrictUndefined
from jinja2.lexer import Lexer

from usersync.project.jinja.bounds import BoundedEnvironment
from usersync.project.jinja.lexer import OffsetLexer


class _Environment(BoundedEnvironment):
    def __init__(self) -> None:
        # Jinja's optimizer would change trees that are read again.
        super().__init__(undefined=StrictUndefined, loader=DictLoader({}), keep_trailing_newline=True, optimized=False)
        self.globals.pop("lipsum", None)

    @cached_property
    def _offset_lexer(self) -> Lexer:
        return OffsetLexer(self)

    @property
    def lexer(self) -> Lexer:
        return self._offset_lexer


ENVIRONMENT = _Environment()
