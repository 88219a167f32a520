"""What sqlglot reads and no database does: words that cannot stand side by side, and clauses without what they need.

sqlglot drops a comma too many, takes a join without a condition for a comma, and makes a name of whatever stands in
the place of one. Here only what is wrong in a dialect's own database is wrong: words that some database knows are left
to sqlglot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise, takewhile

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

T = TokenType

_COMPARE = frozenset({T.EQ, T.NEQ, T.LT, T.LTE, T.GT, T.GTE, T.NULLSAFE_EQ})
_WORDS = frozenset({T.AND, T.OR, T.IS, T.IN, T.BETWEEN, T.LIKE, T.ILIKE, T.SIMILAR_TO})
_INFIX = _COMPARE | _WORDS | {T.DPIPE, T.SLASH, T.DCOLON, T.ARROW, T.DARROW}
"""Between two operands only; a minus, a plus or a star may begin one."""
_PAIRS: Mapping[TokenType, TokenType] = {
    T.L_PAREN: T.R_PAREN,
    T.L_BRACKET: T.R_BRACKET,
    T.L_BRACE: T.R_BRACE,
}
_OPENERS, _CLOSERS = frozenset(_PAIRS), frozenset(_PAIRS.values())
_SETS = frozenset({T.UNION, T.EXCEPT, T.INTERSECT})
_CLAUSES = frozenset({T.FROM, T.WHERE, T.GROUP_BY, T.ORDER_BY, T.HAVING, T.JOIN}) | _SETS
_ENDS_FROM = _CLAUSES - {T.JOIN, T.FROM}
_OF_CASE = frozenset({T.WHEN, T.THEN, T.ELSE, T.END})
_LISTS = frozenset({T.GROUP_BY, T.ORDER_BY, T.PARTITION_BY})
_BEGIN = frozenset({T.SELECT, T.FROM, T.WHERE, T.HAVING, T.QUALIFY, T.ON, T.USING, T.JOIN}) | _LISTS
_EXPECTING = _INFIX | _BEGIN | _SETS | {T.COMMA, T.PLUS, T.DASH, T.NOT, T.CASE, T.WHEN, T.THEN, T.ELSE, T.DISTINCT}
"""Behind these something must come that has a value, or a name."""
_NOT_EMPTY = _INFIX | {T.ON, T.USING, T.STAR, T.WHERE, T.NOT}
"""Behind these brackets hold something."""
_SIDES = frozenset({T.LEFT, T.RIGHT, T.FULL, T.INNER, T.CROSS, T.NATURAL})
_JOINED = _SIDES | {T.OUTER, T.SEMI, T.ANTI, T.ASOF, T.POSITIONAL}
_CONSTANTS = frozenset({T.NULL, T.TRUE, T.FALSE})
_OPERANDS = frozenset({T.VAR, T.NUMBER, T.STRING, T.IDENTIFIER, *_CLOSERS})
_ENDING = _OPERANDS - {T.R_BRACE}
_SIGNS = frozenset({T.COMMA, T.STAR, T.DOT}) | _OPENERS | _CLOSERS
_QUIET = frozenset({T.COMMA, T.DOT, T.ALIAS}) | _CLOSERS | _INFIX
"""Behind a name these are never wrong."""
_NEVER_BEHIND: Mapping[TokenType | None, frozenset[TokenType]] = {
    T.WITH: frozenset({T.ALIAS, T.COMMA}),
    T.WINDOW: frozenset({T.ALIAS}),
    T.PARTITION: frozenset({T.PARTITION_BY}),
    T.FOR: frozenset({T.FOR}) | _CLOSERS,
}
_BEFORE_NULL = frozenset({"RESPECT", "IGNORE", "ABSENT", "RETURNING"})
_HALVES = frozenset({"ORDER", "GROUP"})
"""Words that are a clause only with another one behind."""
_OF_VALUE = frozenset({"SUBSTRING", "EXTRACT", "OVERLAY"})
"""Functions with a FROM between their arguments."""

_TRAILING = frozenset({"duckdb", "bigquery", "snowflake", "clickhouse"})
"""Dialects whose lists of columns may end in a comma."""
_EMPTY_SELECT = frozenset({"postgres"})
"""Dialects in which a SELECT may name no columns."""
_EMPTY_SCHEMA = frozenset({"snowflake", "tsql", "fabric"})
"""Dialects in which a table may be `database..table`."""
_JOINS_ALONE = frozenset(
    ["mysql", "sqlite", "snowflake", "databricks", "spark", "spark2", "hive", "bigquery", "clickhouse"]
)
"""Dialects in which an inner join needs no condition."""
_STRINGS_APART = frozenset({"duckdb", "postgres", "redshift", "sqlite", "snowflake", "tsql", "oracle"})
"""Dialects that do not join two strings of one line."""


@dataclass(frozen=True, slots=True)
class Misplaced:
    """Something that cannot stand where it does."""

    offset: int
    length: int
    message: str


class MisplacedError(SqlglotError):
    """SQL that sqlglot reads, and should not."""

    def __init__(self, found: Misplaced) -> None:
        super().__init__(found.message)
        self.found = found


@contextmanager
def readable(sql: str) -> Iterator[None]:
    """Makes whatever sqlglot fails with an error of the SQL that it reads.

    Raises:
        SqlglotError: as sqlglot says, or MisplacedError.
    """
    try:
        yield
    except (SqlglotError, RecursionError):
        raise
    except Exception:  # where sqlglot builds a node of nothing it may fail with anything
        raise MisplacedError(Misplaced(len(sql) - len(sql.lstrip()), 1, "incomplete SQL")) from None


def check_words(sql: str, tokens: Sequence[Token], dialect: str) -> None:
    """Refuses SQL in which a word cannot follow the one before it.

    Args:
        sql: The text.
        tokens: Its tokens.
        dialect: sqlglot's name of its dialect.

    Raises:
        MisplacedError: there is such a word.
    """
    if "\0" in sql and (nul := _nul(sql, tokens)) is not None:
        raise MisplacedError(Misplaced(nul, 1, "a NUL character"))
    found = next(_Walk(sql, tokens, dialect).wrong(), None)
    if found:
        raise MisplacedError(found)


def _nul(sql: str, tokens: Sequence[Token]) -> int | None:
    """The first NUL that is not in a quoted name: those have rules of their own."""
    names = [range(t.start, t.end + 1) for t in tokens if t.token_type is T.IDENTIFIER]
    places = (at for at, char in enumerate(sql) if char == "\0")
    return next((at for at in places if not any(at in name for name in names)), None)


def check_tree(tree: exp.Expr, dialect: str) -> None:
    """Refuses names in the middle of an expression, and windows that nothing defines.

    Raises:
        MisplacedError: there is one.
    """
    if name := _misplaced_alias(tree, dialect):
        raise MisplacedError(_at(name, "a name is given in the middle of an expression"))
    if window := _undefined_window(tree):
        raise MisplacedError(_at(window, f"there is no window {window.name!r}"))


# --- Words ---


@dataclass(slots=True)
class _Open:
    """A bracket that is open, or the whole text."""

    token: Token | None = None
    before: TokenType | None = None
    """What stands before the bracket."""
    distinct: bool = False
    """Whether it is that of `distinct on (…)`."""
    clause: TokenType | None = None
    """The last clause that began in it."""
    cases: list[TokenType | None] = field(default_factory=list)
    """The last word of every CASE that is open in it."""
    joins: list[Token] = field(default_factory=list)
    """Joins that wait for their condition."""

    @property
    def function(self) -> bool:
        """Whether it holds the arguments of a function."""
        return self.token is not None and self.token.token_type is T.L_PAREN and self.before is T.VAR


def _lonely(join: Token) -> Misplaced:
    return Misplaced(join.start, join.end - join.start + 1, "this join has no condition")


class _Walk:
    """One pass over the tokens, with the open brackets."""

    def __init__(self, sql: str, tokens: Sequence[Token], dialect: str) -> None:
        self.sql, self.tokens, self.dialect = sql, tokens, dialect
        self.opened = [_Open()]
        kinds = [token.token_type for token in tokens]
        # `array<int>` ends like a comparison.
        self.angles = any(b is T.LT and a in {T.ARRAY, T.STRUCT, T.MAP} for a, b in pairwise(kinds))
        self.kinds: list[TokenType | None] = [*kinds, None, None]

    def wrong(self) -> Iterator[Misplaced]:
        """All that is misplaced, in order; what comes behind the first may be its doing."""
        for index, (here, after) in enumerate(pairwise(self.kinds[:-1])):
            # Half of all words, and wrong in no place.
            if (here is T.VAR and after in _QUIET) or (here is T.DOT and after is T.VAR):
                continue
            if found := self.brackets(index) or self.joins(index):
                yield found
            if self.is_name(index):
                continue
            if self.stands_wrong(index):
                yield self.unexpected(index)
            if self.follows_wrong(index):
                yield self.unexpected(index + 1)
        for left in self.opened:
            if left.token is not None:
                yield Misplaced(left.token.start, 1, f"{left.token.text!r} is not closed")
            yield from map(_lonely, left.joins)

    def unexpected(self, index: int) -> Misplaced:
        if self.ends(self.kinds[index]):
            return Misplaced(len(self.sql.rstrip()), 1, "the query ends too early")
        token = self.tokens[index]
        said = self.sql[token.start : token.end + 1]
        return Misplaced(token.start, len(said), f"unexpected {said!r}")

    def before(self, index: int, steps: int = 1) -> TokenType | None:
        return self.kinds[index - steps] if index >= steps else None

    def word(self, index: int) -> str:
        return str(self.tokens[index].text).upper() if 0 <= index < len(self.tokens) else ""

    @staticmethod
    def ends(kind: TokenType | None) -> bool:
        return kind is None or kind is T.SEMICOLON

    def stops(self, kind: TokenType | None) -> bool:
        """Whether a token ends what came before it."""
        return kind is T.COMMA or kind in _CLOSERS or self.ends(kind)

    def is_name(self, index: int) -> bool:
        """Whether a word is a name, whatever else it may be: it stands behind a dot."""
        return self.before(index) is T.DOT and self.kinds[index] not in _SIGNS

    # What is open.

    def brackets(self, index: int) -> Misplaced | None:
        """Keeps the open brackets, and what is open in them."""
        kind = self.kinds[index]
        if kind in _OPENERS:
            distinct = self.before(index) is T.ON and self.before(index, 2) is T.DISTINCT
            self.opened.append(_Open(self.tokens[index], self.before(index), distinct))
        elif kind in _CLOSERS:
            return self.close(index)
        elif (kind is T.CASE or kind in _OF_CASE) and not self.is_name(index):
            return self.case(index, self.opened[-1].cases)
        elif kind in _BEGIN:
            self.opened[-1].clause = kind
        return None

    def close(self, index: int) -> Misplaced | None:
        opener = self.opened[-1].token
        if opener is None or _PAIRS[opener.token_type] is not self.kinds[index]:
            return self.unexpected(index)
        closed, after = self.opened.pop(), self.kinds[index + 1]
        if closed.joins:
            return _lonely(closed.joins[-1])
        # A CTE with columns, and without its AS.
        headless = closed.function and after is T.L_PAREN and self.kinds[index + 2] is T.SELECT
        return self.unexpected(index + 1) if headless or (closed.distinct and after is T.COMMA) else None

    def case(self, index: int, cases: list[TokenType | None]) -> Misplaced | None:
        """Keeps the cases that are open: WHEN and THEN come in turns."""
        kind = self.kinds[index]
        if kind is T.CASE:
            cases.append(kind)
        elif cases:
            if (kind is T.THEN) is not (cases[-1] is T.WHEN):
                return self.unexpected(index)
            if kind is T.END:
                cases.pop()
            else:
                cases[-1] = kind
        return None

    def joins(self, index: int) -> Misplaced | None:
        """Keeps the joins that wait for their condition, and finds one that waits in vain."""
        here, waiting = self.kinds[index], self.opened[-1].joins
        if here is T.JOIN and self.needs_condition(index):
            waiting.append(self.tokens[index])
        elif here in {T.ON, T.USING} and waiting:
            waiting.pop()
        elif waiting and (here is T.COMMA or here in _ENDS_FROM):
            return _lonely(waiting.pop())
        return None

    def needs_condition(self, index: int) -> bool:
        sides = set(takewhile(lambda kind: kind in _JOINED, reversed(self.kinds[:index])))
        if sides & {T.CROSS, T.NATURAL, T.POSITIONAL}:
            return False
        return self.dialect not in _JOINS_ALONE or (self.dialect == "mysql" and bool(sides & {T.LEFT, T.RIGHT}))

    # What stands beside what.

    def stands_wrong(self, index: int) -> bool:
        """Whether a word cannot stand behind the one before it."""
        here, before, after = self.kinds[index], self.before(index), self.kinds[index + 1]
        if here is T.ALL:
            return after is T.ALL or (after in _SETS and before not in _LISTS)
        if here is T.LATERAL:
            return after is T.L_PAREN and before in {T.VAR, T.R_PAREN, T.IDENTIFIER}
        if here is T.VAR and self.word(index) in _HALVES:
            # Alone it is a name.
            aside = self.word(index - 1) in {"WITHIN", "EXCLUDE"}
            return not aside and (before in _ENDING or after in {T.VAR, T.ALL, T.NUMBER, T.STRING})
        return False

    def follows_wrong(self, index: int) -> bool:
        """Whether the next word cannot stand behind this one."""
        here, after = self.kinds[index], self.kinds[index + 1]
        if here in _OPENERS:
            return self.opens_wrong(index)
        if here in _EXPECTING:
            return self.cannot_follow(index)
        if here is T.DOT:
            return self.dangles(after)
        if here is T.ALIAS:
            return self.stops(after)
        if here is T.OVER:
            return self.before(index) is T.R_PAREN and (self.stops(after) or after in _CLAUSES or after is T.ALIAS)
        if here is T.FILTER:
            return self.before(index) is T.R_PAREN and after is not T.L_PAREN
        if self.before(index) is T.STAR and self.word(index) == "EXCLUDE":
            return self.stops(after)
        if here is T.VAR and self.before(index) is T.WINDOW and self.before(index, 2) in _ENDING:
            return after is not T.ALIAS
        return after in _NEVER_BEHIND.get(here, ()) or (here in _OPERANDS and self.two_values(index))

    def opens_wrong(self, index: int) -> bool:
        """Whether a bracket begins with what must stand behind something."""
        before, after = self.before(index), self.kinds[index + 1]
        if after is T.R_PAREN and self.kinds[index] is T.L_PAREN:
            return before in _NOT_EMPTY and not (before is T.IN and self.dialect == "sqlite")
        if after is T.FROM:
            return self.word(index - 1) in _OF_VALUE
        return after in {T.COMMA, T.ALIAS} or (after in _INFIX and before is not T.OPERATOR)

    def cannot_follow(self, index: int) -> bool:
        """Whether what comes behind a word that expects something is nothing of the kind."""
        here, after = self.kinds[index], self.kinds[index + 1]
        if here in {T.LT, T.GT} and (self.angles or after in {T.LT, T.GT}):
            return not (self.angles or self.together(index))
        if after is T.ALIAS:
            return not (here is T.SELECT and self.dialect == "bigquery")
        if after is T.DOT:
            return self.kinds[index + 2] is not T.NUMBER
        if here is T.NOT and after in _WORDS:
            return after in {T.AND, T.OR, T.IS}
        if self.may_be_empty(index):
            return False
        return self.stops(after) or self.begins_nothing(index + 1)

    def may_be_empty(self, index: int) -> bool:
        """Whether a word that expects something does without it here."""
        here, before, after = self.kinds[index], self.before(index), self.kinds[index + 1]
        if here is T.COMMA:
            return self.trailing(after)
        if here is T.DISTINCT:
            return (after is T.FROM and before in {T.IS, T.NOT}) or (after is T.SELECT and before in _SETS)
        if here is T.SELECT:
            return self.dialect in _EMPTY_SELECT and (after is T.FROM or self.ends(after) or after in _CLOSERS)
        return here in _SETS and after in {T.FROM, T.SELECT}

    def begins_nothing(self, index: int) -> bool:
        """Whether no value and no name begins with a word."""
        here, after = self.kinds[index], self.kinds[index + 1]
        if here in _SIDES:
            return after in {T.JOIN, T.OUTER}
        if here in {T.LIKE, T.ILIKE} and after is T.L_PAREN:
            return False
        if here in _OF_CASE:
            return bool(self.opened[-1].cases) and not (here is T.WHEN and self.before(index) is T.CASE)
        if here in {T.DESC, T.ASC}:
            return self.stops(after) or after is T.LIMIT or self.word(index + 1) == "NULLS"
        return here in _INFIX or here in _CLAUSES or here is T.SELECT

    def trailing(self, after: TokenType | None) -> bool:
        """Whether a list may end in a comma here."""
        inside = self.opened[-1]
        if not (after in _CLOSERS or after in _CLAUSES or self.ends(after)) or self.dialect not in _TRAILING:
            return False
        if inside.clause is None:
            return self.dialect == "duckdb" and (after is not T.R_PAREN or inside.before is T.IN or self.excludes())
        return after is not T.JOIN and inside.clause not in {T.FROM, T.ORDER_BY, T.WHERE, T.ON}

    def excludes(self) -> bool:
        """Whether the open bracket holds the columns that a star leaves out."""
        opener = self.opened[-1].token
        return opener is not None and self.sql[: opener.start].rstrip().lower().endswith(("exclude", "replace"))

    def together(self, index: int) -> bool:
        """Whether a token is written right before the next one."""
        return self.tokens[index].end + 1 == self.tokens[index + 1].start

    def dangles(self, after: TokenType | None) -> bool:
        """Whether a dot has no name behind it."""
        if after is T.DOT:
            return self.dialect not in _EMPTY_SCHEMA
        return self.stops(after) or after is T.L_PAREN

    def two_values(self, index: int) -> bool:
        """Whether two values stand side by side, and the second is no name of the first."""
        here, after = self.kinds[index], self.kinds[index + 1]
        if after in _CONSTANTS:
            return here is not T.VAR or self.word(index) not in _BEFORE_NULL
        if after is T.NUMBER:
            return here in {T.NUMBER, T.STRING, T.IDENTIFIER, T.R_BRACKET}
        if after is not T.STRING:
            return after is T.L_BRACE and self.dialect == "duckdb"
        if here is T.NUMBER:
            return self.dialect != "tsql"
        apart = here is T.STRING and self.dialect in _STRINGS_APART
        return apart and "\n" not in self.sql[self.tokens[index].end : self.tokens[index + 1].start]


# --- Trees ---

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
