"""Types of the JSON form as types of users.sql, and back; options that SQL has no type for become checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from sqlglot import exp
from sqlglot.errors import SqlglotError

from usersync.compile.source_types import SourceType, source_type
from usersync.compile.sql import DIALECT, literal
from usersync.exchange.names import name
from usersync.exchange.types import WireProperty, WireType
from usersync.project.sql.reading import parse_one
from usersync.project.types import Kind, PropertyType

_INTEGERS = {8: "tinyint", 16: "smallint", 24: "integer", 32: "integer", 64: "bigint"}
_SAME = {
    "boolean": Kind.BOOLEAN,
    "datetime": Kind.TIMESTAMP,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "year": Kind.YEAR,
    "uuid": Kind.UUID,
    "json": Kind.JSON,
    "ip": Kind.INET,
}
_BACK = {kind: word for word, kind in _SAME.items()}
MAX_PRECISION = 38
"""DuckDB's decimals have no more digits."""


def property_type(kind: WireType) -> PropertyType:
    """The type of users.sql that holds values of a type."""
    match kind.kind:
        case "string" if kind.values:
            return PropertyType(Kind.ENUM, values=kind.values)
        case "string":
            return PropertyType(Kind.VARCHAR, length=kind.max_length)
        case "int":
            return PropertyType(Kind(("u" if kind.unsigned else "") + _INTEGERS[kind.bit_size]))
        case "float":
            return PropertyType(Kind.REAL if kind.bit_size == 32 else Kind.DOUBLE)
        case "decimal":
            return PropertyType(Kind.DECIMAL, precision=min(kind.precision, MAX_PRECISION), scale=kind.scale)
        case "array" | "map" if kind.element:
            return PropertyType(Kind(kind.kind), element=property_type(kind.element))
        case "object":
            return PropertyType(Kind.STRUCT, fields=tuple((p.name, property_type(p.type)) for p in kind.properties))
    return PropertyType(_SAME[kind.kind])


def column_type(kind: WireType) -> SourceType:
    """The type that DuckDB gives a source column of a type."""
    return source_type(property_type(kind).stored)


def bare(kind: WireType) -> WireType:
    """A type without what is checked when a row is stored: lengths, values, bounds."""
    return WireType(
        kind.kind,
        bit_size=kind.bit_size,
        unsigned=kind.unsigned,
        precision=kind.precision,
        scale=kind.scale,
        element=bare(kind.element) if kind.element else None,
        properties=tuple(replace(p, type=bare(p.type)) for p in kind.properties),
    )


def wire_type(kind: PropertyType, check: str | None = None, *, read_optional: bool = False) -> WireType:
    """The JSON form of a type of users.sql; of a check what the form can say."""
    found = _wire_type(kind, read_optional)
    for option, value in _options(check):
        if option == "max_elements" and found.kind == "string":
            option = "max_length"  # noqa: PLW2901 (length() and len() are one function)
        found = replace(found, **{option: value})  # type: ignore[arg-type]
    return found


def _wire_type(kind: PropertyType, read_optional: bool) -> WireType:
    match kind.kind:
        case Kind.VARCHAR:
            return WireType("string", max_length=kind.length)
        case Kind.ENUM:
            return WireType("string", values=kind.values)
        case Kind.REAL | Kind.DOUBLE:
            return WireType("float", bit_size=32 if kind.kind is Kind.REAL else 64)
        case Kind.DECIMAL:
            return WireType("decimal", precision=kind.precision, scale=kind.scale)
        case Kind.ARRAY | Kind.MAP if kind.element:
            return WireType(kind.kind.value, element=_wire_type(kind.element, read_optional))
        case Kind.STRUCT:
            fields = tuple(
                WireProperty(field, _wire_type(inner, read_optional), read_optional=read_optional)
                for field, inner in kind.fields
            )
            return WireType("object", properties=fields)
    if kind.kind in _BACK:
        return WireType(_BACK[kind.kind])
    word = kind.kind.value
    bits = next(size for size in (8, 16, 32, 64) if _INTEGERS[size] == word.removeprefix("u"))
    return WireType("int", bit_size=bits, unsigned=word.startswith("u"))


def type_sql(kind: PropertyType) -> str:
    """A type as it is written in users.sql."""
    match kind.kind:
        case Kind.ENUM:
            return f"enum({', '.join(literal(value) for value in kind.values)})"
        case Kind.ARRAY if kind.element:
            return f"{type_sql(kind.element)}[]"
        case Kind.MAP if kind.element:
            return f"map(varchar, {type_sql(kind.element)})"
        case Kind.STRUCT:
            return f"struct({', '.join(f'{name(field)} {type_sql(inner)}' for field, inner in kind.fields)})"
    return str(kind)


def check_of(column: str, kind: WireType) -> str | None:
    """The check of a column for the options that its SQL type does not hold; None where there are none."""
    return " and ".join(_conditions(name(column), kind)) or None


def _conditions(given: str, kind: WireType) -> Iterator[str]:
    least, most = _limits(kind)
    if kind.values and kind.max_length is not None:
        yield f"length({given}) <= {kind.max_length}"
    if kind.max_bytes is not None:
        yield f"strlen({given}) <= {kind.max_bytes}"
    if kind.pattern:
        yield f"regexp_matches({given}, {literal(kind.pattern)})"
    if kind.real:
        yield f"isfinite({given})"
    if least is not None:
        yield f"{given} >= {least}"
    if most is not None:
        yield f"{given} <= {most}"
    if kind.min_elements is not None:
        yield f"len({given}) >= {kind.min_elements}"
    if kind.max_elements is not None:
        yield f"len({given}) <= {kind.max_elements}"
    if kind.unique:
        yield f"len({given}) = len(list_distinct({given}))"
    if kind.element:
        yield from _of_elements(given, kind.kind, kind.element)


def _limits(kind: WireType) -> tuple[object, object]:
    """Minimum and maximum; integers of 24 bits have no type of their own, and are bounded."""
    if kind.bit_size == 24:
        low, high = (0, 2**24 - 1) if kind.unsigned else (-(2**23), 2**23 - 1)
        return (low if kind.minimum is None else kind.minimum), (high if kind.maximum is None else kind.maximum)
    return kind.minimum, kind.maximum


def _of_elements(given: str, container: str, element: WireType) -> Iterator[str]:
    """None of the elements may break a condition of theirs."""
    least, most = _limits(element)
    broken = [f"strlen(e) > {element.max_bytes}"] if element.max_bytes is not None else []
    broken += [f"regexp_matches(e, {literal(element.pattern)}) = false"] if element.pattern else []
    broken += ["isfinite(e) = false"] if element.real else []
    broken += [f"e < {least}"] if least is not None else []
    broken += [f"e > {most}"] if most is not None else []
    if broken:
        items = f"map_values({given})" if container == "map" else given
        # An arrow, since users.sql is read with a grammar that has no `lambda`.
        yield f"len(list_filter({items}, e -> {' or '.join(broken)})) = 0"


_NUMBERS = {
    (exp.GTE, "column"): "minimum",
    (exp.LTE, "column"): "maximum",
    (exp.LTE, "strlen"): "max_bytes",
    (exp.GTE, "len"): "min_elements",
    (exp.LTE, "len"): "max_elements",
}


def _options(check: str | None) -> Iterator[tuple[str, object]]:
    """Options that the conditions of a check stand for; other conditions are passed over."""
    if not check:
        return
    try:
        tree = parse_one(check, DIALECT)
    except (SqlglotError, RecursionError):
        return
    for part in tree.flatten() if isinstance(tree, exp.And) else [tree]:
        found = _option(part)
        if found:
            yield found


def _option(part: exp.Expr) -> tuple[str, object] | None:
    if isinstance(part, exp.RegexpLike) and isinstance(part.this, exp.Column) and part.expression.is_string:
        return "pattern", part.expression.name
    words = part.sql(dialect=DIALECT).lower()
    if words.startswith("isfinite("):
        return "real", True
    if "list_distinct(" in words and isinstance(part, exp.EQ):
        return "unique", True
    if not isinstance(part, exp.GTE | exp.LTE) or not part.expression.is_number:
        return None
    subject = "column" if isinstance(part.this, exp.Column) else part.this.sql(dialect=DIALECT).lower().split("(")[0]
    subject = "len" if subject == "length" else subject
    option = _NUMBERS.get((type(part), subject))
    text = part.expression.sql(dialect=DIALECT)
    number = int(text) if text.lstrip("-").isdigit() else Decimal(text)
    return (option, number) if option else None


def lost(kind: WireType, path: str, *, nested: bool = False) -> Iterator[str]:
    """What users.sql cannot say of a property, in words."""
    if kind.kind == "decimal" and kind.precision > MAX_PRECISION:
        yield f"{path}: decimals have at most {MAX_PRECISION} digits here, not {kind.precision}"
    if nested and kind.kind != "object" and (said := check_of(path.rsplit(".", 1)[-1], kind)):
        yield f"{path}: properties of a struct have no check, so this is not enforced: {said}"
    for prop in kind.properties:
        yield from lost(prop.type, f"{path}.{prop.name}", nested=True)
    if kind.element:
        yield from lost(kind.element, path)


def said(kind: PropertyType, check: str | None) -> str:
    """What DDL says of a column, in one spelling."""
    return f"{type_sql(kind)} check ({check or 'true'})"


def column_sql(prop: WireProperty, *, nulls: bool) -> tuple[str, str]:
    """A property's definition in DDL, and the comment behind it.

    Args:
        prop: The property.
        nulls: Whether every property may be null, so that nothing needs to be said of it.
    """
    check = check_of(prop.name, prop.type)
    parts = [name(prop.name), type_sql(property_type(prop.type))]
    parts += [] if nulls or prop.nullable else ["not null"]
    parts += [f"check ({check})"] if check else []
    return " ".join(parts), " ".join(prop.description.split())
