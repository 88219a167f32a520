"""Incremental runs: what is read again, what the cursor is, and when everything is read."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime

import pytest

from tests.sources.tables import Feeds, Row, Store
from tests.support import Workspace, pipeline_of

DAYS = [datetime(2026, 3, day, 8) for day in (1, 2, 3, 4)]


@dataclass(frozen=True)
class Spelling:
    """How a source holds update times: as a type, or as text in a format."""

    type: str
    text: str
    cursor: str
    format: str | None = None


SPELLINGS = {
    "timestamp": Spelling("timestamp", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S"),
    "timestamptz": Spelling("timestamptz", "%Y-%m-%d %H:%M:%S+00", "%Y-%m-%d %H:%M:%S"),
    "date": Spelling("date", "%Y-%m-%d", "%Y-%m-%d 00:00:00"),
    "iso_t": Spelling("text", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%SZ", "ISO8601"),
    "iso_blank": Spelling("text", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "ISO8601"),
    "strftime": Spelling("text", "%Y/%m/%d %H.%M", "%Y/%m/%d %H.%M", "%Y/%m/%d %H.%M"),
    "json": Spelling("json", '"%Y-%m-%dT%H:%M:%SZ"', '"%Y-%m-%dT%H:%M:%SZ"', "ISO8601"),
}
MISSING = {"mysql": {"timestamptz"}, "sqlite": {"timestamp", "timestamptz", "date", "json"}}
"""Types that a source has not."""


def spellings(kind: str) -> dict[str, Spelling]:
    return {name: spelling for name, spelling in SPELLINGS.items() if name not in MISSING.get(kind, ())}


def fill(store: Store, *rows: tuple[int, str, datetime]) -> str:
    known = spellings(store.kind)
    columns = ", ".join(["id bigint", "name text", *(f"{name}_at {s.type}" for name, s in known.items())])
    return store.fill(
        "people",
        columns,
        [(n, name, *(at.strftime(s.text) for s in known.values())) for n, name, at in rows],
    )


def counts(workspace: Workspace) -> dict[str, tuple[int, ...]]:
    wanted = ("read", "inserted", "updated", "unchanged", "rejected")
    return {p["pipeline"]: tuple(p[key] for key in wanted) for p in workspace.build()["pipelines"]}


def test_every_kind_of_update_time_is_read_from_the_cursor_on(workspace: Workspace, store: Store) -> None:
    known = spellings(store.kind)
    people = [(1, "a", DAYS[0]), (2, "b", DAYS[1]), (3, "c", DAYS[2]), (4, "d", DAYS[2])]
    table = fill(store, *people)
    workspace.profile({"it": store.profile})
    workspace.users("name text")
    for name, spelling in known.items():
        workspace.model(
            name,
            f"select id, name, {name}_at from {table} where {name}_at >= ${{updated_at}}",
            connection="it",
            user_id="id",
            updated_at=f"{name}_at",
            updated_at_format=spelling.format,
            incremental=True,
        )
    assert counts(workspace) == dict.fromkeys(known, (4, 4, 0, 0, 0))
    assert counts(workspace) == dict.fromkeys(known, (2, 0, 0, 2, 0))
    fill(store, (1, "new", DAYS[3]), *people[1:])
    assert counts(workspace) == dict.fromkeys(known, (3, 0, 1, 2, 0))
    assert dict(workspace.rows("select pipeline, value from usersync.cursors")) == {
        name: DAYS[3].strftime(spelling.cursor) for name, spelling in known.items()
    }
    assert workspace.rows("select name, count(*) from identities group by name order by name") == [
        (name, len(known)) for name in ("b", "c", "d", "new")
    ]


COLUMNS = "id bigint, name text, ts timestamp"
SINCE = "where ts >= ${updated_at}"
PEOPLE: list[Row] = [(n, f"p{n}", f"{day}") for n, day in enumerate(DAYS[:3], start=1)]


@pytest.fixture
def crm(feeds: Feeds) -> Feeds:
    feeds.workspace.users("name text")
    feeds.add("crm", COLUMNS, *PEOPLE, where=SINCE, incremental=True)
    return feeds


def ran(feeds: Feeds, *args: str) -> tuple[bool, int]:
    """Whether the next build imports everything, and how many rows it reads."""
    found = pipeline_of(feeds.workspace.build(*args), "crm")
    return found["full_import"], found["read"]


def test_the_first_run_is_full_and_the_next_is_not(crm: Feeds) -> None:
    assert [ran(crm), ran(crm)] == [(True, 3), (False, 1)]


def test_a_pipeline_that_is_not_incremental_reads_everything(crm: Feeds) -> None:
    crm.model("crm", where=SINCE)
    assert [ran(crm), ran(crm)] == [(True, 3), (True, 3)]


def test_a_full_refresh_reads_everything_and_changes_nothing(crm: Feeds) -> None:
    ran(crm)
    before = crm.workspace.rows("select * from identities join users using (user_id) order by all")
    assert ran(crm, "--full-refresh") == (True, 3)
    assert crm.workspace.rows("select * from identities join users using (user_id) order by all") == before
    assert ran(crm) == (False, 1)


def test_a_full_refresh_deletes_what_the_source_no_longer_has(crm: Feeds) -> None:
    ran(crm)
    crm.fill("crm", PEOPLE[2])
    assert pipeline_of(crm.workspace.build(), "crm")["deleted"] == 0
    assert pipeline_of(crm.workspace.build("--full-refresh"), "crm")["deleted"] == 2


@pytest.mark.parametrize(
    ("where", "config"),
    [
        (f"{SINCE} and id > 0", {}),
        (SINCE, {"mapping": {"name": "upper(name)"}}),
        (SINCE, {"account_ids": "name"}),
        (SINCE, {"write": "update_only"}),
    ],
    ids=["query", "mapping", "accounts", "write"],
)
def test_a_changed_definition_makes_a_full_run(crm: Feeds, where: str, config: dict[str, object]) -> None:
    ran(crm)
    crm.model("crm", incremental=True, where=where, **config)
    assert [ran(crm), ran(crm)] == [(True, 3), (False, 1)]


def test_what_changes_no_rows_makes_no_full_run(crm: Feeds) -> None:
    ran(crm)
    crm.model("crm", where=f"-- a comment\n{SINCE}", incremental=True, lookback="1 hour", tags=["x"], max_rejected=9)
    assert ran(crm) == (False, 1)


def test_a_retyped_property_makes_a_full_run(crm: Feeds) -> None:
    ran(crm)
    crm.workspace.users("name varchar(100), email text")
    assert [ran(crm), ran(crm)] == [(True, 3), (False, 1)]


def test_is_incremental_tells_the_runs_apart(crm: Feeds) -> None:
    crm.model(
        "crm",
        where="{% if is_incremental() %} where ts >= ${updated_at} and id <> 1 {% else %} where id <> 2 {% endif %}",
        incremental=True,
    )
    assert [ran(crm), ran(crm), ran(crm, "--full-refresh")] == [(True, 2), (False, 1), (True, 2)]


@pytest.mark.parametrize(("lookback", "read"), [(None, 1), ("30 minutes", 1), ("24 hours", 2), ("3 days", 3)])
def test_lookback_reads_again_what_came_late(crm: Feeds, lookback: str | None, read: int) -> None:
    crm.model("crm", where=SINCE, incremental=True, lookback=lookback)
    assert [ran(crm), ran(crm)] == [(True, 3), (False, read)]
    assert crm.workspace.rows("select value from usersync.cursors") == [("2026-03-03 08:00:00",)]


@pytest.mark.parametrize("store", ["duckdb"], indirect=True)
def test_lookback_of_every_kind_of_update_time(workspace: Workspace, store: Store) -> None:
    fill(store, *[(n, "x", day) for n, day in enumerate(DAYS)])
    workspace.profile({"it": store.profile})
    workspace.users("name text")
    for name, spelling in SPELLINGS.items():
        workspace.model(
            name,
            f"select id, name, {name}_at from people where {name}_at >= ${{updated_at}}",
            connection="it",
            user_id="id",
            updated_at=f"{name}_at",
            updated_at_format=spelling.format,
            incremental=True,
            lookback="2 days",
        )
    workspace.build()
    assert counts(workspace) == dict.fromkeys(SPELLINGS, (3, 0, 0, 3, 0))


def test_the_cursor_stays_when_nothing_is_read(crm: Feeds) -> None:
    ran(crm)
    crm.fill("crm")
    assert [ran(crm), ran(crm)] == [(False, 0), (False, 0)]
    assert crm.workspace.rows("select value from usersync.cursors") == [("2026-03-03 08:00:00",)]


def test_the_cursor_stays_when_the_pipeline_fails(crm: Feeds) -> None:
    ran(crm)
    crm.stores["crm"].execute("alter table crm rename to gone")
    crm.workspace.build(expect=1)
    crm.stores["crm"].execute(f"alter table gone rename to crm; insert into crm values (4, 'p4', '{DAYS[3]}')")
    assert ran(crm) == (False, 2)


def test_the_cursor_never_goes_back(crm: Feeds) -> None:
    crm.model("crm", where=SINCE, incremental=True, lookback="7 days")
    ran(crm)
    crm.fill("crm", PEOPLE[0])
    assert ran(crm) == (False, 1)
    assert crm.workspace.rows("select value from usersync.cursors") == [("2026-03-03 08:00:00",)]


def test_microseconds_are_kept(crm: Feeds) -> None:
    crm.fill("crm", (1, "a", "2026-03-01 08:00:00.123456"), (2, "b", "2026-03-01 08:00:00.123457"))
    assert [ran(crm), ran(crm)] == [(True, 2), (False, 1)]
    assert crm.workspace.rows("select value from usersync.cursors") == [("2026-03-01 08:00:00.123457",)]


def test_instants_are_compared_in_utc(workspace: Workspace) -> None:
    store = Store("duckdb", workspace.root)
    zones = ["2026-03-01 12:00:00+14", "2026-03-01 00:00:00-10", "2026-03-01 09:00:00+00"]
    store.fill("people", "id bigint, ts timestamptz", [(n, at) for n, at in enumerate(zones)])
    workspace.profile({"it": store.profile})
    workspace.users("id bigint")
    workspace.model(
        "p", f"select id, ts from people {SINCE}", connection="it", user_id="id", updated_at="ts", incremental=True
    )
    workspace.build()
    assert workspace.rows("select value from usersync.cursors") == [("2026-03-01 10:00:00",)]
    assert workspace.rows("select identity_id, updated_at from identities order by updated_at")[0] == (
        "0",
        datetime(2026, 2, 28, 22),
    )
    assert pipeline_of(workspace.build(), "p")["read"] == 1


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/St_Johns"])
def test_the_zone_of_this_machine_changes_nothing(crm: Feeds, zone: str) -> None:
    tables = ("identities", "usersync.cursors")
    crm.workspace.build()
    before = [crm.workspace.rows(f"from {table} order by all") for table in tables]
    command = [sys.executable, "-m", "usersync", "--project-dir", str(crm.workspace.root), "build", "--full-refresh"]
    subprocess.run(command, env=os.environ | {"TZ": zone}, check=True, capture_output=True)
    after = [crm.workspace.rows(f"from {table} order by all") for table in tables]
    assert (after[0], after[1][0][:2]) == (before[0], before[1][0][:2])
