"""`usersync record` on real sources: what it writes, what it leaves alone, and what it says of drift."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from tests.marks import marked, place
from tests.servers import Database
from tests.support import Outcome, Workspace
from usersync.diagnostics import SourceFile
from usersync.exchange.recorded import read_recorded as exported
from usersync.project.recorded import DIALECTS, recorded_sql
from usersync.project.recorded_ddl import read_recorded

QUERY = "select id, email, updated_at from customers where updated_at >= ${updated_at}"
FILE = "models/sources/crm.sql"


def project(workspace: Workspace, connection: Mapping[str, object], query: str = QUERY) -> Workspace:
    workspace.profile({"crm": dict(connection)})
    workspace.users("email varchar(254)")
    workspace.model("people", query, connection="crm", user_id="id", updated_at="updated_at", incremental=True)
    return workspace


def recorded(workspace: Workspace, *args: str) -> str:
    outcome = workspace.run("record", *args)
    assert (outcome.exit_code, outcome.stdout) == (0, ""), outcome.output
    return (workspace.root / FILE).read_text(encoding="utf-8")


def body(text: str) -> str:
    """A file behind its heading."""
    head, _, rest = text.partition("\n\n")
    assert all(line.startswith("-- ") for line in head.splitlines())
    return rest


def drifted(workspace: Workspace) -> list[str]:
    outcome = workspace.run("record", "--check")
    assert outcome.exit_code == (1 if outcome.stdout else 0), outcome.output
    return outcome.stdout.splitlines()


def test_postgres_is_recorded_in_its_own_words(workspace: Workspace, postgres: Database) -> None:
    postgres.execute(
        """
        create type mood as enum ('good', 'bad');
        create table customers (
            id bigint primary key, email varchar(254) not null, "Full name" text, tags text[], feeling mood,
            score numeric(10, 2), updated_at timestamptz not null, "order" jsonb
        );
        create index by_time on customers (updated_at, id);
        create index by_mail on customers (lower(email));
        create index partial on customers (email) where email <> '';
        create schema old;
        create table old.orders (id int, customer_id bigint);
        create table unused (secret text);
        """
    )
    query = "select c.id, c.email, c.updated_at from Customers c join old.orders o on o.customer_id = c.id"
    text = recorded(project(workspace, postgres.profile, f"{query} where c.updated_at >= ${{updated_at}}"))
    assert body(text) == (
        "create table customers (\n"
        "    id bigint not null,\n"
        "    email character varying(254) not null,\n"
        '    "Full name" text,\n'
        "    tags text[],\n"
        "    feeling mood,\n"
        "    score numeric(10,2),\n"
        "    updated_at timestamp with time zone not null,\n"
        '    "order" jsonb,\n'
        "    primary key (id)\n"
        ");\n"
        "create index customers_updated_at_id_idx on customers (updated_at, id);\n\n"
        "create table old.orders (\n    id integer,\n    customer_id bigint\n);\n"
    )
    assert drifted(workspace) == []


def test_mysql_is_recorded_in_its_own_words(workspace: Workspace, mysql: Database) -> None:
    mysql.execute(
        """
        create table customers (
            id int unsigned primary key, email varchar(254) not null, kind enum('a', 'b'), doc json,
            updated_at datetime(6), `group` tinyint(1)
        );
        create index by_time on customers (updated_at);
        """
    )
    text = recorded(project(workspace, mysql.profile))
    assert body(text) == (
        "create table customers (\n"
        "    id int(10) unsigned not null,\n"
        "    email varchar(254) not null,\n"
        "    kind enum('a','b'),\n"
        "    doc json,\n"
        "    updated_at datetime(6),\n"
        "    `group` tinyint(1),\n"
        "    primary key (id)\n"
        ");\n"
        "create index customers_updated_at_idx on customers (updated_at);\n"
    )
    assert drifted(workspace) == []
    mysql.execute("alter table customers modify email varchar(100), drop column doc; drop index by_time on customers")
    assert drifted(workspace) == [
        "crm: customers.email: varchar(254) not null became varchar(100)",
        "crm: customers.doc: the column is gone (json)",
        "crm: customers: the index on (updated_at) is gone",
    ]


def sqlite(workspace: Workspace, ddl: str) -> dict[str, object]:
    with sqlite3.connect(workspace.root / "crm.db") as database:
        database.executescript(ddl)
    database.close()
    return {"type": "sqlite", "path": "crm.db"}


def test_sqlite_is_recorded_as_declared(workspace: Workspace) -> None:
    ddl = (
        "create table customers (id integer primary key, email varchar(20) not null, odd, updated_at datetime);"
        "create unique index by_mail on customers (email, id);"
        "create view people as select id, email, updated_at from customers;"
    )
    text = recorded(project(workspace, sqlite(workspace, ddl), QUERY + " union all select * from people"))
    assert body(text) == (
        "create table customers (\n"
        "    id INTEGER not null,\n    email varchar(20) not null,\n    odd,\n    updated_at datetime,\n"
        "    primary key (id)\n);\n"
        "create index customers_email_id_idx on customers (email, id);\n\n"
        "-- A view: the keys, indexes and NOT NULL of its tables are not seen.\n"
        "create table people (\n    id INTEGER,\n    email varchar(20),\n    updated_at datetime\n);\n"
    )
    assert drifted(workspace) == []


def test_keys_and_indexes_of_sqlite_are_in_their_own_order(workspace: Workspace) -> None:
    ddl = (
        "create table customers (id int not null, email text not null, updated_at text, primary key (updated_at, id));"
        "create index by_mail on customers (updated_at, email);"
    )
    text = recorded(project(workspace, sqlite(workspace, ddl)))
    assert "    primary key (updated_at, id)\n" in text
    assert "on customers (updated_at, email);" in text


def test_duckdb_is_recorded(workspace: Workspace) -> None:
    with duckdb.connect(str(workspace.root / "crm.duckdb")) as database:
        database.execute(
            "create table customers (id integer primary key, email varchar, updated_at timestamp, s struct(a int))"
        )
    text = recorded(project(workspace, {"type": "duckdb", "path": "crm.duckdb"}))
    assert body(text) == (
        "create table customers (\n"
        "    id INTEGER not null,\n    email VARCHAR,\n    updated_at TIMESTAMP,\n    s STRUCT(a INTEGER),\n"
        "    primary key (id)\n);\n"
    )
    assert drifted(workspace) == []


def test_files_are_recorded_as_they_would_be_read(workspace: Workspace) -> None:
    workspace.write("data/people.csv", "id,email,updated_at\n1,a@example.com,2025-01-01\n")
    workspace.write("data/more.csv", "id,email,updated_at\n1,a@example.com,2025-01-01\n")
    query = (
        "with x as (select * from read_csv('more.csv', all_varchar = true)) "
        "select id, email, updated_at from 'people.csv' union all select id::bigint, email, updated_at::date from x"
    )
    text = recorded(project(workspace, {"type": "files", "path": "data"}, query))
    assert body(text) == (
        'create table "more.csv" (\n    id VARCHAR,\n    email VARCHAR,\n    updated_at VARCHAR\n);\n\n'
        'create table "people.csv" (\n    id BIGINT,\n    email VARCHAR,\n    updated_at DATE\n);\n'
    )
    workspace.write("data/people.csv", "id,updated_at,phone\n1,2025-01-01,1\n")
    assert drifted(workspace) == [
        "crm: people.csv.phone: the column is new (BIGINT)",
        "crm: people.csv.email: the column is gone (VARCHAR)",
    ]


def test_a_function_that_reads_no_file_is_no_file(workspace: Workspace) -> None:
    workspace.write("data/people.csv", "id,email,updated_at\n1,a@example.com,2025-01-01\n")
    days = "generate_series('2025-01-01'::date, '2025-01-02'::date, interval '1 day')"
    query = f"select id, email, updated_at from 'people.csv' cross join {days} as days"
    text = recorded(project(workspace, {"type": "files", "path": "data"}, query))
    assert body(text).count("create table") == 1


@pytest.fixture
def crm(workspace: Workspace) -> Workspace:
    ddl = "create table customers (id integer primary key, email text, updated_at text); create table orders (id int);"
    return project(workspace, sqlite(workspace, ddl))


def test_a_second_record_changes_nothing(crm: Workspace) -> None:
    text = recorded(crm)
    before = (crm.root / FILE).stat().st_mtime_ns
    outcome = crm.run("record", "crm")
    assert outcome.stderr == f"{FILE}: 1 table, as before\n"
    assert (recorded(crm), (crm.root / FILE).stat().st_mtime_ns) == (text, before)


def test_what_an_import_recorded_stays(crm: Workspace) -> None:
    imported = "-- What the query of models/x.sql returns, by its definition.\ncreate table x (\n    a utinyint\n);\n"
    crm.write(FILE, imported)
    text = recorded(crm)
    assert text.endswith(f"\n{imported}")
    assert recorded(crm) == text
    assert drifted(crm) == []


def test_check_writes_nothing(crm: Workspace) -> None:
    assert drifted(crm) == ["crm: nothing is recorded"]
    assert not (crm.root / "models/sources").exists()


def test_a_table_that_was_never_recorded_is_drift(crm: Workspace) -> None:
    recorded(crm)
    crm.model("orders", "select id, 'x' as email from orders", connection="crm", user_id="id")
    assert drifted(crm) == ["crm: orders: the table is not recorded"]


def said(outcome: Outcome) -> tuple[int, str]:
    return outcome.exit_code, outcome.stderr.splitlines()[0]


def test_a_table_that_is_not_there_is_said_where_it_is_used(crm: Workspace) -> None:
    crm.model("orders", "select id, 'x' as email from order_s", connection="crm", user_id="id")
    outcome = crm.run("record")
    assert said(outcome) == (
        1,
        "error: models/orders.sql:2:30: connection 'crm' has no table 'order_s'",
    )
    assert "hint: did you mean 'orders'?" in outcome.stderr


def test_wrong_calls(crm: Workspace) -> None:
    crm.profile({"crm": {"type": "sqlite", "path": "crm.db"}, "hr": {"type": "sqlite", "path": "hr.db"}})
    assert said(crm.run("record", "cmr")) == (2, "error: there is no connection 'cmr'")
    assert said(crm.run("record", "hr")) == (3, "error: no pipeline reads connection 'hr'")
    assert said(crm.run("record", "-s", "nobody")) == (3, "error: no pipeline matches 'nobody'")
    crm.write(FILE, "create table customers (")
    outcome = crm.run("record", "--check")
    assert said(outcome)[0] == 2
    assert "error: models/sources/crm.sql:1:24: recorded sources: the statement ends too early" in outcome.stderr


def test_select_records_the_connections_of_the_selected(crm: Workspace) -> None:
    crm.profile({"crm": {"type": "sqlite", "path": "crm.db"}, "hr": {"type": "sqlite", "path": "hr.db"}})
    crm.model("staff", "select id, email from employees", connection="hr", user_id="id")
    outcome = crm.run("record", "--select", "people")
    assert (outcome.exit_code, outcome.stderr) == (0, f"{FILE}: 1 table\n")


def test_no_secret_is_recorded(workspace: Workspace, postgres: Database) -> None:
    postgres.execute("create table customers (id int, email text default 'hunter2', updated_at timestamptz)")
    text = recorded(project(workspace, postgres.profile | {"password": "hunter2"}))
    assert "hunter2" not in text
    assert "default" not in text


# --- The file ---

DDL = [
    ("postgres", 'create table s.c (id integer not null, m "S".mood, x bit varying(5)[], primary key (id, x));'),
    ("postgres", "create table if not exists c (id int primary key, \"order\" text default 'a,b' not null)"),
    ("mysql", "create table c (e enum('a)','b,'), u int(10) unsigned not null); create index i on c (e, u);"),
    ("postgres", "-- A view: the keys, indexes and NOT NULL of its tables are not seen.\ncreate table v (id int)"),
    ("sqlite", "create table c (id INTEGER, x, u UNSIGNED BIG INT, primary key (id)); create unique index i on c (x)"),
    ("files", 'create table "a/*.parquet" (s STRUCT(a INTEGER, b VARCHAR[]), m MAP(VARCHAR, INTEGER))'),
]


@pytest.mark.parametrize(("kind", "ddl"), DDL)
def test_what_is_read_is_written_and_read_again(kind: str, ddl: str) -> None:
    tables, problems = read_recorded(SourceFile(FILE, ddl), kind)
    assert tables
    text = recorded_sql(tables.values(), kind)
    assert (read_recorded(SourceFile(FILE, text), kind), problems) == ((tables, []), [])


@pytest.mark.parametrize("kind", DIALECTS)
@pytest.mark.parametrize(
    "text",
    ["create table (", "nonsense", "create table x 'abc", "create table t ()", "create index on t (a)", "create", "("],
)
def test_a_broken_file_is_a_finding_with_a_place(kind: str, text: str) -> None:
    tables, [problem] = read_recorded(SourceFile(FILE, text), kind)
    assert (tables, problem.code) == ({}, "US002")
    assert problem.location is not None


GOES_WRONG = [
    ("create table t (id bigint\n  »email varchar(9))", "a comma is missing before 'email'"),
    ("create table t (id bigint »email varchar(9))", "a comma is missing before 'email'"),
    ("create table t (id bigint not null\n  »email varchar(9))", "a comma is missing before 'email'"),
    ("create table t (id varchar(9) »email varchar(9))", "a comma is missing before 'email'"),
    ("create table t (id bigint »not nul, email text)", "a NOT without NULL"),
    ("create table t (id bigint »not, email text)", "a NOT without NULL"),
    ("create table t (id bigint, »primry key (id))", "unexpected 'primry'"),
    ("create table t (id bigint, primary key (»idd))", "the table has no column 'idd'"),
    ("create table t (id bigint, email text, »ID text)", "'ID' is a column twice"),
    ("create table t (id bigint); create index i on t (id, »emial)", "the table has no column 'emial'"),
    ("create table t (id bigint); create index i on »u (id)", "an index of 'u', a table that is not above"),
]


@pytest.mark.parametrize("kind", ["postgres", "mysql", "duckdb"])
@pytest.mark.parametrize(("text", "message"), GOES_WRONG)
def test_what_is_wrong_in_ddl_has_its_place(kind: str, text: str, message: str) -> None:
    text, expected = marked(text)
    _, [problem] = read_recorded(SourceFile(FILE, text), kind)
    assert (problem.message, problem.location and place(problem.location)) == (f"recorded sources: {message}", expected)


AS_SOURCES_SAY_IT = [
    ("postgres", "create table t (a double precision, b timestamp(3) without time zone default now() not null)"),
    ("postgres", 'create table t (a public.mood, b text[] collate "C", c interval day to second(3), d bit varying(3))'),
    ("postgres", "create table t (a bigint generated always as identity (start with 1), check (not a is null))"),
    (
        "postgres",
        "create table t (a int references u (id) on delete cascade\n  not null\n  deferrable)",
    ),
    ("mysql", "create table `t` (`a` int(10) unsigned zerofill NOT NULL AUTO_INCREMENT, PRIMARY KEY (`a`))"),
    ("mysql", "create table t (a varchar(9) character set utf8mb4 collate utf8mb4_bin not null comment 'a\nb')"),
    ("mysql", "create table t (a enum('x', 'y') not null default 'x', b national varchar(3), c long varchar)"),
    ("sqlite", "create table t (a unsigned big int, b varying character(9), c native character(70) not null)"),
    (
        "duckdb",
        "create table t (a timestamp with time zone, b struct(a integer, b varchar)[], c decimal(9, 2) not null)",
    ),
]


@pytest.mark.parametrize(("kind", "ddl"), AS_SOURCES_SAY_IT)
def test_ddl_of_all_kinds_is_read(kind: str, ddl: str) -> None:
    tables, problems = read_recorded(SourceFile(FILE, ddl), kind)
    assert ([*tables], problems) == ([("", "t")], [])


def test_words_cut_off_anywhere_raise_nothing(tmp_path: Path) -> None:
    text = DDL[0][1]
    for end in range(len(text)):
        read_recorded(SourceFile(FILE, text[:end]), "postgres")


def test_exports_read_what_they_can_of_a_recorded_file() -> None:
    ddl = "create table a (u int(10) unsigned not null);\ncreate table b (id integer not null, primary key (id));"
    assert {name: [c.name for c in t.columns] for name, t in exported(ddl, FILE).items()} == {"a": ["u"], "b": ["id"]}
