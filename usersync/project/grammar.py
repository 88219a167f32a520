"""What sqlglot reads and no database does: words that cannot stand side by side, in dialects that have no parser here.

sqlglot drops a comma too many, takes a join without a condition for a comma, and makes a name of whatever stands in
the place of one. DuckDB's SQL is judged by DuckDB; for others here is only what is wrong everywhere, and in `STRICT`
dialects what their own servers refuse. What shows in trees alone is in `usersync/project/misread.py`, and what is left
is for the database to refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from usersync.project.duckdb_parser import Misplaced
from usersync.project.misread import STRICT, misread, words
from usersync.project.nodes import Nodes

T = TokenType

_STRINGS_APART = frozenset({"postgres", "sqlite"})
"""Dialects that do not join two strings of one line."""

_COMPARE = frozenset({T.EQ, T.NEQ, T.LT, T.LTE, T.GT, T.GTE, T.NULLSAFE_EQ})
_WORDS = frozenset({T.AND, T.OR, T.IS, T.IN, T.BETWEEN, T.LIKE, T.ILIKE, T.SIMILAR_TO})
_INFIX = _COMPARE | _WORDS | {T.DPIPE, T.SLASH, T.DCOLON, T.ARROW, T.DARROW}
"""Between two operands only; a minus, a plus or a star may begin one."""
_PAIRS = {T.L_PAREN: T.R_PAREN, T.L_BRACKET: T.R_BRACKET, T.L_BRACE: T.R_BRACE}
_OPENERS, _CLOSERS = frozenset(_PAIRS), frozenset(_PAIRS.values())
_SETS = frozenset({T.UNION, T.EXCEPT, T.INTERSECT})
_ENDS_JOIN = frozenset({T.COMMA, T.WHERE, T.GROUP_BY, T.ORDER_BY, T.HAVING}) | _SETS
_CLAUSES = (_ENDS_JOIN - {T.COMMA}) | {T.FROM, T.JOIN, T.ON}
_CASES = frozenset({T.CASE, T.WHEN, T.THEN, T.ELSE})
_LISTS = frozenset({T.SELECT, T.GROUP_BY, T.ORDER_BY, T.PARTITION_BY})
_TAKES = _INFIX | _SETS | _LISTS | _CASES | {T.FROM, T.WHERE, T.HAVING, T.QUALIFY, T.ON, T.USING, T.JOIN}
_EXPECTING = _TAKES | {T.COMMA, T.PLUS, T.DASH, T.NOT, T.DISTINCT, T.ALIAS, T.DOT, T.WITH}
"""Behind these something must come that has a value, or a name."""
_OPERATORS = _COMPARE | {T.DPIPE, T.SLASH, T.DCOLON, T.ARROW, T.DARROW, T.PLUS, T.DASH}
_NOT_EMPTY = _INFIX | {T.ON, T.USING, T.STAR, T.WHERE, T.NOT}
"""Behind these brackets hold something."""
_OPERANDS = _INFIX | _CASES | {T.PLUS, T.DASH, T.NOT, T.WHERE, T.ON, T.HAVING, T.FROM, T.JOIN}
"""Before these no star stands for all columns."""
_APART = {
    T.STAR: _OPERANDS,
    T.ALIAS: _EXPECTING - {T.ALIAS, T.DOT},
    T.LIMIT: _EXPECTING - {T.ALIAS, T.DOT, T.SELECT},
    T.ALL: frozenset({T.COMMA}),
    T.DISTINCT: frozenset({T.COMMA}),
    T.VALUES: frozenset({T.FROM, T.JOIN}),
    T.INTERVAL: frozenset({T.INTERVAL}),
    T.L_PAREN: frozenset({T.DOT}),
}
"""Words, each with those that it cannot stand behind."""
_QUERIES = frozenset({T.SELECT, T.WITH, T.VALUES, T.TABLE, T.L_PAREN})
_BEGINS = frozenset({T.STAR, T.FROM, T.SELECT, T.ORDER_BY, T.PARTITION_BY})
"""What few brackets begin with."""
_STARRED = frozenset({T.COMMA, T.SELECT, T.DISTINCT, T.ALL})
_STATES = words("NULL TRUE FALSE UNKNOWN DISTINCT NORMALIZED NFC NFD NFKC NFKD DOCUMENT JSON")
"""What a value of PostgreSQL or MySQL is, or is not."""
_SIDES = {
    T.LEFT: {T.JOIN, T.OUTER, T.L_PAREN},
    T.RIGHT: {T.JOIN, T.OUTER, T.L_PAREN},
    T.INNER: {T.JOIN},
    T.OUTER: {T.JOIN},
    T.CROSS: {T.JOIN},
    T.NATURAL: {T.JOIN, T.LEFT, T.RIGHT, T.INNER, T.FULL},
}
"""What may stand behind the words before a JOIN, which are no names in PostgreSQL and MySQL; LEFT() is a function."""
_NUMBERED = words("SYMMETRIC ASYMMETRIC FIRST NEXT ROWS GROUPS RANGE LIMIT OFFSET MATCH REGEXP BINARY")
"""Words that are no tokens of their own, and may stand before a number."""
_ROWS_OF = words("MATERIALIZED SOME ANY ARRAY ALL LATERAL EXISTS")
"""Words that are no functions, and may stand before a bracket with a query."""
_FREE_JOINS = frozenset({T.CROSS, T.NATURAL, T.POSITIONAL})
_JOINED = _FREE_JOINS | {T.LEFT, T.RIGHT, T.FULL, T.INNER, T.OUTER, T.SEMI, T.ANTI, T.ASOF}
_CONSTANTS = frozenset({T.NULL, T.TRUE, T.FALSE})
_VALUES = frozenset({T.NUMBER, T.STRING, T.IDENTIFIER, T.R_PAREN, T.R_BRACKET})
_QUIET = frozenset({T.COMMA, T.DOT, T.ALIAS}) | _CLOSERS | _INFIX
"""Behind a name these are never wrong."""


class MisplacedError(SqlglotError):
    """SQL that sqlglot reads, and should not."""

    def __init__(self, found: Misplaced) -> None:
        super().__init__(found.message)
        self.found = found


def check(sql: str, tokens: Sequence[Token], statements: Iterable[Nodes[exp.Expr]], dialect: str) -> None:
    """Refuses SQL that the database of its dialect would not read.

    Args:
        sql: The text.
        tokens: Its tokens.
        statements: Its trees, with their nodes.
        dialect: sqlglot's name of its dialect, not DuckDB.

    Raises:
        MisplacedError: there is something wrong.
    """
    check_words(sql, tokens, dialect)
    for nodes in statements:
        if found := misread(nodes, tokens, dialect):
            raise MisplacedError(found)


def check_nul(sql: str, tokens: Sequence[Token]) -> None:
    """Refuses a NUL that is not in a quoted name: those have rules of their own.

    Raises:
        MisplacedError: there is one.
    """
    if "\0" not in sql:
        return
    names = [range(t.start, t.end + 1) for t in tokens if t.token_type is T.IDENTIFIER]
    for at, char in enumerate(sql):
        if char == "\0" and not any(at in name for name in names):
            raise MisplacedError(Misplaced(at, 1, "a NUL character"))


def check_words(sql: str, tokens: Sequence[Token], dialect: str) -> None:
    """Refuses SQL in which a word cannot follow the one before it, or a bracket or a join is not complete.

    Raises:
        MisplacedError: there is such a word.
    """
    walk = _Walk(sql, tokens, dialect)
    begins = walk.strict and walk.kinds[0] in {T.ALIAS, T.FROM}
    found = walk.unexpected(0) if begins else next(walk.wrong(), None)
    if found:
        raise MisplacedError(found)


class _Walk:
    """One pass over the tokens, with the open brackets and the joins in each that wait for their condition."""

    def __init__(self, sql: str, tokens: Sequence[Token], dialect: str) -> None:
        self.sql, self.tokens, self.dialect = sql, tokens, dialect
        self.kinds: list[TokenType | None] = [*(token.token_type for token in tokens), None]
        # `array<int>` ends like a comparison.
        self.angles = any(kind in {T.ARRAY, T.STRUCT, T.MAP} for kind in self.kinds) and T.LT in self.kinds
        self.opened: list[tuple[Token | None, list[Token]]] = [(None, [])]
        self.tables = False
        # Of DDL no more is known than what is wrong everywhere.
        self.strict = dialect in STRICT and self.kinds[0] in _QUERIES | {T.ALIAS, T.FROM}
        # Those of PostgreSQL and MySQL are in use in fewer places.
        self.reserving = dialect in {"postgres", "mysql"}
        self.names = {T.DOT, T.ALIAS} if dialect == "postgres" else {T.DOT}
        self.cases: list[int | None] = []

    def wrong(self) -> Iterator[Misplaced]:
        """All that is misplaced, in order; what comes behind the first may be its doing."""
        for index, here in enumerate(self.kinds[:-1]):
            after = self.kinds[index + 1]
            # Half of all words, and wrong in no place.
            if (here is T.VAR and after in _QUIET) or (here is T.DOT and after is T.VAR):
                continue
            if found := self.brackets(index) or self.joins(index):
                yield found
            # Behind a dot any word is a name, and behind AS in PostgreSQL.
            if self.before(index) in self.names and here not in _OPENERS | _CLOSERS | {T.COMMA, T.STAR, T.DOT}:
                continue
            if self.half(index) or (here is T.NOT and self.tokens[index].text == "!" and self.dialect == "sqlite"):
                yield self.unexpected(index)
            if self.opens_wrong(index) if here in _OPENERS else self.lacks_value(index) or self.two_values(index):
                yield self.unexpected(index + 1)
            if self.strict:
                yield from self.branches(index)
                if self.clash(index) or (self.reserving and self.clash_of_reserved(index)):
                    yield self.unexpected(index + 1)
        for bracket, joins in self.opened:
            if bracket is not None:
                yield Misplaced(bracket.start, 1, f"{bracket.text!r} is not closed")
            yield from map(_lonely, joins)

    def unexpected(self, index: int) -> Misplaced:
        if _ends(self.kinds[index]):
            return Misplaced(len(self.sql.rstrip()), 1, "the query ends too early")
        token = self.tokens[index]
        said = self.sql[token.start : token.end + 1]
        return Misplaced(token.start, len(said), f"unexpected {said!r}")

    def before(self, index: int) -> TokenType | None:
        return self.kinds[index - 1] if index else None

    def brackets(self, index: int) -> Misplaced | None:
        """Keeps the open brackets, and finds one that closes another."""
        kind, (bracket, joins) = self.kinds[index], self.opened[-1]
        if kind in _OPENERS:
            self.opened.append((self.tokens[index], []))
        elif kind in _CLOSERS:
            if bracket is None or _PAIRS[bracket.token_type] is not kind:
                return self.unexpected(index)
            self.opened.pop()
            return _lonely(joins[-1]) if joins else None
        return None

    def joins(self, index: int) -> Misplaced | None:
        """Keeps the joins that wait for their condition, and finds one that waits in vain."""
        here, waiting = self.kinds[index], self.opened[-1][1]
        self.tables |= here is T.FROM
        if here is T.JOIN and self.strict and not self.tables:
            return self.unexpected(index)
        if here is T.JOIN and self.tables and self.needs_condition(index):
            waiting.append(self.tokens[index])
        elif here in {T.ON, T.USING} and waiting:
            waiting.pop()
        elif waiting and here in _ENDS_JOIN:
            return _lonely(waiting.pop())
        return None

    def needs_condition(self, index: int) -> bool:
        """Whether a join is one that Postgres or MySQL refuse without."""
        sides = set(takewhile(lambda kind: kind in _JOINED, reversed(self.kinds[:index])))
        outer = bool(sides & {T.LEFT, T.RIGHT})
        return not sides & _FREE_JOINS and (self.dialect == "postgres" or (outer and self.dialect == "mysql"))

    def half(self, index: int) -> bool:
        """Whether a word is half of ORDER BY or GROUP BY: whole these are one token."""
        if self.kinds[index] is not T.VAR or not self.strict:
            return False
        aside = index and self.tokens[index - 1].text.upper() in {"AS", "WITHIN", "EXCLUDE"}
        return self.tokens[index].text.upper() in {"ORDER", "GROUP"} and not aside

    def opens_wrong(self, index: int) -> bool:
        """Whether a bracket begins with what must stand behind something, or is empty and must not be."""
        before, after = self.before(index), self.kinds[index + 1]
        if after is T.R_PAREN and self.kinds[index] is T.L_PAREN:
            if before is T.IN and self.dialect == "sqlite":
                return False
            # Only grouping sets may hold nothing.
            bare = self.strict and before in {T.COMMA, T.L_PAREN} and "SETS" not in self.sql.upper()
            return bare or before in _NOT_EMPTY
        if after in {T.COMMA, T.ALIAS}:
            return True
        if self.strict and self.kinds[index] is T.L_PAREN:
            if before is T.EXISTS or after in _BEGINS:
                return self.holds_wrong(index)
            if before is T.FILTER and self.kinds[index - 2] is T.R_PAREN:
                return after is not T.WHERE
        return after in _INFIX and before is not T.OPERATOR and self.kinds[index + 2 : index + 3] != [T.L_PAREN]

    def lacks_value(self, index: int) -> bool:
        """Whether what comes behind a word that expects a value, or a name, is neither."""
        here, before, after = self.kinds[index], self.before(index), self.kinds[index + 1]
        stops = after is T.COMMA or after in _CLOSERS or _ends(after)
        if here not in _EXPECTING or (here is T.JOIN and not self.tables):
            return False
        if here in {T.ALIAS, T.DOT, T.WITH}:
            return stops or (here is T.WITH and after is T.ALIAS) or (after is T.DOT and self.dialect in STRICT)
        if here in {T.LT, T.GT} and after in {T.LT, T.GT}:
            return self.strict and self.tokens[index].end + 1 != self.tokens[index + 1].start
        if here in {T.LT, T.GT} and self.angles and not self.strict:
            return False
        if here is T.NOT and after in _WORDS:
            return after in {T.AND, T.OR, T.IS}
        # `is distinct from`, `union distinct select`, `distinct on (…)`, and `is` as a name of what is selected.
        if here is T.DISTINCT and (before in _SETS | {T.IS, T.NOT} or after is T.ON):
            return False
        if here is T.IS and not self.tables:
            return False
        empty = here is T.SELECT and (self.dialect == "postgres" or self.dialect not in STRICT)
        empty = empty and not (self.strict and after in {T.IS, T.IN, T.AND, T.OR})
        if (empty or (here is T.COMMA and self.dialect not in STRICT)) and after is not T.COMMA:
            return False
        if after in {T.LIKE, T.ILIKE} and self.kinds[index + 2 : index + 3] == [T.L_PAREN]:
            return False
        return stops or after in _INFIX or after in _CLAUSES or (after is T.SELECT and here not in _SETS)

    def branches(self, index: int) -> Iterator[Misplaced]:
        """Keeps the open CASEs, each with its WHEN that waits for a THEN, and finds one that waits in vain."""
        here, before = self.kinds[index], self.before(index)
        # END is a name in MySQL, where a value is expected.
        name = before is T.ALIAS or (here is T.END and before in _EXPECTING | _OPENERS)
        if here is T.CASE and not name:
            self.cases.append(None)
        if not self.cases or here not in {T.WHEN, T.THEN, T.ELSE, T.END} or name:
            return
        waits = self.cases[-1]
        if waits is not None and here is not T.THEN:
            yield Misplaced(self.tokens[waits].start, len("when"), "this WHEN has no THEN")
        if here is T.END:
            self.cases.pop()
        else:
            self.cases[-1] = index if here is T.WHEN else None

    def text(self, index: int) -> str:
        """A word in upper case; none where there is none."""
        return self.tokens[index].text.upper() if 0 <= index < len(self.tokens) else ""

    def holds_wrong(self, index: int) -> bool:
        """Whether a bracket that begins with a star, a FROM or a SELECT is none of those that may."""
        before, after = self.before(index), self.kinds[index + 1]
        if after is T.STAR:
            named = before is not None and before not in _EXPECTING | _OPENERS | _VALUES - {T.IDENTIFIER}
            return not named or self.kinds[index + 2] is not T.R_PAREN
        if before is T.EXISTS:
            return after not in _QUERIES
        if after is T.FROM:
            return self.text(index - 1) != "TRIM"
        if after in {T.ORDER_BY, T.PARTITION_BY}:
            return before is T.VAR and self.text(index - 1) != "GROUP"
        # Behind SELECT it may be one of MySQL's modifiers.
        free = self.text(index - 1) in _ROWS_OF or self.kinds[max(index - 2, 0)] is T.SELECT
        return before is T.VAR and not free

    def clash(self, index: int) -> bool:
        """Whether two words cannot stand side by side in any strict dialect."""
        here, before, after = self.kinds[index], self.before(index), self.kinds[index + 1]
        if after is not None and here in _APART.get(after, ()):
            return True
        if here is T.DOT and after in _OPERATORS:
            return self.text(index - 3) != "OPERATOR"
        if here is T.STAR and (before in _STARRED or (before is T.DOT and self.dialect != "postgres")):
            return after in {T.VAR, T.IDENTIFIER, T.STRING, T.NUMBER, T.L_PAREN}
        if here is T.NUMBER and after is not None:
            return self.touches(index) and self.text(index + 1)[:1].isalpha()
        if here is T.OVER and before is T.R_PAREN:
            # It is a name of tables in PostgreSQL, and of anything in SQLite.
            named = self.dialect == "sqlite" or (self.dialect == "postgres" and self.tables)
            return after is T.ALIAS or (_ends(after) and not named)
        if here is T.USING and after in {T.VAR, T.IDENTIFIER} and self.dialect != "postgres":
            return "CONVERT" not in self.sql.upper()
        if here is T.LIMIT:
            return after in {T.COMMA, T.LIMIT} | _CLAUSES | _CLOSERS or _ends(after)
        return self.clash_behind(index)

    def clash_behind(self, index: int) -> bool:
        """Whether a word cannot stand behind another where that stands."""
        here, before, after = self.kinds[index], self.before(index), self.kinds[index + 1]
        match after:
            case T.DOT:
                number = self.kinds[index + 2] is T.NUMBER and self.touches(index + 1)
                return here is T.STRING or (here in _EXPECTING and here is not T.DOT and not number)
            case T.SELECT:
                return here is T.ALIAS and self.kinds[index + 2] in _VALUES | {T.VAR, T.L_PAREN, T.STAR, T.DISTINCT}
            case T.STAR:
                return here is T.COMMA and self.dialect == "mysql"
            case T.COMMA:
                return here is T.ALL and before is T.SELECT
            case T.LIMIT:
                return here is T.SELECT and self.dialect != "postgres"
            case T.NUMBER:
                return here is T.VAR and self.text(index) not in _NUMBERED and before is not T.SELECT
            case T.L_PAREN:
                return here is T.VAR and before is T.WINDOW
        return after is T.NULL and here is T.VAR and self.dialect == "sqlite" and before is not T.SELECT

    def touches(self, index: int) -> bool:
        """Whether nothing is between a word and the next."""
        return self.tokens[index].end + 1 == self.tokens[index + 1].start

    def clash_of_reserved(self, index: int) -> bool:
        """Whether two words cannot stand side by side in PostgreSQL and MySQL."""
        here, before, after = self.kinds[index], self.before(index), self.kinds[index + 1]
        following = self.text(index + 1)
        # `against (… in natural language mode)`, `in boolean mode`.
        mode = T.IN in {here, before} and following in {"NATURAL", "BOOLEAN", "LANGUAGE"}
        if before is T.ALIAS or mode:
            return False
        if after in {T.ASC, T.DESC}:
            return here in _EXPECTING - {T.DOT, T.ALIAS}
        if here is T.IS or (here is T.NOT and before is T.IS):
            label = self.dialect == "postgres" and (after in {T.COMMA, T.FROM} or _ends(after))
            return following not in _STATES and not label and (here is T.NOT or following != "NOT")
        if here in _SIDES:
            label = self.dialect == "postgres" and after in {T.COMMA, T.FROM} and before is not T.DISTINCT
            return after not in _SIDES[here] and not label
        if here is T.IN:
            return after is not T.L_PAREN and not any(token.text.upper() == "POSITION" for token in self.tokens)
        return self.clash_of_values(index)

    def clash_of_values(self, index: int) -> bool:
        """Whether a constant, or the `not null` that lacks its `is`, stands behind a name."""
        here, before, after = self.kinds[index], self.before(index), self.kinds[index + 1]
        name = here in {T.VAR, T.IDENTIFIER}
        if name and after in _CONSTANTS:
            # `null on empty`, of what JSON functions do.
            return before is not T.SELECT and self.text(index) not in _NUMBERED and self.kinds[index + 2] is not T.ON
        value = name or (here is T.R_PAREN and self.dialect == "mysql")
        return value and after is T.NOT and self.kinds[index + 2] is T.NULL

    def two_values(self, index: int) -> bool:
        """Whether two values stand side by side, and the second is no name of the first."""
        here, after = self.kinds[index], self.kinds[index + 1]
        if here not in _VALUES:
            return False
        if after is T.STRING and here is T.STRING and self.dialect in _STRINGS_APART:
            return "\n" not in self.sql[self.tokens[index].end : self.tokens[index + 1].start]
        return after in _CONSTANTS or (after is T.NUMBER and here is not T.R_PAREN)


def _ends(kind: TokenType | None) -> bool:
    return kind is None or kind is T.SEMICOLON


def _lonely(join: Token) -> Misplaced:
    return Misplaced.token(join, "this join has no condition")
