"""From the type of an expression to the type of a property: a value, and a reason when there is none.

Which conversions exist and what each does is told in docs/conversions.md; the parts that need no types are functions
in sql/conversions.sql.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from usersync.compile.source_types import Family, SourceType, source_type
from usersync.compile.sql import DIALECT, ident, literal
from usersync.project.model import Property
from usersync.project.types import INTEGERS, Kind, PropertyType

UNSIGNED = frozenset({Kind.UTINYINT, Kind.USMALLINT, Kind.UINTEGER, Kind.UBIGINT})
TEXTUAL = frozenset({Kind.VARCHAR, Kind.ENUM})


@dataclass(frozen=True, slots=True)
class Value:
    """A conversion as SQL: whether there is something to convert, and what it becomes; null where it cannot."""

    present: str
    value: str


@dataclass(frozen=True, slots=True)
class Conversion:
    """A property's value, and the reason why a row has none, as SQL over the alias of that value."""

    value: str
    reason: str


def conversion_exists(source: SourceType, target: PropertyType) -> bool:
    """Whether values of a source type can ever become values of a property type."""
    return value_of("x", source, target) is not None


def convert(raw: str, source: SourceType, value: str, prop: Property) -> Conversion | None:
    """The conversion of an expression to a property; None when there can be none.

    Args:
        raw: The alias under which the expression's value stands.
        source: Its type.
        value: The alias under which the converted value will stand.
        prop: The property.
    """
    found = value_of(raw, source, prop.type)
    return Conversion(found.value, _reason(found, value, prop)) if found else None


def value_of(given: str, source: SourceType, target: PropertyType, depth: int = 0) -> Value | None:
    """The conversion of a value between two types; None when there can be none."""
    if source.family is Family.NULL:
        return Value("false", f"null::{target.stored}")
    if source.loose:
        return _from_loose(given, source, target, depth)
    if source.family is Family.JSON:
        return _from_json(given, target, depth)
    match target.kind:
        case Kind.JSON:
            return _to_json(given, source)
        case Kind.ARRAY | Kind.MAP | Kind.STRUCT:
            return _nested(given, source, target, depth)
    rule = _SCALARS.get((source.family, _group(target.kind)))
    value = rule(given, source, target) if rule else None
    if value is None:
        return None
    present = f"{given} is not null"
    if source.family is Family.TEXT and target.kind is not Kind.VARCHAR and "" not in target.values:
        present += f" and {given} <> ''"
    return Value(present, value)


def _from_loose(given: str, source: SourceType, target: PropertyType, depth: int) -> Value | None:
    """Text of a type that it may not fit: nothing comes of what does not."""
    found = value_of(source.computable(given, "try_cast"), source_type(source.natural or ""), target, depth)
    return Value(f"{given} <> ''", found.value) if found else None


def _group(kind: Kind) -> str:
    if kind in INTEGERS:
        return "integer"
    if kind in {Kind.REAL, Kind.DOUBLE}:
        return "float"
    return "text" if kind in TEXTUAL else kind.value


Rule = Callable[[str, SourceType, PropertyType], str | None]
"""The SQL of a conversion of a given value, or None where the exact types have none."""


def _text(given: str, target: PropertyType) -> str:
    """Text as varchar, or as one of an enum's values."""
    if target.kind is not Kind.ENUM:
        return given
    listed = ", ".join(literal(value) for value in target.values)
    return f"if({given} in ({listed}), {given}, null)"


def _as_text(function: str) -> Rule:
    return lambda g, _, t: _text(f"{function}({g})" if function else f"{g}::varchar", t)


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


_SCALARS: dict[tuple[Family, str], Rule] = {
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
    (Family.INSTANT, "text"): lambda g, _, t: _text(f"stage.timestamp_text({g} at time zone 'UTC')", t),
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
    (Family.TIME, "text"): lambda g, _, t: _text(f"{g}::time::varchar", t),
    (Family.TIME, "time"): lambda g, _, __: f"{g}::time",
    (Family.INTERVAL, "text"): _as_text(""),
    (Family.UUID, "text"): _as_text(""),
    (Family.UUID, "uuid"): lambda g, _, __: g,
}


def _to_json(given: str, source: SourceType) -> Value | None:
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


_JSON_SCALARS: dict[str, str] = {
    "boolean": "if(json_type({0}) = 'BOOLEAN', {0}::boolean, null)",
    "integer": "try_cast(stage.json_whole({0}) as {1})",
    "timestamp": "stage.in_years(stage.iso8601(stage.json_string({0})))",
    "date": "stage.json_date({0})",
    "time": "stage.text_time(stage.json_string({0}))",
    "year": "if(try_cast(stage.json_whole({0}) as integer) between 1 and 9999, stage.json_whole({0})::smallint, null)",
    "uuid": "stage.text_uuid(stage.json_string({0}))",
    "inet": "stage.text_inet(stage.json_string({0}))",
}


def _from_json(given: str, target: PropertyType, depth: int) -> Value | None:
    present = f"stage.json_present({given})"
    group = _group(target.kind)
    if target.kind is Kind.JSON:
        return Value(f"{given} is not null", given)
    if group == "text":
        return Value(present, _text(f"stage.json_text({given})", target))
    if group == "float":
        number = f"stage.text_float(stage.json_number({given}))"
        return Value(present, f"stage.to_real({number})" if target.kind is Kind.REAL else number)
    if group == "decimal":
        number = f"stage.text_decimal(stage.json_number({given}), {target.scale})"
        return Value(present, f"try_cast({number} as {target.stored})")
    if group in _JSON_SCALARS:
        return Value(present, _JSON_SCALARS[group].format(given, target.stored))
    return _nested(given, SourceType(Family.JSON, "JSON"), target, depth)


def _nested(given: str, source: SourceType, target: PropertyType, depth: int) -> Value | None:
    match target.kind, source.family:
        case Kind.ARRAY, Family.ARRAY | Family.JSON:
            value = _to_array(given, source, target, depth)
        case Kind.MAP, Family.MAP | Family.STRUCT | Family.JSON:
            value = _to_map(given, source, target, depth)
        case Kind.STRUCT, Family.MAP | Family.STRUCT | Family.JSON:
            value = _to_struct(given, source, target, depth)
        case _:
            return None
    present = f"stage.json_present({given})" if source.family is Family.JSON else f"{given} is not null"
    return Value(present, value) if value is not None else None


def _to_array(given: str, source: SourceType, target: PropertyType, depth: int) -> str | None:
    element = SourceType(Family.JSON, "JSON") if source.family is Family.JSON else source.element
    if element is None or target.element is None:
        return None
    name = f"e{depth}"
    inner = value_of(name, element, target.element, depth + 1)
    if inner is None:
        return None
    # A scalar in JSON stands for an array of one.
    items = (
        f"case json_type({given}) when 'ARRAY' then json_extract({given}, '$[*]') else [{given}] end"
        if source.family is Family.JSON
        else given
    )
    return f"stage.all_or_none(list_transform({items}, lambda {name}: {_within(inner.value, target.element)}))"


def _within(value: str, kind: PropertyType) -> str:
    """An element that is not too long, or null."""
    return f"if(length({value}) > {kind.length}, null, {value})" if kind.length else value


def _to_map(given: str, source: SourceType, target: PropertyType, depth: int) -> str | None:
    if target.element is None:
        return None
    if source.family is Family.STRUCT:
        return _struct_to_map(given, source, target, depth)
    element = SourceType(Family.JSON, "JSON") if source.family is Family.JSON else source.element
    name = f"e{depth}"
    inner = value_of(name, element, target.element, depth + 1) if element else None
    if inner is None:
        return None
    if source.family is Family.JSON:
        keys, values = f"json_keys({given})", f"json_extract({given}, '$.*')"
        converted = (
            f"stage.all_or_none(list_transform({values}, lambda {name}: {_within(inner.value, target.element)}))"
        )
        return f"if(json_type({given}) = 'OBJECT', stage.map_of({keys}, {converted}), null)"
    values = (
        f"stage.all_or_none(list_transform(map_values({given}), lambda {name}: {_within(inner.value, target.element)}))"
    )
    return f"stage.map_of(map_keys({given})::varchar[], {values})"


def _struct_to_map(given: str, source: SourceType, target: PropertyType, depth: int) -> str | None:
    parts = []
    for name, kind in source.fields:
        field = f"struct_extract({given}, {literal(name)})"
        inner = value_of(field, kind, target.element, depth + 1) if target.element else None
        if inner is None:
            return None
        parts.append(f"{{'k': {literal(name)}, 'p': {inner.present}, 'v': {inner.value}}}")
    return f"stage.map_of_pairs([{', '.join(parts)}])" if parts else None


def _to_struct(given: str, source: SourceType, target: PropertyType, depth: int) -> str | None:
    fields, failures = [], []
    known = dict(source.fields)
    for name, kind in target.fields:
        found = _field(given, source, known, name)
        if found is None:
            fields.append(f"{ident(name)} := null::{kind.stored}")
            continue
        inner = value_of(found[0], found[1], kind, depth + 1)
        if inner is None:
            return None
        fields.append(f"{ident(name)} := {inner.value}")
        failures.append(f"({inner.present} and {inner.value} is null)")
    if not failures:
        return None
    wrong = " or ".join(failures)
    if source.family is Family.JSON:
        wrong = f"json_type({given}) <> 'OBJECT' or {wrong}"
    return f"case when {given} is null or {wrong} then null else struct_pack({', '.join(fields)}) end"


def _field(given: str, source: SourceType, known: dict[str, SourceType], name: str) -> tuple[str, SourceType] | None:
    """A field's SQL and type; None where the source has none of that name."""
    if source.family is Family.JSON:
        return f"json_extract({given}, {literal(f'$.{chr(34)}{name}{chr(34)}')})", SourceType(Family.JSON, "JSON")
    if source.family is Family.MAP and source.element:
        return f"map_extract_value({given}, {literal(name)})", source.element
    return (f"struct_extract({given}, {literal(name)})", known[name]) if name in known else None


def _reason(found: Value, value: str, prop: Property) -> str:
    unfit = literal(f"is not a valid {prop.type}")
    cases = [f"when {value} is null then case when {found.present} then {unfit} end", *_limits(value, prop)]
    return f"case {' '.join(cases)} end"


def _limits(value: str, prop: Property) -> list[str]:
    """What a converted value may still break: its length and its checks, those of a struct's fields included."""
    cases = []
    if prop.type.kind is Kind.VARCHAR and prop.type.length:
        reason = literal(f"is longer than {prop.type.length} characters")
        cases.append(f"when length({value}) > {prop.type.length} then {reason}")
    if prop.check:
        reason = literal(f"check ({prop.check}) is false")
        cases.append(f"when not ({check_sql(prop, value)}) then {reason}")
    for child in prop.children:
        cases += _limits(_field_of(value, child), child)
    return cases


def _field_of(value: str, child: Property) -> str:
    return f"struct_extract({value}, {literal(child.path.rsplit('.', 1)[-1])})"


def check_sql(prop: Property, value: str) -> str:
    """A property's check as SQL: its name stands for `value`, and names behind that for its fields."""
    tree = sqlglot.parse_one(prop.check or "true", read=DIALECT)
    given = sqlglot.parse_one(value, read=DIALECT)
    for column in list(tree.find_all(exp.Column)):
        fields = [part.name for part in column.parts][1:]
        place: exp.Expr = given.copy()
        for field in fields:
            place = exp.func("struct_extract", place, exp.Literal.string(field), dialect=DIALECT)
        if column is tree:
            return place.sql(dialect=DIALECT)
        column.replace(place)
    return tree.sql(dialect=DIALECT)


def leaf_values(value: str, prop: Property) -> list[tuple[str, str]]:
    """The warehouse columns of a mapped property and the SQL of each, from its converted value."""
    if not prop.children:
        return [(prop.column, value)]
    return [pair for child in prop.children for pair in leaf_values(_field_of(value, child), child)]


def alias(prefix: str, index: int) -> str:
    """The quoted alias of the index-th mapped property in a projection; no query column can have its blank."""
    return ident(f"{prefix} {index}")
