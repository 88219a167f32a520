"""A model reads its own connection and nothing else: the parser refuses the rest, and session and engine would too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import duckdb
import pymysql
import pytest
import sqlglot
from sqlglot import exp

from tests.servers import Database
from tests.sources.faults import relayed
from tests.sources.tables import FOLDER, Store
from tests.support import Workspace
from usersync.project.model import Connection
from usersync.project.sql.calls import callable_names, refused_calls
from usersync.sources.attach import attach
from usersync.sources.engine import open_engine, seal
from usersync.sources.extensions import load_extension

# --- The parser ---

WRITES = (
    "delete from people returning id",
    "with d as (delete from people returning id) select id from d",
    "with d as (insert into people values (1) returning id) select id from d",
    "with d as (update people set id = 1 returning id) select id from d",
    "with d as (merge into people using x on true when matched then delete returning id) select id from d",
    "select id into other from people",
    "copy people to '/tmp/people.csv'",
    "copy (select id from people) to program 'sh'",
    "attach '/tmp/other.db' as other",
    "set memory_limit = '1GB'",
    "reset all",
    "select id from people for update",
    "select id from people for no key update",
    "select id from people for key share skip locked",
    "select id from people; drop table people",
    "call f()",
    "do $$ begin end $$",
    "prepare x as select id from people",
    "explain analyze delete from people",
    "lock table people",
    "listen people",
    "grant select on people to x",
    "vacuum",
    "pragma database_list",
    "load httpfs",
    "select id from (describe people)",
    "select id from (summarize people)",
)
CALLS = (
    "pg_terminate_backend(1)",
    "pg_cancel_backend(1)",
    "pg_reload_conf()",
    "pg_read_file('/etc/passwd')",
    "pg_ls_dir('/')",
    "pg_advisory_lock(1)",
    "lo_import('/etc/passwd')",
    "lo_export(1, '/tmp/x')",
    "dblink('dbname=x', 'select 1')",
    "dblink_exec('dbname=x', 'delete from people')",
    "query_to_xml('delete from people', true, true, '')",
    "set_config('a', 'b', false)",
    "nextval('s')",
    "setval('s', 1)",
    "load_file('/etc/passwd')",
    "sys_exec('id')",
    "get_lock('x', 1)",
    "sleep(9)",
    "benchmark(1, 2)",
    "getenv('HOME')",
    "current_setting('s3_secret_access_key')",
    "getvariable('x')",
    "write_log('x')",
    "query('select 1')",
    "read_text('/etc/passwd')",
    "read_csv('/etc/passwd')",
    "sleep_ms(9)",
    "warehouse.main.f(id)",
    "other.f(id)",
    "\"NextVal\"('s')",
    "list_transform([1], x -> nextval('s'))",
    "(select max(content) from read_text('/etc/passwd'))",
)
TABLES = (
    "read_csv('/etc/passwd')",
    "read_text('/etc/passwd')",
    "main.read_text('/etc/passwd')",
    "system.main.read_blob('/etc/passwd')",
    "READ_TEXT('/etc/passwd')",
    "parquet_scan('/etc/passwd')",
    "parquet_metadata('/etc/passwd')",
    "sniff_csv('/etc/passwd')",
    "glob('/etc/*')",
    "duckdb_secrets()",
    "duckdb_settings()",
    "duckdb_tables()",
    "which_secret('x', 'postgres')",
    "query('select 1 as id')",
    "query_table('warehouse.main.users')",
    "json_execute_serialized_sql('{}')",
    "postgres_query('other', 'select 1 as id')",
    "postgres_execute('crm', 'delete from people')",
    "postgres_scan('host=x', 'public', 'people')",
    "mysql_query('other', 'select 1 as id')",
    "sqlite_scan('/tmp/x.db', 'people')",
    "sqlite_attach('/tmp/x.db')",
    "seq_scan('warehouse.main.users')",
    "checkpoint('warehouse')",
    "enable_logging()",
    "python_map_function(1)",
    "identifier('people')",
    "people as p, lateral read_text('/etc/passwd') as t",
    "other.public.people",
    "warehouse.main.users",
    "warehouse.usersync.runs",
    'stage.main."crm.read"',
    "temp.main.delta",
    "memory.main.people",
    "system.information_schema.tables",
    "people union all select id from warehouse.main.users",
    "people order by (select 1 from warehouse.main.users)",
)
MYSQL = (
    "select id into outfile '/tmp/x' from people",
    "select id from people into outfile '/tmp/x'",
    "select id from people into dumpfile '/tmp/x'",
    "select id into @x from people",
    "select @x := id as id from people",
    "select id from people lock in share mode",
    "select load_file('/etc/passwd') as id from people",
    "handler people open",
    "replace into people values (1)",
    "kill 1",
)
REFUSED = (
    *(("duckdb", query) for query in WRITES),
    *(("postgres", query) for query in WRITES if "describe" not in query and "summarize" not in query),
    *(("duckdb", f"select {call} as id from people") for call in CALLS),
    *(("postgres", f"select {call} as id from people") for call in CALLS if "->" not in call),
    *(("duckdb", f"select id from {table}") for table in TABLES),
    *(("mysql", query) for query in MYSQL),
)
CONNECTIONS: dict[str, dict[str, object]] = {
    "crm": {"type": "postgres", "database": "crm"},
    "other": {"type": "postgres", "database": "other"},
}


def refusals(workspace: Workspace) -> dict[str, list[tuple[str, str]]]:
    """Lint's errors by model."""
    outcome = workspace.run("lint", "--format", "json")
    found: dict[str, list[tuple[str, str]]] = {}
    for finding in json.loads(outcome.stdout):
        if finding["level"] == "error":
            found.setdefault(finding["file"], []).append((finding["code"], finding["message"]))
    return found


def test_what_is_no_reading_is_refused_by_lint_and_build(workspace: Workspace) -> None:
    workspace.profile(CONNECTIONS)
    workspace.users("email text")
    for number, (dialect, query) in enumerate(REFUSED):
        config = {"connection": "crm", "user_id": "id", "mapping": {"email": "id"}, "dialect": dialect}
        workspace.model(f"m{number:03}", query, **config)
    found = refusals(workspace)
    passed = [query for n, query in enumerate(REFUSED) if f"models/m{n:03}.sql" not in found]
    assert passed == []
    odd = {
        REFUSED[int(file[8:11])]: problems
        for file, problems in found.items()
        if not {code for code, _ in problems} & {"US501", "US002", "US003"}
    }
    assert odd == {}
    outcome = workspace.run("build")
    assert outcome.exit_code == 2
    said = outcome.stderr.count("error: models/m")
    assert said >= len(REFUSED)
    assert not (workspace.root / "target/warehouse.duckdb").exists()


@pytest.mark.parametrize("call", [call for call in CALLS if "(select" not in call])
def test_a_mapping_or_a_check_calls_functions_of_values_only(workspace: Workspace, call: str) -> None:
    workspace.profile(CONNECTIONS)
    workspace.users(f"email text, name text check ({call} is null)")
    config = {"connection": "crm", "user_id": "id", "mapping": {"email": call}}
    workspace.model("m", "select id from people", **config)
    found = refusals(workspace)
    [(code, _)] = found["models/users.sql"]
    assert code == "US212"
    workspace.users("email text")
    found = refusals(workspace)
    assert [code for code, _ in found["models/m.sql"]] == ["US213"]


def test_a_macro_is_no_way_round(workspace: Workspace) -> None:
    workspace.profile(CONNECTIONS)
    workspace.users("email text")
    workspace.write("macros/m.sql", "{% macro evil() %}next{{ 'val' }}('s'){% endmacro %}")
    workspace.model(
        "m", "select {{ evil() }} as id from people", connection="crm", user_id="id", mapping={"email": "id"}
    )
    assert [code for code, _ in refusals(workspace)["macros/m.sql"]] == ["US501"]


def test_a_misspelt_function_is_named(workspace: Workspace) -> None:
    workspace.profile(CONNECTIONS)
    workspace.users("email text")
    workspace.model("m", "select id, lowr(email) as email from people", connection="crm", user_id="id")
    outcome = workspace.run("lint")
    assert "models/m.sql:2:12: a query cannot call lowr()" in outcome.output
    assert "did you mean 'lower'?" in outcome.output


def test_every_function_that_may_be_called_makes_a_value_of_values() -> None:
    """Of DuckDB's functions; what a new version of it adds has to be read before it can be called."""
    with duckdb.connect() as engine:
        volatile = {
            name
            for (name,) in engine.execute(
                "select function_name from duckdb_functions() where function_type = 'scalar' "
                "group by all having bool_or(stability <> 'CONSISTENT' or has_side_effects)"
            ).fetchall()
        }
        known = {name for (name,) in engine.execute("select function_name from duckdb_functions()").fetchall()}
    clocks = {"current_date", "get_current_time", "get_current_timestamp", "now", "today", "transaction_timestamp"}
    random = {"random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid"}
    assert callable_names("duckdb") & volatile == clocks | random | {"error"}
    assert callable_names("duckdb") <= known


def test_servers_have_lists_of_their_own() -> None:
    def refused(sql: str, dialect: str) -> list[str]:
        return [name for _, name, _ in refused_calls(sqlglot.parse_one(sql, read=dialect).find_all(exp.Func), dialect)]

    assert refused("select to_tsvector(a), row_to_json(t), unaccent(b) from t", "postgres") == []
    assert refused("select inet_aton(a), find_in_set('a', b), uuid_to_bin(c) from t", "mysql") == []
    for call in CALLS:
        if "->" not in call and "(select" not in call:
            assert refused(f"select {call}", "postgres"), call
            assert refused(f"select {call}".replace('"', "`"), "mysql"), call


def spellings(name: str, dialect: str) -> list[str]:
    """Queries that call a function, in all ways that parse."""
    quoted = f"`{name}`" if dialect == "mysql" else f'"{name}"'
    names = [name, name.upper(), *([quoted, f"pg_catalog.{name}"] if dialect == "postgres" else [])]
    calls = [f"{n}({arguments})" for n in names for arguments in ("", "1", "'x'", "'x', 1", "'x', 1, 2")]
    found = []
    for sql in [*(f"select {call} as id" for call in calls), f"select * from {quoted}('x')"]:
        with suppress(sqlglot.errors.SqlglotError, TypeError):  # as sqlglot does at `date_add()`
            sqlglot.parse_one(sql, read=dialect)
            found.append(sql)
    return found


def let_through(names: list[str], dialect: str) -> set[str]:
    """Those of some functions that a query may call in one spelling or another."""
    return {
        name
        for name in names
        for sql in spellings(name, dialect)
        if not any(refused_calls(sqlglot.parse_one(sql, read=dialect).find_all(exp.Func), dialect))
    }


EXTENSIONS = (
    "adminpack",
    "dblink",
    "file_fdw",
    "lo",
    "pageinspect",
    "pg_prewarm",
    "pgcrypto",
    "postgres_fdw",
    "tablefunc",
)


@pytest.mark.postgres
def test_of_what_postgres_calls_volatile_only_clocks_and_chance_are_callable(postgres: Database) -> None:
    """Of every function that this server has, with the extensions that come with it and do something."""
    wanted = ", ".join(f"'{name}'" for name in EXTENSIONS)
    there = postgres.execute(f"select name from pg_available_extensions where name in ({wanted})")
    postgres.execute("; ".join(f"create extension {name} cascade" for (name,) in there) or "select 1")
    rows = postgres.execute("select distinct proname::text from pg_proc where provolatile = 'v'")
    volatile = [str(name) for (name,) in rows]
    assert {"pg_terminate_backend", "setval", "lo_create", "pg_read_file"} <= set(volatile)
    assert let_through(volatile, "postgres") == {"clock_timestamp", "timeofday", "random", "gen_random_uuid"}


@pytest.mark.mysql
def test_of_the_functions_of_mariadb_only_those_of_values_are_callable(mysql: Database) -> None:
    try:
        rows = mysql.execute("select lower(function) from information_schema.sql_functions")
    except pymysql.Error:
        pytest.skip("only MariaDB lists its functions")
    names = [str(name) for (name,) in rows]
    assert {"sleep", "load_file", "get_lock", "master_pos_wait", "last_insert_id"} <= set(names)
    # What sqlglot knows by a class of its own.
    known = {
        "add_months",
        "compress",
        "database",
        "encode",
        "encrypt",
        "rand",
        "schema",
        "session_user",
        "uuid",
        "version",
    }
    assert let_through(names, "mysql") - callable_names("mysql") <= known


# --- Names that mean something else to the engine ---


def read_one_person(workspace: Workspace) -> None:
    """A project of one pipeline, `p`, on one DuckDB file that is the connection `it`."""
    store = Store("duckdb", workspace.root)
    store.fill("people", "id bigint, name text", [(1, "Ann")])
    workspace.profile({"it": store.profile})
    workspace.users("name text")
    workspace.model("p", "select id, name from people", connection="it", user_id="id")


@pytest.mark.parametrize(
    "table",
    [
        "'/etc/passwd'",
        '"/../../../../../../../../../etc/hosts.csv"',
        '"/etc/hosts.csv"',
        "temp.delta",
        "stage.t",
        "usersync.runs",
        "warehouse.users",
        "main.nothing",
    ],
)
def test_a_name_means_a_table_of_the_connection(workspace: Workspace, table: str) -> None:
    read_one_person(workspace)
    workspace.build()
    workspace.model("p", f"select id, name from {table}", connection="it", user_id="id")
    outcome = workspace.run("build")
    assert outcome.exit_code == 1
    assert "connection 'it'" in outcome.stderr
    assert any(
        words in outcome.stderr for words in ("does not exist", "has no table", "has no schema", "may read no file")
    )


def test_a_view_of_a_source_reads_no_file(workspace: Workspace) -> None:
    """DuckDB itself runs the views of a DuckDB source."""
    store = Store("duckdb", workspace.root)
    store.fill("other", "id bigint", [(1,)])
    secret = workspace.write("secret.txt", "canary7f3a9c")
    store.execute(f"create view people as select 1 as id, content as name from read_text('{secret}')")
    workspace.profile({"it": store.profile})
    workspace.users("name text")
    workspace.model("p", "select id, name from people", connection="it", user_id="id")
    for command in (["build"], ["preview", "p"], ["plan"]):
        outcome = workspace.run(*command)
        assert outcome.exit_code == 1
        assert "connection 'it'" in outcome.stderr
        assert "may read no file" in outcome.stderr
        assert "canary7f3a9c" not in outcome.output


def viewing(workspace: Workspace, *statements: str) -> None:
    """A pipeline over the view `people` of a DuckDB file, made where another connection, `other`, is at hand too."""
    other, it = Store("duckdb", workspace.root, stem="other"), Store("duckdb", workspace.root)
    other.fill("secrets", "id bigint, name text", [(1, CANARY)])
    it.fill("own", "id bigint, name text", [(1, "Ann")])
    lake = workspace.write("lake/a.csv", f"id,name\n1,{CANARY}\n")
    workspace.profile({"it": it.profile, "other": other.profile, "lake": {"type": "files", "path": "lake"}})
    workspace.users("name text")
    for stem, table in {"it": "own", "other": "secrets", "lake": "'a.csv'"}.items():
        workspace.model(stem, f"select id, name from {table}", connection=stem, user_id="id")
    workspace.build()
    with duckdb.connect(str(workspace.root / f"{FOLDER}/it.duckdb")) as file:
        file.execute(f"attach '{workspace.root / FOLDER / 'other.duckdb'}' as other (read_only)")
        file.execute(f"attach '{workspace.root / 'target/warehouse.duckdb'}' as warehouse (read_only)")
        for statement in statements:
            file.execute(statement.format(lake=lake))
    workspace.model("it", "select id, name from people", connection="it", user_id="id")


CANARY = "canary7f3a9c"
LEADING_OUT = {
    "the warehouse": ("create view people as select 2 as id, name from warehouse.main.users",),
    "the warehouse's state": (
        "create view people as select 2 as id, run_id::text as name from warehouse.usersync.runs",
    ),
    "a connection": ("create view people as from other.secrets",),
    "inside of a query": ("create view people as select 2 as id, (select max(name) from other.secrets) as name",),
    "a view of a view": ("create view v as from other.secrets", "create view people as from v"),
    "a macro": (
        "create macro f(x) as (select max(name) from other.secrets)",
        "create view people as select 2 as id, f(1) as name",
    ),
    "a macro of a table": ("create macro f() as table from other.secrets", "create view people as from f()"),
    "a macro that looks like a function": (
        "create macro lower(x) as (select max(name) from other.secrets)",
        "create view people as select id, lower(name) as name from own",
    ),
    "a query as text": ("create view people as from query('from other.secrets')",),
    "a name as text": ("create view people as from query_table('other.secrets')",),
    "a file of another connection": ("create view people as from read_csv('{lake}')",),
    "files of another connection": ("create view people as select 1 as id, file as name from glob('{lake}')",),
    "settings": ("create view people as select 1 as id, value as name from duckdb_settings()",),
}


@pytest.mark.parametrize("way", LEADING_OUT)
def test_a_view_of_a_source_reads_its_own_file_only(workspace: Workspace, way: str) -> None:
    viewing(workspace, *LEADING_OUT[way])
    before = workspace.rows("from identities order by all")
    for command in (["build"], ["preview", "it"], ["plan"]):
        outcome = workspace.run(*command)
        assert (outcome.exit_code in (1, 2), CANARY in outcome.output) == (True, False)
        # What is not attached for a preview does not exist there.
        said = "models/it.sql:2:22: the view 'people' of connection 'it' reads " in outcome.stderr
        assert said or (command[0] == "preview" and "connection 'it'" in outcome.stderr)
    assert workspace.rows("from identities order by all") == before


@pytest.mark.postgres
@pytest.mark.parametrize("call", ["crm.public.people", "postgres_query('crm', 'select * from people')"])
def test_a_view_of_a_source_asks_no_server(workspace: Workspace, postgres: Database, call: str) -> None:
    postgres.execute(f"create table people as select 1 as id, '{CANARY}' as name")
    it = Store("duckdb", workspace.root)
    it.fill("own", "id bigint, name text", [(1, "Ann")])
    with open_engine(workspace.root / "spill") as engine:
        attached(engine, Store("postgres", workspace.root, postgres), "crm")
        engine.execute(f"attach '{workspace.root / FOLDER / 'it.duckdb'}' as file")
        engine.execute(f"create view file.people as from {call}")
    workspace.profile({"it": it.profile, "crm": postgres.profile})
    workspace.users("name text")
    workspace.model("crm", "select id, name from people", connection="crm", user_id="id")
    workspace.model("it", "select id, name from people", connection="it", user_id="id")
    outcome = workspace.run("build")
    assert (outcome.exit_code, "the view 'people' of connection 'it' reads " in outcome.stderr) == (1, True)
    assert workspace.rows("select pipeline from identities") == [("crm",)]


OPENING = {
    "a view": ["create view file.people as from {call}"],
    "a view of a view": ["create view file.v as from {call}", "create view file.people as from file.v"],
    "a macro": [
        "create macro file.lower(x) as (select max(name) from {call})",
        "create view file.people as select id, file.lower(name) as name from file.own",
    ],
    "a macro of a table": ["create macro file.f() as table from {call}", "create view file.people as from file.f()"],
    "a query as text": ["create view file.people as from query('from postgres_' || 'scan' || $${arguments}$$)"],
}


@pytest.mark.postgres
@pytest.mark.parametrize("way", OPENING)
def test_a_view_of_a_source_opens_no_server(workspace: Workspace, postgres: Database, way: str) -> None:
    """DuckDB would connect as soon as it looks at such a view, to say which columns it has."""
    it = Store("duckdb", workspace.root)
    it.fill("own", "id bigint, name text", [(1, "Ann")])
    postgres.execute(f"create table people as select 1 as id, '{CANARY}' as name")
    asked: list[bytes] = []
    with relayed(postgres) as relay:
        server = relay.database
        place = f"host={server.host} port={server.port} user={server.user} dbname={server.database}"
        arguments = f"('{place}', 'public', 'people')"
        with open_engine(workspace.root / "spill") as engine:
            load_extension(engine, "postgres_scanner")
            engine.execute(f"attach '{workspace.root / FOLDER / 'it.duckdb'}' as file")
            for statement in OPENING[way]:
                engine.execute(statement.format(call=f"postgres_scan{arguments}", arguments=arguments))
        relay.asked = asked.append
        workspace.profile({"it": it.profile, "crm": postgres.profile})
        workspace.users("name text")
        workspace.model("crm", "select id, id as name from people", connection="crm", user_id="id")
        workspace.model("it", "select id, name from people", connection="it", user_id="id")
        for command in ("build", "plan", "preview it"):
            outcome = workspace.run(*command.split())
            assert outcome.exit_code in {1, 2}, outcome.output
            assert "the view 'people' of connection 'it' reads " in outcome.stderr, outcome.output
        for command in ("compile", "record it"):
            assert CANARY not in workspace.run(*command.split()).output
    assert asked == []


OWN = {
    "a view of a view": ("create view v as from own", "create view people as from v"),
    "a macro": ("create macro f(x) as trim(x)", "create view people as select id, f(name) as name from own"),
    "series and lists": (
        "create view people as select o.id, o.name from own as o, range(1), unnest([1]), json_each('[1]')",
    ),
    "a recursion": (
        "create view people as with recursive r as (select 1 as id union all select id + 1 from r where id < 3) "
        "select own.id, name from own join r using (id)",
    ),
    "groups and windows": (
        "create view people as select id, max(name) as name from own group by id qualify row_number() over () = 1",
    ),
    "a pivot": ("create view people as select id, 'Ann' as name from (pivot own on name in ('Ann') using count(*))",),
    "another schema": ("create schema s", "create table s.t as from own", "create view people as from s.t"),
}


@pytest.mark.parametrize("way", OWN)
def test_a_view_of_a_sources_own_tables_is_read(workspace: Workspace, way: str) -> None:
    viewing(workspace, *OWN[way])
    workspace.build()
    assert workspace.rows("select identity_id, name from identities where pipeline = 'it'") == [("1", "Ann")]


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from usersync.runs, glob('/etc/*')",
        "select * from crm.public.people",
        "select * from temp.delta",
        "select * from stage.x",
        "select nextval('s')",
        "select * from duckdb_secrets()",
        "copy users to '/tmp/x'",
    ],
)
def test_a_data_test_reads_the_warehouse_only(workspace: Workspace, query: str) -> None:
    read_one_person(workspace)
    workspace.write("tests/fine.sql", "select * from users join warehouse.main.identities using (user_id) where false")
    workspace.build()
    workspace.write("tests/evil.sql", query)
    outcome = workspace.run("build")
    assert (outcome.exit_code, "error: tests/evil.sql:1" in outcome.stderr) == (1, True)


# --- Past the parser ---


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_engine(tmp_path / "spill") as engine:
        yield engine


def attached(engine: duckdb.DuckDBPyConnection, store: Store, name: str = "it") -> Connection:
    connection = Connection(name, store.kind, {k: v for k, v in store.profile.items() if k != "type"}, store.root)
    attach(engine, connection)
    return connection


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement",
    [
        "delete from people returning id",
        "with d as (delete from people returning id) select * from d",
        "insert into people values (2) returning id",
        "copy people to '/tmp/usersync_people'",
        "set default_transaction_read_only = off",
        "select set_config('transaction_read_only', 'off', false)",
        "select nextval('s')",
        "select setval('s', 5)",
        "select id from people for update",
        "select id from people; delete from people",
        "commit; delete from people",
        "create temp table other as select 1 as id",
        "select query_to_xml('delete from people returning id', true, true, '')",
        "do $x$ begin delete from people; end $x$",
        "explain analyze delete from people",
        "truncate people",
        "select * into other from people",
        "select writes()",
        "select writes_after_all()",
    ],
)
def test_the_session_of_postgres_only_reads(
    workspace: Workspace, postgres: Database, engine: duckdb.DuckDBPyConnection, statement: str
) -> None:
    postgres.execute("create table people as select 1 as id; create sequence s")
    for name, first in {"writes": "", "writes_after_all": "set transaction read write;"}.items():
        body = f"begin {first} delete from people; return 1; end"
        postgres.execute(f"create function {name}() returns int language plpgsql as $x$ {body} $x$")
    attached(engine, Store("postgres", workspace.root, postgres))
    # What sessions are by default makes no difference: each transaction is told.
    engine.execute("from postgres_query('it', $$select set_config('default_transaction_read_only', 'off', false)$$)")
    with pytest.raises(duckdb.Error):
        engine.execute(f"from postgres_query('it', $q${statement}$q$)").fetchall()
    assert postgres.execute("select id, (select is_called from s) from people") == [(1, False)]


FOREIGN = (
    "from '/etc/passwd'",
    "from '/etc/hosts.csv'",
    "from read_text('/etc/passwd')",
    "from glob('/etc/*')",
    "attach '/tmp/usersync_other.duckdb' as other",
    "attach 'host=127.0.0.1' as other (type postgres)",
    "attach 'host=127.0.0.1' as other (type mysql)",
    "attach '/tmp/usersync_other.db' as other (type sqlite)",
    "copy (select 1) to '/tmp/usersync_out.csv'",
    "load httpfs",
    "install httpfs",
    "set global enable_external_access = true",
    "set global allowed_directories = ['/']",
    "from engine",
)


def test_a_sealed_engine_opens_nothing_more(workspace: Workspace, engine: duckdb.DuckDBPyConnection) -> None:
    store = Store("duckdb", workspace.root)
    store.fill("people", "id bigint", [(1,)])
    lake = Connection("lake", "files", {"path": "lake"}, workspace.root)
    file = workspace.write("lake/a.csv", "id\n2\n")
    seal(engine, [attached(engine, store), lake])
    for statement in FOREIGN:
        with pytest.raises(duckdb.Error):
            engine.execute(statement).fetchall()
    assert engine.execute(f"select id from it.people union all from '{file}'").fetchall() == [(1,), (2,)]
    engine.execute("attach ':memory:' as other; create table other.t as from range(3)")
