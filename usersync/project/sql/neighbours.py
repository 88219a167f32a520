"""Tokens that cannot stand side by side in any dialect, as far as its own parser is not here to ask."""

from __future__ import annotations

from sqlglot.tokenizer_core import TokenType as T

from usersync.project.sql.strict import holds_wrong
from usersync.project.sql.tokens import (
    CLAUSES,
    CLOSERS,
    CONSTANTS,
    EXPECTING,
    INFIX,
    OPENERS,
    SETS,
    VALUES,
    WORDS,
    Tokens,
    ends,
)
from usersync.project.sql.words import STRICT

_STRINGS_APART = frozenset({"postgres", "sqlite"})
"""Dialects that do not join two strings of one line."""
_NOT_EMPTY = INFIX | {T.ON, T.USING, T.STAR, T.WHERE, T.NOT}
"""Behind these brackets hold something."""
_BEGINS = frozenset({T.STAR, T.FROM, T.SELECT, T.ORDER_BY, T.PARTITION_BY})
"""What few brackets begin with."""
_ANGLES = frozenset({T.LT, T.GT})


def wrong_itself(tokens: Tokens, index: int) -> bool:
    """Whether a token cannot be there, whatever stands beside it."""
    match tokens.kinds[index]:
        case T.VAR if tokens.strict:
            # ORDER BY and GROUP BY are one token each: this is half of one.
            aside = tokens.text(index - 1) in {"AS", "WITHIN", "EXCLUDE"}
            return tokens.text(index) in {"ORDER", "GROUP"} and not aside
        case T.NOT:
            return tokens.all[index].text == "!" and tokens.dialect == "sqlite"
    return False


def wrong_behind(tokens: Tokens, index: int) -> bool:
    """Whether what comes behind a token cannot stand there."""
    if tokens.kinds[index] in OPENERS:
        return _opens_wrong(tokens, index)
    return _lacks_value(tokens, index) or _two_values(tokens, index)


def _opens_wrong(tokens: Tokens, index: int) -> bool:
    """Whether a bracket begins with what must stand behind something, or is empty and must not be."""
    here, before, after = tokens.around(index)
    if after is T.R_PAREN and here is T.L_PAREN:
        return _wrongly_empty(tokens, before)
    if after in {T.COMMA, T.ALIAS}:
        return True
    if tokens.strict and here is T.L_PAREN:
        if before is T.EXISTS or after in _BEGINS:
            return holds_wrong(tokens, index)
        if before is T.FILTER and tokens.kinds[index - 2] is T.R_PAREN:
            return after is not T.WHERE
    return after in INFIX and before is not T.OPERATOR and not _calls(tokens, index + 1)


def _wrongly_empty(tokens: Tokens, before: T | None) -> bool:
    """Whether brackets behind a token cannot be empty."""
    if before is T.IN and tokens.dialect == "sqlite":
        return False
    # Only grouping sets may hold nothing.
    bare = tokens.strict and before in {T.COMMA, T.L_PAREN} and "SETS" not in tokens.sql.upper()
    return bare or before in _NOT_EMPTY


def _lacks_value(tokens: Tokens, index: int) -> bool:
    """Whether what comes behind a word that expects a value, or a name, is neither."""
    here, before, after = tokens.around(index)
    if here not in EXPECTING or (here is T.JOIN and not tokens.has_tables(index)):
        return False
    # `order by x using >` of PostgreSQL, which sqlglot does not read.
    if tokens.dialect == "postgres" and T.USING in {here, before} and {here, after} & _ANGLES:
        return False
    stops = after is T.COMMA or after in CLOSERS or ends(after)
    if here in {T.ALIAS, T.DOT, T.WITH}:
        return stops or (here is T.WITH and after is T.ALIAS) or (after is T.DOT and tokens.dialect in STRICT)
    if here in _ANGLES and after in _ANGLES:
        return tokens.strict and not tokens.touches(index)
    if here in _ANGLES and tokens.angles and not tokens.strict:
        return False
    if here is T.NOT and after in WORDS:
        return after in {T.AND, T.OR, T.IS}
    # `is distinct from`, `union distinct select`, `distinct on (…)`, and `is` as a name of what is selected.
    if here is T.DISTINCT and (before in SETS | {T.IS, T.NOT} or after is T.ON):
        return False
    if (here is T.IS and not tokens.has_tables(index)) or _may_be_empty(tokens, index):
        return False
    if after in {T.LIKE, T.ILIKE} and _calls(tokens, index + 1):
        return False
    return stops or after in INFIX or after in CLAUSES or (after is T.SELECT and here not in SETS)


def _may_be_empty(tokens: Tokens, index: int) -> bool:
    """Whether a list may have nothing behind its SELECT, or behind its last comma."""
    here, after, lenient = tokens.kinds[index], tokens.kinds[index + 1], tokens.dialect not in STRICT
    if after is T.COMMA:
        return False
    if here is T.SELECT and (lenient or tokens.dialect == "postgres"):
        return not (tokens.strict and after in {T.IS, T.IN, T.AND, T.OR})
    return here is T.COMMA and lenient


def _calls(tokens: Tokens, index: int) -> bool:
    """Whether a bracket opens behind a word."""
    return tokens.kinds[index + 1 : index + 2] == [T.L_PAREN]


def _two_values(tokens: Tokens, index: int) -> bool:
    """Whether two values stand side by side, and the second is no name of the first."""
    here, after = tokens.kinds[index], tokens.kinds[index + 1]
    if here not in VALUES:
        return False
    if after is T.STRING and here is T.STRING and tokens.dialect in _STRINGS_APART:
        return "\n" not in tokens.sql[tokens.all[index].end : tokens.all[index + 1].start]
    return after in CONSTANTS or (after is T.NUMBER and here is not T.R_PAREN)
