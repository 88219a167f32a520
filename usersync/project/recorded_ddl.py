"""The DDL of recorded sources, read word by word: a source's type may be anything, and is kept as it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, zip_longest

from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from usersync.diagnostics import ConfigError, Diagnostic, SourceFile, did_you_mean
from usersync.project.recorded import DIALECTS, IMPORTED, VIEW, RecordedColumn, RecordedTable
from usersync.project.sql.errors import broken


def read_recorded(file: SourceFile, kind: str) -> tuple[dict[tuple[str, str], RecordedTable], list[Diagnostic]]:
    """The tables of a file by schema and name in lower case, and what is wrong in it (US002).

    Args:
        file: As read.
        kind: The connection's type.
    """
    try:
        tokens = list(Dialect.get_or_raise(DIALECTS[kind]).tokenize(file.text))
    except SqlglotError as error:
        message, offset, length = broken(file.text, error)
        return {}, [Diagnostic("US002", message, file.location(offset, length))]
    tables: dict[tuple[str, str], RecordedTable] = {}
    problems: list[Diagnostic] = []
    for statement in _statements(tokens):
        try:
            _Reader(file, statement, free_types=kind == "sqlite").read(tables)
        except ConfigError as error:
            problems += error.diagnostics
    return tables, problems


def _statements(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    found: list[Token] = []
    for token in tokens:
        if token.token_type is not TokenType.SEMICOLON:
            found.append(token)
        elif found:
            yield found
            found = []
    if found:
        yield found


_AFTER_TYPE = frozenset(
    {
        *("NOT", "NULL", "PRIMARY", "UNIQUE", "DEFAULT", "CHECK", "REFERENCES", "COLLATE", "GENERATED", "CONSTRAINT"),
        *("AS", "AUTO_INCREMENT", "COMMENT", "ON", "PRIMARY KEY", "AUTOINCREMENT", "DEFERRABLE", "INITIALLY"),
    }
)
_IN_TYPES = frozenset(
    {
        *("PRECISION", "VARYING", "UNSIGNED", "SIGNED", "ZEROFILL", "BINARY", "BYTE", "LARGE", "OBJECT", "ARRAY"),
        *("CHARACTER", "CHARACTER SET", "CHAR", "VARCHAR", "VARBINARY", "SET", "INTEGER"),
        *("WITH", "WITHOUT", "LOCAL", "TIME", "ZONE", "WITH TIME ZONE", "WITHOUT TIME ZONE"),
        *("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "TO"),
    }
)
"""The words that a type may have behind its first."""
_BEHIND_NOT = frozenset({"NULL", "DEFERRABLE", "ENFORCED", "VALID"})
_CONSTRAINTS = frozenset({"PRIMARY", "PRIMARY KEY", "UNIQUE", "CHECK", "CONSTRAINT", "FOREIGN", "FOREIGN KEY"})
_OPEN = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET})
_CLOSE = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET})


def _step(token: Token) -> int:
    """How much deeper in brackets it is behind a token."""
    return (token.token_type in _OPEN) - (token.token_type in _CLOSE)


class _Reader:
    """One statement, word by word.

    Args:
        file: The file.
        tokens: Those of the statement.
        free_types: Whether a type may be made of any words, as in SQLite.
    """

    def __init__(self, file: SourceFile, tokens: list[Token], *, free_types: bool) -> None:
        self.file, self.tokens, self.at, self.free_types = file, tokens, 0, free_types

    def read(self, tables: dict[tuple[str, str], RecordedTable]) -> None:
        """Adds the statement's table, or its index to the table."""
        if any(IMPORTED in comment for comment in self.tokens[0].comments):
            return
        self.expect("CREATE")
        unique = self.take("UNIQUE")
        if not unique and self.take("TYPE"):
            return
        if not unique and self.take("TABLE"):
            self.take("IF") and self.take("NOT") and self.take("EXISTS")
            table = self.table()
            tables[table.id] = table
        else:
            self.expect("INDEX")
            self.index(tables)

    def table(self) -> RecordedTable:
        schema, name = self.full_name()
        columns: list[RecordedColumn] = []
        key: tuple[Token, ...] = ()
        for item in self.items():
            inner = _Reader(self.file, item, free_types=self.free_types)
            if inner.word() in _CONSTRAINTS and not _quoted(item[0], self.file):
                key = inner.constraint() or key
            else:
                column, keyed = inner.column()
                if column.name.lower() in {other.name.lower() for other in columns}:
                    raise self.wrong(f"{column.name!r} is a column twice", item[0])
                columns.append(column)
                key = (item[0],) if keyed else key
        if not columns:
            raise self.wrong("a table without columns")
        self.known(key, columns)
        strict = {name.text.lower() for name in key}
        known = tuple(replace(c, nullable=c.nullable and c.name.lower() not in strict) for c in columns)
        view = any(comment.strip() == VIEW for comment in self.tokens[0].comments)
        return RecordedTable(schema, name, known, tuple(each.text for each in key), view=view)

    def known(self, names: Iterable[Token], columns: Sequence[RecordedColumn]) -> None:
        """Refuses a key or an index of columns that the table has not."""
        spelled = {column.name.lower(): column.name for column in columns}
        for name in names:
            if name.text.lower() not in spelled:
                raise self.wrong(
                    f"the table has no column {name.text!r}", name, did_you_mean(name.text, spelled.values())
                )

    def index(self, tables: dict[tuple[str, str], RecordedTable]) -> None:
        if self.word() != "ON":
            self.full_name()
        self.expect("ON")
        schema, name = self.full_name()
        named = self.tokens[self.at - 1]
        items = self.items()
        found = tables.get((schema.lower(), name.lower()))
        if found is None:
            raise self.wrong(f"an index of {name!r}, a table that is not above", named)
        # What is more than a name may be an expression.
        self.known((item[0] for item in items if len(item) == 1), found.columns)
        names = tuple(item[0].text for item in items)
        tables[found.id] = replace(found, indexes=tuple(sorted({*found.indexes, names})))

    def constraint(self) -> tuple[Token, ...]:
        """The columns of a primary key; none of another constraint."""
        words = [token.text.upper() for token in self.tokens]
        primary = next((i for i, word in enumerate(words) if word.startswith("PRIMARY")), None)
        if primary is None:
            return ()
        self.at = next((i for i in range(primary, len(words)) if words[i] == "("), len(words))
        return tuple(item[0] for item in self.items() if item)

    def column(self) -> tuple[RecordedColumn, bool]:
        """A column, and whether it is the primary key."""
        named = self.next()
        name, start = named.text, self.at
        if self.word() == "KEY" and not self.free_types:
            raise self.wrong(f"unexpected {name!r}", named)
        depth = 0
        while self.at < len(self.tokens) and (depth or self.word() not in _AFTER_TYPE):
            if not depth and self.at > start:
                self.goes_on()
            token = self.next()
            depth += _step(token)
        kind = ""
        if self.at == start and not self.free_types:
            raise self.wrong("a column without a type", named)
        if self.at > start:
            kind = self.file.text[self.tokens[start].start : self.tokens[self.at - 1].end + 1]
        self.constraints(self.tokens[self.at :])
        rest = [token.text.upper() for token in self.tokens[self.at :]]
        required = any(pair == ("NOT", "NULL") for pair in pairwise(rest)) or "NOT NULL" in rest
        return RecordedColumn(name, kind, not required), any(word.startswith("PRIMARY") for word in rest)

    def goes_on(self) -> None:
        """Refuses a word that cannot belong to the type before it."""
        token, before = self.tokens[self.at], self.tokens[self.at - 1]
        name = token.token_type not in _OPEN | _CLOSE and token.text[:1].isalpha() and before.text not in {".", "::"}
        of_set = before.text.upper() in {"SET", "CHARACTER SET"}
        if name and not self.free_types and not of_set and token.text.upper() not in _IN_TYPES:
            word = self.file.text[token.start : token.end + 1]
            raise self.wrong(f"a comma is missing before {word!r}", token)

    def constraints(self, tokens: Sequence[Token]) -> None:
        """Refuses what cannot stand behind a type: half of a NOT NULL, and the next column where a comma is missing."""
        depth = 0
        for token, after in zip_longest(tokens, tokens[1:]):
            depth += _step(token)
            if depth:
                continue
            word = after.text.upper() if after else ""
            if token.text.upper() == "NOT" and word not in _BEHIND_NOT:
                raise self.wrong("a NOT without NULL", token)
            if after and word not in _AFTER_TYPE and "\n" in self.file.text[token.end + 1 : after.start]:
                raise self.wrong(f"a comma is missing before {after.text!r}", after)

    def items(self) -> list[list[Token]]:
        """What stands between the parentheses that begin here, split at its commas."""
        self.expect("(")
        found: list[list[Token]] = [[]]
        depth = 0
        while True:
            token = self.next()
            if token.token_type is TokenType.R_PAREN and not depth:
                return [item for item in found if item]
            depth += _step(token)
            if token.token_type is TokenType.COMMA and not depth:
                found.append([])
            else:
                found[-1].append(token)

    def full_name(self) -> tuple[str, str]:
        """A schema, empty where none is named, and a name."""
        parts = [self.next().text]
        while self.take("."):
            parts.append(self.next().text)
        return (parts[-2] if len(parts) > 1 else ""), parts[-1]

    def word(self) -> str:
        return str(self.tokens[self.at].text).upper() if self.at < len(self.tokens) else ""

    def take(self, word: str) -> bool:
        found = self.word() == word
        self.at += found
        return found

    def expect(self, word: str) -> None:
        if not self.take(word):
            raise self.wrong(f"unexpected {self.word().lower()!r}" if self.word() else "the statement ends too early")

    def next(self) -> Token:
        if self.at >= len(self.tokens):
            raise self.wrong("the statement ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def wrong(self, what: str, token: Token | None = None, hint: str | None = None) -> ConfigError:
        token = token or self.tokens[min(self.at, len(self.tokens) - 1)]
        where = self.file.location(token.start, max(1, token.end - token.start + 1))
        hint = hint or "this file is written by `usersync record`: record again"
        return ConfigError(Diagnostic("US002", f"recorded sources: {what}", where, hint))


def _quoted(token: Token, file: SourceFile) -> bool:
    return file.text[token.start] in {'"', "`", "["}
