"""Constants of expressions, converted while a definition is read: by the very SQL that converts rows."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import duckdb

from usersync.compile.conversions import convert
from usersync.compile.source_types import SourceType, source_type
from usersync.compile.sql import literal, template
from usersync.exchange.columns import check_of, property_type
from usersync.exchange.types import NUMBER, STRING, WireType, convertible
from usersync.project.model import Property
from usersync.project.types import Kind

Value = str | Decimal | bool
_TYPED = {
    Kind.DATE: "date {}",
    Kind.TIMESTAMP: "timestamp {}",
    Kind.TIME: "time {}",
    Kind.UUID: "{}::uuid",
    Kind.JSON: "{}::json",
}


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """A DuckDB instance with the functions of compiled pipelines, for constants only."""
    found = duckdb.connect()
    found.execute("set TimeZone = 'UTC'")
    found.execute("attach ':memory:' as stage")
    for functions in ("functions", "conversions", "expressions"):
        found.execute(template("usersync.compile", functions))
    return found


def plain(value: Value) -> str:
    """The text of a constant: numbers without exponent or trailing zeros."""
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            text = format(value, "f")
            text = text.rstrip("0").rstrip(".") if "." in text else text
            return "0" if text in {"-0", ""} else text
    return value


def type_of(value: Value) -> WireType:
    """The type that a constant has in expressions."""
    match value:
        case bool():
            return WireType("boolean")
        case Decimal():
            return NUMBER
    return STRING


def constant_sql(value: Value) -> tuple[str, SourceType]:
    """A constant as SQL, and its type in DuckDB."""
    if isinstance(value, bool):
        return plain(value), source_type("BOOLEAN")
    if isinstance(value, str):
        return literal(value), source_type("VARCHAR")
    text = plain(value)
    digits = len(text.lstrip("-").replace(".", ""))
    if digits > 38:
        return str(value.normalize()), source_type("DOUBLE")
    whole = "." not in text
    if whole and abs(value) < 2**31:
        return text, source_type("INTEGER")
    if whole:
        return text, source_type("BIGINT" if abs(value) < 2**63 else "HUGEINT")
    return text, source_type(f"DECIMAL({max(digits, 1)}, {len(text.split('.')[1])})")


def converted(value: Value, target: WireType) -> str | None:
    """A constant as a literal of a type; None when it does not become one."""
    if not convertible(type_of(value), target) or (value == "" and target.kind not in {"string", "json"}):
        return None
    if isinstance(value, Decimal) and target.kind == "string":
        value = plain(value)
    if isinstance(value, Decimal) and target.kind == "json":
        return f"{literal(plain(value))}::json"
    stored = property_type(target)
    sql, source = constant_sql(value)
    prop = Property("value", stored, check_of("value", target))
    found = convert("raw", source, '"value"', prop)
    if found is None:
        return None
    step = f'select raw, {found.value} as "value" from (select {sql} as raw)'
    try:
        row = engine().execute(f'select "value"::varchar, {found.reason} from ({step})').fetchone()
    except duckdb.Error:
        return None
    if row is None or row[0] is None or row[1] is not None:
        return None
    return _literal(str(row[0]), stored.kind, sql if isinstance(value, Decimal) else None)


def computes(sql: str) -> bool:
    """Whether SQL without columns gives a value."""
    try:
        engine().execute(f"select {sql}")
    except duckdb.Error:
        return False
    return True


def _literal(text: str, kind: Kind, written: str | None) -> str:
    if kind in {Kind.REAL, Kind.DOUBLE}:
        return written or f"{literal(text)}::double"
    if kind in _TYPED:
        return _TYPED[kind].format(literal(text))
    quoted = kind in {Kind.VARCHAR, Kind.ENUM, Kind.INET, Kind.ARRAY, Kind.MAP, Kind.STRUCT}
    return literal(text) if quoted else text
