"""What sqlglot reads and no database does: words that cannot stand side by side, in dialects that have no parser here.

sqlglot drops a comma too many, takes a join without a condition for a comma, and makes a name of whatever stands in
the place of one. DuckDB's SQL is judged by DuckDB; for others here is only what is wrong everywhere, and in `_STRICT`
dialects what their own servers refuse. What is left is for the database to refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from usersync.project.duckdb_parser import Misplaced

T = TokenType

_STRICT = frozenset({"postgres", "mysql", "sqlite"})
"""Dialects whose lists end without a comma, and in which ORDER and GROUP are no names: tests ask their servers."""
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
_NOT_EMPTY = _INFIX | {T.ON, T.USING, T.STAR, T.WHERE, T.NOT}
"""Behind these brackets hold something."""
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


def check(sql: str, tokens: Sequence[Token], statements: Iterable[exp.Expr], dialect: str) -> None:
    """Refuses SQL that the database of its dialect would not read.

    Args:
        sql: The text.
        tokens: Its tokens.
        statements: Its trees.
        dialect: sqlglot's name of its dialect, not DuckDB.

    Raises:
        MisplacedError: there is something wrong.
    """
    check_words(sql, tokens, dialect)
    for tree in statements:
        if name := _misplaced_alias(tree, dialect):
            raise MisplacedError(_at(name, "a name is given in the middle of an expression"))
        if window := _undefined_window(tree):
            raise MisplacedError(_at(window, f"there is no window {window.name!r}"))


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
    found = next(_Walk(sql, tokens, dialect).wrong(), None)
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

    def wrong(self) -> Iterator[Misplaced]:
        """All that is misplaced, in order; what comes behind the first may be its doing."""
        for index, here in enumerate(self.kinds[:-1]):
            after = self.kinds[index + 1]
            # Half of all words, and wrong in no place.
            if (here is T.VAR and after in _QUIET) or (here is T.DOT and after is T.VAR):
                continue
            if found := self.brackets(index) or self.joins(index):
                yield found
            # Behind a dot any word is a name.
            if self.before(index) is T.DOT and here not in _OPENERS | _CLOSERS | {T.COMMA, T.STAR, T.DOT}:
                continue
            if self.half(index):
                yield self.unexpected(index)
            if self.opens_wrong(index) if here in _OPENERS else self.lacks_value(index) or self.two_values(index):
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
        if self.kinds[index] is not T.VAR or not self.tables or self.dialect not in _STRICT:
            return False
        aside = index and self.tokens[index - 1].text.upper() in {"AS", "WITHIN", "EXCLUDE"}
        return self.tokens[index].text.upper() in {"ORDER", "GROUP"} and not aside

    def opens_wrong(self, index: int) -> bool:
        """Whether a bracket begins with what must stand behind something, or is empty and must not be."""
        before, after = self.before(index), self.kinds[index + 1]
        if after is T.R_PAREN and self.kinds[index] is T.L_PAREN:
            return before in _NOT_EMPTY and not (before is T.IN and self.dialect == "sqlite")
        if after in {T.COMMA, T.ALIAS}:
            return True
        return after in _INFIX and before is not T.OPERATOR and self.kinds[index + 2 : index + 3] != [T.L_PAREN]

    def lacks_value(self, index: int) -> bool:
        """Whether what comes behind a word that expects a value, or a name, is neither."""
        here, before, after = self.kinds[index], self.before(index), self.kinds[index + 1]
        stops = after is T.COMMA or after in _CLOSERS or _ends(after)
        if here not in _EXPECTING or (here is T.JOIN and not self.tables):
            return False
        if here in {T.ALIAS, T.DOT, T.WITH}:
            return stops or (here is T.WITH and after is T.ALIAS) or (after is T.DOT and self.dialect in _STRICT)
        if here in {T.LT, T.GT} and (self.angles or after in {T.LT, T.GT}):
            return False
        if here is T.NOT and after in _WORDS:
            return after in {T.AND, T.OR, T.IS}
        # `is distinct from`, `union distinct select`, `distinct on (…)`, and `is` as a name of what is selected.
        if here is T.DISTINCT and (before in _SETS | {T.IS, T.NOT} or after is T.ON):
            return False
        if here is T.IS and not self.tables:
            return False
        empty = here is T.SELECT and (self.dialect == "postgres" or self.dialect not in _STRICT)
        if (empty or (here is T.COMMA and self.dialect not in _STRICT)) and after is not T.COMMA:
            return False
        if after in {T.LIKE, T.ILIKE} and self.kinds[index + 2 : index + 3] == [T.L_PAREN]:
            return False
        return stops or after in _INFIX or after in _CLAUSES or (after is T.SELECT and here not in _SETS)

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
    return Misplaced(join.start, join.end - join.start + 1, "this join has no condition")


_NAMELESS = (exp.Paren, exp.Tuple, exp.Binary, exp.Unary, exp.Func, exp.Array, exp.Order, exp.Where, exp.Interval)
"""What holds values that have no names of their own."""


def _misplaced_alias(tree: exp.Expr, dialect: str) -> exp.Expr | None:
    """The first name in the middle of an expression: `cast` is misspelt, or a bracket is missing."""
    if dialect == "clickhouse":
        return None
    for alias in tree.find_all(exp.Alias):
        parent = alias.parent
        named = isinstance(parent, exp.Struct | exp.Unnest) or alias.find_ancestor(exp.Pivot)
        if isinstance(parent, _NAMELESS) and not named:
            return alias.args["alias"] if isinstance(alias.args.get("alias"), exp.Identifier) else alias
    return None


def _undefined_window(tree: exp.Expr) -> exp.Expr | None:
    """The first window that is named and not defined in its SELECT."""
    for window in tree.find_all(exp.Window):
        name, select = window.args.get("alias"), window.find_ancestor(exp.Select)
        if isinstance(name, exp.Identifier) and select is not None:
            known = {each.name.lower() for each in select.args.get("windows") or ()}
            if name.name.lower() not in known:
                return name
    return None


def _at(node: exp.Expr, message: str) -> Misplaced:
    start, end = node.meta.get("start", 0), node.meta.get("end", 0)
    return Misplaced(start, end - start + 1, message)
