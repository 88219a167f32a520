"""Imported pipelines build: their functions are there, and a row that fails is one rejected row."""

from __future__ import annotations

import copy
import json
from typing import Any

import duckdb
import pytest

from tests.exchange.cases import read
from tests.support import Workspace, pipeline_of

MAPPING = {
    "email": "lower(trim(email))",
    "first_name": "initcap(firstname)",
    "last_name": "if(eq(lastname, 'x'), 'y', upper(lastname) '!')",
    # Two properties whose expressions hold the same part, which fails for one row.
    "city": "lower(json_parse(details))",
    "zip": "upper(json_parse(details))",
}
ROWS = """
    (1, ' Ada@Example.com\t', 'ada lovelace', 'straße', '"n1 a"', '2025-01-01T00:00:00Z'),
    (2, 'bob@example.com', null, 'x', null, '2025-01-01 00:00:00Z'),
    (3, 'eve@example.com', 'eve', 'e', 'no json', '2025-01-01T00:00:00Z')
"""


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """A source of three rows, and the import of a definition over it."""
    workspace.profile({"crm": {"type": "duckdb", "path": "crm.duckdb"}})
    with duckdb.connect(str(workspace.root / "crm.duckdb")) as source:
        columns = "id, email, firstname, lastname, details, updated_at"
        source.execute(f"create table customers as select * from (values {ROWS}) as t({columns})")
    given: dict[str, Any] = copy.deepcopy(read("pipelines")["base"])
    given["query"] = "select * from customers where updated_at >= ${updated_at} limit ${limit}"
    given["transformation"]["mapping"] = MAPPING
    given["inSchema"]["properties"].append({"name": "details", "type": {"kind": "string"}, "nullable": True})
    given["outSchema"]["properties"] = [
        {"name": name, "type": {"kind": "string"}, "readOptional": True} for name in MAPPING
    ]
    path = workspace.write("pipeline.json", json.dumps(given))
    outcome = workspace.run("import", str(path), "--connection", "crm")
    assert outcome.exit_code == 0, outcome.output
    assert "warning" not in outcome.stderr
    return workspace


def test_an_imported_pipeline_builds(project: Workspace) -> None:
    assert pipeline_of(project.build(), "ingest_users_from_database")["inserted"] == 2
    assert project.rows("select email, first_name, last_name, city, zip from users order by email") == [
        ("ada@example.com", "Ada Lovelace", "STRAßE!", "n1 a", "N1 A"),
        ("bob@example.com", None, "y", None, None),
    ]


def test_a_row_that_fails_is_kept(project: Workspace) -> None:
    assert pipeline_of(project.build(), "ingest_users_from_database")["rejected"] == 1
    assert project.rows("select identity_id, property from usersync.rejected_rows") == [("3", "city")]
