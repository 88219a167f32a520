"""From the type of an expression to the type of a property: a value, and a reason when there is none.

Which conversions exist and what each does is told in docs/conversions.md. Those of single values are in scalars.py;
here are the ones of arrays, maps and structs, which are made of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from usersync.compile.limits import reason_of
from usersync.compile.scalars import JSON_SCALARS, SCALARS, Value, as_one_of, group, to_json
from usersync.compile.source_types import Family, SourceType, source_type
from usersync.compile.sql import ident, literal
from usersync.project.model import Property
from usersync.project.types import Kind, PropertyType


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
    return Conversion(found.value, reason_of(found, value, prop)) if found else None


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
            return to_json(given, source)
        case Kind.ARRAY | Kind.MAP | Kind.STRUCT:
            return _nested(given, source, target, depth)
    rule = SCALARS.get((source.family, group(target.kind)))
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


def _from_json(given: str, target: PropertyType, depth: int) -> Value | None:
    present = f"stage.json_present({given})"
    wanted = group(target.kind)
    if target.kind is Kind.JSON:
        return Value(f"{given} is not null", given)
    if wanted == "text":
        return Value(present, as_one_of(f"stage.json_text({given})", target))
    if wanted == "float":
        number = f"stage.text_float(stage.json_number({given}))"
        return Value(present, f"stage.to_real({number})" if target.kind is Kind.REAL else number)
    if wanted == "decimal":
        number = f"stage.text_decimal(stage.json_number({given}), {target.scale})"
        return Value(present, f"try_cast({number} as {target.stored})")
    if wanted in JSON_SCALARS:
        return Value(present, JSON_SCALARS[wanted].format(given, target.stored))
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
