"""Which conversions may fail for a row: those that exist, and do not fit every value."""

from __future__ import annotations

from usersync.compile.scalars import group
from usersync.compile.source_types import Family, SourceType
from usersync.project.types import INTEGERS, Kind, PropertyType

_BITS = {
    **{"TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "BIGINT": 63, "HUGEINT": 127},
    **{"UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32, "UBIGINT": 64, "UHUGEINT": 128},
}
_FITS = {
    Family.INSTANT: {"text", "timestamp", "date", "time"},
    Family.TIMESTAMP: {"text", "timestamp", "date", "time"},
    Family.DATE: {"text", "date", "timestamp"},
    Family.TIME: {"text", "time"},
    Family.INTERVAL: {"text"},
    Family.UUID: {"text", "uuid"},
    Family.TEXT: {"text"},
    Family.BOOLEAN: {"text", "boolean", "integer"},
    Family.INTEGER: {"text", "boolean", "float"},
    Family.FLOAT: {"text"},
    Family.DECIMAL: {"text", "float"},
    Family.NUMERIC: {"text", "float"},
}
"""What every value of a family becomes; numbers beside."""


def conversion_may_fail(source: SourceType, target: PropertyType) -> bool:
    """Whether a conversion that exists fails for some values. Lengths of texts are left aside."""
    if source.loose and target.kind is not Kind.VARCHAR:
        return True
    if source.family is Family.NULL or target.kind is Kind.JSON:
        return False
    if source.family is Family.ARRAY and target.kind is Kind.ARRAY and source.element and target.element:
        return conversion_may_fail(source.element, target.element)
    if source.family in {Family.ARRAY, Family.MAP, Family.STRUCT}:
        return False
    if target.kind is Kind.ENUM:
        return True
    if group(target.kind) in _FITS.get(source.family, ()):
        return False
    return not _number_fits(source, target)


def _number_fits(source: SourceType, target: PropertyType) -> bool:
    if source.family is Family.INTEGER and target.kind in INTEGERS:
        own, wanted = _bits(source.name), _bits(target.kind.upper())
        signed = not source.name.startswith("U")
        return own <= wanted and not (signed and target.kind.upper().startswith("U"))
    if source.family is Family.INTEGER and target.kind is Kind.DECIMAL:
        return target.precision - target.scale >= len(str(2 ** _bits(source.name)))
    name = source.natural or source.name
    if name.startswith("DECIMAL") and target.kind is Kind.DECIMAL:
        precision, scale = _digits(name)
        return scale <= target.scale and precision - scale <= target.precision - target.scale
    return source.family is Family.FLOAT and target.kind is Kind.DOUBLE


def _bits(name: str) -> int:
    return _BITS.get({"INT": "INTEGER", "UINT": "UINTEGER"}.get(name, name), 128)


def _digits(name: str) -> tuple[int, int]:
    """Precision and scale of a decimal's name."""
    numbers = [int(part) for part in name.partition("(")[2].rstrip(")").replace(" ", "").split(",") if part.isdigit()]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (18, 3)
