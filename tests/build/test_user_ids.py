"""A user's id lasts: through builds, merges, splits, deletions, full refreshes; and `user_changes` tells the story."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import RFC_4122, UUID

import pytest

from tests.sources.tables import Feeds, Row
from tests.support import Workspace

COLUMNS = "id text, email text"


@pytest.fixture
def crm(feeds: Feeds) -> Feeds:
    """Ann is the oldest by far, Bob and Cid came later."""
    feeds.workspace.users("email text", identifiers=["email"])
    feeds.add("crm", COLUMNS, ("ann", "a@x"))
    feeds.workspace.build()
    feeds.fill("crm", ("ann", "a@x"), ("bob", "b@x"))
    feeds.workspace.build()
    feeds.fill("crm", ("ann", "a@x"), ("bob", "b@x"), ("cid", "c@x"))
    feeds.workspace.build()
    return feeds


def ids(feeds: Feeds) -> dict[str, object]:
    return dict(feeds.workspace.rows("select identity_id, user_id from identities"))


def now(feeds: Feeds, **emails: str) -> dict[str, object]:
    """The users of the identities after a build of these, and of no others."""
    feeds.fill("crm", *emails.items())
    feeds.workspace.build()
    return ids(feeds)


def changes(workspace: Workspace) -> list[Row]:
    """What the last build did to users."""
    last = "where run_id = (select max(run_id) from usersync.runs)"
    sql = f"select change, user_id, old_user_id from usersync.user_changes {last} order by all"
    return list(workspace.rows(sql))


def test_every_user_is_created_once(crm: Feeds) -> None:
    assert crm.workspace.rows("select change, user_id, old_user_id from usersync.user_changes order by run_id") == [
        ("created", ids(crm)[name], None) for name in ("ann", "bob", "cid")
    ]


def test_ids_are_random_uuids(crm: Feeds) -> None:
    found = [UUID(str(one)) for one in ids(crm).values()]
    assert len(set(found)) == 3
    assert {(one.version, one.variant) for one in found} == {(4, RFC_4122)}


def test_what_a_backup_has_not_seen_does_not_come_back_as_someone_else(crm: Feeds, tmp_path: Path) -> None:
    warehouse = crm.workspace.root / "target/warehouse.duckdb"
    backup = shutil.copy(warehouse, tmp_path / "backup.duckdb")
    first = now(crm, ann="a@x", bob="b@x", cid="c@x", dan="d@x")
    shutil.copy(backup, warehouse)
    second = now(crm, ann="a@x", bob="b@x", cid="c@x", eve="e@x")
    assert first.items() & second.items() == {(name, first[name]) for name in ("ann", "bob", "cid")}
    assert second["eve"] not in first.values()


def test_a_second_build_keeps_the_ids(crm: Feeds) -> None:
    first = ids(crm)
    assert now(crm, ann="a@x", bob="b@x", cid="c@x") == first
    assert changes(crm.workspace) == []


def test_a_full_refresh_keeps_the_ids(crm: Feeds) -> None:
    first = ids(crm)
    crm.workspace.build("--full-refresh")
    assert ids(crm) == first
    assert changes(crm.workspace) == []


def test_a_merge_keeps_the_id_of_the_oldest(crm: Feeds) -> None:
    first = ids(crm)
    merged = now(crm, ann="c@x", bob="c@x", cid="c@x")
    assert set(merged.values()) == {first["ann"]}
    assert changes(crm.workspace) == sorted(
        [("merged", first["ann"], first["bob"]), ("merged", first["ann"], first["cid"])], key=str
    )


def test_an_undone_merge_gives_the_former_ids_back(crm: Feeds) -> None:
    first = ids(crm)
    now(crm, ann="c@x", bob="c@x", cid="c@x")
    assert now(crm, ann="a@x", bob="b@x", cid="c@x") == first
    assert sorted(changes(crm.workspace), key=str) == sorted(
        [("split", first["bob"], first["ann"]), ("split", first["cid"], first["ann"])], key=str
    )


def test_in_a_split_the_part_with_the_oldest_keeps_the_id(crm: Feeds) -> None:
    first = ids(crm)
    now(crm, ann="c@x", bob="c@x", cid="c@x")
    split = now(crm, ann="a@x", bob="c@x", cid="c@x")
    assert (split["ann"], split["bob"], split["cid"]) == (first["ann"], first["bob"], first["bob"])
    assert changes(crm.workspace) == [("split", first["bob"], first["ann"])]


def test_whoever_moves_to_an_older_user_takes_its_id(crm: Feeds) -> None:
    first = ids(crm)
    now(crm, ann="a@x", bob="c@x", cid="c@x")
    moved = now(crm, ann="a@x", bob="a@x", cid="c@x")
    assert (moved["ann"], moved["bob"], moved["cid"]) == (first["ann"], first["ann"], first["cid"])
    assert changes(crm.workspace) == [
        ("merged", first["ann"], first["bob"]),
        ("split", first["cid"], first["bob"]),
    ]


def test_a_user_outlives_its_oldest_identity(crm: Feeds) -> None:
    first = ids(crm)
    now(crm, ann="c@x", bob="c@x", cid="c@x")
    assert now(crm, bob="c@x", cid="c@x") == dict.fromkeys(("bob", "cid"), first["ann"])
    assert now(crm, cid="c@x") == {"cid": first["ann"]}
    assert changes(crm.workspace) == []


def test_the_oldest_identity_goes_in_the_build_that_splits_its_user(crm: Feeds) -> None:
    first = ids(crm)
    now(crm, ann="c@x", bob="c@x", cid="c@x")
    split = now(crm, bob="b@x", cid="c@x")
    assert split == {"bob": first["ann"], "cid": first["cid"]}
    assert changes(crm.workspace) == [("split", first["cid"], first["ann"])]


def test_the_oldest_identity_goes_in_the_build_that_merges_its_user(crm: Feeds) -> None:
    first = ids(crm)
    now(crm, ann="a@x", bob="c@x", cid="c@x")
    assert now(crm, ann="c@x", cid="c@x") == dict.fromkeys(("ann", "cid"), first["ann"])
    assert changes(crm.workspace) == [("merged", first["ann"], first["bob"])]


def test_a_user_is_deleted_with_its_last_identity_and_its_id_never_comes_back(crm: Feeds) -> None:
    first = ids(crm)
    now(crm, ann="a@x", cid="c@x")
    assert changes(crm.workspace) == [("deleted", first["bob"], None)]
    again = now(crm, ann="a@x", bob="b@x", cid="c@x")
    assert again["bob"] not in first.values()
    assert changes(crm.workspace) == [("created", again["bob"], None)]


def test_created_at_stays_and_updated_at_is_the_latest_of_the_identities(crm: Feeds) -> None:
    def times() -> dict[object, Row]:
        return {row[0]: row[1:] for row in crm.workspace.rows("select user_id, created_at, updated_at from users")}

    before, first = times(), ids(crm)
    now(crm, ann="b@x", bob="b@x", cid="c@x")
    after = times()
    assert after[first["cid"]] == before[first["cid"]]
    assert after[first["ann"]][0] == before[first["ann"]][0]
    [(latest,)] = crm.workspace.rows("select max(updated_at) from identities")
    assert after[first["ann"]][1] == latest


def test_a_user_keeps_its_id_when_an_older_identity_that_waited_joins_it(feeds: Feeds) -> None:
    feeds.workspace.users("email text", identifiers=["email"])
    feeds.add("letter", COLUMNS, ("x", "b@x"), write="update_only")
    feeds.workspace.build()
    feeds.add("crm", COLUMNS, ("bob", "old@x"))
    feeds.workspace.build()
    [before] = feeds.workspace.rows("select user_id from users")
    feeds.fill("crm", ("bob", "b@x"))
    results = feeds.workspace.build()
    assert feeds.workspace.rows("select user_id from users") == [before]
    assert (results["users"]["created"], results["users"]["merged"]) == (0, 0)


def test_an_identity_that_creates_users_inherits_before_an_older_one_that_does_not(feeds: Feeds) -> None:
    feeds.workspace.users("email text", identifiers=["email"])
    feeds.add("letter", COLUMNS, ("x", "b@x"), write="update_only")
    feeds.workspace.build()
    feeds.add("crm", COLUMNS, ("bob", "b@x"), ("cid", "b@x"))
    feeds.workspace.build()
    before = ids(feeds)
    feeds.fill("crm", ("cid", "b@x"))
    feeds.workspace.build()
    feeds.fill("crm", ("cid", "c@x"))
    feeds.workspace.build()
    assert ids(feeds) == {"x": None, "cid": before["bob"]}
    assert changes(feeds.workspace) == []


# --- Decisions, and ids of the past ---


def decide(feeds: Feeds, *decisions: str) -> dict[str, object]:
    """The users of the identities after a build with these decisions and no others."""
    lines = ["decision,identity,other,who,why,when", *(f"{one},,," for one in decisions), ""]
    feeds.workspace.write("models/overrides.csv", "\n".join(lines))
    feeds.workspace.build()
    return ids(feeds)


def today(feeds: Feeds) -> dict[object, object]:
    """What every id there ever was leads to."""
    return dict(feeds.workspace.rows("select user_id, current_user_id from user_ids"))


def test_a_link_that_is_taken_back_gives_the_former_ids_back(crm: Feeds) -> None:
    first = ids(crm)
    linked = decide(crm, "link,crm:cid,crm:bob")
    assert linked == {**first, "cid": first["bob"]}
    assert changes(crm.workspace) == [("merged", first["bob"], first["cid"])]
    assert decide(crm) == first
    assert changes(crm.workspace) == [("split", first["cid"], first["bob"])]


def test_an_unlink_that_is_taken_back_gives_the_older_id_back(crm: Feeds) -> None:
    first = ids(crm)
    together = now(crm, ann="a@x", bob="a@x", cid="c@x")
    assert decide(crm, "unlink,crm:ann,crm:bob") == first
    assert changes(crm.workspace) == [("split", first["bob"], first["ann"])]
    assert decide(crm) == together
    assert changes(crm.workspace) == [("merged", first["ann"], first["bob"])]


def test_a_past_id_leads_to_todays_user_over_any_number_of_merges(crm: Feeds) -> None:
    first = ids(crm)
    now(crm, ann="a@x", bob="b@x", cid="b@x")
    now(crm, ann="b@x", bob="b@x", cid="b@x")
    assert today(crm) == dict.fromkeys(first.values(), first["ann"])


def test_an_id_that_came_back_leads_to_itself(crm: Feeds) -> None:
    first = ids(crm)
    now(crm, ann="c@x", bob="c@x", cid="c@x")
    now(crm, ann="a@x", bob="c@x", cid="c@x")
    assert today(crm) == {first["ann"]: first["ann"], first["bob"]: first["bob"], first["cid"]: first["ann"]}


def test_the_id_of_a_deleted_user_leads_nowhere_and_so_do_those_that_led_to_it(crm: Feeds) -> None:
    first = ids(crm)
    now(crm, ann="a@x", bob="b@x", cid="b@x")
    now(crm, ann="a@x")
    assert today(crm) == {first["ann"]: first["ann"], first["bob"]: None, first["cid"]: None}
