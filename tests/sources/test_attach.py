"""Connections: every kind is read alike, none can be written, and what the scanners get wrong is put right."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.servers import Database, UnavailableError, fresh_database, own_mysql, skip_or_fail
from tests.sources.tables import FILES, SERVERS, Store, sources
from tests.support import Workspace, pipeline_of
from tests.warehouse.holding import held
from usersync.project.model import Connection
from usersync.sources.attach import attach
from usersync.sources.engine import open_engine

COLUMNS = "id bigint, name text, score double, ts timestamp"
ROWS = [
    (1, "Ann", 1.5, "2026-03-01 08:00:00"),
    (2, 'L\'été ☀ \\ "x"', -0.25, "2026-03-02 08:00:00"),
    (3, None, None, None),
]


def one_pipeline(workspace: Workspace, store: Store, query: str, columns: str = "name text", **config: object) -> None:
    workspace.profile({"it": store.profile})
    workspace.users(columns)
    workspace.model("p", query, connection="it", user_id="id", **config)


def test_every_source_gives_the_same_users(workspace: Workspace, store: Store) -> None:
    table = store.fill("people", COLUMNS, ROWS)
    one_pipeline(workspace, store, f"select * from {table}", "name text, score double, ts timestamp")
    found = pipeline_of(workspace.build(), "p")
    assert (found["read"], found["inserted"], found["rejected"]) == (3, 3, 0)
    assert workspace.rows("select identity_id, name, score, ts::varchar from identities order by 1") == [
        (str(n), *values) for n, *values in ROWS
    ]
    assert pipeline_of(workspace.build(), "p")["unchanged"] == 3


def test_no_rows_and_no_matching_rows(workspace: Workspace, store: Store) -> None:
    table = store.fill("people", COLUMNS, [] if store.kind != "jsonl" else ROWS)
    one_pipeline(workspace, store, f"select id, name from {table} where id > 99")
    results = workspace.build()
    assert (pipeline_of(results, "p")["read"], results["users"]["total"]) == (0, 0)


def test_joins_and_ctes_run_over_a_source(workspace: Workspace, store: Store) -> None:
    people = store.fill("people", "id bigint, name text", [(1, "Ann"), (2, "Bob")])
    orders = store.fill("orders", "person bigint, total bigint", [(1, 5), (1, 6), (2, 7)])
    query = f"""
        with people as (select * from {people}), spent as (select person, sum(total) as total from {orders} group by 1)
        select p.id, p.name || ' ' || s.total::bigint as name from people as p join spent as s on s.person = p.id
    """
    one_pipeline(workspace, store, query)
    workspace.build()
    assert workspace.rows("select name from users order by 1") == [("Ann 11",), ("Bob 7",)]


@pytest.mark.parametrize("store", sources("sqlite", "duckdb", "parquet"), indirect=True)
def test_two_connections_read_one_file(workspace: Workspace, store: Store) -> None:
    people = store.fill("people", "id bigint, name text", [(1, "Ann")])
    staff = store.fill("staff", "id bigint, name text", [(1, "Bob")])
    workspace.users("name text")
    workspace.profile({"people": store.profile, "staff": store.profile})
    workspace.model("people", f"select id, name from {people}", connection="people", user_id="id")
    workspace.model("staff", f"select id, name from {staff}", connection="staff", user_id="id")
    workspace.build()
    assert workspace.rows("select name from users order by 1") == [("Ann",), ("Bob",)]


@pytest.mark.postgres
@pytest.mark.mysql
def test_one_project_reads_all_kinds_at_once(
    workspace: Workspace, request: pytest.FixtureRequest, postgres: Database, mysql: Database
) -> None:
    servers = {"postgres": postgres, "mysql": mysql}
    stores = {kind: Store(kind, workspace.root, servers.get(kind)) for kind in ("sqlite", "duckdb", *FILES, *servers)}
    workspace.users("name text")
    workspace.profile({kind: store.profile for kind, store in stores.items()})
    for kind, store in stores.items():
        table = store.fill("people", "id bigint, name text", [(1, kind)])
        workspace.model(kind, f"select id, name from {table}", connection=kind, user_id="id")
    assert workspace.build("--threads", "7")["users"]["total"] == 7
    assert [name for (name,) in workspace.rows("select name from users order by 1")] == sorted(stores)


MEET = """
create function meet() returns text language plpgsql as $$
declare others int;
begin
    for attempt in 1..200 loop
        perform pg_stat_clear_snapshot();
        select count(*) into others from pg_stat_activity
        where datname = current_database() and state = 'active' and query like 'COPY%meeting%';
        if others > 1 then perform pg_sleep(0.3); return 'met'; end if;
        perform pg_sleep(0.05);
    end loop;
    return 'alone';
end $$;
create view meeting as select 1 as id, meet() as name
"""


@pytest.mark.postgres
def test_pipelines_on_two_connections_are_read_at_once(workspace: Workspace, postgres: Database) -> None:
    postgres.execute(MEET)
    workspace.profile({"one": postgres.profile, "two": postgres.profile})
    workspace.users("name text")
    for name in ("one", "two"):
        workspace.model(name, "select id, name from meeting", connection=name, user_id="id")
    workspace.build("--threads", "2")
    assert workspace.rows("select name from identities") == [("met",), ("met",)]


# --- Read-only ---


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_engine(tmp_path / "spill") as engine:
        yield engine


WRITES = (
    "insert into {table} values (9, 'x')",
    "update {table} set name = 'x'",
    "delete from {table}",
    "drop table {table}",
    "create table {schema}.other (id bigint)",
    "create schema it.other",
)
SCHEMAS = {"postgres": "it.public", "sqlite": "it.main", "duckdb": "it.main"}


@pytest.mark.parametrize("store", sources("postgres", "mysql", "sqlite", "duckdb"), indirect=True)
def test_nothing_can_be_written_through_an_attached_source(store: Store, engine: duckdb.DuckDBPyConnection) -> None:
    store.fill("people", "id bigint, name text", [(1, "Ann")])
    attach(engine, Connection("it", store.kind, {k: v for k, v in store.profile.items() if k != "type"}, store.root))
    schema = SCHEMAS.get(store.kind) or f"it.{store.profile['database']}"
    for write in WRITES:
        with pytest.raises(duckdb.Error, match="read-only"):
            engine.execute(write.format(schema=schema, table=f"{schema}.people"))
    assert engine.execute(f"select * from {schema}.people").fetchall() == [(1, "Ann")]


@pytest.mark.parametrize("store", sources("postgres", "mysql"), indirect=True)
def test_nothing_can_be_written_in_the_servers_own_words(store: Store, engine: duckdb.DuckDBPyConnection) -> None:
    store.fill("people", "id bigint, name text", [(1, "Ann")])
    attach(engine, Connection("it", store.kind, {k: v for k, v in store.profile.items() if k != "type"}, store.root))
    for call in ("execute", "query"):
        with pytest.raises(duckdb.Error):
            engine.execute(f"from {store.kind}_{call}('it', 'delete from people')").fetchall()
    assert store.database is not None
    assert store.database.execute("select id, name from people") == [(1, "Ann")]


@pytest.mark.parametrize("store", sources("sqlite", "duckdb", *FILES), indirect=True)
def test_a_build_leaves_files_as_they_were(workspace: Workspace, store: Store) -> None:
    table = store.fill("people", "id bigint, name text", [(1, "Ann")])
    one_pipeline(workspace, store, f"select id, name from {table}")
    folder = workspace.root / "source"
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    workspace.build()
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before


# --- What the scanners get wrong ---

TEXTS = [(1, "City99"), (2, "city99"), (3, "City99x"), (4, "City99 ")]


@pytest.mark.parametrize("store", sources("postgres", "mysql", "sqlite", "duckdb"), indirect=True)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select id, name from people where name = 'City99'", ["1"]),
        ("select id, name from people where name like 'City99%'", ["1", "3", "4"]),
        ("select min(id) as id, name from people group by name", ["1", "2", "3", "4"]),
        ("select id, name from people order by name desc limit 1", ["2"]),
    ],
    ids=["equal", "like", "group", "order"],
)
def test_text_is_compared_exactly(workspace: Workspace, store: Store, query: str, expected: list[str]) -> None:
    kind = "varchar(99) character set utf8mb4 collate utf8mb4_unicode_ci" if store.kind == "mysql" else "text"
    store.fill("people", f"id bigint, name {kind}", TEXTS)
    one_pipeline(workspace, store, query)
    workspace.build()
    assert [found for (found,) in workspace.rows("select identity_id from identities order by all")] == expected


@pytest.mark.mysql
def test_a_small_number_of_mysql_is_no_truth(workspace: Workspace, mysql: Database) -> None:
    store = Store("mysql", workspace.root, mysql)
    store.fill("people", "id bigint, score tinyint(1)", [(1, 5), (2, 0)])
    one_pipeline(workspace, store, "select id, score from people", "score integer")
    workspace.build()
    assert workspace.rows("select score from users order by 1") == [(0,), (5,)]


@pytest.mark.mysql
def test_times_of_mysql_are_utc_whatever_zone_the_server_is_in(workspace: Workspace) -> None:
    try:
        with own_mysql() as server, fresh_database(server) as mysql:
            mysql.execute(
                "set global time_zone = '+05:00'; set time_zone = '+05:00'; "
                "create table people (id int, stamp timestamp, plain datetime); "
                "insert into people values (1, '2026-03-01 13:00:00', '2026-03-01 13:00:00')"
            )
            store = Store("mysql", workspace.root, mysql)
            one_pipeline(workspace, store, "select * from people", "stamp timestamp, plain timestamp")
            workspace.build()
    except UnavailableError as error:
        skip_or_fail(str(error))
    assert workspace.rows("select stamp::varchar, plain::varchar from users") == [
        ("2026-03-01 08:00:00", "2026-03-01 13:00:00")
    ]


@pytest.mark.postgres
def test_a_postgres_index_finds_the_rows_from_the_cursor_on(workspace: Workspace, postgres: Database) -> None:
    postgres.execute(
        "create table people as select n as id, 'x' as name, "
        "timestamp '2026-03-01' + n * interval '1 second' as ts from generate_series(1, 5000) as n; "
        "create index on people (ts); analyze people"
    )
    store = Store("postgres", workspace.root, postgres)
    query = "select id, name, ts from people where ts >= ${updated_at}"
    one_pipeline(workspace, store, query, updated_at="ts", incremental=True)
    workspace.build()
    before = tuples_read(postgres)
    assert pipeline_of(workspace.build(), "p")["read"] == 1
    assert tuples_read(postgres) - before < 100


def tuples_read(postgres: Database) -> int:
    """How many rows of the table the server has looked at; its count comes a moment late."""
    counts, deadline = [-1, -2], time.monotonic() + 10
    while counts[-1] != counts[-2] and time.monotonic() < deadline:
        time.sleep(0.3)
        [(count,)] = postgres.execute("select seq_tup_read + idx_tup_fetch from pg_stat_user_tables")
        assert isinstance(count, int)
        counts.append(count)
    return counts[-1]


@pytest.mark.parametrize("store", sources(*SERVERS), indirect=True)
def test_json_of_a_server_is_json(workspace: Workspace, store: Store) -> None:
    store.fill("people", "id bigint, data json", [(1, '{"name": "Ann", "tags": ["a"]}'), (2, None)])
    mapping = {"name": "data ->> 'name'", "data": "data"}
    one_pipeline(workspace, store, "select id, data from people", "name text, data json", mapping=mapping)
    workspace.build()
    assert workspace.rows("select name, data -> 'tags' ->> 0 from users order by 1") == [("Ann", "a"), (None, None)]


@pytest.mark.postgres
def test_types_of_postgres(workspace: Workspace, postgres: Database) -> None:
    postgres.execute(
        "create type mood as enum ('sad', 'ok'); create schema other; create table other.people "
        "(id uuid, mood mood, tags text[], ip inet, amount numeric(8, 2), at timestamptz, prefs jsonb);"
        "insert into other.people values ('4ac7a9e9-607c-4c8a-84f3-843f0191e3fd', 'ok', '{b,a}', '10.0.0.1', 1.50,"
        "'2026-03-01 10:00:00+02', '{\"a\": 1}')"
    )
    store = Store("postgres", workspace.root, postgres)
    query = 'select id, mood, tags, amount, "at" as seen, prefs from other.people'
    columns = "mood enum('sad', 'ok'), tags text[], amount decimal(8, 2), seen timestamp, prefs json"
    one_pipeline(workspace, store, query, columns)
    workspace.build()
    assert workspace.rows("select identity_id, tags from identities") == [
        ("4ac7a9e9-607c-4c8a-84f3-843f0191e3fd", ["b", "a"])
    ]
    assert workspace.rows("select mood, amount::varchar, seen::varchar, prefs ->> 'a' from users") == [
        ("ok", "1.50", "2026-03-01 08:00:00", "1")
    ]


NAMES: dict[str, tuple[str, str]] = {
    "postgres": ('"My People"', '"E-Mail"'),
    "mysql": ("`My People`", "`E-Mail`"),
    "sqlite": ('"My People"', '"E-Mail"'),
    "duckdb": ('"My People"', '"E-Mail"'),
}


@pytest.mark.parametrize("store", sources(*NAMES), indirect=True)
def test_names_of_tables_and_columns_in_mixed_case(workspace: Workspace, store: Store) -> None:
    table, column = NAMES[store.kind]
    store.fill(table, f"Id bigint, {column} text", [(1, "a@x")])
    one_pipeline(workspace, store, 'select ID, "E-Mail" as Name from "My People"')
    workspace.build()
    assert workspace.rows("select identity_id, name from identities") == [("1", "a@x")]


def test_columns_named_like_the_tables_of_the_warehouse(workspace: Workspace) -> None:
    store = Store("duckdb", workspace.root)
    columns = (
        "identity_id bigint, id_kind text, updated_at timestamp, account_ids text, account_name text, pipeline text"
    )
    store.fill("people", columns, [(1, "kind", "2026-03-01 08:00:00", "7", "Seven", "p1")])
    workspace.profile({"it": store.profile})
    workspace.users("name text, kind text")
    workspace.model(
        "p",
        "select * from people",
        connection="it",
        user_id="identity_id",
        updated_at="updated_at",
        account_ids="account_ids",
        account_name="account_name",
        mapping={"name": "pipeline", "kind": "id_kind || identity_id"},
    )
    workspace.build()
    assert workspace.rows(
        "select identity_id, id_kind, updated_at::varchar, account_ids, account_name, name, kind from identities"
    ) == [("1", "user_id", "2026-03-01 08:00:00", ["7"], "Seven", "p1", "kind1")]


# --- Options ---


@pytest.mark.postgres
def test_the_schema_of_a_connection(workspace: Workspace, postgres: Database) -> None:
    postgres.execute("create schema crm; create table crm.people as select 1 as id, 'crm' as name")
    postgres.execute("create table people as select 1 as id, 'public' as name")
    store = Store("postgres", workspace.root, postgres)
    one_pipeline(workspace, store, "select id, name from people")
    workspace.profile({"it": {**store.profile, "schema": "crm"}})
    workspace.build()
    assert workspace.rows("select name from users") == [("crm",)]


@pytest.mark.postgres
def test_a_query_that_takes_too_long(workspace: Workspace, postgres: Database) -> None:
    postgres.execute("create view people as select 1 as id, pg_sleep(60)::text as name")
    store = Store("postgres", workspace.root, postgres)
    one_pipeline(workspace, store, "select id, name from people")
    workspace.profile({"it": {**store.profile, "statement_timeout": 1}})
    started = time.monotonic()
    [error] = pipeline_of(workspace.build(expect=1), "p")["errors"]
    assert "canceling statement due to statement timeout" in error["message"]
    assert time.monotonic() - started < 30


def test_a_file_that_another_process_writes(workspace: Workspace) -> None:
    store = Store("duckdb", workspace.root)
    store.fill("people", "id bigint, name text", [(1, "Ann")])
    one_pipeline(workspace, store, "select id, name from people")
    with held(workspace.root / "source/it.duckdb"):
        [error] = pipeline_of(workspace.build(expect=1), "p")["errors"]
    assert "connection 'it' (duckdb at source/it.duckdb): cannot connect: " in error["message"]
    assert error["hint"] == "another process has the file open for writing"


def test_a_mysql_server_that_never_greets_is_given_up(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        options = {"type": "mysql", "host": "127.0.0.1", "port": port, "database": "d", "connect_timeout": 1}
        workspace.profile({"shop": options})
        workspace.users("email text")
        workspace.model("shop", "select id, email from t", connection="shop", user_id="id")
        outcome = workspace.run("build")
    assert outcome.exit_code == 1
    assert f"connection 'shop' (mysql at 127.0.0.1:{port}/d): cannot connect: timeout expired" in outcome.stderr
    assert "hint: is the host in profiles.yml right" in outcome.stderr
