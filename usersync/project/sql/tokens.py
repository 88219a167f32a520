"""The tokens of a text of SQL, as the rules about words side by side ask for them, and the kinds that they know."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from sqlglot.tokenizer_core import Token
from sqlglot.tokenizer_core import TokenType as T

from usersync.project.sql.errors import Misplaced
from usersync.project.sql.words import STRICT

COMPARISONS = frozenset({T.EQ, T.NEQ, T.LT, T.LTE, T.GT, T.GTE, T.NULLSAFE_EQ})
WORDS = frozenset({T.AND, T.OR, T.IS, T.IN, T.BETWEEN, T.LIKE, T.ILIKE, T.SIMILAR_TO})
INFIX = COMPARISONS | WORDS | {T.DPIPE, T.SLASH, T.DCOLON, T.ARROW, T.DARROW}
"""Between two operands only; a minus, a plus or a star may begin one."""
PAIRS = {T.L_PAREN: T.R_PAREN, T.L_BRACKET: T.R_BRACKET, T.L_BRACE: T.R_BRACE}
OPENERS, CLOSERS = frozenset(PAIRS), frozenset(PAIRS.values())
SETS = frozenset({T.UNION, T.EXCEPT, T.INTERSECT})
ENDS_JOIN = frozenset({T.COMMA, T.WHERE, T.GROUP_BY, T.ORDER_BY, T.HAVING}) | SETS
CLAUSES = (ENDS_JOIN - {T.COMMA}) | {T.FROM, T.JOIN, T.ON}
CASES = frozenset({T.CASE, T.WHEN, T.THEN, T.ELSE})
_LISTS = frozenset({T.SELECT, T.GROUP_BY, T.ORDER_BY, T.PARTITION_BY})
_TAKES = INFIX | SETS | _LISTS | CASES | {T.FROM, T.WHERE, T.HAVING, T.QUALIFY, T.ON, T.USING, T.JOIN}
EXPECTING = _TAKES | {T.COMMA, T.PLUS, T.DASH, T.NOT, T.DISTINCT, T.ALIAS, T.DOT, T.WITH}
"""Behind these something must come that has a value, or a name."""
QUERIES = frozenset({T.SELECT, T.WITH, T.VALUES, T.TABLE, T.L_PAREN})
"""What queries begin with."""
CONSTANTS = frozenset({T.NULL, T.TRUE, T.FALSE})
VALUES = frozenset({T.NUMBER, T.STRING, T.IDENTIFIER, T.R_PAREN, T.R_BRACKET})
"""What is a value, or ends one."""


FREE_JOINS = frozenset({T.CROSS, T.NATURAL, T.POSITIONAL})
"""Joins with one of these have no condition."""
_JOINED = FREE_JOINS | {T.LEFT, T.RIGHT, T.FULL, T.INNER, T.OUTER, T.SEMI, T.ANTI, T.ASOF}


def join_words(kinds: Sequence[T | None], index: int) -> set[T | None]:
    """What stands before the word JOIN at an index and belongs to it."""
    return set(takewhile(_JOINED.__contains__, reversed(kinds[max(index - len(_JOINED), 0) : index])))


class Tokens:
    """The tokens of a text by index, and what its dialect makes of them."""

    def __init__(self, sql: str, tokens: Sequence[Token], dialect: str) -> None:
        self.sql, self.all, self.dialect = sql, tokens, dialect
        self.kinds: list[T | None] = [*(token.token_type for token in tokens), None]
        # `array<int>` ends like a comparison.
        self.angles = any(kind in {T.ARRAY, T.STRUCT, T.MAP} for kind in self.kinds) and T.LT in self.kinds
        # Of DDL no more is known than what is wrong everywhere.
        self.strict = dialect in STRICT and self.kinds[0] in QUERIES | {T.ALIAS, T.FROM}
        # Those of PostgreSQL and MySQL are in use in fewer places.
        self.reserving = dialect in {"postgres", "mysql"}
        self.before_names = {T.DOT, T.ALIAS} if dialect == "postgres" else {T.DOT}
        """Behind these any word is a name."""
        self._from = self.kinds.index(T.FROM) if T.FROM in self.kinds else len(self.kinds)

    def around(self, index: int) -> tuple[T | None, T | None, T | None]:
        """The kinds of a token, of the one before it and of the one behind it; None where there is none."""
        return self.kinds[index], self.before(index), self.kinds[index + 1]

    def before(self, index: int) -> T | None:
        """The kind of the token before one; None where there is none."""
        return self.kinds[index - 1] if index else None

    def text(self, index: int) -> str:
        """A word in upper case; none where there is none."""
        return self.all[index].text.upper() if 0 <= index < len(self.all) else ""

    def has_tables(self, index: int) -> bool:
        """Whether there is a FROM up to a token."""
        return index >= self._from

    def touches(self, index: int) -> bool:
        """Whether nothing is between a token and the next."""
        return self.all[index].end + 1 == self.all[index + 1].start

    def unexpected(self, index: int) -> Misplaced:
        """What is said of a token that cannot stand where it does, or of the end of the text."""
        if ends(self.kinds[index]):
            return Misplaced(len(self.sql.rstrip()), 1, "the query ends too early")
        token = self.all[index]
        said = self.sql[token.start : token.end + 1]
        return Misplaced(token.start, len(said), f"unexpected {said!r}")


def ends(kind: T | None) -> bool:
    """Whether a statement ends there."""
    return kind is None or kind is T.SEMICOLON
