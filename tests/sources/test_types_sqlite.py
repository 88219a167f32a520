"""SQLite: any column may hold anything; what does not fit its column's type rejects its row, not the table."""

from __future__ import annotations

import json

import pytest

from tests.sources.landing import Landing, land, one_pipeline, rejected
from tests.sources.tables import Store
from tests.support import Workspace, pipeline_of

UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
FITTING = [
    Landing("integer", "5", "5", "integer", "5"),
    Landing("bigint", "9223372036854775807", "9223372036854775807", "bigint", "9223372036854775807"),
    Landing("real", "0.1", "0.1", "double", "0.1"),
    Landing("decimal(10, 2)", "1.25", "1.25", "decimal(10, 2)", "1.25"),
    Landing("boolean", "1", "1", "integer", "1"),
    Landing("text", "'x'", "x", "text", "x"),
    Landing("varchar(5)", "'abcdefg'", "abcdefg", "text", "abcdefg"),
    Landing("text", "5", "5", "integer", "5"),
    Landing("blob", "'x'", "x", "text", "x"),
    Landing("date", "'2024-01-02'", "2024-01-02", "date", "2024-01-02"),
    Landing("timestamp", "'2024-01-02 03:04:05'", "2024-01-02T03:04:05Z", "timestamp", "2024-01-02 03:04:05"),
    Landing("datetime", "1704164645", "2024-01-02T03:04:05Z", "timestamp", "2024-01-02 03:04:05"),
    Landing("uuid", f"'{UUID}'", UUID, "uuid", UUID),
    Landing("json", """'{"a":1}'""", '{"a":1}', "text", '{"a":1}'),
]


@pytest.fixture
def store(workspace: Workspace) -> Store:
    (workspace.root / "source").mkdir()
    return Store("sqlite", workspace.root)


def test_types(workspace: Workspace, store: Store) -> None:
    land(workspace, store, FITTING)


def test_types_beside_a_value_that_does_not_fit(workspace: Workspace, store: Store) -> None:
    land(workspace, store, [*FITTING, Landing("time", "'03:04:05'", "03:04:05", "time", "03:04:05")])


MISFITS = [
    ("integer", "'abc'", "integer"),
    ("integer", "1.5", "bigint"),
    ("integer", "x'61'", "integer"),
    ("integer", "'abc'", "text"),
    ("real", "'x'", "double"),
    ("decimal(10, 2)", "'x'", "decimal(10, 2)"),
    ("date", "'notadate'", "date"),
    ("date", "'2024-02-30'", "date"),
    ("timestamp", "'yesterday'", "timestamp"),
    ("time", "'zz'", "time"),
]


@pytest.mark.parametrize(("source", "value", "prop"), MISFITS)
def test_a_value_that_does_not_fit_rejects_its_row(
    workspace: Workspace, store: Store, source: str, value: str, prop: str
) -> None:
    store.execute(f"create table t (id integer, c {source}); insert into t values (1, {value}), (2, null), (3, '')")
    one_pipeline(workspace, store, f"c {prop}", "select id, c from t")
    found = pipeline_of(workspace.build(), "p")
    assert (found["read"], found["rejected"]) == (3, 1)
    assert rejected(workspace) == [("1", "c")]
    assert workspace.rows("select identity_id, c from identities order by 1") == [("2", None), ("3", None)]


def test_the_other_values_of_the_column_are_as_they_were(workspace: Workspace, store: Store) -> None:
    store.execute(
        "create table t (id integer, i integer, r real, d date, ts timestamp); "
        "insert into t values (1, 5, 0.1, '2024-01-02', 1704164645), (2, 'x', 'x', 'x', 'x')"
    )
    mapping = {"i": "i", "r": "r", "d": "d", "ts": "ts", "more": "i + 1", "day": "dayname(d)"}
    one_pipeline(
        workspace,
        store,
        "i integer, r double, d date, ts timestamp, more integer, day text",
        "select id, i, r, d, ts from t where i is null or i < 9",
        mapping,
    )
    workspace.build()
    assert workspace.rows("select i, r, d::varchar, ts::varchar, more, day from identities") == [
        (5, 0.1, "2024-01-02", "2024-01-02 03:04:05", 6, "Tuesday")
    ]
    [(row,)] = workspace.rows("select row from usersync.rejected_rows")
    assert json.loads(row)["d"] == "x"


def test_a_value_that_nobody_reads_matters_to_nobody(workspace: Workspace, store: Store) -> None:
    store.execute("create table t (id integer, name text, age integer); insert into t values (1, 'Ann', 'old')")
    one_pipeline(workspace, store, "name text", "select * from t")
    assert pipeline_of(workspace.build(), "p")["rejected"] == 0


def test_update_times_that_do_not_fit(workspace: Workspace, store: Store) -> None:
    store.execute("create table t (id integer, ts timestamp); insert into t values (1, '2024-01-02'), (2, 'x')")
    query = "select id, ts from t where ts >= ${updated_at}"
    one_pipeline(workspace, store, "ts timestamp", query, updated_at="ts", incremental=True)
    workspace.build()
    assert workspace.rows("select identity_id, reason from usersync.rejected_rows") == [("2", "ts is not a time")]
    store.execute("insert into t values (3, '2024-01-03')")
    assert pipeline_of(workspace.build(), "p")["inserted"] == 1
    assert workspace.rows("select value from usersync.cursors") == [("2024-01-03 00:00:00",)]


def test_a_preview_shows_what_does_not_fit(workspace: Workspace, store: Store) -> None:
    store.execute("create table t (id integer, age integer); insert into t values (1, 'old')")
    one_pipeline(workspace, store, "age integer", "select id, age from t")
    outcome = workspace.run("preview", "p", "--format", "json")
    assert outcome.exit_code == 0, outcome.output
    assert '"old"' in outcome.stdout
