"""`target/run_results.json` and `target/manifest.json`: what they hold, always in the same order."""

from __future__ import annotations

import json
from typing import Any

import pytest

import usersync
from tests.sources.tables import Feeds
from tests.support import Workspace

COLUMNS = "id bigint, email text, name text"
PIPELINE_KEYS = [
    *("pipeline", "connection", "outcome", "full_import", "read", "unchanged", "inserted", "updated", "deleted"),
    *("rejected", "duplicates", "seconds", "errors"),
]
RESULT_KEYS = [
    *("version", "usersync_version", "run_id", "started_at", "seconds", "outcome", "exit_code", "written"),
    *("pipelines", "users", "tests", "warnings"),
]


@pytest.fixture
def shop(feeds: Feeds) -> Feeds:
    """Pipelines written in no order, one of which fails."""
    feeds.workspace.users("email text, name text", identifiers=["email"], primary_sources={"name": "b", "email": "a"})
    for stem in ("c", "a", "b"):
        feeds.add(stem, COLUMNS, (1, f"{stem}@x", stem), tags=["t"], description=f"of {stem}")
    feeds.stores["c"].execute("drop table c")
    feeds.workspace.write("tests/z.sql", "select 1 where false")
    feeds.workspace.write("tests/y.sql", "select 1 where false")
    return feeds


def artifact(workspace: Workspace, name: str) -> str:
    return (workspace.root / f"target/{name}.json").read_text()


def shape(data: Any) -> Any:
    """Keys of everything, in order, without values."""
    if isinstance(data, dict):
        return {key: shape(value) for key, value in data.items()}
    return [shape(value) for value in data] if isinstance(data, list) else None


def test_run_results(shop: Feeds) -> None:
    results = shop.workspace.build(expect=1)
    assert list(results) == RESULT_KEYS
    assert (results["version"], results["usersync_version"]) == (1, usersync.__version__)
    assert (results["outcome"], results["exit_code"]) == ("failed", 1)
    assert [list(p) for p in results["pipelines"]] == [PIPELINE_KEYS] * 3
    assert [(p["pipeline"], p["outcome"]) for p in results["pipelines"]] == [
        ("a", "success"),
        ("b", "success"),
        ("c", "failed"),
    ]
    assert list(results["pipelines"][0]["seconds"]) == ["extract", "map", "merge"]
    assert [test["test"] for test in results["tests"]] == ["y", "z"]
    [error] = results["pipelines"][2]["errors"]
    assert list(error) == ["code", "level", "message", "hint", "file", "line", "column"]
    assert shop.workspace.rows("select run_id from usersync.runs") == [(results["run_id"],)]


def test_run_results_are_always_in_the_same_order(shop: Feeds) -> None:
    first = shop.workspace.build(expect=1)
    second = shop.workspace.build("--threads", "1", expect=1)
    assert json.dumps(shape(first)) == json.dumps(shape(second))
    assert first["run_id"] < second["run_id"]


def test_manifest(shop: Feeds) -> None:
    shop.workspace.build(expect=1)
    manifest = json.loads(artifact(shop.workspace, "manifest"))
    assert (manifest["version"], manifest["usersync_version"], manifest["target"]) == (1, usersync.__version__, "dev")
    assert manifest["connections"] == {name: {"type": "duckdb"} for name in "abc"}
    assert [p["path"] for p in manifest["users"]["properties"]] == ["email", "name"]
    assert list(manifest["users"]["primary_sources"]) == ["email", "name"]
    assert list(manifest["pipelines"]) == ["a", "b", "c"]
    pipeline = manifest["pipelines"]["a"]
    assert (pipeline["path"], pipeline["columns"]) == ("models/a.sql", ["id", "email", "name"])
    assert pipeline["mapping"] == {"email": '"email"', "name": '"name"'}


def test_two_manifests_of_the_same_project_are_the_same_bytes(shop: Feeds) -> None:
    shop.workspace.build(expect=1)
    first = artifact(shop.workspace, "manifest")
    shop.workspace.build("--threads", "1", "--full-refresh", expect=1)
    assert artifact(shop.workspace, "manifest") == first
    shop.model("a", mapping={"email": "upper(email)"})
    shop.workspace.build(expect=1)
    assert artifact(shop.workspace, "manifest") != first


def test_text_is_written_as_it_is(feeds: Feeds) -> None:
    feeds.workspace.users("name text")
    feeds.add("crm", "id bigint, name text", (1, "x"), description="Été «☀»")
    feeds.workspace.build()
    assert "Été «☀»" in artifact(feeds.workspace, "manifest")


def test_artifacts_are_there_after_a_build_that_wrote_nothing(shop: Feeds) -> None:
    shop.workspace.build(expect=1)
    for stem in "ab":
        shop.stores[stem].execute(f"drop table {stem}")
    results = shop.workspace.build("--fail-fast", expect=1)
    assert {p["outcome"] for p in results["pipelines"]} <= {"failed", "skipped"}
    assert sorted(path.name for path in (shop.workspace.root / "target").glob("*.json")) == [
        "manifest.json",
        "run_results.json",
    ]


def test_a_selection_leaves_the_manifest_whole(workspace: Workspace) -> None:
    workspace.profile({"a": {"type": "files", "path": "."}, "b": {"type": "files", "path": "."}})
    workspace.users("email text")
    workspace.write("rows.csv", "id,email\n1,x\n")
    for name in ("a", "b"):
        workspace.model(name, "select id, email from 'rows.csv'", connection=name, user_id="id")
    workspace.build("-s", "a")
    manifest = json.loads((workspace.root / "target/manifest.json").read_text())
    assert sorted(manifest["pipelines"]) == ["a", "b"]
