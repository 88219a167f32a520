"""The types of source columns and expressions, as DuckDB names them, sorted into families."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from sqlglot import exp
from sqlglot.errors import SqlglotError

from usersync.compile.sql import DIALECT


class Family(StrEnum):
    """What sort of value a column holds, whatever its width."""

    TEXT = "text"
    BYTES = "bytes"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    DECIMAL = "decimal"
    NUMERIC = "numeric"
    """Numbers held as text: those of any size, and NaN."""
    INSTANT = "timestamp with time zone"
    TIMESTAMP = "timestamp"
    DATE = "date"
    TIME = "time"
    INTERVAL = "interval"
    UUID = "uuid"
    JSON = "json"
    ARRAY = "array"
    MAP = "map"
    STRUCT = "struct"
    NULL = "null"
    OTHER = "other"


_T = exp.DataType.Type
_FAMILIES = {
    **dict.fromkeys((_T.VARCHAR, _T.TEXT, _T.CHAR, _T.ENUM, _T.BIT, _T.INET), Family.TEXT),
    _T.VARBINARY: Family.BYTES,
    _T.BOOLEAN: Family.BOOLEAN,
    **dict.fromkeys(
        (
            *(_T.TINYINT, _T.SMALLINT, _T.INT, _T.BIGINT, _T.INT128),
            *(_T.UTINYINT, _T.USMALLINT, _T.UINT, _T.UBIGINT, _T.UINT128),
        ),
        Family.INTEGER,
    ),
    **dict.fromkeys((_T.FLOAT, _T.DOUBLE), Family.FLOAT),
    _T.DECIMAL: Family.DECIMAL,
    **dict.fromkeys((_T.TIMESTAMPTZ, _T.TIMESTAMPLTZ), Family.INSTANT),
    **dict.fromkeys((_T.TIMESTAMP, _T.TIMESTAMPNTZ), Family.TIMESTAMP),
    **dict.fromkeys((_T.TIMESTAMP_S, _T.TIMESTAMP_MS, _T.TIMESTAMP_NS), Family.TIMESTAMP),
    _T.DATE: Family.DATE,
    **dict.fromkeys((_T.TIME, _T.TIMETZ), Family.TIME),
    _T.INTERVAL: Family.INTERVAL,
    _T.UUID: Family.UUID,
    _T.JSON: Family.JSON,
    **dict.fromkeys((_T.ARRAY, _T.LIST), Family.ARRAY),
    _T.MAP: Family.MAP,
    _T.STRUCT: Family.STRUCT,
    _T.NULL: Family.NULL,
}


# Names of DuckDB's that sqlglot takes for something else.
_BY_NAME = {'"NULL"': Family.NULL, "TIME_NS": Family.TIME, "BIGNUM": Family.INTEGER}


@dataclass(frozen=True, slots=True)
class SourceType:
    """A source type: its family, DuckDB's name, and the parts of a nested one.

    Values that DuckDB's own types cannot all hold arrive as text: then `name` is that of text, and `natural` the type
    in which expressions compute with them.
    """

    family: Family
    name: str
    element: SourceType | None = None
    """Of an array, and of a map: its values' type."""
    fields: tuple[tuple[str, SourceType], ...] = ()
    """Of a struct."""
    natural: str | None = None

    @property
    def loose(self) -> bool:
        """Whether it is text that may not be of the type that it is meant to be."""
        return self.natural is not None and self.family not in {Family.NUMERIC, Family.ARRAY}

    def computable(self, given: str, cast: str) -> str:
        """SQL of a value in the type in which expressions compute with it.

        Args:
            given: The value as it arrives.
            cast: `cast`, which fails where it does not fit, or `try_cast`, which makes it null.
        """
        # As a whole number DuckDB would take 1.5 for 2.
        text = f"if(contains({given}, '.'), '?', {given})" if self.natural == "BIGINT" else given
        return f"{cast}({text} as {self.natural})"

    def __str__(self) -> str:
        return self.name if self.natural is None else _SPOKEN.get(self.natural, self.natural)

    @property
    def small(self) -> bool:
        """Whether an integer has eight bits: the only ones that may stand for a truth."""
        return self.name in {"TINYINT", "UTINYINT"}


_SPOKEN = {"DOUBLE": "NUMERIC", "DOUBLE[]": "NUMERIC[]"}

MAX_PRECISION = 38
"""Digits of DuckDB's widest decimal."""


def numeric_type(precision: int | None, scale: int, *, array: bool = False) -> SourceType:
    """The type of numbers that come as text: a decimal where DuckDB has one as wide, else of any size."""
    fits = precision is not None and precision <= MAX_PRECISION and 0 <= scale <= precision
    number = f"DECIMAL({precision},{scale})" if fits else "DOUBLE"
    element = SourceType(Family.NUMERIC, "VARCHAR", natural=number)
    return SourceType(Family.ARRAY, "VARCHAR[]", element, natural=f"{number}[]") if array else element


@cache
def source_type(name: str) -> SourceType:
    """The source type of DuckDB's name, such as `STRUCT(a INTEGER, b VARCHAR[])`."""
    if name in _BY_NAME:
        return SourceType(_BY_NAME[name], name)
    try:
        return _convert(exp.DataType.build(name, dialect=DIALECT), name)
    except (ValueError, SqlglotError):
        return SourceType(Family.OTHER, name)


def loose_type(name: str) -> SourceType:
    """The type of text that is meant to be of DuckDB's type of a name, and may not be."""
    return SourceType(source_type(name).family, "VARCHAR", natural=name)


def _convert(node: exp.Expr, name: str | None = None) -> SourceType:
    shown = name or node.sql(dialect=DIALECT)
    if not isinstance(node, exp.DataType):
        return SourceType(Family.OTHER, shown)
    family = _FAMILIES.get(node.this, Family.OTHER)
    if family in {Family.ARRAY, Family.MAP} and not node.expressions:
        return SourceType(Family.OTHER, shown)
    match family:
        case Family.ARRAY:
            return SourceType(family, shown, _convert(node.expressions[0]))
        case Family.MAP:
            return SourceType(family, shown, _convert(node.expressions[-1]))
        case Family.STRUCT:
            typed = [field for field in node.expressions if isinstance(field, exp.ColumnDef)]
            fields = tuple((field.name, _convert(field.args["kind"])) for field in typed if field.args.get("kind"))
            return SourceType(family, shown, fields=fields)
    return SourceType(family, shown)
