"""What a walk over tokens leaves open: brackets, joins without a condition, and CASEs with a WHEN that has no THEN."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot.tokenizer_core import Token
from sqlglot.tokenizer_core import TokenType as T

from usersync.project.sql.errors import Misplaced
from usersync.project.sql.tokens import CLOSERS, ENDS_JOIN, EXPECTING, FREE_JOINS, OPENERS, PAIRS, Tokens, join_words

_BRANCHES = frozenset({T.WHEN, T.THEN, T.ELSE, T.END})


class Pending:
    """The open brackets, the joins in each that wait for their condition, and the open CASEs."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.opened: list[tuple[Token | None, list[Token]]] = [(None, [])]
        self.cases: list[int | None] = []
        """Of each CASE its WHEN that waits for a THEN."""

    def brackets(self, index: int) -> Misplaced | None:
        """Keeps the open brackets, and finds one that closes another."""
        kind, (bracket, joins) = self.tokens.kinds[index], self.opened[-1]
        if kind in OPENERS:
            self.opened.append((self.tokens.all[index], []))
        elif kind in CLOSERS:
            if bracket is None or PAIRS[bracket.token_type] is not kind:
                return self.tokens.unexpected(index)
            self.opened.pop()
            return _lonely(joins[-1]) if joins else None
        return None

    def joins(self, index: int) -> Misplaced | None:
        """Keeps the joins that wait for their condition, and finds one that waits in vain."""
        here, waiting = self.tokens.kinds[index], self.opened[-1][1]
        if here is T.JOIN:
            if not self.tokens.has_tables(index):
                return self.tokens.unexpected(index) if self.tokens.strict else None
            if self._needs_condition(index):
                waiting.append(self.tokens.all[index])
        elif waiting and here in {T.ON, T.USING}:
            waiting.pop()
        elif waiting and here in ENDS_JOIN:
            return _lonely(waiting.pop())
        return None

    def _needs_condition(self, index: int) -> bool:
        """Whether a join is one that Postgres or MySQL refuse without."""
        sides, dialect = join_words(self.tokens.kinds, index), self.tokens.dialect
        outer = bool(sides & {T.LEFT, T.RIGHT})
        return not sides & FREE_JOINS and (dialect == "postgres" or (outer and dialect == "mysql"))

    def branches(self, index: int) -> Iterator[Misplaced]:
        """Keeps the open CASEs, and finds a WHEN that waits in vain."""
        here, before = self.tokens.kinds[index], self.tokens.before(index)
        # END is a name in MySQL, where a value is expected.
        name = before is T.ALIAS or (here is T.END and before in EXPECTING | OPENERS)
        if here is T.CASE and not name:
            self.cases.append(None)
        if not self.cases or here not in _BRANCHES or name:
            return
        waits = self.cases[-1]
        if waits is not None and here is not T.THEN:
            yield Misplaced(self.tokens.all[waits].start, len("when"), "this WHEN has no THEN")
        if here is T.END:
            self.cases.pop()
        else:
            self.cases[-1] = index if here is T.WHEN else None

    def left(self) -> Iterator[Misplaced]:
        """What is open at the end."""
        for bracket, joins in self.opened:
            if bracket is not None:
                yield Misplaced(bracket.start, 1, f"{bracket.text!r} is not closed")
            yield from map(_lonely, joins)


def _lonely(join: Token) -> Misplaced:
    return Misplaced.token(join, "this join has no condition")
