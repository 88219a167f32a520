"""Zones: a source and a session west or east of UTC, and the change of clocks, lose no row and read none as future."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from tests.servers import UnavailableError, fresh_database, own_mysql, skip_or_fail
from tests.sources.tables import Store
from tests.support import Workspace

ZONES = ("America/Los_Angeles", "Asia/Kolkata")
INSTANTS = [
    "2025-11-02 08:30:00",  # 01:30 in Los Angeles
    "2025-11-02 09:15:00",  # 01:15 there, the clocks having gone back
    "2026-03-08 09:59:59.999999",
    "2026-03-08 10:00:00",  # 03:00 in Los Angeles, after 01:59
]
NOW = {
    "postgres": ("now()", "now() at time zone 'utc'", "now()::timestamp"),
    "mysql": ("now(6)", "utc_timestamp(6)", "now(6)"),
}
"""The time now as an instant, as UTC's time, and as the server's own."""


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A zone that this process and its database sessions are in."""
    for variable in ("TZ", "PGTZ"):
        monkeypatch.setenv(variable, request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(params=[pytest.param(kind, marks=getattr(pytest.mark, kind)) for kind in NOW])
def store(request: pytest.FixtureRequest, workspace: Workspace, zone: str) -> Iterator[Store]:
    """A server in that zone."""
    if request.param == "postgres":
        database = request.getfixturevalue("postgres")
        database.execute(f"alter database {database.database} set timezone = '{zone}'")
        yield Store("postgres", workspace.root, database)
        return
    try:
        with own_mysql(zone) as server, fresh_database(server) as database:
            yield Store("mysql", workspace.root, database)
    except UnavailableError as error:
        skip_or_fail(str(error))


def local(instant: str, zone: str) -> str:
    """An instant as the clocks of a zone show it."""
    return str(datetime.fromisoformat(instant).replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None))


def counts(workspace: Workspace) -> dict[str, tuple[int, int, bool]]:
    """Of each pipeline rows inserted and rejected, and whether no more was read than the new row and that before."""
    found = workspace.build()["pipelines"]
    return {p["pipeline"]: (p["inserted"], p["rejected"], p["read"] <= 2) for p in found}


def test_no_row_is_missed_and_none_is_of_the_future(workspace: Workspace, store: Store, zone: str) -> None:
    instant, plain = {"postgres": ("timestamptz", "timestamp"), "mysql": ("timestamp(6) null", "datetime(6)")}[
        store.kind
    ]
    store.execute(f"create table people (id int, name varchar(9), instant {instant}, plain {plain})")
    workspace.profile({"it": store.profile})
    workspace.users("name text")
    for column in ("instant", "plain"):
        query = f"select id, name, {column} from people where {column} >= ${{updated_at}}"
        settings = {"connection": "it", "user_id": "id", "updated_at": column, "incremental": True}
        workspace.model(column, query, **settings)
        workspace.model(f"native_{column}", query, **settings, pushdown="native", dialect=store.kind)
    for number, at in enumerate(INSTANTS):
        utc = "set time zone 'UTC'" if store.kind == "postgres" else "set time_zone = '+00:00'"
        store.execute(f"{utc}; insert into people values ({number}, 'x', '{at}', '{at}')")
        assert counts(workspace) == dict.fromkeys(
            ("instant", "native_instant", "native_plain", "plain"), (1, 0, True)
        ), at
    store.execute(f"insert into people select 9, 'x', {NOW[store.kind][0]}, {NOW[store.kind][1]}")
    assert set(counts(workspace).values()) == {(1, 0, True)}
    wanted = {str(n): datetime.fromisoformat(at) for n, at in enumerate(INSTANTS)}
    for pipeline in ("instant", "native_instant", "native_plain", "plain"):
        found = dict(workspace.rows(f"select identity_id, updated_at from identities where pipeline = '{pipeline}'"))
        assert abs((found.pop("9") - datetime.now(UTC).replace(tzinfo=None)).total_seconds()) < 300
        assert found == wanted


def test_times_of_the_sources_own_zone(workspace: Workspace, store: Store, zone: str) -> None:
    kind = {"postgres": "timestamp", "mysql": "datetime(6)"}[store.kind]
    store.execute(f"create table people (id int, name varchar(9), ts {kind})")
    workspace.profile({"it": store.profile})
    workspace.users("name text")
    ts = f"ts at time zone '{zone}'"
    query = f"select id, name, {ts} as ts from people where {ts} >= ${{updated_at}}"
    settings = {"updated_at": "ts", "incremental": True, "lookback": "1 hour"}
    workspace.model("p", query, connection="it", user_id="id", **settings)
    for number, at in enumerate(INSTANTS):
        store.execute(f"insert into people values ({number}, 'x', '{local(at, zone)}')")
        [(inserted, rejected, _)] = counts(workspace).values()
        assert (inserted, rejected) == (1, 0), at
    store.execute(f"insert into people select 9, 'x', {NOW[store.kind][2]}")
    [(inserted, rejected, _)] = counts(workspace).values()
    assert (inserted, rejected) == (1, 0)
    [(now,)] = workspace.rows("select updated_at from identities where identity_id = '9'")
    assert abs((now - datetime.now(UTC).replace(tzinfo=None)).total_seconds()) < 300
