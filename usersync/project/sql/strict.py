"""Words that cannot stand side by side in the dialects of `STRICT`, as their own servers say: tests ask them."""

from __future__ import annotations

from sqlglot.tokenizer_core import TokenType as T

from usersync.project.sql.tokens import (
    CASES,
    CLAUSES,
    CLOSERS,
    COMPARISONS,
    CONSTANTS,
    EXPECTING,
    INFIX,
    OPENERS,
    QUERIES,
    VALUES,
    Tokens,
    ends,
)
from usersync.project.sql.words import NUMBERED, ROWS_OF, STATES

_OPERATORS = COMPARISONS | {T.DPIPE, T.SLASH, T.DCOLON, T.ARROW, T.DARROW, T.PLUS, T.DASH}
_OPERANDS = INFIX | CASES | {T.PLUS, T.DASH, T.NOT, T.WHERE, T.ON, T.HAVING, T.FROM, T.JOIN}
"""Before these no star stands for all columns."""
_APART = {
    T.STAR: _OPERANDS,
    T.ALIAS: EXPECTING - {T.ALIAS, T.DOT},
    T.LIMIT: EXPECTING - {T.ALIAS, T.DOT, T.SELECT},
    T.ALL: frozenset({T.COMMA}),
    T.DISTINCT: frozenset({T.COMMA}),
    T.VALUES: frozenset({T.FROM, T.JOIN}),
    T.INTERVAL: frozenset({T.INTERVAL}),
    T.L_PAREN: frozenset({T.DOT}),
}
"""Words, each with those that it cannot stand behind."""
_STARRED = frozenset({T.COMMA, T.SELECT, T.DISTINCT, T.ALL})
_NAMES = frozenset({T.VAR, T.IDENTIFIER})
_SIDES = {
    T.LEFT: {T.JOIN, T.OUTER, T.L_PAREN},
    T.RIGHT: {T.JOIN, T.OUTER, T.L_PAREN},
    T.INNER: {T.JOIN},
    T.OUTER: {T.JOIN},
    T.CROSS: {T.JOIN},
    T.NATURAL: {T.JOIN, T.LEFT, T.RIGHT, T.INNER, T.FULL},
}
"""What may stand behind the words before a JOIN, which are no names in PostgreSQL and MySQL; LEFT() is a function."""


def holds_wrong(tokens: Tokens, index: int) -> bool:
    """Whether a bracket that begins with a star, a FROM or a SELECT is none of those that may."""
    _, before, after = tokens.around(index)
    if after is T.STAR:
        named = before is not None and before not in EXPECTING | OPENERS | VALUES - {T.IDENTIFIER}
        return not named or tokens.kinds[index + 2] is not T.R_PAREN
    if before is T.EXISTS:
        return after not in QUERIES
    if after is T.FROM:
        return tokens.text(index - 1) != "TRIM"
    if after in {T.ORDER_BY, T.PARTITION_BY}:
        return before is T.VAR and tokens.text(index - 1) != "GROUP"
    # Behind SELECT it may be one of MySQL's modifiers.
    free = tokens.text(index - 1) in ROWS_OF or tokens.kinds[max(index - 2, 0)] is T.SELECT
    return before is T.VAR and not free


def clash(tokens: Tokens, index: int) -> bool:
    """Whether a word and the next cannot stand side by side."""
    return _clash(tokens, index) or (tokens.reserving and _clash_of_reserved(tokens, index))


def _clash(tokens: Tokens, index: int) -> bool:
    here, before, after = tokens.around(index)
    if after is not None and here in _APART.get(after, ()):
        return True
    if here is T.DOT and after in _OPERATORS:
        return tokens.text(index - 3) != "OPERATOR"
    if here is T.STAR and (before in _STARRED or (before is T.DOT and tokens.dialect != "postgres")):
        return after in {T.VAR, T.IDENTIFIER, T.STRING, T.NUMBER, T.L_PAREN}
    if here is T.NUMBER and after is not None:
        return tokens.touches(index) and tokens.text(index + 1)[:1].isalpha()
    if here is T.OVER and before is T.R_PAREN:
        # It is a name of tables in PostgreSQL, and of anything in SQLite.
        named = tokens.dialect == "sqlite" or (tokens.dialect == "postgres" and tokens.has_tables(index))
        return after is T.ALIAS or (ends(after) and not named)
    if here is T.USING and after in _NAMES and tokens.dialect != "postgres":
        return not any(call in tokens.sql.upper() for call in ("CONVERT", "CHAR("))
    if here is T.LIMIT:
        return after in {T.COMMA, T.LIMIT} | CLAUSES | CLOSERS or ends(after)
    return _clash_behind(tokens, index)


def _clash_behind(tokens: Tokens, index: int) -> bool:
    """Whether a word cannot stand behind another where that stands."""
    here, before, after = tokens.around(index)
    match after:
        case T.DOT:
            number = tokens.kinds[index + 2] is T.NUMBER and tokens.touches(index + 1)
            return here is T.STRING or (here in EXPECTING and here is not T.DOT and not number)
        case T.SELECT:
            return here is T.ALIAS and tokens.kinds[index + 2] in VALUES | {T.VAR, T.L_PAREN, T.STAR, T.DISTINCT}
        case T.STAR:
            return here is T.COMMA and tokens.dialect == "mysql"
        case T.COMMA:
            return here is T.ALL and before is T.SELECT
        case T.LIMIT:
            return here is T.SELECT and tokens.dialect != "postgres"
        case T.NUMBER:
            return here is T.VAR and tokens.text(index) not in NUMBERED and before is not T.SELECT
        case T.L_PAREN:
            return here is T.VAR and before is T.WINDOW
    return after is T.NULL and here is T.VAR and tokens.dialect == "sqlite" and before is not T.SELECT


def _clash_of_reserved(tokens: Tokens, index: int) -> bool:
    """Whether two words cannot stand side by side in PostgreSQL and MySQL."""
    here, before, after = tokens.around(index)
    following, postgres = tokens.text(index + 1), tokens.dialect == "postgres"
    # `against (… in natural language mode)`, `in boolean mode`.
    mode = T.IN in {here, before} and following in {"NATURAL", "BOOLEAN", "LANGUAGE"}
    if before is T.ALIAS or mode:
        return False
    if after in {T.ASC, T.DESC}:
        return here in EXPECTING - {T.DOT, T.ALIAS}
    if here is T.IS or (here is T.NOT and before is T.IS):
        label = postgres and (after in {T.COMMA, T.FROM} or ends(after))
        return following not in STATES and not label and (here is T.NOT or following != "NOT")
    if here in _SIDES:
        label = postgres and after in {T.COMMA, T.FROM} and before is not T.DISTINCT
        return after not in _SIDES[here] and not label
    if here is T.IN:
        return after is not T.L_PAREN and not any(token.text.upper() == "POSITION" for token in tokens.all)
    return _clash_of_values(tokens, index)


def _clash_of_values(tokens: Tokens, index: int) -> bool:
    """Whether a constant, or the `not null` that lacks its `is`, stands behind a name."""
    here, before, after = tokens.around(index)
    name = here in _NAMES
    if name and after in CONSTANTS:
        # `null on empty`, of what JSON functions do.
        return before is not T.SELECT and tokens.text(index) not in NUMBERED and tokens.kinds[index + 2] is not T.ON
    value = name or (here is T.R_PAREN and tokens.dialect == "mysql")
    return value and after is T.NOT and tokens.kinds[index + 2] is T.NULL
