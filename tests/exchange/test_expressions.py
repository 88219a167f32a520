"""Expressions of the JSON form give, as SQL, what they give in the reference."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.exchange.cases import read
from tests.exchange.evaluate import RowFailsError, columns_of, evaluate, run, same, wire
from usersync.exchange.grammar import FUNCTIONS
from usersync.exchange.problems import ExpressionError
from usersync.exchange.translate import translate

# Told in docs/import-export.md.
DEVIATIONS = {"x137": "2024-06-07T08:09:10.123456Z"}
CASES = read("expressions")["cases"]
OWN = read("own-expressions")["cases"]


@pytest.mark.parametrize("case", [c for c in CASES + OWN if "expect_error" not in c], ids=lambda c: c["id"])
def test_an_expression_makes_the_value_of_the_reference(case: dict[str, Any]) -> None:
    found = evaluate(case["expr"], case["column_types"], case["row"], case["dest_type"])
    expected = DEVIATIONS.get(case["id"], case["expect"])
    assert same(found, expected), (found, expected)


@pytest.mark.parametrize("case", [c for c in CASES if "in_paths" in c], ids=lambda c: c["id"])
def test_an_expression_tells_what_it_reads(case: dict[str, Any]) -> None:
    found = translate(case["expr"], columns_of(case["column_types"]), wire(case["dest_type"]))
    assert sorted(found.in_paths) == case["in_paths"]


@pytest.mark.parametrize("case", [c for c in CASES + OWN if c.get("stage") == "compile"], ids=lambda c: c["id"])
def test_an_expression_is_refused_for_the_reason_of_the_reference(case: dict[str, Any]) -> None:
    with pytest.raises(ExpressionError) as error:
        translate(case["expr"], columns_of(case["column_types"]), wire(case["dest_type"]))
    assert error.value.kind == case["expect_error"], error.value.message


@pytest.mark.parametrize("case", [c for c in CASES + OWN if c.get("stage") == "run"], ids=lambda c: c["id"])
def test_a_row_fails_where_it_fails_in_the_reference(case: dict[str, Any]) -> None:
    with pytest.raises(RowFailsError):
        evaluate(case["expr"], case["column_types"], case["row"], case["dest_type"])


S: dict[str, Any] = {"kind": "string"}
INT: dict[str, Any] = {"kind": "int", "bitSize": 32}
READABLE = [
    ("email", "email"),
    ("lower(trim(email))", "lower(stage.trim(email))"),
    ("first ' ' last", "concat(first, ' ', last)"),
    ("coalesce(first, last, 'x')", "coalesce(first, last, 'x')"),
    ("if(eq(first, 'a'), last, 'b')", "case when first = 'a' then last else 'b' end"),
    ("substring(first, 2, 3)", "substring(first, 2, 3)"),
    ("len(first)", "coalesce(length(first), 0)"),
    ("profile.city?", "profile -> '$.city'"),
    ("profile.city", "stage.json_member(profile, 'city')"),
    ("coalesce(n, 0)", "coalesce(n, 0)"),
    ("n", "n"),
    ("'x'", "'x'"),
    ("5", "'5'"),
    ("order", '"order"'),
]


@pytest.mark.parametrize(("expression", "sql"), READABLE)
def test_sql_stays_as_plain_as_the_expression(expression: str, sql: str) -> None:
    types = {"email": S, "first": S, "last": S, "order": S, "n": INT, "profile": {"kind": "json"}}
    assert translate(expression, columns_of(types), wire(S)).sql == sql


def test_parts_after_the_deciding_one_are_not_computed() -> None:
    types = {"a": {"kind": "boolean"}, "b": S}
    target = {"kind": "boolean"}
    assert evaluate("and(a, b)", types, {"a": False, "b": "neither"}, target) is False
    assert evaluate("or(a, b)", types, {"a": True, "b": "neither"}, target) is True
    with pytest.raises(RowFailsError):
        evaluate("and(a, b)", types, {"a": True, "b": "neither"}, target)


@pytest.mark.parametrize("white", [" ", "\t", "\n", "\r", "\v", "\f", "\x85", "\xa0", "\u2003", "\u2028", "\u3000"])
def test_white_space_of_every_kind_is_trimmed(white: str) -> None:
    assert evaluate("trim(s)", {"s": S}, {"s": f"{white} a{white}b {white}"}, S) == f"a{white}b"


def test_one_array_is_mapped_twice() -> None:
    types = {"t": {"kind": "array", "elementType": INT}}
    target = {"kind": "array", "elementType": S}
    assert [evaluate("t", types, {"t": [1, 2]}, target) for _ in range(2)] == [["1", "2"]] * 2


def test_unique_elements_are_accepted_where_they_are() -> None:
    types = {"t": {"kind": "array", "elementType": INT}}
    target = {"kind": "array", "elementType": INT, "uniqueElements": True}
    assert evaluate("t", types, {"t": [1, 2]}, target) == [1, 2]
    with pytest.raises(RowFailsError):
        evaluate("t", types, {"t": [1, 1]}, target)


def test_depth_and_size_have_an_end() -> None:
    columns, target = columns_of({"s": S}), wire(S)
    for text in ("lower(" * 5000 + "s" + ")" * 5000, "substring(s," * 50 + "s" + ")" * 50, "1e99999", "9" * 5000):
        with pytest.raises(ExpressionError):
            translate(text, columns, target)


# --- Anything that anyone might write ---

TYPES: dict[str, Any] = {
    "s": S,
    "t": {"kind": "string", "maxLength": 5},
    "b": {"kind": "boolean"},
    "i": INT,
    "f": {"kind": "float", "bitSize": 64},
    "d": {"kind": "decimal", "precision": 10, "scale": 2},
    "when": {"kind": "datetime"},
    "day": {"kind": "date"},
    "y": {"kind": "year"},
    "u": {"kind": "uuid"},
    "ip": {"kind": "ip"},
    "j": {"kind": "json"},
    "list": {"kind": "array", "elementType": S},
    "m": {"kind": "map", "elementType": INT},
    "car": {"kind": "object", "properties": [{"name": "name", "type": S}, {"name": "power", "type": INT}]},
}
ROWS: list[dict[str, Any]] = [
    {},
    {
        **{"s": "5", "t": "yes", "b": True, "i": -3, "f": 1.5, "d": "12.30", "when": "2024-01-02T03:04:05.5Z"},
        **{"day": "2024-01-02", "y": 2024, "u": "123e4567-e89b-12d3-a456-426614174000", "ip": "10.0.0.1"},
        **{"j": {"json": '{"a": {"b": "x"}, "n": null}'}, "list": ["a"], "m": {"k": 1}},
        "car": {"name": "Giulia", "power": 7},
    },
    {"s": "", "t": "", "b": False, "i": 0, "f": 0.0, "j": {"json": "null"}, "list": [], "m": {}},
]
TARGETS: list[dict[str, Any]] = [
    *(S, INT, {"kind": "boolean"}, {"kind": "json"}, {"kind": "date"}, {"kind": "float", "bitSize": 64}),
    *({"kind": "array", "elementType": S}, {"kind": "map", "elementType": INT}, {"kind": "uuid"}),
]

paths = st.sampled_from([*TYPES, "j.a", "j.a.b", "j['n']?.x?", "m.k", "car.name", "j.n", "nope", "s.x"])
constants = st.sampled_from(["'x'", "''", "5", "-1.5", "true", "false", "null", "'2024-01-02'", '"\\u0041"'])


def calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.sampled_from(sorted(FUNCTIONS))
    listed = st.lists(inner, min_size=1, max_size=3).map(", ".join)
    return st.builds("{}({})".format, names, listed) | st.builds("{} {}".format, inner, inner)


expressions = st.recursive(paths | constants, calls, max_leaves=6)


@given(expressions, st.sampled_from(TARGETS), st.sampled_from(ROWS))
@settings(max_examples=150, deadline=None)
def test_an_accepted_expression_gives_a_value_or_fails_its_row(
    expression: str, target: dict[str, Any], row: dict[str, Any]
) -> None:
    columns, destination = columns_of(TYPES), wire(target)
    try:
        translation = translate(expression, columns, destination)
    except ExpressionError:
        return
    try:
        run(translation, columns, row, destination)
    except RowFailsError:
        return


@given(st.text(alphabet="sbij.?[]'\"\\(), \n5-e0ulowerqx\0é", max_size=30) | st.text(max_size=20))
@example("'\\ud800'")
@example("٣")
@settings(max_examples=200, deadline=None)
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    offset = refusal(text)
    assert offset is None or 0 <= offset <= len(text)


def refusal(text: str) -> int | None:
    try:
        translate(text, columns_of(TYPES), wire(S))
    except ExpressionError as error:
        return error.offset
    return None
