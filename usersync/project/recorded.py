"""`models/sources/<connection>.sql`: the tables of a source as DDL, written by `usersync record` and read by lint.

Only the words are read, not the types' grammar: a source's type may be anything, and is kept as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from usersync.diagnostics import ConfigError, Diagnostic, SourceFile
from usersync.project.sql.errors import broken

DIALECTS = {"postgres": "postgres", "mysql": "mysql", "sqlite": "sqlite", "duckdb": "duckdb", "files": "duckdb"}
"""In which SQL a connection's tables are recorded: its own; of files, DuckDB's."""
VIEW = "A view: the keys, indexes and NOT NULL of its tables are not seen."
"""The comment above a view."""
IMPORTED = "What the query of "
"""How the comment begins that `usersync import` writes above what is no table of the source."""


@dataclass(frozen=True, slots=True)
class RecordedColumn:
    """A column as the source describes it."""

    name: str
    type: str
    """In the source's own words."""
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class RecordedTable:
    """A table of a source, or a file."""

    schema: str
    """Empty for the schema that is meant where none is named."""
    name: str
    columns: tuple[RecordedColumn, ...]
    key: tuple[str, ...] = ()
    """Columns of the primary key."""
    indexes: tuple[tuple[str, ...], ...] = ()
    """Columns of every other index, in its order."""
    view: bool = False
    """Whether it is a view: what its tables promise is not known."""

    @property
    def id(self) -> tuple[str, str]:
        """By what it is found, whatever the case."""
        return self.schema.lower(), self.name.lower()

    @property
    def shown(self) -> str:
        """Its name for people."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def column(self, name: str) -> RecordedColumn | None:
        """A column by its name, whatever the case."""
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)

    def found_by(self, column: str) -> bool:
        """Whether an index begins with a column."""
        return any(names and names[0].lower() == column.lower() for names in (self.key, *self.indexes))


# --- Writing ---


def recorded_sql(tables: Iterable[RecordedTable], kind: str) -> str:
    """The DDL of tables, in the order of their names.

    Args:
        tables: Of one connection.
        kind: The connection's type.
    """
    return "\n".join(_table_sql(table, DIALECTS[kind]) for table in sorted(tables, key=lambda t: t.id))


def _table_sql(table: RecordedTable, dialect: str) -> str:
    def said(name: str) -> str:
        return _name(name, dialect)

    full = f"{said(table.schema)}.{said(table.name)}" if table.schema else said(table.name)
    lines = [" ".join(filter(None, (said(c.name), c.type, "" if c.nullable else "not null"))) for c in table.columns]
    if table.key:
        lines.append(f"primary key ({', '.join(map(said, table.key))})")
    body = ",\n".join(f"    {line}" for line in lines)
    indexes = [
        f"create index {said('_'.join((table.name, *names, 'idx')))} on {full} ({', '.join(map(said, names))});\n"
        for names in sorted(set(table.indexes))
    ]
    head = f"-- {VIEW}\n" if table.view else ""
    return f"{head}create table {full} (\n{body}\n);\n{''.join(indexes)}"


def _name(name: str, dialect: str) -> str:
    """A name, in quotes where it needs them."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name) and not reserved(name):
        tokens = list(Dialect.get_or_raise(dialect).tokenize(name))
        if len(tokens) == 1 and tokens[0].token_type is TokenType.VAR:
            return name
    return exp.to_identifier(name, quoted=True).sql(dialect=dialect)


def reserved(name: str) -> bool:
    """Whether a word needs quotes to be a name, in DuckDB and so in Postgres; a few more do no harm elsewhere."""
    return name.lower() in Dialect.get_or_raise("duckdb").generator_class.RESERVED_KEYWORDS


# --- Reading ---


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
            _Reader(file, statement, kind).read(tables)
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
        *("AS", "AUTO_INCREMENT", "COMMENT", "ON", "PRIMARY KEY", "AUTOINCREMENT"),
    }
)
_CONSTRAINTS = frozenset({"PRIMARY", "PRIMARY KEY", "UNIQUE", "CHECK", "CONSTRAINT", "FOREIGN", "FOREIGN KEY"})
_OPEN = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET})
_CLOSE = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET})


class _Reader:
    """One statement, word by word."""

    def __init__(self, file: SourceFile, tokens: list[Token], kind: str) -> None:
        self.file, self.tokens, self.kind, self.at = file, tokens, kind, 0

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
        key: tuple[str, ...] = ()
        for item in self.items():
            inner = _Reader(self.file, item, self.kind)
            if inner.word() in _CONSTRAINTS and not _quoted(item[0], self.file):
                key = inner.constraint() or key
            else:
                column, keyed = inner.column()
                if any(other.name == column.name for other in columns):
                    raise inner.wrong(f"the column {column.name!r} is there twice", item[0])
                columns.append(column)
                key = (column.name,) if keyed else key
        if not columns:
            raise self.wrong("a table without columns")
        self.check_there(key, columns)
        strict = {name.lower() for name in key}
        known = tuple(replace(c, nullable=c.nullable and c.name.lower() not in strict) for c in columns)
        view = any(comment.strip() == VIEW for comment in self.tokens[0].comments)
        return RecordedTable(schema, name, known, key, view=view)

    def index(self, tables: dict[tuple[str, str], RecordedTable]) -> None:
        if self.word() != "ON":
            self.full_name()
        self.expect("ON")
        schema, name = self.full_name()
        items = self.items()
        columns = tuple(item[0].text for item in items)
        found = tables.get((schema.lower(), name.lower()))
        if found is None:
            raise self.wrong(f"an index of {name!r}, a table that is not above")
        # What is more than a name may be an expression.
        self.check_there([item[0].text for item in items if len(item) == 1], found.columns)
        tables[found.id] = replace(found, indexes=tuple(sorted({*found.indexes, columns})))

    def check_there(self, names: Iterable[str], columns: Iterable[RecordedColumn]) -> None:
        """Refuses the columns of a key or index that are none of the table's."""
        known = {column.name.lower() for column in columns}
        for name in names:
            if name.lower() not in known:
                token = next(t for t in reversed(self.tokens) if t.text == name)
                raise self.wrong(f"the table has no column {name!r}", token)

    def constraint(self) -> tuple[str, ...]:
        """The columns of a primary key; none of another constraint."""
        words = [token.text.upper() for token in self.tokens]
        primary = next((i for i, word in enumerate(words) if word.startswith("PRIMARY")), None)
        if primary is None:
            return ()
        self.at = next((i for i in range(primary, len(words)) if words[i] == "("), len(words))
        return tuple(item[0].text for item in self.items() if item)

    def column(self) -> tuple[RecordedColumn, bool]:
        """A column, and whether it is the primary key."""
        name = self.next().text
        start = self.at
        depth = 0
        while self.at < len(self.tokens) and (depth or self.word() not in _AFTER_TYPE):
            token = self.next()
            depth += (token.token_type in _OPEN) - (token.token_type in _CLOSE)
        kind = ""
        self.check_type(start)
        if self.at > start:
            kind = self.file.text[self.tokens[start].start : self.tokens[self.at - 1].end + 1]
        rest = [token.text.upper() for token in self.tokens[self.at :]]
        if "NOT" in rest and ("NOT", "NULL") not in pairwise(rest):
            raise self.wrong("unexpected 'not': NULL is missing", self.tokens[self.at + rest.index("NOT")])
        required = any(pair == ("NOT", "NULL") for pair in pairwise(rest)) or "NOT NULL" in rest
        return RecordedColumn(name, kind, not required), any(word.startswith("PRIMARY") for word in rest)

    def check_type(self, start: int) -> None:
        """Refuses what is no type for sure, whatever types the source has."""
        said = self.tokens[start : self.at]
        if not said and self.kind != "sqlite":
            raise self.wrong("a column without a type", self.tokens[0])
        if [token.text.upper() for token in said[:2]] == ["KEY", "("]:
            raise self.wrong(f"unexpected {self.tokens[0].text!r}", self.tokens[0])
        for before, token in pairwise(said):
            if "\n" in self.file.text[before.end : token.start] and token.text not in {")", "("}:
                raise self.wrong("a comma is missing before it", token)

    def items(self) -> list[list[Token]]:
        """What stands between the parentheses that begin here, split at its commas."""
        self.expect("(")
        found: list[list[Token]] = [[]]
        depth = 0
        while True:
            token = self.next()
            if token.token_type is TokenType.R_PAREN and not depth:
                return [item for item in found if item]
            depth += (token.token_type in _OPEN) - (token.token_type in _CLOSE)
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

    def wrong(self, what: str, token: Token | None = None) -> ConfigError:
        token = token or self.tokens[min(self.at, len(self.tokens) - 1)]
        where = self.file.location(token.start, max(1, token.end - token.start + 1))
        hint = "this file is written by `usersync record`: record again"
        return ConfigError(Diagnostic("US002", f"recorded sources: {what}", where, hint))


def _quoted(token: Any, file: SourceFile) -> bool:
    return file.text[token.start] in {'"', "`", "["}
