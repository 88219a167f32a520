"""`models/sources/<connection>.sql`: the tables of a source as DDL, as `usersync record` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.tokenizer_core import TokenType

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
