"""How deep SQL may be nested: what sqlglot reads before its stack or one's patience ends.

It reads by recursion: compiled, it ends the process where the stack does. What it can read in two ways it may read
twice at each level: the name of a type before a bracket, and a join that has no condition yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import Token
from sqlglot.tokenizer_core import TokenType as T

from usersync.project.sql.errors import Misplaced, MisplacedError
from usersync.project.sql.tokens import CASES, CLAUSES, CLOSERS, FREE_JOINS, OPENERS, join_words

LEVELS = 250
"""How many brackets may stand in each other, behind each other, and how many words without a name between them."""
DOUBLED = 12
"""How many levels may be nested of what is read twice."""
_JOINS = frozenset({T.JOIN, T.STRAIGHT_JOIN})
_NAMES = frozenset({T.VAR, T.IDENTIFIER, T.NUMBER, T.STRING, T.COMMA, T.DOT})
_IN_NO_TYPE = CLAUSES | CASES | {T.SELECT, T.AND, T.OR, T.END, T.ALIAS}


def check_depth(tokens: Sequence[Token], dialect: Dialect) -> None:
    """Refuses SQL that is nested deeper than it can be read.

    Raises:
        MisplacedError: it is, with the place of what is too much.
    """
    # Nothing of it fits in fewer.
    if len(tokens) > DOUBLED and (token := _Nesting(tokens, dialect).too_much()):
        what = "too many joins without a condition" if token.token_type in _JOINS else "nested too deeply"
        raise MisplacedError(Misplaced.token(token, what))


@dataclass(slots=True)
class _Level:
    """An open bracket, or the whole text."""

    angle: bool = False
    typed: int = 0
    """How many of the brackets round it, and itself, stand behind the name of a type."""
    joins: int = 0
    """How many joins in it wait for their condition."""


class _Nesting:
    """What is open on a walk over tokens."""

    def __init__(self, tokens: Sequence[Token], dialect: Dialect) -> None:
        self.tokens = tokens
        self.kinds = [token.token_type for token in tokens]
        self.types = dialect.parser_class.TYPE_TOKENS
        self.nested_types = dialect.parser_class.NESTED_TYPE_TOKENS
        self.levels = [_Level()]
        self.subscripts = 0
        """How many brackets stood right behind each other."""

    def too_much(self) -> Token | None:
        """The first token that goes too deep."""
        words, before = 0, None
        for index, kind in enumerate(self.kinds):
            if kind in _NAMES:
                words = 0
            else:
                words += 1
                if words > LEVELS or self.goes_too_deep(index, kind, before):
                    return self.tokens[index]
            before = kind
        return None

    def goes_too_deep(self, index: int, kind: T, before: T | None) -> bool:
        """Keeps what is open, and says whether that is too much."""
        if kind in OPENERS or (kind is T.LT and before in self.nested_types):
            self.levels.append(_Level(kind is T.LT, self.levels[-1].typed + (before in self.types)))
            self.subscripts = self.subscripts + 1 if before is T.R_BRACKET else 0
            return max(len(self.levels), self.subscripts) > LEVELS or self.levels[-1].typed > DOUBLED
        if kind in _IN_NO_TYPE or kind in CLOSERS:
            self.forget_comparisons()
        level = self.levels[-1]
        if kind in CLOSERS or (kind is T.GT and level.angle):
            # A bracket too many is for the parser to tell.
            self.levels = self.levels[:-1] or [level]
        elif kind in _JOINS:
            level.joins += not join_words(self.kinds, index) & FREE_JOINS
        elif kind in {T.ON, T.USING}:
            level.joins = max(level.joins - 1, 0)
        return level.joins > DOUBLED

    def forget_comparisons(self) -> None:
        """Takes angles that no type closed for what they were."""
        while self.levels[-1].angle:
            self.levels.pop()
