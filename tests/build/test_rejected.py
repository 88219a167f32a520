"""Rows that cannot be taken: ids, update times and values. Each is kept as read, and holds nothing else up."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.sources.tables import Feeds, Store, sources
from tests.support import Workspace, pipeline_of

OLD, NEW = "2026-03-01 08:00:00", "2026-03-02 08:00:00"
SINCE = "where ts >= ${updated_at}"
REJECTED = "select identity_id, property, reason from usersync.rejected_rows order by all"
REJECTED_IDS = "select identity_id, property, starts_with(reason, 'id is null') from usersync.rejected_rows"


# --- User ids ---


@pytest.mark.parametrize(
    ("kind", "given", "ids", "rejected"),
    [
        ("bigint", [1, -2, None], ["-2", "1"], [None]),
        ("text", ["a", " b ", "Ä", "", None], [" b ", "a", "Ä"], [None, None]),
        (
            "uuid",
            ["4AC7A9E9-607C-4C8A-84F3-843F0191E3FD", None],
            ["4ac7a9e9-607c-4c8a-84f3-843f0191e3fd"],
            [None],
        ),
        ("json", ['"a"', "7", "1.5", "true", "null", '""', '{"id": 1}', "[1]"], ["7", "a"], [None] * 6),
        ("hugeint", ["170141183460469231731687303715884105727"], ["170141183460469231731687303715884105727"], []),
    ],
)
def test_ids(feeds: Feeds, kind: str, given: list[object], ids: list[str], rejected: list[None]) -> None:
    feeds.workspace.users("name text")
    feeds.add("crm", f"id {kind}, name text", *((value, "x") for value in given))
    results = pipeline_of(feeds.workspace.build(), "crm")
    assert [row[0] for row in feeds.workspace.rows("select identity_id from identities order by all")] == ids
    assert feeds.workspace.rows(REJECTED_IDS) == [(each, "id", True) for each in rejected]
    assert (results["read"], results["inserted"], results["rejected"]) == (len(given), len(ids), len(rejected))


@pytest.mark.parametrize("store", sources("postgres", "mysql"), indirect=True)
def test_ids_of_json_columns(workspace: Workspace, store: Store) -> None:
    store.fill("people", "id json, name text", [('"a"', "x"), ("7", "y"), ('{"id": 1}', "z"), (None, "n")])
    workspace.profile({"it": store.profile})
    workspace.users("name text")
    workspace.model("p", "select id, name from people", connection="it", user_id="id")
    workspace.build()
    assert workspace.rows("select identity_id, name from identities order by all") == [("7", "y"), ("a", "x")]
    assert workspace.rows(REJECTED_IDS) == [(None, "id", True)] * 2


@pytest.mark.parametrize("kind", ["double", "boolean", "date", "decimal(10,2)", "bigint[]"])
def test_a_type_that_cannot_be_an_id_fails_the_pipeline(feeds: Feeds, kind: str) -> None:
    feeds.workspace.users("name text")
    feeds.add("crm", f"id {kind}, name text")
    [error] = pipeline_of(feeds.workspace.build(expect=1), "crm")["errors"]
    assert (error["code"], error["file"]) == ("US206", "models/crm.sql")


# --- Update times ---


@pytest.mark.parametrize(
    ("kind", "form", "given", "reason"),
    [
        ("timestamp", None, None, "ts is null"),
        ("timestamp", None, "1899-12-31 23:59:59", "ts is before 1900"),
        ("timestamp", None, "2990-01-01 00:00:00", "ts is in the future"),
        ("timestamp", None, "infinity", "ts is in the future"),
        ("timestamp", None, "-infinity", "ts is before 1900"),
        ("timestamptz", None, "2990-01-01 00:00:00+00", "ts is in the future"),
        ("date", None, "1899-12-31", "ts is before 1900"),
        ("text", "ISO8601", "2026-02-30T08:00:00Z", "ts is not ISO8601"),
        ("text", "ISO8601", "yesterday", "ts is not ISO8601"),
        ("text", "ISO8601", "", "ts is not ISO8601"),
        ("text", "%Y-%m-%d", "2026-13-01", "ts is not %Y-%m-%d"),
        ("json", "ISO8601", "null", "ts is not ISO8601"),
        ("json", "ISO8601", '{"at": 1}', "ts is not ISO8601"),
    ],
)
def test_a_bad_update_time_is_rejected_and_never_the_cursor(
    feeds: Feeds, kind: str, form: str | None, given: object, reason: str
) -> None:
    good = '"2026-03-01"' if kind == "json" else "2026-03-01"
    feeds.workspace.users("name text")
    feeds.add("crm", f"id bigint, name text, ts {kind}", (1, "good", good), (2, "bad", given), updated_at_format=form)
    results = pipeline_of(feeds.workspace.build(), "crm")
    assert (results["inserted"], results["rejected"]) == (1, 1)
    assert feeds.workspace.rows(REJECTED) == [("2", "ts", reason)]
    [(cursor,)] = feeds.workspace.rows("select value from usersync.cursors")
    assert cursor == (good if form else f"{good} 00:00:00")


def test_a_time_up_to_five_minutes_ahead_is_taken(feeds: Feeds) -> None:
    feeds.workspace.users("name text")
    feeds.add("crm", "id bigint, ahead text, name text", (1, "4 minutes", "a"), (2, "6 minutes", "b"))
    query = "select id, name, now()::timestamp + ahead::interval as ts from crm"
    feeds.workspace.model("crm", query, connection="crm", user_id="id", updated_at="ts")
    feeds.workspace.build()
    assert feeds.workspace.rows("select name from users") == [("a",)]
    assert feeds.workspace.rows(REJECTED) == [("2", "ts", "ts is in the future")]


# --- Values ---

EMOJI = "\N{WAVING HAND SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}"


@pytest.mark.parametrize(
    ("property", "column", "given", "stored"),
    [
        ("varchar(2)", "text", EMOJI, EMOJI),  # two code points, eight bytes
        ("varchar(1)", "text", "", ""),
        ("varchar(5)", "bigint", 12345, "12345"),
        ("enum('IT', 'FR')", "text", "IT", "IT"),
        ("enum('IT', 'FR')", "text", "", None),
        ("integer", "text", "42", "42"),
        ("integer", "text", "", None),
        ("boolean", "text", "", None),
        ("date", "text", "", None),
        ("boolean", "text", "true", "true"),
        ("year", "text", "2026", "2026"),
        ("year", "bigint", 1, "1"),
        ("decimal(5, 2)", "text", "999.99", "999.99"),
        ("decimal(5, 2)", "double", -0.5, "-0.50"),
        ("date", "text", "2026-02-28", "2026-02-28"),
        ("timestamp", "timestamptz", "2026-03-01 10:00:00+02", "2026-03-01 08:00:00"),
        ("timestamp", "text", "2026-03-01T10:00:00+02:00", "2026-03-01 08:00:00"),
        ("uuid", "text", "4AC7A9E9-607C-4C8A-84F3-843F0191E3FD", "4ac7a9e9-607c-4c8a-84f3-843f0191e3fd"),
        ("varchar", "json", '"text"', "text"),
        ("varchar", "json", "null", None),
        ("integer", "json", "7", "7"),
        ("integer", "json", "null", None),
        ("json", "json", '{"a": [1, null]}', '{"a": [1, null]}'),
        ("bigint check (value >= 0)", "bigint", 0, "0"),
        ("bigint check (value >= 0)", "bigint", None, None),
        ("varchar[]", "text[]", ["b", "a"], "[a, b]"),
    ],
)
def test_a_value_that_fits_is_taken(
    feeds: Feeds, property: str, column: str, given: object, stored: str | None
) -> None:
    feeds.workspace.users(f"value {property}")
    feeds.add("crm", f"id bigint, value {column}", (1, given))
    assert pipeline_of(feeds.workspace.build(), "crm")["rejected"] == 0, feeds.workspace.rows(REJECTED)
    assert feeds.workspace.rows("select value::varchar from users") == [(stored,)]


@pytest.mark.parametrize(
    ("property", "column", "given", "reason"),
    [
        ("varchar(1)", "text", EMOJI, "is longer than 1 characters"),
        ("varchar(4)", "bigint", 12345, "is longer than 4 characters"),
        ("enum('IT', 'FR')", "text", "it", "is not a valid enum('IT', 'FR')"),
        ("enum('IT', 'FR')", "text", "DE", "is not a valid enum('IT', 'FR')"),
        ("integer", "text", "4x", "is not a valid integer"),
        ("tinyint", "bigint", 128, "is not a valid tinyint"),
        ("utinyint", "bigint", -1, "is not a valid utinyint"),
        ("year", "text", "0", "is not a valid year"),
        ("year", "bigint", 10000, "is not a valid year"),
        ("decimal(5, 2)", "text", "1000", "is not a valid decimal(5, 2)"),
        ("decimal(5, 2)", "double", 1e9, "is not a valid decimal(5, 2)"),
        ("date", "text", "2026-02-30", "is not a valid date"),
        ("uuid", "text", "x", "is not a valid uuid"),
        ("integer", "json", '"x"', "is not a valid integer"),
        ("bigint check (value >= 0)", "bigint", -1, "check (value >= 0) is false"),
        ("varchar check (value like '%@%')", "text", "x", "check (value like '%@%') is false"),
    ],
)
def test_a_value_that_does_not_fit_rejects_the_row(
    feeds: Feeds, property: str, column: str, given: object, reason: str
) -> None:
    feeds.workspace.users(f"value {property}")
    feeds.add("crm", f"id bigint, value {column}", (1, given), (2, None))
    assert pipeline_of(feeds.workspace.build(), "crm")["rejected"] == 1
    assert feeds.workspace.rows(REJECTED) == [("1", "value", reason)]
    assert feeds.workspace.rows("select identity_id from identities") == [("2",)]


# --- What is kept of a rejected row ---


@pytest.fixture
def crm(feeds: Feeds) -> Feeds:
    feeds.workspace.users("score integer, name text")
    feeds.add("crm", "id bigint, score text, name text, ts timestamp", (1, "10", "a", OLD), (2, "20", "b", OLD))
    feeds.workspace.build()
    return feeds


def test_a_rejected_row_is_kept_as_read_and_its_identity_keeps_its_last_good_values(crm: Feeds) -> None:
    crm.fill("crm", (1, "1O", "changed", NEW), (2, "20", "b", OLD))
    results = crm.workspace.build()
    found = pipeline_of(results, "crm")
    assert (found["rejected"], found["unchanged"], found["updated"], found["deleted"]) == (1, 1, 0, 0)
    [(identity, prop, reason, row, run, attempts)] = crm.workspace.rows(
        "select identity_id, property, reason, row, run_id, attempts from usersync.rejected_rows"
    )
    assert (identity, prop, reason, run, attempts) == ("1", "score", "is not a valid integer", results["run_id"], 1)
    assert json.loads(row) == {"id": 1, "score": "1O", "name": "changed", "ts": NEW}
    assert crm.workspace.rows("select name, score from users order by name") == [("a", 10), ("b", 20)]


def test_attempts_are_counted_until_the_row_passes(crm: Feeds) -> None:
    crm.fill("crm", (1, "1O", "a", NEW), (2, "20", "b", OLD))
    for attempt in (1, 2, 3):
        crm.workspace.build()
        assert crm.workspace.rows("select attempts from usersync.rejected_rows") == [(attempt,)]
    crm.fill("crm", (1, "11", "a", NEW), (2, "20", "b", OLD))
    assert pipeline_of(crm.workspace.build(), "crm")["updated"] == 1
    assert crm.workspace.rows("select * from usersync.rejected_rows") == []


def test_a_rejected_row_that_an_incremental_run_does_not_read_stays_recorded(crm: Feeds) -> None:
    crm.model("crm", where=SINCE, incremental=True)
    crm.fill("crm", (1, "1O", "a", OLD), (2, "20", "b", NEW))
    assert pipeline_of(crm.workspace.build(), "crm")["rejected"] == 1
    assert pipeline_of(crm.workspace.build(), "crm")["read"] == 1
    assert crm.workspace.rows("select identity_id, row ->> 'score' from usersync.rejected_rows") == [("1", "1O")]
    crm.fill("crm", (1, "12", "a", NEW), (2, "20", "b", NEW))
    crm.workspace.build()
    assert crm.workspace.rows("select * from usersync.rejected_rows") == []
    assert crm.workspace.rows("select score from users order by 1") == [(12,), (20,)]


def test_a_rejected_row_is_tried_again_though_the_source_does_not_send_it_again(crm: Feeds) -> None:
    crm.model("crm", where=SINCE, incremental=True, mapping={"score": "try_cast(name as int)"})
    crm.workspace.users("score integer check (score < 5), name text")
    crm.fill("crm", (1, "", "7", OLD), (2, "", "3", NEW))
    for attempt in (1, 2, 3):
        crm.workspace.build()
        found = crm.workspace.rows("select identity_id, property, attempts from usersync.rejected_rows")
        assert found == [("1", "score", attempt)]


COLUMNS = {
    "a": ("text", "'L''été \"☀\" \\'"),
    "b": ("double", "0.1"),
    "c": ("decimal(38, 10)", "12345678901234567890.0123456789"),
    "d": ("timestamp", "timestamptz '2026-03-01 10:00:00.123456+02'"),
    "e": ("date", "date '2026-03-01'"),
    "f": ("json", """'{"a":[1,null,"☀"]}'::json"""),
    "g": ("varchar[]", "['b', 'a']"),
    "h": ("bigint", "9223372036854775807"),
    "i": ("uuid", "'4ac7a9e9-607c-4c8a-84f3-843f0191e3fd'::uuid"),
    "j": ("decimal(38, 0)", "12345678901234567890123456789012345678"),
}


def test_a_row_that_passes_later_is_as_it_was(feeds: Feeds) -> None:
    """It is read once, and fails until a moment has passed."""
    feeds.workspace.users(", ".join(["gate integer", *(f"{name} {kind}" for name, (kind, _) in COLUMNS.items())]))
    feeds.add("crm", "id bigint, ts timestamp", (1, OLD), (2, NEW))
    values = ", ".join(f"{value} as {name}" for name, (_, value) in COLUMNS.items())
    moment = datetime.now(UTC) + timedelta(seconds=4)
    gate = f"if(now() < timestamptz '{moment}', 'shut', '1')"
    feeds.workspace.model(
        "crm",
        f"select id, ts, {values} from crm {SINCE}",
        connection="crm",
        user_id="id",
        updated_at="ts",
        incremental=True,
        mapping={"gate": gate, **{name: name for name in COLUMNS}},
    )
    assert pipeline_of(feeds.workspace.build(), "crm")["rejected"] == 2
    feeds.fill("crm", (3, "2026-03-03 08:00:00"))
    time.sleep(max(0, (moment - datetime.now(UTC)).total_seconds()))
    found = pipeline_of(feeds.workspace.build(), "crm")
    assert (found["read"], found["inserted"], found["rejected"]) == (1, 3, 0)
    [first, second, read] = feeds.workspace.rows(f"select {', '.join(COLUMNS)} from identities order by identity_id")
    assert first == second == read
    assert feeds.workspace.rows("from usersync.rejected_rows") == []


def test_all_reasons_of_a_row_come_down_to_the_first(feeds: Feeds) -> None:
    feeds.workspace.users("a integer, b integer")
    feeds.add("crm", "id bigint, a text, b text, ts timestamp", (1, "x", "x", OLD), (None, "x", "x", None))
    feeds.workspace.build()
    assert feeds.workspace.rows(REJECTED) == [("1", "a", "is not a valid integer"), (None, "id", "id is null or empty")]


@pytest.mark.parametrize(("limit", "exit_code"), [(1, 1), (2, 0)])
def test_max_rejected(crm: Feeds, limit: int, exit_code: int) -> None:
    crm.model("crm", max_rejected=limit)
    crm.fill("crm", (1, "x", "a", NEW), (2, "x", "b", NEW), (3, "30", "c", NEW))
    found = pipeline_of(crm.workspace.build(expect=exit_code), "crm")
    assert (found["rejected"], len(found["errors"])) == (2, exit_code)
    assert crm.workspace.rows("select name from users order by name") == [("a",), ("b",), ("c",)][: 3 - exit_code]
    assert len(crm.workspace.rows(REJECTED)) == 2 * (1 - exit_code)
