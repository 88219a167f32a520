"""An expression of the JSON form run on one row: translated, compiled, and put through the projection."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.pairs import parsed
from usersync.compile.mapping import mapped_properties
from usersync.compile.pipeline import Compiled
from usersync.compile.projection import projection_sql
from usersync.compile.source_types import source_type
from usersync.compile.sql import ident, literal
from usersync.diagnostics import SourceFile
from usersync.exchange.columns import check_of, column_type, property_type
from usersync.exchange.constants import engine
from usersync.exchange.decode import read_json
from usersync.exchange.schemas import Decoder
from usersync.exchange.translate import Translation, translate
from usersync.exchange.types import WireProperty, WireType
from usersync.project.model import Pipeline, Property, UserSchema
from usersync.project.types import PropertyType

NOW = "2025-01-01 00:00:00"
MISSING = object()


class RowFailsError(Exception):
    """The row is rejected, for this reason."""


def wire(value: object) -> WireType:
    """A type from its JSON form."""
    decoder = Decoder()
    found = decoder.schema(read_json(json.dumps(value).encode(), "type"), "$")
    assert found is not None, decoder.problems
    assert not decoder.problems, decoder.problems
    return found


def columns_of(types: dict[str, Any]) -> WireType:
    """Columns of the JSON form, all nullable."""
    return WireType("object", properties=tuple(WireProperty(n, wire(t), nullable=True) for n, t in types.items()))


def sql_value(value: Any, kind: WireType) -> str:
    """A value of a case as SQL."""
    name = column_type(kind).name
    if value is None:
        return f"null::{name}"
    match kind.kind:
        case "json":
            return f"{literal(value['json'])}::json"
        case "array" if kind.element:
            return f"[{', '.join(sql_value(item, kind.element) for item in value)}]::{name}"
        case "map" if kind.element:
            entries = ", ".join(f"{literal(k)}: {sql_value(v, kind.element)}" for k, v in value.items())
            return f"map {{{entries}}}::{name}"
        case "object":
            fields = ", ".join(f"'{p.name}': {sql_value(value.get(p.name), p.type)}" for p in kind.properties)
            return f"{{{fields}}}::{name}"
    return f"{literal(str(value) if not isinstance(value, bool) else str(value).lower())}::{name}"


def property_of(path: str, kind: PropertyType, check: str | None = None) -> Property:
    """A property with its children."""
    children = tuple(property_of(f"{path}.{name}", inner) for name, inner in kind.fields)
    return Property(path, kind, check, children=children)


@cache
def _query() -> Any:
    return parsed("select 1 as user_id_ from t")


def evaluate(expression: str, types: dict[str, Any], row: dict[str, Any], target: object) -> Any:
    """What the property becomes, as JSON's value.

    Raises:
        ExpressionError: the expression is refused.
        RowFailsError: the row is rejected.
    """
    columns, destination = columns_of(types), wire(target)
    translation = translate(expression, columns, destination)
    return run(translation, columns, row, destination)


def run(translation: Translation, columns: WireType, row: dict[str, Any], destination: WireType) -> Any:
    """The value that the projection makes of one row."""
    names = ["user_id_", *(p.name for p in columns.properties)]
    stored = property_type(destination)
    prop = property_of("out", stored, check_of("out", destination))
    users = UserSchema(SourceFile("models/users.sql", ""), (prop,))
    file = SourceFile("models/m.sql", "")
    model = Pipeline("m", file, user_id="user_id_", mapping={"out": translation.sql})
    mapped, problems = mapped_properties(model, users, names)
    assert not problems, (problems, translation.sql)
    compiled = Compiled(model, users, _query(), _query(), mapped, tuple(names))
    types = {"user_id_": source_type("INTEGER")} | {p.name: column_type(p.type) for p in columns.properties}
    given = "".join(f", {sql_value(row.get(p.name), p.type)} as {ident(p.name)}" for p in columns.properties)
    nulls = "".join(f", {sql_value(None, p.type)}" for p in columns.properties)
    staged = "staged"
    # A second row, so that no statistics make constants of columns.
    engine().execute(f"create or replace temp table staged as select 1 as user_id_{given} union all select 2{nulls}")
    tree = mapped[0].tree.sql(dialect="duckdb")
    kind = engine().execute(f"describe select ({tree}) as c from {staged}").fetchall()[0][1]
    sql = projection_sql(compiled, staged, types, (source_type(str(kind)),), NOW)
    leaves = ", ".join(ident(leaf.column) for leaf in prop.leaves)
    shown = f'"rejected reason", to_json({{{_struct(prop)}}})::varchar'
    found = engine().execute(f"select {shown} from (select *, {leaves} from ({sql})) where identity_id = 1")
    reason, value = found.fetchall()[0]
    if reason is not None:
        raise RowFailsError(reason)
    return json.loads(value, parse_float=str)["v"]


def _struct(prop: Property) -> str:
    return (
        f"'v': {ident(prop.column)}"
        if not prop.children
        else "'v': {" + ", ".join(f"'{leaf.path.split('.', 1)[1]}': {ident(leaf.column)}" for leaf in prop.leaves) + "}"
    )


def same(found: Any, expected: Any) -> bool:
    """Whether a value is the expected one, however each is written."""
    if isinstance(expected, dict) and set(expected) == {"json"}:
        expected = json.loads(expected["json"], parse_float=str)
    if isinstance(expected, list | dict) and type(expected) is type(found):
        if isinstance(expected, list):
            return len(found) == len(expected) and all(same(f, e) for f, e in zip(found, expected, strict=True))
        return set(found) == set(expected) and all(same(found[k], expected[k]) for k in expected)
    if found is None or expected is None or isinstance(expected, bool):
        return found is expected
    if str(found) == str(expected) or f"{str(found).replace(' ', 'T')}Z" == str(expected):
        return True
    try:
        return float(found) == float(expected)
    except ValueError:
        return False
