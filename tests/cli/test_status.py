"""`usersync status` and `usersync runs`: where every pipeline stands, and how it came there."""

from __future__ import annotations

import json

import pytest

from tests.support import Workspace


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """One pipeline of four rows, two of which are rejected for one reason and one for another; one that never ran."""
    workspace.profile({"lake": {"type": "files", "path": "."}})
    workspace.users("name varchar(3), n integer")
    workspace.write("a.csv", "id,name,n\n1,ok,1\n2,ok,x\n3,ok,y\n4,long,1\n")
    workspace.model("a", "select id, name, n from 'a.csv'", connection="lake", user_id="id")
    workspace.model("later", "select id, name from 'a.csv'", connection="lake", user_id="id", enabled=False)
    workspace.build()
    return workspace


def test_status_counts_rejected_rows_by_reason_with_samples(shop: Workspace) -> None:
    [found, later] = json.loads(shop.run("status", "--format", "json").stdout)
    assert (found["identities"], found["last_outcome"], later["last_run"]) == (1, "success", None)
    [numbers, names] = found["rejected"]
    assert (numbers["property"], numbers["reason"], numbers["rows"]) == ("n", "is not a valid integer", 2)
    assert [sample["n"] for sample in numbers["samples"]] == ["x", "y"]
    assert (names["property"], names["reason"], names["rows"]) == ("name", "is longer than 3 characters", 1)


def test_status_as_text_names_what_was_rejected(shop: Workspace) -> None:
    shown = shop.run("status").stdout
    assert "a: 2 rows rejected: n is not a valid integer\n" in shown
    assert '"name": "long"' in shown
    assert "never" in shown


def test_a_mended_row_leaves_the_status(shop: Workspace) -> None:
    shop.write("a.csv", "id,name,n\n1,ok,1\n2,ok,2\n3,ok,3\n4,lon,1\n")
    shop.build()
    [found, _] = json.loads(shop.run("status", "--format", "json").stdout)
    assert (found["identities"], found["rejected"]) == (4, [])


def test_runs_are_listed_newest_first(shop: Workspace) -> None:
    shop.build("--full-refresh")
    [second, first] = json.loads(shop.run("runs", "--format", "json").stdout)
    assert (first["read"], first["inserted"], first["rejected"]) == (4, 1, 3)
    assert (second["inserted"], second["outcome"]) == (0, "success")
    assert second["run_id"] > first["run_id"]
    assert len(json.loads(shop.run("runs", "--limit", "1", "--format", "json").stdout)) == 1


@pytest.mark.parametrize("command", ["status", "runs"])
def test_without_a_warehouse_there_is_nothing_to_tell(workspace: Workspace, command: str) -> None:
    workspace.profile({"lake": {"type": "files", "path": "."}})
    workspace.users()
    outcome = workspace.run(command)
    assert (outcome.exit_code, "`usersync build` makes it" in outcome.stderr) == (1, True)
