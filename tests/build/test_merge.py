"""Rows into identities: what is new, changed, unchanged and gone, within the guards; and rows of one id."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sources.tables import Feeds, Row
from tests.support import pipeline_of

OLD, NEW, LATER = "2026-03-01 08:00:00", "2026-03-02 08:00:00", "2026-03-03 08:00:00"


def people(count: int) -> list[Row]:
    return [(n, f"p{n}") for n in range(count)]


@pytest.fixture
def crm(feeds: Feeds) -> Feeds:
    feeds.workspace.users("name text, email text", identifiers=["email"])
    feeds.add("crm", "id bigint, name text", *people(3))
    return feeds


def counts(results: dict[str, Any], stem: str = "crm") -> dict[str, int]:
    found = pipeline_of(results, stem)
    return {key: found[key] for key in ("inserted", "updated", "unchanged", "deleted") if found[key]}


def test_counts(crm: Feeds) -> None:
    assert counts(crm.workspace.build()) == {"inserted": 3}
    crm.fill("crm", (0, "p0"), (1, "new"), (3, "p3"))
    results = crm.workspace.build()
    assert counts(results) == {"inserted": 1, "updated": 1, "unchanged": 1, "deleted": 1}
    assert results["users"] == {
        "created": 1, "updated": 1, "merged": 0, "split": 0, "deleted": 1, "total": 3, "identities": 3
    }  # fmt: skip
    for table in ("users", "identities"):
        assert crm.workspace.rows(f"select name from {table} order by name") == [("new",), ("p0",), ("p3",)]
    assert crm.workspace.rows(
        "select read, inserted, updated, unchanged, deleted, rejected, duplicates, outcome, error "
        "from usersync.pipeline_runs order by run_id"
    ) == [(3, 3, 0, 0, 0, 0, 0, "success", None), (3, 1, 1, 1, 1, 0, 0, "success", None)]


def test_an_unchanged_row_touches_nothing(crm: Feeds) -> None:
    crm.workspace.build()
    before = crm.workspace.rows("select * from identities join users using (user_id) order by all")
    assert counts(crm.workspace.build()) == {"unchanged": 3}
    assert crm.workspace.rows("select * from identities join users using (user_id) order by all") == before


PROPERTIES = {
    "a": ("varchar", "'x'"),
    "b": ("double", "'nan'::double"),
    "c": ("real", "0.1::double"),
    "d": ("decimal(9, 2)", "1.50::decimal(5, 2)"),
    "e": ("timestamp", "'2026-03-01 10:00:00+02'::timestamptz"),
    "f": ("date", "'2026-03-01'::date"),
    "g": ("time", "'10:00:00.5'::time"),
    "h": ("json", """'{"b": 1, "a": [null]}'::json"""),
    "i": ("varchar[]", "['b', 'a', 'b']"),
    "j": ("map(varchar, bigint)", "map {'b': 1, 'a': 2}"),
    "k": ("struct(x varchar, y struct(z bigint))", "{'x': 'x', 'y': {'z': 1}}"),
    "l": ("enum('x', 'y')", "'x'"),
    "m": ("uuid", "'4ac7a9e9-607c-4c8a-84f3-843f0191e3fd'::uuid"),
    "n": ("boolean", "true"),
}


def test_a_value_of_any_type_is_unchanged_the_second_time(crm: Feeds) -> None:
    crm.workspace.users(", ".join(f"{name} {kind}" for name, (kind, _) in PROPERTIES.items()))
    query = f"select id, {', '.join(f'{value} as {name}' for name, (_, value) in PROPERTIES.items())} from crm"
    crm.workspace.model("crm", query, connection="crm", user_id="id", mapping={name: name for name in PROPERTIES})
    assert counts(crm.workspace.build()) == {"inserted": 3}
    results = crm.workspace.build()
    assert (counts(results), results["users"]["updated"]) == ({"unchanged": 3}, 0)


def test_only_what_changed_gets_a_new_time_and_run(crm: Feeds) -> None:
    crm.workspace.build()
    [(before,)] = crm.workspace.rows("select max(updated_at) from identities")
    crm.fill("crm", (0, "new"), *people(3)[1:])
    run = crm.workspace.build()["run_id"]
    assert crm.workspace.rows(
        f"select name, updated_at > timestamp '{before}', last_run = '{run}', first_run = '{run}' "
        "from identities order by identity_id"
    ) == [("new", True, True, False), ("p1", False, False, False), ("p2", False, False, False)]


def test_a_column_that_is_no_longer_mapped_becomes_null(crm: Feeds) -> None:
    crm.workspace.build()
    crm.model("crm", mapping={"email": "name || '@x.org'"})
    assert counts(crm.workspace.build()) == {"updated": 3}
    assert crm.workspace.rows("select name, email from users order by email") == [
        (None, f"p{n}@x.org") for n in range(3)
    ]


def test_a_row_that_comes_back_is_a_new_identity(crm: Feeds) -> None:
    crm.workspace.build()
    before = crm.workspace.rows("select user_id from users")
    crm.fill("crm", *people(2))
    crm.workspace.build()
    crm.fill("crm", *people(3))
    results = crm.workspace.build()
    assert (results["users"]["created"], counts(results)) == (1, {"inserted": 1, "unchanged": 2})
    assert len(set(before) & set(crm.workspace.rows("select user_id from users"))) == 2


# --- Deletions ---


def test_on_missing_keep(crm: Feeds) -> None:
    crm.model("crm", on_missing="keep")
    crm.workspace.build()
    for rows in (people(1), []):
        crm.fill("crm", *rows)
        assert counts(crm.workspace.build()).get("deleted", 0) == 0
    assert crm.workspace.rows("select count(*) from users") == [(3,)]


@pytest.mark.parametrize(
    ("max_deleted", "before", "after", "refused"),
    [
        ("30%", 20, 14, False),
        ("30%", 20, 13, True),
        ("30%", 19, 1, False),  # of few a percentage says little
        ("0%", 20, 19, True),
        ("100%", 20, 1, False),
        ("100%", 20, 0, True),
        ("100%", 1, 0, True),
        (2, 5, 3, False),
        (2, 5, 2, True),
        (0, 2, 1, True),
        (5, 3, 0, True),
    ],
)
def test_max_deleted(crm: Feeds, max_deleted: int | str, before: int, after: int, refused: bool) -> None:
    crm.model("crm", max_deleted=max_deleted)
    crm.fill("crm", *people(before))
    crm.workspace.build()
    crm.fill("crm", *people(after))
    results = crm.workspace.build(expect=4 if refused else 0)
    left = before if refused else after
    assert crm.workspace.rows("select (select count(*) from users), (select count(*) from identities)") == [
        (left, left)
    ]
    assert pipeline_of(results, "crm")["outcome"] == ("refused" if refused else "success")
    assert pipeline_of(crm.workspace.build("--allow-deletes"), "crm")["outcome"] == "success"
    assert crm.workspace.rows("select count(*) from users") == [(after,)]


def test_the_default_is_thirty_percent(crm: Feeds) -> None:
    crm.fill("crm", *people(20))
    crm.workspace.build()
    crm.fill("crm", *people(13))
    [error] = pipeline_of(crm.workspace.build(expect=4), "crm")["errors"]
    assert error["message"] == "7 of 20 identities would be deleted: more than max_deleted = '30%'"
    assert "--allow-deletes" in error["hint"]


def test_a_refused_pipeline_stays_as_it_was_and_the_others_are_done(crm: Feeds) -> None:
    crm.add("app", "id bigint, name text", (1, "before"))
    crm.workspace.build()
    crm.fill("crm", (0, "changed"), ("9", "new"))
    crm.model("crm", max_deleted=0)
    crm.fill("app", (1, "after"))
    results = crm.workspace.build(expect=4)
    assert [(p["pipeline"], p["outcome"]) for p in results["pipelines"]] == [("app", "success"), ("crm", "refused")]
    assert counts(results) == {}
    assert crm.workspace.rows("select name from identities order by name") == [("after",), ("p0",), ("p1",), ("p2",)]
    assert results["users"]["updated"] == 1


def test_a_refused_pipeline_keeps_its_definition_and_rejected_rows(crm: Feeds) -> None:
    crm.fill("crm", *people(3), (None, "no id"))
    crm.workspace.build()
    state = "select * from usersync.cursors", "select * from usersync.rejected_rows"
    before = [crm.workspace.rows(sql) for sql in state]
    crm.model("crm", max_deleted=0, mapping={"name": "upper(name)"})
    crm.fill("crm", *people(1))
    crm.workspace.build(expect=4)
    assert [crm.workspace.rows(sql) for sql in state] == before


def test_a_failure_weighs_more_than_a_refusal(crm: Feeds) -> None:
    crm.add("app", "id bigint, name text", (1, "app"))
    crm.workspace.build()
    crm.fill("crm")
    crm.stores["app"].execute("drop table app")
    crm.workspace.build(expect=1)


def test_a_refusal_under_fail_fast_writes_nothing(crm: Feeds) -> None:
    crm.add("app", "id bigint, name text", (1, "before"))
    crm.workspace.build()
    crm.fill("crm")
    crm.fill("app", (1, "after"))
    crm.workspace.build("--fail-fast", expect=4)
    assert crm.workspace.rows("select name from identities where pipeline = 'app'") == [("before",)]


# --- Several rows of one id ---


@pytest.fixture
def timed(feeds: Feeds) -> Feeds:
    feeds.workspace.users("name text")
    feeds.add("crm", "id bigint, name text, ts timestamp")
    return feeds


def test_of_rows_with_one_id_the_latest_wins_and_a_warning_counts_the_others(timed: Feeds) -> None:
    timed.fill("crm", (1, "old", OLD), (1, "latest", LATER), (1, "new", NEW), (2, "alone", OLD))
    results = timed.workspace.build()
    assert (pipeline_of(results, "crm")["duplicates"], counts(results)) == (2, {"inserted": 2})
    assert timed.workspace.rows("select name from users order by name") == [("alone",), ("latest",)]
    [warning] = results["warnings"]
    assert (warning["level"], warning["file"]) == ("warning", "models/crm.sql")
    assert warning["message"] == "2 rows repeat a user id of the same read: the latest update time won"


def test_a_tie_between_rows_of_one_id_is_broken_the_same_way_every_time(timed: Feeds) -> None:
    rows = [(1, name, OLD) for name in ("a", "c", "b")]
    timed.fill("crm", *rows)
    timed.workspace.build()
    first = timed.workspace.rows("select name from users")
    for order in (rows[::-1], [rows[1], rows[0], rows[2]]):
        timed.fill("crm", *order)
        assert counts(timed.workspace.build()) == {"unchanged": 1}
    assert timed.workspace.rows("select name from users") == first


def test_a_repeated_row_without_update_time_is_one_identity(crm: Feeds) -> None:
    crm.fill("crm", (1, "a"), (1, "a"), (1, "b"))
    results = crm.workspace.build()
    assert (pipeline_of(results, "crm")["duplicates"], counts(results)) == (2, {"inserted": 1})
    assert counts(crm.workspace.build()) == {"unchanged": 1}


@pytest.mark.parametrize(
    ("bad", "property"), [(("too long", NEW), "name"), (("other", "2990-01-01 00:00:00"), "ts")], ids=["value", "time"]
)
def test_a_later_row_that_is_rejected_does_not_displace_a_good_one(
    timed: Feeds, bad: tuple[str, str], property: str
) -> None:
    timed.workspace.users("name varchar(5)")
    timed.fill("crm", (1, "good", OLD), (1, *bad))
    timed.workspace.build()
    assert timed.workspace.rows("select name from identities") == [("good",)]
    assert timed.workspace.rows("select identity_id, property from usersync.rejected_rows") == [("1", property)]


def test_an_earlier_row_that_would_be_rejected_does_no_harm(timed: Feeds) -> None:
    timed.workspace.users("name varchar(5)")
    timed.fill("crm", (1, "too long", OLD), (1, "good", NEW))
    results = timed.workspace.build()
    assert timed.workspace.rows("select name from users") == [("good",)]
    assert pipeline_of(results, "crm")["duplicates"] == 1
