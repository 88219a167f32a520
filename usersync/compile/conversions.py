"""From the type of an expression to the type of a property: a value, and a reason when there is none."""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from usersync.compile.sql import DIALECT, ident, literal
from usersync.project.model import Property
from usersync.project.types import Kind, PropertyType

_INTEGERS = {
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """SQL over the alias of an expression: the converted value, and NULL or the reason why there is none."""

    value: str
    reason: str


def is_text(source_type: str) -> bool:
    """Whether a DuckDB type holds plain text."""
    return source_type == "VARCHAR" or source_type.startswith("ENUM")


def is_integer(source_type: str) -> bool:
    """Whether a DuckDB type holds whole numbers."""
    return source_type in _INTEGERS


def convert(raw: str, source_type: str, value: str, prop: Property) -> Conversion:
    """The conversion of an expression to a property.

    Args:
        raw: The alias under which the expression's value stands.
        source_type: DuckDB's name of its type.
        value: The alias under which the converted value will stand.
        prop: The property.
    """
    kind = prop.type
    # Blank text is no value at all for whatever is not text.
    blank = is_text(source_type) and kind.kind not in {Kind.VARCHAR, Kind.JSON}
    given = f"nullif(trim({raw}::varchar), '')" if blank else raw
    return Conversion(_cast(given, source_type, kind), _reason(given, value, prop))


def _cast(given: str, source_type: str, kind: PropertyType) -> str:
    match kind.kind:
        case Kind.VARCHAR | Kind.ENUM | Kind.INET:
            return f"json_extract_string({given}, '$')" if source_type == "JSON" else f"{given}::varchar"
        case Kind.JSON:
            return given if source_type == "JSON" else f"to_json({given})"
        case Kind.TIMESTAMP if source_type == "TIMESTAMP WITH TIME ZONE":
            return f"({given} at time zone 'UTC')"
        case Kind.TIMESTAMP if is_text(source_type):
            return f"(try_cast({given} as timestamptz) at time zone 'UTC')"
    plain = (
        f"json_extract_string({given}, '$')"
        if source_type == "JSON" and not kind.element and not kind.fields
        else given
    )
    return f"try_cast({plain} as {kind.stored})"


def _reason(given: str, value: str, prop: Property) -> str:
    kind = prop.type
    cases = [f"when {value} is null then case when {given} is not null then {literal(f'is not a valid {kind}')} end"]
    match kind.kind:
        case Kind.VARCHAR if kind.length:
            cases.append(
                f"when length({value}) > {kind.length} then {literal(f'is longer than {kind.length} characters')}"
            )
        case Kind.ENUM:
            listed = ", ".join(literal(v) for v in kind.values)
            cases.append(f"when {value} not in ({listed}) then 'is not one of the enum''s values'")
        case Kind.YEAR:
            cases.append(f"when {value} not between 1 and 9999 then 'is not a year from 1 to 9999'")
    if prop.check:
        cases.append(f"when not ({check_sql(prop, value)}) then {literal(f'check ({prop.check}) is false')}")
    return f"case {' '.join(cases)} end"


def check_sql(prop: Property, value: str) -> str:
    """A property's check as SQL over `value`."""
    tree = sqlglot.parse_one(prop.check or "true", read=DIALECT)
    for column in list(tree.find_all(exp.Column)):
        if column is tree:
            return value
        column.replace(exp.column(exp.to_identifier(value.strip('"'), quoted=True)))
    return tree.sql(dialect=DIALECT)


def leaf_values(value: str, prop: Property) -> list[tuple[str, str]]:
    """The warehouse columns of a mapped property and the SQL of each, from its converted value."""
    if not prop.children:
        return [(prop.column, value)]
    return [
        pair
        for child in prop.children
        for pair in leaf_values(f"struct_extract({value}, {literal(child.path.rsplit('.', 1)[1])})", child)
    ]


def alias(prefix: str, index: int) -> str:
    """The quoted alias of the index-th mapped property in a projection."""
    return ident(f"{prefix} {index}")
