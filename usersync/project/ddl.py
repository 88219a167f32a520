"""The words of `users.sql`: types that Postgres' grammar lacks are put in, and what its tree drops is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import Token, TokenType

from usersync.project.sql.grammar import check_nul, check_words
from usersync.project.sql.nodes import Nodes
from usersync.project.sql.reading import parse
from usersync.project.sql.stumbles import check_written

# Postgres' grammar keeps lengths and reads DuckDB's nested types; DuckDB's own drops `(254)`.
DIALECT = "postgres"
_TYPES = {
    "year": TokenType.YEAR,
    "utinyint": TokenType.UTINYINT,
    "usmallint": TokenType.USMALLINT,
    "uinteger": TokenType.UINT,
    "ubigint": TokenType.UBIGINT,
}


@dataclass
class Written:
    """What was written of a column or of a struct's field, beside its name."""

    type: str
    """Without brackets: `phonenumber` of `phonenumber[]`."""
    checks: list[tuple[int, str]] = field(default_factory=list)
    """The conditions of `check (…)`, each with its offset."""


@dataclass(frozen=True)
class Ddl:
    """Parsed DDL, and its columns and fields as written, by the offset of their names."""

    statements: tuple[exp.Expr, ...]
    written: dict[int, Written]


def read_ddl(sql: str) -> Ddl:
    """Parses DDL in which any word may stand as a type.

    Raises:
        SqlglotError: it does not parse.
    """
    dialect = Dialect.get_or_raise(DIALECT)
    scan = _Scan(sql, list(dialect.tokenize(sql)))
    scan.run()
    parsed = parse(scan.tokens, sql, dialect)
    statements = tuple(statement for statement in parsed if statement is not None)
    check_nul(sql, scan.tokens)
    # Checks are DuckDB's expressions, and judged as such where they are read.
    checks = [range(at, at + len(text)) for each in scan.written.values() for at, text in each.checks]
    outside = [token for token in scan.tokens if not any(token.start in check for check in checks)]
    check_words(sql, outside, DIALECT)
    for statement in statements:
        check_written(Nodes(statement), sql, DIALECT)
    return Ddl(statements, scan.written)


class _Scan:
    """One walk over the tokens, with the open parentheses: what came before each, and its current column."""

    def __init__(self, sql: str, tokens: list[Token]) -> None:
        self.sql = sql
        self.tokens = tokens
        self.written: dict[int, Written] = {}
        self.opened: list[tuple[str, Written | None]] = []

    def run(self) -> None:
        index = 0
        while index < len(self.tokens):
            index = self.step(index) + 1

    def step(self, index: int) -> int:
        """Reads a token and returns the index of the last one read: a check is read whole."""
        token = self.tokens[index]
        match token.token_type:
            case TokenType.L_PAREN:
                before = self.tokens[index - 1].text.lower() if index else ""
                if before == "check":
                    return self.check(index)
                self.opened.append((before if self.opened else "struct", None))
            case TokenType.R_PAREN if self.opened:
                self.opened.pop()
            case TokenType.COMMA if self.opened:
                self.opened[-1] = (self.opened[-1][0], None)
            case _ if self.opened:
                self.word(index)
        return index

    def word(self, index: int) -> None:
        opener, column = self.opened[-1]
        if opener == "struct" and column is None:
            start = index + 1
            found = self.written[self.tokens[index].start] = Written(self.type_text(start))
            self.opened[-1] = (opener, found)
            self.retype(start, any_word=True)
        else:
            self.retype(index, any_word=opener == "map")

    def retype(self, index: int, *, any_word: bool) -> None:
        """Makes a word that the grammar takes for a name a type."""
        token = self.tokens[index] if index < len(self.tokens) else None
        if token is None or token.token_type is not TokenType.VAR:
            return
        kind = _TYPES.get(token.text.lower(), TokenType.UNKNOWN if any_word else None)
        if kind:
            self.tokens[index] = Token(kind, token.text, token.line, token.col, token.start, token.end, token.comments)

    def type_text(self, index: int) -> str:
        if index >= len(self.tokens):
            return ""
        last = index
        if index + 1 < len(self.tokens) and self.tokens[index + 1].token_type is TokenType.L_PAREN:
            last = _closing(self.tokens, index + 1)
        return self.sql[self.tokens[index].start : self.tokens[last].end + 1]

    def check(self, index: int) -> int:
        last = _closing(self.tokens, index)
        column = self.opened[-1][1] if self.opened else None
        if column is not None and last > index + 1:
            start, end = self.tokens[index + 1].start, self.tokens[last - 1].end + 1
            column.checks.append((start, self.sql[start:end]))
        return last


def _closing(tokens: Sequence[Token], index: int) -> int:
    """The index of the parenthesis that closes the one at `index`; the last token where nothing does."""
    depth = 0
    for place in range(index, len(tokens)):
        kind = tokens[place].token_type
        depth += (kind is TokenType.L_PAREN) - (kind is TokenType.R_PAREN)
        if depth == 0:
            return place
    return len(tokens) - 1
