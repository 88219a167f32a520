"""Names in SQL that is made for people: quoted only where they must be."""

from __future__ import annotations

import re
from functools import cache

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from usersync.compile.sql import ident

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Grammars that the SQL is read with: expressions and queries by the first, users.sql by the second.
_DIALECTS = ("duckdb", "postgres")


@cache
def _reserved() -> frozenset[str]:
    with duckdb.connect() as engine:
        rows = engine.execute("select keyword_name from duckdb_keywords() where keyword_category <> 'unreserved'")
        return frozenset(str(row[0]) for row in rows.fetchall())


@cache
def name(text: str) -> str:
    """A name of a column, property or table as SQL."""
    return text if _is_plain(text) else ident(text)


def _is_plain(text: str) -> bool:
    if not _PLAIN.match(text) or text.lower() in _reserved():
        return False
    for dialect in _DIALECTS:
        try:
            column = sqlglot.parse_one(text, read=dialect)
            table = sqlglot.parse_one(f"create table {text} ({text} int)", read=dialect)
        except SqlglotError:
            return False
        definition = table.find(exp.ColumnDef)
        if not isinstance(column, exp.Column) or column.name != text or not definition or definition.name != text:
            return False
    return True


def file_name(text: str) -> str:
    """A name for a file out of a title: its words in lower case, joined by underscores."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "_".join(re.findall(r"[a-z0-9]+", plain.lower())) or "pipeline"
