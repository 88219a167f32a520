"""What a converted value may still break: lengths and checks; and why a row has no value."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from usersync.compile.scalars import Value
from usersync.compile.sql import DIALECT, ident, literal
from usersync.project.model import Property
from usersync.project.sql.expressions import expression
from usersync.project.types import Kind


def reason_of(found: Value, value: str, prop: Property) -> str:
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
    tree = expression(prop.check or "true", DIALECT).tree.copy()
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
