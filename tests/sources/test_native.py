"""`pushdown = 'native'`: the server runs the query, whole and in its own SQL."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from tests.servers import Database
from tests.sources.landing import one_pipeline
from tests.sources.tables import Store, sources
from tests.support import Workspace, pipeline_of

natives = pytest.mark.parametrize("store", sources("postgres", "mysql", "sqlite"), indirect=True)


def native(store: Store) -> dict[str, object]:
    return {"pushdown": "native", "dialect": store.kind}


@natives
def test_a_query_is_read_and_read_on(workspace: Workspace, store: Store) -> None:
    kind = {"postgres": "timestamptz", "mysql": "timestamp null", "sqlite": "text"}[store.kind]
    store.execute(f"create table people (id int primary key, name varchar(20), ts {kind})")
    store.execute("insert into people values (1, 'Ann', '2026-03-01 08:00:00'), (2, 'Bob', '2026-03-02 08:00:00')")
    config = {"updated_at": "ts", "incremental": True, **native(store)}
    config |= {"updated_at_format": "ISO8601"} if store.kind == "sqlite" else {}
    query = "select id, name, ts from people -- since\n where /* the; cursor */ (ts >= ${updated_at} and id > 0);"
    one_pipeline(workspace, store, "name text", query, None, **config)
    assert pipeline_of(workspace.build(), "p")["inserted"] == 2
    store.execute("insert into people values (3, 'Cid', '2026-03-03 08:00:00')")
    found = pipeline_of(workspace.build(), "p")
    assert (found["read"], found["inserted"], found["unchanged"]) == (2, 1, 1)
    assert workspace.rows("select name from users order by 1") == [("Ann",), ("Bob",), ("Cid",)]


TEXTS = [(1, "City99"), (2, "city99"), (3, "City99x"), (4, "City99 ")]


@pytest.mark.mysql
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select id, name from people where name = 'City99'", ["1", "2", "4"]),
        ("select id, name from people where name like 'City99%'", ["1", "2", "3", "4"]),
        ("select id, name from people where name like 'city99'", ["1", "2"]),
        ("select min(id) as id, min(name) as name from people group by name", ["1", "3"]),
        ("select id, name from people where name in ('CITY99')", ["1", "2", "4"]),
        ("select distinct 7 as id, upper(name) as name from people", ["7"]),
    ],
)
def test_texts_compare_as_mysql_does(workspace: Workspace, mysql: Database, query: str, expected: list[str]) -> None:
    store = Store("mysql", workspace.root, mysql)
    store.fill("people", "id bigint, name varchar(99) collate utf8mb4_unicode_ci", TEXTS)
    one_pipeline(workspace, store, "name text", query, None, **native(store))
    workspace.build()
    assert [found for (found,) in workspace.rows("select identity_id from identities order by all")] == expected


@pytest.mark.postgres
def test_values_of_postgres(workspace: Workspace, postgres: Database) -> None:
    store = Store("postgres", workspace.root, postgres)
    store.execute(
        "create type mood as enum ('sad', 'ok'); create domain amount as numeric; "
        "create table people (id int, n numeric, m amount, mood mood, data jsonb, tags text[], ip inet);"
        "insert into people values (1, 123456789012345678901.25, 1.50, 'ok', '{\"a\": 1}', '{a,b}', '10.0.0.1')"
    )
    query = """
        with rich as (select *, n * 2 as twice, data -> 'a' as part, array[n] as ns from people)
        select id, n, m, twice, mood, lower(mood::text) as low, data, part, tags, ip, ns from rich as r (id)
    """
    columns = "n text, m decimal(4, 2), twice text, mood text, low text, data json, part json, tags text[], ip inet"
    one_pipeline(workspace, store, f"{columns}, ns text[]", query, None, **native(store))
    workspace.build()
    [found] = workspace.rows(
        "select n, m, twice, mood, low, data::varchar, part::varchar, tags, ip::text, ns from users"
    )
    exact = ("123456789012345678901.25", Decimal("1.50"), "246913578024691357802.5")
    assert found == (*exact, "ok", "ok", '{"a": 1}', "1", ["a", "b"], "10.0.0.1", ["123456789012345678901.25"])


@pytest.mark.mysql
def test_values_of_mysql(workspace: Workspace, mysql: Database) -> None:
    store = Store("mysql", workspace.root, mysql)
    store.execute(
        "create table people (id int, data json, raw blob, code varchar(9) collate utf8mb4_bin, n decimal(10, 2) "
        "unsigned, day date, u uuid, small tinyint(1));"
        "insert into people values (1, '{\"a\": 1}', x'00ff', 'é', 99999999.99, '2026-00-00', "
        "'4ac7a9e9-607c-4c8a-84f3-843f0191e3fd', 5)"
    )
    query = """
        select id, data, json_extract(data, '$.a') as part, hex(raw) as raw, concat(code, 'x') as code, n,
            n + 0 as n2, day, u, concat(u) as u2, small, timestamp(day) as seen
        from people
    """
    columns = "data json, part text, raw text, code text, n decimal(10, 2), n2 decimal(10, 2), day date, u uuid"
    one_pipeline(workspace, store, f"{columns}, u2 uuid, small integer, seen timestamp", query, None, **native(store))
    workspace.build()
    uuid = "4ac7a9e9-607c-4c8a-84f3-843f0191e3fd"
    assert workspace.rows(
        "select data::varchar, part, raw, code, n, n2, day, u::text, u2::text, small, seen from users"
    ) == [('{"a": 1}', "1", "00FF", "éx", *[Decimal("99999999.99")] * 2, None, uuid, uuid, 5, None)]


def test_values_of_sqlite(workspace: Workspace) -> None:
    store = Store("sqlite", workspace.root)
    store.execute(
        "create table people (id integer, n integer, r real, t text, b blob, ts timestamp);"
        "insert into people values (1, 9007199254740993, 0.1, 'é', x'00', '2026-03-01 08:00:00'), "
        "(2, 'x', 1, 5, 'b', 7)"
    )
    query = "select id, n, r, t || '!' as t, hex(b) as b, ts from people"
    one_pipeline(workspace, store, "n bigint, r double, t text, b text, ts text", query, None, **native(store))
    workspace.build()
    assert workspace.rows("select n, r, t, b, ts from users") == [
        (9007199254740993, 0.1, "é!", "00", "2026-03-01 08:00:00")
    ]
    assert workspace.rows("select identity_id, property from usersync.rejected_rows") == [("2", "n")]


@natives
@pytest.mark.parametrize("table", ["people", "{{ source('it', 'people') }}", "it.people"])
def test_tables_are_those_of_the_connection(workspace: Workspace, store: Store, table: str) -> None:
    if store.database and store.kind == "postgres":
        store.execute(f"alter database {store.database.database} set search_path = 'nowhere'")
    schema = "public." if store.kind == "postgres" else ""
    store.execute(f"create table {schema}people as select 1 as id, 'Ann' as name")
    query = f"with a as (select * from {table} as p), people2 as (select * from a) select * from people2"
    one_pipeline(workspace, store, "name text", query, None, **native(store))
    workspace.build()
    assert workspace.rows("select name from users") == [("Ann",)]


REFUSED = [
    ("postgres", "delete from people returning id, name", "a model only reads: DELETE is refused"),
    ("postgres", "with d as (delete from people returning *) select id, name from d", "DELETE is refused"),
    ("postgres", "select id, name from people; select 1 as id", "this is a second statement"),
    (
        "postgres",
        "select id, pg_terminate_backend(id)::text as name from people",
        "a query cannot call pg_terminate_backend()",
    ),
    (
        "postgres",
        "select id, pg_catalog.set_config('a.b', 'c', false) as name from people",
        "a query cannot call pg_catalog.set_config()",
    ),
    ("postgres", "select id, name from people for update", "FOR UPDATE is refused"),
    ("mysql", "select id, name from people into outfile '/tmp/x'", "SQL: "),
    ("mysql", "select id, load_file('/etc/passwd') as name from people", "a query cannot call load_file()"),
    ("sqlite", "select id, load_extension('x') as name from people", "a query cannot call load_extension()"),
    ("postgres", "select 1 as id, name from pg_ls_dir('.') as t(name)", "a query cannot call pg_ls_dir()"),
]


@pytest.mark.parametrize(("kind", "query", "message"), REFUSED)
def test_a_query_that_does_more_than_read(workspace: Workspace, kind: str, query: str, message: str) -> None:
    workspace.profile({"it": {"type": kind, **({"path": "x"} if kind == "sqlite" else {"database": "d"})}})
    workspace.users("name text")
    workspace.model("p", query, connection="it", user_id="id", pushdown="native", dialect=kind)
    outcome = workspace.run("lint")
    assert (outcome.exit_code, message in outcome.output) == (1, True), outcome.output


@pytest.mark.mysql
def test_what_a_server_would_run_of_a_comment_is_not_sent(workspace: Workspace, mysql: Database) -> None:
    store = Store("mysql", workspace.root, mysql)
    store.fill("people", "id bigint, name text", [(1, "Ann"), (2, "Bob")])
    query = "select id, name from people /*! where id = 1 */ /*+ x */ # where"
    one_pipeline(workspace, store, "name text", query, None, **native(store))
    assert pipeline_of(workspace.build(), "p")["inserted"] == 2


@pytest.mark.parametrize(
    ("kind", "dialect", "hint"),
    [
        ("postgres", "duckdb", "dialect = 'postgres'"),
        ("postgres", "mysql", "dialect = 'postgres'"),
        ("duckdb", "postgres", "leave pushdown out"),
        ("files", "sqlite", "leave pushdown out"),
    ],
)
def test_the_dialect_is_the_connections_own(workspace: Workspace, kind: str, dialect: str, hint: str) -> None:
    workspace.profile({"it": {"type": kind, **({"database": "d"} if kind == "postgres" else {"path": "x"})}})
    workspace.users("name text")
    workspace.model(
        "p", "select 1 as id, 'x' as name", connection="it", user_id="id", pushdown="native", dialect=dialect
    )
    outcome = workspace.run("lint")
    assert (outcome.exit_code, "US108" in outcome.output, hint in outcome.output) == (1, True, True), outcome.output


@natives
def test_an_error_is_the_servers_own(workspace: Workspace, store: Store) -> None:
    store.execute("create table people (id int, name text)")
    one_pipeline(workspace, store, "name text", "select id, nam as name from people", None, **native(store))
    [error] = pipeline_of(workspace.build(expect=1), "p")["errors"]
    assert "connection 'it'" in error["message"]
    assert "nam" in error["message"]
    assert "select" not in error["message"].lower().replace("in 'select'", "")


@natives
def test_preview_and_compile_show_it(workspace: Workspace, store: Store) -> None:
    store.execute("create table people (id int, name varchar(9)); insert into people values (1, 'Ann'), (2, 'Bob')")
    one_pipeline(workspace, store, "name text", "select id, name from people where id < 9", None, **native(store))
    assert "Ann" in workspace.run("preview", "p").stdout
    outcome = workspace.run("compile", "p", "--stdout")
    assert re.search(rf"from {store.kind}_query\('it', '(set statement tx_read_only = 1 for )?select ", outcome.stdout)
    assert "id < 9) as q" in outcome.stdout


@pytest.mark.parametrize("kind", ["postgres", "mysql", "sqlite"])
def test_compile_without_the_server(workspace: Workspace, kind: str) -> None:
    workspace.profile({"it": {"type": kind, **({"path": "x"} if kind == "sqlite" else {"database": "d", "port": 1})}})
    workspace.users("name text")
    query = "select id, name, ts from people where ts >= ${updated_at}"
    config = {"updated_at": "ts", "incremental": True, "pushdown": "native", "dialect": kind}
    workspace.model("p", query, connection="it", user_id="id", updated_at_format="ISO8601", **config)
    outcome = workspace.run("compile", "p", "--stdout", "--offline")
    assert (outcome.exit_code, "ts >= ''2000-01-01T00:00:00Z''" in outcome.stdout) == (0, True), outcome.output


@pytest.mark.mysql
@pytest.mark.parametrize(
    "query",
    [
        "select id, name from people where name = 'City99'",
        "select id, name from people where lower(p.name) in ('city99')".replace("people", "people as p"),
        "select id, name from people where name like 'City99%'",
        "select id, name from people where name regexp 'c'",
        "select min(id) as id, name from people group by name",
        "select distinct id, name from people",
        "select id, name from people order by name limit 1",
        "select count(distinct name) as id, 'x' as name from people",
    ],
)
def test_mysqls_comparisons_are_not_made_by_duckdb(workspace: Workspace, mysql: Database, query: str) -> None:
    store = Store("mysql", workspace.root, mysql)
    store.fill("people", "id bigint, name varchar(99), code varchar(9) collate utf8mb4_bin", [])
    one_pipeline(workspace, store, "name text", query, dialect="mysql")
    [error] = pipeline_of(workspace.build(expect=1), "p")["errors"]
    assert "'name' compares by utf8mb4_general_ci in MySQL, by its bytes in DuckDB" in error["message"]
    assert "pushdown = 'native'" in error["hint"]


@pytest.mark.mysql
def test_what_compares_alike_may_be_mysqls(workspace: Workspace, mysql: Database) -> None:
    store = Store("mysql", workspace.root, mysql)
    columns = "id bigint, name varchar(99), code varchar(9) collate utf8mb4_bin"
    store.fill("people", columns, [(1, "Ann", "a"), (2, "Bob", "A")])
    query = "select id, ifnull(upper(name), '') as name from people where code = 'a' and id in (1, 2)"
    one_pipeline(workspace, store, "name text", query, dialect="mysql")
    workspace.build()
    assert workspace.rows("select name from users") == [("ANN",)]


@pytest.mark.parametrize("query", ["select date_add() as id from people", "select week('x') as id from people"])
@pytest.mark.parametrize("pushdown", [{"pushdown": "native"}, {}], ids=["native", "translated"])
def test_arguments_that_sqlglot_does_not_expect_are_no_crash(
    workspace: Workspace, query: str, pushdown: dict[str, str]
) -> None:
    workspace.profile({"it": {"type": "mysql", "database": "d"}})
    workspace.users("name text")
    workspace.model("p", query, connection="it", user_id="id", dialect="mysql", mapping={"name": "id"}, **pushdown)
    outcome = workspace.run("lint")
    assert (outcome.exit_code in (0, 1), "Traceback" in outcome.output) == (True, False)
    assert ("US002" in outcome.output and "wrong number of arguments" in outcome.output) == ("date_add" in query)
