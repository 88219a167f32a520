"""Where memory is scarce users' values are computed in slices of users: they are the same values."""

from __future__ import annotations

import pytest

from tests.sources.tables import Feeds
from usersync.resolve import resolution

ROWS = [(n, f"p{n % 400}@x", f"name {n}", [f"tag {n % 7}"], f"2026-03-01 08:{n % 60:02}:00") for n in range(2000)]


def test_slices_give_the_same_users(feeds: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = feeds.workspace
    workspace.users("email text, name text, tags text[]", identifiers=["email"])
    feeds.add("crm", "id bigint, email text, name text, tags text[], ts timestamp", *ROWS)
    workspace.build()
    users = workspace.rows("from users order by user_id")
    assert len(users) == 400
    # As if every value took so much that a handful of users fills the memory.
    monkeypatch.setattr(resolution, "_BYTES_OF_A_VALUE", 1 << 26)
    workspace.build("--full-refresh")
    assert workspace.rows("from users order by user_id") == users
    assert workspace.rows("select distinct change from usersync.user_changes") == [("created",)]
