"""What DuckDB's own parser says of SQL: it reads the words and looks for no file, table or function."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import sqlglot
from sqlglot.tokenizer_core import Token, TokenType

from usersync.project.sql.errors import Misplaced

EMPTY_NAME = "zero-length delimited identifier"
_NEAR = re.compile(r'(.*) at or near "(.*)"\Z', re.DOTALL)
_LINE = re.compile(r"LINE (\d+): ")
_WINDOW = re.compile(r'window "(.+)" does not exist')
_SYNTAX = "syntax error"
_ENDS = "syntax error at end of input"
_NO_LIST = "SELECT clause without selection list"
_COMMA_LIMIT = "errhint NOT IMPLEMENTED"
"""What the parser says where LIMIT has a comma: it knows more, and fails to say it."""
_BLANKS = "\u200b\u2060\ufeff"
"""Blanks for DuckDB beside those that are for Python."""
_ODD_BLANKS = re.compile(r"[\t\r\v\f]")
_BEHIND_LIST = {TokenType.FROM, TokenType.R_PAREN, TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT}


@lru_cache(maxsize=4096)
def refusal(sql: str, *, written: str = "", expression: bool = False) -> Misplaced | None:
    """Why DuckDB does not parse a query, and where; None where it does.

    Args:
        sql: The text of one SELECT: other statements may do more than be parsed.
        written: The text as it is shown, of the same length, where that is another.
        expression: The text is what a SELECT selects, not a query.
    """
    # In the only statement a semicolon is in a string, a name or a comment, or ends it.
    # Where a NUL may be it has rules of its own; DuckDB would read no further.
    plain = sql.replace(";", " ").replace("\0", " ")
    before, behind = ("select (\n", "\n)") if expression else ("", "")
    said = _error(before + plain + behind)
    if said is None:
        return None
    if not plain.isascii() or _ODD_BLANKS.search(plain):
        # Places are counted in bytes and in columns of a terminal; where all are one, they are characters.
        plain = _as_ascii(plain)
        said = _error(before + plain + behind) or said
    reason, _, shown = said.partition("\n\n")
    offset = _offset(before + plain + behind, shown) if shown else None
    if offset is None and reason != _ENDS:
        return _without_place(sql, reason)
    if offset is None or offset - len(before) >= len(sql):
        return Misplaced(len(sql.rstrip()), 1, f"the {'expression' if expression else 'query'} ends too early")
    return _misplaced(written or sql, max(offset - len(before), 0), reason)


def _error(text: str) -> str | None:
    extract_statements, refused = _parser()
    try:
        # Half a character, which no text has for DuckDB, may come from a variable.
        extract_statements(text.encode("utf-8", "replace").decode())
    except refused as error:
        return str(error).removeprefix("Parser Error: ").replace("Not implemented Error:", "DuckDB has not implemented")
    return None


@lru_cache(maxsize=1)
def _parser() -> tuple[Callable[[str], object], type[Exception]]:
    """DuckDB's parser, and what it raises."""
    try:
        # The library without the package around it, which takes as long again to import.
        from _duckdb import Error, extract_statements
    except ImportError:
        from duckdb import Error, extract_statements
    return extract_statements, Error


def _as_ascii(text: str) -> str:
    """The text with letters and blanks of other alphabets as plain ones, and tabs too."""
    letters = "".join(c if c.isascii() else " " if c.isspace() or c in _BLANKS else "x" for c in text)
    return _ODD_BLANKS.sub(" ", letters)


def _misplaced(sql: str, offset: int, reason: str) -> Misplaced:
    near = _NEAR.match(reason)
    word = sql[offset : offset + len(near[2])].partition("\n")[0] if near else ""
    said = near[1] if near else reason
    return Misplaced(offset, max(len(word), 1), f"unexpected {word!r}" if said == _SYNTAX else said)


def _offset(text: str, shown: str) -> int | None:
    """Where the caret below a line points: the line is cut at both ends where it is long."""
    head, _, caret = shown.rpartition("\n")
    number = _LINE.match(head)
    if not number:
        return None
    part, column = head[number.end() :], len(caret) - 1 - number.end()
    lines = text.split("\n")
    line = int(number[1]) - 1
    if part.startswith("...") and not lines[line].startswith("..."):
        column += lines[line].find(part.removeprefix("...").removesuffix("...")) - len("...")
    return sum(len(each) + 1 for each in lines[:line]) + column


def _without_place(sql: str, reason: str) -> Misplaced:
    """A refusal that DuckDB gives no place of: that of the word that it is about, else the first."""
    tokens = sqlglot.tokenize(sql, read="duckdb")
    pairs = list(pairwise(tokens))
    token: Token | None = None
    if reason == _NO_LIST:
        reason = "the SELECT names no columns"
        token = next((a for a, b in pairs if a.token_type is TokenType.SELECT and b.token_type in _BEHIND_LIST), None)
        token = token or tokens[-1]
    elif reason == _COMMA_LIMIT:
        reason = "LIMIT has no comma in DuckDB: write limit … offset …"
        token = next((t for t in tokens if t.token_type is TokenType.LIMIT), None)
    elif window := _WINDOW.match(reason):
        reason = f"there is no window {window[1]!r}"
        token = next((b for a, b in pairs if a.token_type is TokenType.OVER and b.text == window[1]), None)
    token = token or tokens[0]
    return Misplaced.token(token, reason)
