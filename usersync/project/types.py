"""The types a property can have, as values; names are SQL's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of value a property holds."""

    VARCHAR = "varchar"
    ENUM = "enum"
    BOOLEAN = "boolean"
    TINYINT = "tinyint"
    SMALLINT = "smallint"
    INTEGER = "integer"
    BIGINT = "bigint"
    UTINYINT = "utinyint"
    USMALLINT = "usmallint"
    UINTEGER = "uinteger"
    UBIGINT = "ubigint"
    REAL = "real"
    DOUBLE = "double"
    DECIMAL = "decimal"
    TIMESTAMP = "timestamp"
    DATE = "date"
    TIME = "time"
    YEAR = "year"
    UUID = "uuid"
    JSON = "json"
    INET = "inet"
    ARRAY = "array"
    MAP = "map"
    STRUCT = "struct"


# How a kind is stored where the warehouse's own type has another name.
_STORED = {
    Kind.ENUM: "VARCHAR",
    Kind.YEAR: "SMALLINT",
    Kind.INET: "VARCHAR",
    Kind.REAL: "FLOAT",
}
INTEGERS = frozenset(
    {
        Kind.TINYINT,
        Kind.SMALLINT,
        Kind.INTEGER,
        Kind.BIGINT,
        Kind.UTINYINT,
        Kind.USMALLINT,
        Kind.UINTEGER,
        Kind.UBIGINT,
    }
)
NESTED = frozenset({Kind.ARRAY, Kind.MAP, Kind.STRUCT})


@dataclass(frozen=True, slots=True)
class PropertyType:
    """A property's type with its options; those of other kinds stay at their defaults."""

    kind: Kind
    length: int | None = None
    """Of varchar: the greatest number of code points."""
    values: tuple[str, ...] = ()
    """Of enum, in the order written."""
    precision: int = 18
    """Of decimal: all digits, 1 to 38."""
    scale: int = 3
    """Of decimal: digits after the point."""
    element: PropertyType | None = None
    """Of array, and of map: its values' type."""
    fields: tuple[tuple[str, PropertyType], ...] = ()
    """Of struct: name and type, in order."""

    @property
    def stored(self) -> str:
        """The type of the warehouse column, in DuckDB's SQL."""
        match self.kind:
            case Kind.DECIMAL:
                return f"DECIMAL({self.precision}, {self.scale})"
            case Kind.ARRAY if self.element:
                return f"{self.element.stored}[]"
            case Kind.MAP if self.element:
                return f"MAP(VARCHAR, {self.element.stored})"
            case Kind.STRUCT:
                inner = ", ".join(f'"{name}" {kind.stored}' for name, kind in self.fields)
                return f"STRUCT({inner})"
            case kind:
                return _STORED.get(kind, kind.upper())

    def __str__(self) -> str:
        match self.kind:
            case Kind.VARCHAR if self.length:
                return f"varchar({self.length})"
            case Kind.ENUM:
                return f"enum({', '.join(repr(v) for v in self.values)})"
            case Kind.DECIMAL:
                return f"decimal({self.precision}, {self.scale})"
            case Kind.ARRAY:
                return f"{self.element}[]"
            case Kind.MAP:
                return f"map(varchar, {self.element})"
            case Kind.STRUCT:
                return f"struct({', '.join(f'{n} {t}' for n, t in self.fields)})"
            case kind:
                return kind.value
