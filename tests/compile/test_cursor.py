"""The cursor in queries that run: everything the first time, then what changed."""

from typing import Any

import duckdb
import pytest

from tests.pairs import parsed
from tests.support import Workspace, pipeline_of
from usersync.compile.cursor import bind_cursor, cursor_literal

ROWS = """
    create table t as
    select * from (values (1, timestamp '2025-01-01'), (2, '2025-01-02 00:00:00.5'), (3, '2025-01-03')) as v(id, u)
"""
CONDITIONS = [
    "u >= ${updated_at}",
    "${updated_at} < u",
    "u between ${updated_at} and now()",
    "not u < ${updated_at}",
    "not (u < ${updated_at} or u is null)",
    "u not between timestamp '1970-01-01' and ${updated_at}",
    "u >= ${updated_at} or ${updated_at} is null",
    "(${updated_at} is null or u >= ${updated_at}) and id > 0",
    "u >= coalesce(${updated_at}, timestamp '1970-01-01')",
    "u >= ${updated_at}::timestamp - interval 1 day",
    "u >= date_trunc('day', ${updated_at})",
    "u >= (${updated_at} at time zone 'UTC')",
    "case when ${updated_at} is null then true else u >= ${updated_at} end",
    "id in (select id from t where u >= ${updated_at})",
    "u is distinct from ${updated_at}",
]


def ids(sql: str) -> list[int]:
    with duckdb.connect() as database:
        database.execute(ROWS)
        return sorted(row[0] for row in database.execute(sql).fetchall())


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_first_run_reads_every_row(condition: str) -> None:
    bound = bind_cursor(parsed(f"select id from t where {condition}").tree, None)
    assert ids(bound.sql(dialect="duckdb")) == [1, 2, 3]


@pytest.mark.parametrize("condition", [c for c in CONDITIONS if "day" not in c and "distinct" not in c])
def test_a_later_run_reads_from_the_cursor_on(condition: str) -> None:
    literal = cursor_literal("2025-01-02 00:00:00.25", "TIMESTAMP")
    bound = bind_cursor(parsed(f"select id from t where {condition}").tree, literal)
    assert ids(bound.sql(dialect="duckdb")) == [2, 3]


def test_binding_leaves_the_query_as_it_was() -> None:
    query = parsed("select id from t where u >= ${updated_at}")
    before = query.tree.sql()
    bind_cursor(query.tree, None)
    assert query.tree.sql() == before
    assert len(query.placeholders) == 1


@pytest.mark.parametrize("value", ["'; drop table t; --", 'a"b', "\\", "%s", "${updated_at}"])
def test_a_cursor_of_any_text_is_one_literal(value: str) -> None:
    bound = bind_cursor(parsed("select ${updated_at} as c").tree, cursor_literal(value, "VARCHAR"))
    with duckdb.connect() as database:
        assert database.execute(bound.sql(dialect="duckdb")).fetchall() == [(value,)]


Column = tuple[str, str | None, str, str, str]
"""Type, format, and three update times: an old one, the cursor, and a newer one."""
UPDATE_COLUMNS: list[Column] = [
    ("timestamp", None, "2025-01-01 00:00:00", "2025-01-02 03:04:05.000006", "2025-01-02 03:04:05.000007"),
    ("timestamptz", None, "2025-01-01 00:00:00Z", "2025-01-02 03:04:05+02:00", "2025-01-02 01:04:06Z"),
    ("date", None, "2025-01-01", "2025-01-02", "2025-01-03"),
    ("varchar", "ISO8601", "2025-01-01T00:00:00Z", "2025-01-02T03:04:05Z", "2025-01-02T03:04:06Z"),
    ("varchar", "%Y%m%d %H:%M", "20250101 00:00", "20250102 03:04", "20250102 03:05"),
    ("json", "ISO8601", '"2025-01-01T00:00:00Z"', '"2025-01-02T03:04:05Z"', '"2025-01-02T03:04:06Z"'),
    ("json", "%Y-%m-%d", '"2025-01-01"', '"2025-01-02"', '"2025-01-03"'),
]


def source(workspace: Workspace, kind: str, values: dict[int, str]) -> None:
    path = workspace.root / "crm.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as database:
        database.execute(f"create table t (id int, email varchar, changed {kind})")
        for key, value in values.items():
            database.execute(f"insert into t values ({key}, 'user{key}@example.com', '{value}')")


def build_twice(workspace: Workspace, column: Column) -> dict[str, Any]:
    """Two rows, then a third with a later update time: the second build's results."""
    kind, update_format, old, last, new = column
    workspace.profile({"crm": {"type": "duckdb", "path": "crm.duckdb"}})
    workspace.users()
    settings = {"updated_at_format": update_format} if update_format else {}
    query = "select id, email, changed from t where changed >= ${updated_at}"
    workspace.model("m", query, connection="crm", user_id="id", updated_at="changed", incremental=True, **settings)
    source(workspace, kind, {1: old, 2: last})
    assert pipeline_of(workspace.build(), "m")["inserted"] == 2
    source(workspace, kind, {1: old, 2: last, 3: new})
    return pipeline_of(workspace.build(), "m")


@pytest.mark.parametrize("column", UPDATE_COLUMNS, ids=lambda column: f"{column[0]} {column[1] or ''}")
def test_an_incremental_build_reads_rows_at_and_after_the_cursor(workspace: Workspace, column: Column) -> None:
    second = build_twice(workspace, column)
    assert (second["read"], second["unchanged"], second["inserted"], second["deleted"]) == (2, 1, 1, 0)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu"])
def test_the_cursor_is_an_instant_whatever_the_zone_of_the_machine(
    workspace: Workspace, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    second = build_twice(workspace, UPDATE_COLUMNS[1])
    assert (second["read"], second["unchanged"]) == (2, 1)


def test_a_pipeline_that_is_not_incremental_reads_everything_each_time(workspace: Workspace) -> None:
    workspace.profile({"crm": {"type": "duckdb", "path": "crm.duckdb"}})
    workspace.users()
    query = "select id, email, changed from t where changed >= ${updated_at}"
    workspace.model("m", query, connection="crm", user_id="id", updated_at="changed")
    source(workspace, "timestamp", {1: "2025-01-01", 2: "2025-01-02"})
    assert [pipeline_of(workspace.build(), "m")["read"] for _ in range(2)] == [2, 2]


def test_a_full_refresh_forgets_the_cursor(workspace: Workspace) -> None:
    build_twice(workspace, UPDATE_COLUMNS[0])
    assert pipeline_of(workspace.build("--full-refresh"), "m")["read"] == 3


def test_is_incremental_chooses_the_query_of_a_later_run(workspace: Workspace) -> None:
    workspace.profile({"crm": {"type": "duckdb", "path": "crm.duckdb"}})
    workspace.users()
    query = "select id, email, changed from t{% if is_incremental() %} where changed > ${updated_at}{% endif %}"
    workspace.model("m", query, connection="crm", user_id="id", updated_at="changed", incremental=True)
    source(workspace, "timestamp", {1: "2025-01-01"})
    full, changed, *_ = workspace.run("compile", "m", "--stdout").stdout.split(";")
    assert "WHERE" not in full
    assert "changed > CAST('2000-01-01 00:00:00' AS TIMESTAMP)" in changed
