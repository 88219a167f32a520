"""The conversions between single values: a rule for each pair of a source family and a property type.

What each does is told in docs/conversions.md; the parts that need no types are functions in sql/conversions.sql.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from usersync.compile.source_types import Family, SourceType
from usersync.compile.sql import literal
from usersync.project.types import INTEGERS, Kind, PropertyType

UNSIGNED = frozenset({Kind.UTINYINT, Kind.USMALLINT, Kind.UINTEGER, Kind.UBIGINT})
TEXTUAL = frozenset({Kind.VARCHAR, Kind.ENUM})


@dataclass(frozen=True, slots=True)
class Value:
    """A conversion as SQL: whether there is something to convert, and what it becomes; null where it cannot."""

    present: str
    value: str


def group(kind: Kind) -> str:
    if kind in INTEGERS:
        return "integer"
    if kind in {Kind.REAL, Kind.DOUBLE}:
        return "float"
    return "text" if kind in TEXTUAL else kind.value


Rule = Callable[[str, SourceType, PropertyType], str | None]
"""The SQL of a conversion of a given value, or None where the exact types have none."""


def as_one_of(given: str, target: PropertyType) -> str:
    """Text as varchar, or as one of an enum's values."""
    if target.kind is not Kind.ENUM:
        return given
    listed = ", ".join(literal(value) for value in target.values)
    return f"if({given} in ({listed}), {given}, null)"


def _as_text(function: str) -> Rule:
    return lambda g, _, t: as_one_of(f"{function}({g})" if function else f"{g}::varchar", t)


def _call(function: str) -> Rule:
    return lambda g, _, __: f"{function}({g})"


def _cast(inner: str) -> Rule:
    return lambda g, _, t: f"try_cast({inner.format(g)} as {t.stored})"


def _text_to_integer(given: str, _: SourceType, target: PropertyType) -> str:
    digits = "stage.text_natural" if target.kind in UNSIGNED else "stage.text_whole"
    return f"try_cast({digits}({given}) as {target.stored})"


def _float_to_integer(given: str, _: SourceType, target: PropertyType) -> str:
    whole = f"stage.float_whole({given})"
    guarded = f"if({given} < 0, null, {whole})" if target.kind in UNSIGNED else whole
    return f"try_cast({guarded} as {target.stored})"


def _real(given: str, _: SourceType, target: PropertyType) -> str:
    return f"stage.to_real({given})" if target.kind is Kind.REAL else f"{given}::double"


def _text_to_float(given: str, source: SourceType, target: PropertyType) -> str:
    return _real(f"stage.text_float({given}::varchar)", source, target)


def _small_to_boolean(given: str, source: SourceType, _: PropertyType) -> str | None:
    return f"{given} <> 0" if source.small else None


def _boolean_to_small(given: str, _: SourceType, target: PropertyType) -> str | None:
    return f"{given}::{target.stored}" if target.kind in {Kind.TINYINT, Kind.UTINYINT} else None


def _year(given: str, _: SourceType, __: PropertyType) -> str:
    return f"if({given} between 1 and 9999, try_cast({given} as smallint), null)"


def _to_decimal(given: str, _: SourceType, target: PropertyType) -> str:
    """Between decimals: no digit is dropped."""
    exact = f"try_cast({given} as {target.stored})"
    return f"if({exact} = {given}, {exact}, null)"


def _text_to_decimal(given: str, _: SourceType, target: PropertyType) -> str:
    return f"try_cast(stage.text_decimal({given}::varchar, {target.scale}) as {target.stored})"


SCALARS: dict[tuple[Family, str], Rule] = {
    (Family.TEXT, "text"): _as_text(""),
    (Family.TEXT, "boolean"): lambda g, _, __: f"stage.text_boolean({g}::varchar)",
    (Family.TEXT, "integer"): lambda g, s, t: _text_to_integer(f"{g}::varchar", s, t),
    (Family.TEXT, "float"): _text_to_float,
    (Family.TEXT, "decimal"): _text_to_decimal,
    (Family.TEXT, "timestamp"): lambda g, _, __: f"stage.text_timestamp({g}::varchar)",
    (Family.TEXT, "date"): lambda g, _, __: f"stage.text_date({g}::varchar)",
    (Family.TEXT, "time"): lambda g, _, __: f"stage.text_time({g}::varchar)",
    (Family.TEXT, "year"): lambda g, _, __: f"stage.text_year({g}::varchar)",
    (Family.TEXT, "uuid"): lambda g, _, __: f"stage.text_uuid({g}::varchar)",
    (Family.TEXT, "inet"): lambda g, _, __: f"stage.text_inet({g}::varchar)",
    (Family.BYTES, "text"): _as_text("stage.bytes_text"),
    (Family.BYTES, "uuid"): _call("stage.bytes_uuid"),
    (Family.BOOLEAN, "text"): _as_text(""),
    (Family.BOOLEAN, "boolean"): lambda g, _, __: g,
    (Family.BOOLEAN, "integer"): _boolean_to_small,
    (Family.INTEGER, "text"): _as_text(""),
    (Family.INTEGER, "boolean"): _small_to_boolean,
    (Family.INTEGER, "integer"): _cast("{}"),
    (Family.INTEGER, "float"): _cast("{}"),
    (Family.INTEGER, "decimal"): _cast("{}"),
    (Family.INTEGER, "year"): _year,
    (Family.FLOAT, "text"): _as_text("stage.float_text"),
    (Family.FLOAT, "integer"): _float_to_integer,
    (Family.FLOAT, "float"): _real,
    (Family.FLOAT, "decimal"): lambda g, _, t: f"try_cast(if(isfinite({g}), {g}, null) as {t.stored})",
    (Family.DECIMAL, "text"): _as_text("stage.decimal_text"),
    (Family.DECIMAL, "integer"): _cast("stage.whole_decimal({})"),
    (Family.DECIMAL, "float"): _cast("{}"),
    (Family.DECIMAL, "decimal"): _to_decimal,
    (Family.NUMERIC, "text"): _as_text("stage.numeric_text"),
    (Family.NUMERIC, "integer"): _cast("stage.numeric_whole({})"),
    (Family.NUMERIC, "float"): lambda g, s, t: _real(f"stage.text_float({g})", s, t),
    (Family.NUMERIC, "decimal"): _text_to_decimal,
    (Family.INSTANT, "text"): lambda g, _, t: as_one_of(f"stage.timestamp_text({g} at time zone 'UTC')", t),
    (Family.INSTANT, "timestamp"): lambda g, _, __: f"stage.in_years({g} at time zone 'UTC')",
    (Family.INSTANT, "date"): lambda g, _, __: f"stage.in_years({g} at time zone 'UTC')::date",
    (Family.INSTANT, "time"): lambda g, _, __: f"stage.in_years({g} at time zone 'UTC')::time",
    (Family.TIMESTAMP, "text"): _as_text("stage.timestamp_text"),
    (Family.TIMESTAMP, "timestamp"): lambda g, _, __: f"stage.in_years({g}::timestamp)",
    (Family.TIMESTAMP, "date"): lambda g, _, __: f"stage.in_years({g}::timestamp)::date",
    (Family.TIMESTAMP, "time"): lambda g, _, __: f"stage.in_years({g}::timestamp)::time",
    (Family.DATE, "text"): _as_text("stage.date_text"),
    (Family.DATE, "date"): _call("stage.in_years"),
    (Family.DATE, "timestamp"): lambda g, _, __: f"stage.in_years({g})::timestamp",
    (Family.TIME, "text"): lambda g, _, t: as_one_of(f"{g}::time::varchar", t),
    (Family.TIME, "time"): lambda g, _, __: f"{g}::time",
    (Family.INTERVAL, "text"): _as_text(""),
    (Family.UUID, "text"): _as_text(""),
    (Family.UUID, "uuid"): lambda g, _, __: g,
}


def to_json(given: str, source: SourceType) -> Value | None:
    present = f"{given} is not null"
    encoded = {
        Family.FLOAT: f"if(isfinite({given}), to_json({given}), null)",
        Family.DECIMAL: f"stage.decimal_text({given})::json",
        Family.NUMERIC: f"stage.numeric_json({given})",
        Family.INSTANT: f"to_json(stage.timestamp_text({given} at time zone 'UTC'))",
        Family.TIMESTAMP: f"to_json(stage.timestamp_text({given}))",
        Family.DATE: f"to_json(stage.timestamp_text({given}::timestamp))",
        Family.TIME: f"to_json('1970-01-01T' || {given}::time::varchar || 'Z')",
        Family.BYTES: f"to_json(stage.bytes_text({given}))",
        Family.INTERVAL: f"to_json({given}::varchar)",
        Family.TEXT: f"to_json({given}::varchar)",
    }
    return None if source.family is Family.OTHER else Value(present, encoded.get(source.family, f"to_json({given})"))


JSON_SCALARS: dict[str, str] = {
    "boolean": "if(json_type({0}) = 'BOOLEAN', {0}::boolean, null)",
    "integer": "try_cast(stage.json_whole({0}) as {1})",
    "timestamp": "stage.in_years(stage.iso8601(stage.json_string({0})))",
    "date": "stage.json_date({0})",
    "time": "stage.text_time(stage.json_string({0}))",
    "year": "if(try_cast(stage.json_whole({0}) as integer) between 1 and 9999, stage.json_whole({0})::smallint, null)",
    "uuid": "stage.text_uuid(stage.json_string({0}))",
    "inet": "stage.text_inet(stage.json_string({0}))",
}
