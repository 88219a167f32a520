"""Single values converted by the engine, against a table of right answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from usersync.compile.conversions import convert
from usersync.compile.source_types import source_type
from usersync.compile.sql import literal
from usersync.project.model import Property
from usersync.project.types import Kind, PropertyType
from usersync.sources.engine import open_engine

Type = dict[str, Any]
CASES = json.loads((Path(__file__).parents[1] / "fixtures/conversions.json").read_text())["cases"]

# Differences on purpose, told in docs/conversions.md.
MICROSECONDS = {"c122": "2024-06-07 08:09:10.123456", "c287": "08:09:10.123456"}
NO_TYPE_OF_ITS_OWN = {"c311", "c320"}
NO_DIGIT_DROPPED = {"c278"}
# Properties are always nullable here.
NOT_NULLABLE = {"c035"}

_INTEGERS = {8: "TINYINT", 16: "SMALLINT", 24: "INTEGER", 32: "INTEGER", 64: "BIGINT"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    engine = open_engine(tmp_path_factory.mktemp("spill"))
    yield engine
    engine.close()


def source(kind: Type) -> str:
    """DuckDB's type of a source column."""
    match kind["kind"]:
        case "string" | "ip":
            return "VARCHAR"
        case "int":
            return ("U" if kind.get("unsigned") else "") + _INTEGERS[kind["bitSize"]]
        case "float":
            return "FLOAT" if kind["bitSize"] == 32 else "DOUBLE"
        case "decimal":
            return f"DECIMAL({kind['precision']}, {kind.get('scale', 0)})"
        case "datetime":
            return "TIMESTAMP_NS"
        case "year":
            return "SMALLINT"
        case "array":
            return f"{source(kind['elementType'])}[]"
        case "map":
            return f"MAP(VARCHAR, {source(kind['elementType'])})"
        case "object":
            fields = [f"{p['name']} {source(p['type'])}" for p in kind["properties"]]
            return f"STRUCT({', '.join(fields)})"
    return str(kind["kind"]).upper()


def target(kind: Type) -> PropertyType:
    """The type of the property."""
    match kind["kind"]:
        case "string" if "values" in kind:
            return PropertyType(Kind.ENUM, values=tuple(kind["values"]))
        case "string":
            return PropertyType(Kind.VARCHAR, length=kind.get("maxLength"))
        case "int":
            return PropertyType(Kind(source(kind).lower()))
        case "float":
            return PropertyType(Kind.REAL if kind["bitSize"] == 32 else Kind.DOUBLE)
        case "decimal":
            return PropertyType(Kind.DECIMAL, precision=kind["precision"], scale=kind.get("scale", 0))
        case "datetime":
            return PropertyType(Kind.TIMESTAMP)
        case "ip":
            return PropertyType(Kind.INET)
        case "array":
            return PropertyType(Kind.ARRAY, element=target(kind["elementType"]))
        case "map":
            return PropertyType(Kind.MAP, element=target(kind["elementType"]))
        case "object":
            return PropertyType(Kind.STRUCT, fields=tuple((p["name"], target(p["type"])) for p in kind["properties"]))
    return PropertyType(Kind(kind["kind"]))


def check(kind: Type) -> str | None:
    """The options that are checks here."""
    options = {
        "minimum": "p >= {}",
        "maximum": "p <= {}",
        "maxBytes": "strlen(p) <= {}",
        "minElements": "len(p) >= {}",
        "maxElements": "len(p) <= {}",
    }
    conditions = [text.format(kind[name]) for name, text in options.items() if name in kind]
    conditions += [f"regexp_matches(p, {literal(kind['pattern'])})"] if "pattern" in kind else []
    conditions += ["isfinite(p)"] if kind.get("real") else []
    return " and ".join(conditions) or None


def given(value: Any, kind: Type) -> str:
    """A source value as SQL."""
    if value is None:
        return f"null::{source(kind)}"
    match kind["kind"]:
        case "json":
            return f"{literal(value['json'])}::json"
        case "array":
            return f"[{', '.join(given(item, kind['elementType']) for item in value)}]::{source(kind)}"
        case "map":
            pairs = (f"{literal(name)}: {given(item, kind['elementType'])}" for name, item in value.items())
            return f"map {{{', '.join(pairs)}}}::{source(kind)}"
        case "object":
            fields = (f"{literal(p['name'])}: {given(value.get(p['name']), p['type'])}" for p in kind["properties"])
            return f"{{{', '.join(fields)}}}::{source(kind)}"
    return f"{literal(str(value).lower() if isinstance(value, bool) else str(value))}::{source(kind)}"


def converted(engine: duckdb.DuckDBPyConnection, case: Type) -> tuple[str | None, str | None] | None:
    """The value as text and the reason of a rejection; None when there is no such conversion."""
    prop = Property("p", target(case["to_type"]), check(case["to_type"]))
    found = convert('"raw"', source_type(source(case["from_type"])), '"value"', prop)
    if found is None:
        return None
    shown = '"value"' if case["to_type"]["kind"] == "json" else 'to_json("value")'
    raw = f'select {given(case["value"], case["from_type"])} as "raw"'
    value = f'select "raw", {found.value} as "value" from ({raw})'
    row = engine.execute(f"select {shown}::varchar, {found.reason} from ({value})").fetchone()
    return row if row is None else (row[0], row[1])


@pytest.mark.parametrize("case", [c for c in CASES if "expect_error" in c], ids=lambda case: str(case["id"]))
def test_what_does_not_convert(engine: duckdb.DuckDBPyConnection, case: Type) -> None:
    found = converted(engine, case)
    if case["id"] in NOT_NULLABLE:
        assert found == (None, None)
    elif case["stage"] == "compile" and case["id"] not in NO_TYPE_OF_ITS_OWN:
        assert found is None
    elif case["id"] != "c311":
        assert found is not None
        assert found[1]


@pytest.mark.parametrize("case", [c for c in CASES if "expect" in c], ids=lambda case: str(case["id"]))
def test_what_converts(engine: duckdb.DuckDBPyConnection, case: Type) -> None:
    found = converted(engine, case)
    assert found is not None
    value, reason = found
    if case["id"] in NO_DIGIT_DROPPED:
        assert reason == "is not a valid decimal(5, 2)"
        return
    assert reason is None
    expected = case["expect"]
    if isinstance(expected, dict) and "json" in expected:
        assert value == expected["json"]
    else:
        assert same(
            None if value is None else json.loads(value), MICROSECONDS.get(case["id"], expected), case["to_type"]
        )


def same(value: Any, expected: Any, kind: Type) -> bool:
    """Whether a value is the expected one, each in its own spelling."""
    match kind["kind"]:
        case _ if value is None or expected is None:
            return value is expected
        case "datetime":
            return str(value).replace(" ", "T") == str(expected).replace(" ", "T").removesuffix("Z")
        case "float" | "decimal":
            return str(value) == str(expected).lower() or abs(float(value) - float(expected)) <= abs(value) * 1e-6
        case "object":
            return {name: item for name, item in value.items() if item is not None} == {
                name: item for name, item in expected.items() if item is not None
            }
    return bool(value == expected)
