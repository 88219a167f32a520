"""A configuration of Vitally as a model file: docs/import-export.md, From Vitally."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.docs.pages import blocks
from tests.support import Workspace, pipeline_of

PAGE = "docs/import-export.md"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """The project of the page."""
    for block in blocks(PAGE):
        if block.file:
            workspace.write(block.file, block.text)
    (workspace.root / "data").mkdir()
    return workspace


def fill(workspace: Workspace, *rows: str) -> None:
    """The rows of the source's one table."""
    path = workspace.root / "data/dwh.duckdb"
    Path(path).unlink(missing_ok=True)
    with duckdb.connect(str(path)) as source:
        source.execute(
            'create table "User" (id integer, name varchar, "segmentId" varchar, email varchar, '
            '"accountIds" varchar[], "accountName" varchar, "syncedAt" timestamptz)'
        )
        for row in rows:
            source.execute(f'insert into "User" values ({row})')


ADA = "1, 'Ada', 'pro', ' Ada@example.com', ['acme', 'beta'], 'Acme', '2025-01-01 00:00:00+00'"
BOB = "null, 'Bob', null, 'bob@example.com', ['acme'], 'Acme', '2025-01-02 00:00:00+00'"
BOB_SIGNED_IN = "2, 'Bob', 'free', 'bob@example.com', ['acme'], 'Acme', '2025-01-03 00:00:00+00'"


def test_users_and_accounts(project: Workspace) -> None:
    fill(project, ADA, BOB)
    assert pipeline_of(project.build(), "product_users")["inserted"] == 2
    assert project.rows("select name, email, segment from users order by name") == [
        ("Ada", "ada@example.com", "pro"),
        ("Bob", "bob@example.com", None),
    ]
    accounts = (
        "select u.name, a.account_id, a.account_name from user_accounts a join users u using (user_id) order by all"
    )
    assert project.rows(accounts) == [("Ada", "acme", "Acme"), ("Ada", "beta", "Acme"), ("Bob", "acme", "Acme")]
    assert project.rows("select id_kind, identity_id from identities order by all") == [
        ("fallback", "bob@example.com"),
        ("user_id", "1"),
    ]


def test_the_external_id_takes_over_from_the_fallback(project: Workspace) -> None:
    fill(project, ADA, BOB)
    project.build()
    before = project.rows("select user_id from users where name = 'Bob'")
    fill(project, ADA, BOB_SIGNED_IN)
    project.build()
    assert project.rows("select user_id from users where name = 'Bob'") == before
    assert project.rows("select count(*) from users") == [(2,)]


def test_an_incremental_sync_reads_what_changed(project: Workspace) -> None:
    fill(project, ADA)
    project.build()
    fill(project, ADA, BOB_SIGNED_IN)
    found = pipeline_of(project.build(), "product_users")
    assert (found["inserted"], found["deleted"]) == (1, 0)


def test_update_only_makes_no_user(project: Workspace) -> None:
    path = project.root / "models/product_users.sql"
    path.write_text(path.read_text().replace("'create_or_update'", "'update_only'"))
    fill(project, ADA)
    project.build()
    assert project.rows("select count(*) from users") == [(0,)]
    assert project.rows("select count(*) from identities") == [(1,)]
