"""Definitions that the reference refuses are refused, with the JSON path; those that it takes are taken."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.cases import definition, read
from tests.support import Workspace
from usersync.diagnostics import ConfigError
from usersync.exchange.importing import read_definition

CASES = read("pipelines")["cases"]
BASE: dict[str, Any] = read("pipelines")["base"]


def refusals(value: object) -> list[str]:
    """Why a definition is refused."""
    try:
        read_definition(json.dumps(value).encode(), "definition.json")
    except ConfigError as error:
        return [problem.message for problem in error.diagnostics]
    return []


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['id']} {c['note']}")
def test_a_definition_is_judged_as_by_the_reference(case: dict[str, Any]) -> None:
    found = refusals(definition(case))
    assert bool(found) == (case["expect"] == "error"), found
    assert all(message.startswith("definition.json: $") for message in found)


@pytest.mark.parametrize("case", read("columns")["cases"], ids=lambda c: c["id"])
def test_names_are_judged_as_by_the_reference(case: dict[str, Any]) -> None:
    changed = copy.deepcopy(BASE)
    changed["inSchema"]["properties"][2]["name"] = case["name"]
    changed["transformation"]["mapping"]["first_name"] = case["name"]
    found = refusals(changed)
    assert any("no valid name" in message for message in found) != case["valid"]
    changed = copy.deepcopy(BASE)
    del changed["transformation"]["mapping"]["first_name"]
    changed["outSchema"]["properties"][0]["name"] = case["name"]
    if case["name"] != "first_name":
        changed["transformation"]["mapping"][case["name"]] = "firstname"
    valid = not any("name" in message for message in refusals(changed)) or case["name"] == "first_name"
    assert valid == case["valid_in_profile_schema"]


def at(path: str, value: object, *, base: dict[str, Any] = BASE) -> dict[str, Any]:
    """The base with one change, by a path of keys and indices."""
    found = copy.deepcopy(base)
    holder: Any = found
    *parents, last = [int(p) if p.isdigit() else p for p in path.split("/")]
    for part in parents:
        holder = holder[part]
    holder[last] = value
    return found


def email(kind: dict[str, Any]) -> dict[str, Any]:
    """The base with another type of the property `email`."""
    return at("outSchema/properties/2/type", kind)


REFUSED = [
    (at("name", "x" * 61), "$.name"),
    (at("enabled", 1), "$.enabled"),
    (at("updatedAtFormat", "%" * 65), "$.updatedAtFormat"),
    (at("transformation/mapping/email", "lower(mail)"), "$.transformation.mapping.email"),
    (at("transformation/mapping/email", 5), "$.transformation.mapping.email"),
    (at("inSchema/properties/1/typo", 1), "$.inSchema.properties[1].typo"),
    (at("inSchema/properties/1/type/unsigned", True), "$.inSchema.properties[1].type.unsigned"),
    (email({"kind": "string", "maxLength": 0}), "$.outSchema.properties[2].type.maxLength"),
    (email({"kind": "string", "values": []}), "$.outSchema.properties[2].type.values"),
    (email({"kind": "string", "values": ["a"], "pattern": "a"}), "$.outSchema.properties[2].type.pattern"),
    (email({"kind": "string", "pattern": "("}), "$.outSchema.properties[2].type.pattern"),
    (email({"kind": "int"}), "$.outSchema.properties[2].type.bitSize"),
    (email({"kind": "int", "bitSize": 12}), "$.outSchema.properties[2].type.bitSize"),
    (email({"kind": "int", "bitSize": 8, "minimum": -129}), "$.outSchema.properties[2].type.minimum"),
    (email({"kind": "int", "bitSize": 8, "minimum": 5, "maximum": 4}), "$.outSchema.properties[2].type.minimum"),
    (email({"kind": "decimal", "precision": 5, "scale": 6}), "$.outSchema.properties[2].type.scale"),
    (email({"kind": "decimal", "precision": 77}), "$.outSchema.properties[2].type.precision"),
    (email({"kind": "array"}), "$.outSchema.properties[2].type.elementType"),
    (email({"kind": "object", "properties": []}), "$.outSchema.properties[2].type.properties"),
    (at("outSchema/properties/2/name", "first_name"), "$.outSchema.properties[2].name"),
    (at("outSchema/properties/2/name", "user_id"), "$.transformation.mapping.email"),
    (at("usersync", {"write": "never"}), "$.usersync.write"),
    (at("formatSettings", {}), "$.formatSettings"),
    (at("name", "\ud800"), "$.name"),
]


@pytest.mark.parametrize(("changed", "path"), REFUSED)
def test_the_message_names_the_json_path(changed: dict[str, Any], path: str) -> None:
    found = refusals(changed)
    assert any(message.startswith(f"definition.json: {path}: ") for message in found), found


def test_names_of_our_own_columns_are_refused_as_properties() -> None:
    changed = at("outSchema/properties/2/name", "created_at")
    changed["transformation"]["mapping"]["created_at"] = changed["transformation"]["mapping"].pop("email")
    assert "created_at" in refusals(changed)[0]


def test_members_of_other_pipelines_may_be_there_and_say_nothing() -> None:
    assert refusals(at("filter", None) | {"sheet": "", "updateOnDuplicates": False, "anything": [1]}) == []


BROKEN = [b"", b"[", b"{} {}", b'{"name": NaN}', b"\xff", b'{"a": 1, "a": 2}', b"[" * 100_000, b"9" * 10_000, b"null"]


@pytest.mark.parametrize("data", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(ConfigError):
        read_definition(data, "definition.json")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
places = st.sampled_from(
    [
        *BASE,
        *("transformation/mapping", "transformation/mapping/email", "inSchema/properties", "inSchema/properties/0"),
        *("inSchema/properties/1/type", "inSchema/kind", "outSchema/properties/2/type/maxLength", "usersync"),
        *("outSchema/properties/0/description", "outSchema/properties/0/readOptional", "filter", "schedulePeriod"),
    ]
)


@given(places, json_values)
@settings(max_examples=150, deadline=None)
def test_any_value_anywhere_is_taken_or_refused(place: str, value: object) -> None:
    refusals(at(place, value))


@given(json_values)
@settings(max_examples=100, deadline=None)
def test_any_json_is_taken_or_refused(value: object) -> None:
    assert refusals(value)


def test_a_refusal_is_an_error_of_the_call(workspace: Workspace) -> None:
    workspace.write("pipeline.json", json.dumps(at("transformation/mapping/email", "lower(mail)")))
    outcome = workspace.run("import", str(workspace.root / "pipeline.json"))
    assert outcome.exit_code == 2
    assert "error: pipeline.json: $.transformation.mapping.email: there is no column 'mail'" in outcome.stderr
    assert not (workspace.root / "models").exists()
