"""Scenarios that another product's resolution was run on, and what it made of them; where ours differs, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import Workspace

FIXTURE = Path(__file__).parent.parent / "fixtures" / "identity.json"
CASES: list[dict[str, Any]] = json.loads(FIXTURE.read_text(encoding="utf-8"))["cases"]

TYPES = {
    "email": "varchar",
    "phone": "varchar",
    "customer_id": "bigint",
    "first_name": "varchar",
    "city": "varchar",
    "score": "decimal(10, 0)",
    "prefs": "json",
    "tags": "varchar[]",
}
READ = {"id": "varchar", "fid": "varchar", "ts": "varchar"} | TYPES | {"score": "varchar", "prefs": "varchar"}

OURS: Mapping[str, Mapping[str, Any]] = {
    "i038": {"tags": ["a", "b", "c"]},
    "i041": {"tags": ["q"]},
}
"""Values that a user has here, by case. Arrays: each element once, sorted."""

KEPT: Mapping[tuple[str, int, str], str] = {
    ("i047", 1, "K3"): "K1",
    ("i056", 1, "K3"): "K1",
}
"""Ids that stay here and are new there, by case and run. i047: who swallows others keeps its id. i056: of a user that
comes apart, the part with the oldest identity keeps it."""


@dataclass
class Sources:
    """The rows of all pipelines of a case as they change from run to run."""

    workspace: Workspace
    case: Mapping[str, Any]
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the case's own keys."""

    def __post_init__(self) -> None:
        given = [one for run in self.case["runs"] for one in run["identities"]]
        pipelines = {one["pipeline"]: one["connection"] for one in given}
        sources = {name for run in self.case["runs"] for name in run.get("primary_sources", {}).values()}
        self.pipelines = pipelines
        (self.workspace.root / "source").mkdir()
        self.workspace.profile({name: {"type": "files", "path": "source"} for name in {*pipelines.values(), *sources}})
        for pipeline, connection in pipelines.items():
            columns = ", ".join(f"{name}: '{kind}'" for name, kind in READ.items())
            self.workspace.model(
                pipeline,
                f"select * replace (prefs::json as prefs) from read_json('{pipeline}.jsonl', columns = {{{columns}}})",
                connection=connection,
                user_id="id",
                fallback_id="fid",
                updated_at="ts",
                updated_at_format="ISO8601",
            )

    def build(self, run: Mapping[str, Any]) -> None:
        """Takes a run's rows and deletions over, and builds."""
        self.rows |= {one["key"]: one for one in run["identities"]}
        for key in run.get("delete", ()):
            del self.rows[key]
        for pipeline in self.pipelines:
            lines = [json.dumps(self._row(one)) for one in self.rows.values() if one["pipeline"] == pipeline]
            (self.workspace.root / f"source/{pipeline}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
        settings = {name: run[name] for name in ("identifiers", "primary_sources") if name in run}
        self.workspace.users(columns, **settings)
        self.workspace.build("--allow-deletes")

    def _row(self, one: Mapping[str, Any]) -> dict[str, Any]:
        return {"fid" if one["anonymous"] else "id": one["id"], "ts": one["updated_at"], **plain(one["props"])}

    def users(self) -> dict[frozenset[str], tuple[Any, ...]]:
        """By the keys of their identities: id, time and values."""
        by_id = {(one["pipeline"], one["id"], one["anonymous"]): key for key, one in self.rows.items()}
        members: dict[Any, set[str]] = {}
        sql = "select user_id, pipeline, identity_id, id_kind = 'fallback' from identities"
        for user, *identity in self.workspace.rows(sql):
            members.setdefault(user, set()).add(by_id[tuple(identity)])
        listed = ", ".join(TYPES)
        rows = self.workspace.rows(f"select user_id, strftime(updated_at, '%Y-%m-%dT%H:%M:%SZ'), {listed} from users")
        return {frozenset(members[user]): (user, time, values_of(row)) for user, time, *row in rows}


def values_of(row: list[Any]) -> dict[str, Any]:
    """The values that are not null, as the cases write them."""
    named = dict(zip(TYPES, row, strict=True))
    return {name: str(v) if isinstance(v, Decimal) else v for name, v in named.items() if v is not None}


def plain(props: Mapping[str, Any]) -> dict[str, Any]:
    """Values with JSON as its text."""
    return {name: value["json"] if name == "prefs" else value for name, value in props.items()}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']} {case['name']}")
def test_a_scenario_comes_out_as_in_the_other_product(workspace: Workspace, case: dict[str, Any]) -> None:
    sources = Sources(workspace, case)
    ids: dict[str, Any] = {}
    for number, run in enumerate(case["runs"]):
        sources.build(run)
        users = sources.users()
        assert users.keys() == {frozenset(profile["members"]) for profile in run["expect_profiles"]}
        for profile in run["expect_profiles"]:
            user, time, values = users[frozenset(profile["members"])]
            assert values == {**plain(profile["props"]), **OURS.get(case["id"], {})}
            assert time == profile["updated_at"]
            alias = KEPT.get((case["id"], number, profile["profile_id"]), profile["profile_id"])
            assert user not in ids.values() or ids.get(alias) == user
            assert ids.setdefault(alias, user) == user


def test_there_are_twenty_scenarios_and_every_difference_is_one_of_theirs() -> None:
    assert len(CASES) == 20
    known = {case["id"] for case in CASES}
    assert {*OURS, *(name for name, _, _ in KEPT)} <= known
