"""Servers are asked for the columns and rows in use only, and never for fewer rows than the query wants."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import NamedTuple

import duckdb
import pytest

from tests.pairs import parsed
from tests.servers import Database, fresh_database
from tests.sources.landing import one_pipeline
from tests.sources.statements import logged
from tests.sources.tables import SERVERS, Store, sources
from tests.sources.wire import tapped
from tests.support import Workspace, pipeline_of
from usersync.compile.native import read_natively
from usersync.compile.tables import qualify_tables
from usersync.project.model import Connection, Source
from usersync.sources.attach import attach, source_error
from usersync.sources.engine import open_engine

servers = pytest.mark.parametrize("store", sources(*SERVERS), indirect=True)


# --- What the server receives ---


class Update(NamedTuple):
    """An update column, and the condition on it that the server receives after 2026-01-01 02:46:40."""

    server: str
    type: str
    step: str
    """The n-th row's update time, from n."""
    received: str
    settings: Mapping[str, str] = MappingProxyType({})


ISO = {"updated_at_format": "ISO8601"}
PG_DAY, MY_DAY = "date '2026-01-01' + (n / 1000)", "date'2026-01-01' + interval n div 1000 day"
PG_TIME, MY_TIME = (
    "timestamp '2026-01-01' + n * interval '1 second'",
    "timestamp'2026-01-01 00:00:00' + interval n second",
)
UPDATES = [
    Update("postgres", "timestamp", PG_TIME, "\"ts\" >= timestamp '2026-01-01 02:46:40'"),
    Update(
        "postgres",
        "timestamptz",
        f"({PG_TIME}) at time zone 'UTC'",
        "\"ts\" >= timestamptz '2026-01-01 02:46:40+00:00'",
    ),
    Update("postgres", "date", PG_DAY, "\"ts\" >= date '2026-01-11'"),
    Update(
        "postgres",
        'text collate "C"',
        f"to_char({PG_TIME}, 'YYYY-MM-DD\"T\"HH24:MI:SS')",
        "\"ts\" >= '2026-01-01T02:46:40'",
        ISO,
    ),
    Update("mysql", "datetime(6)", MY_TIME, "`ts` >= timestamp '2026-01-01 02:46:40'"),
    Update("mysql", "timestamp null", MY_TIME, "`ts` >= timestamp '2026-01-01 02:46:40'"),
    Update("mysql", "date", MY_DAY, "`ts` >= date '2026-01-11'"),
    Update(
        "mysql",
        "varchar(30) collate utf8mb4_general_ci",
        f"date_format({MY_TIME}, '%Y-%m-%d %T')",
        "(`ts` >= '2026-01-01 02:46:4' and cast(convert(`ts` using utf8mb4) as binary) >= '2026-01-01 02:46:40')",
        ISO,
    ),
    Update(
        "mysql",
        "varchar(30) collate utf8mb4_bin",
        f"date_format({MY_TIME}, '%Y-%m-%dT%T')",
        "(`ts` >= '2026-01-01T02:46:4' and cast(convert(`ts` using utf8mb4) as binary) >= '2026-01-01T02:46:40')",
        ISO,
    ),
]
_NUMBERS = {
    "postgres": "from generate_series({}, {}) as s (n)",
    "mysql": "from (with recursive s (n) as (select {} union all select n + 1 from s where n < {}) select * from s) s",
}


def fill(store: Store, update: Update, first: int, last: int) -> None:
    numbers = _NUMBERS[store.kind].format(first, last)
    limit = "set max_recursive_iterations = 9999999; " if store.kind == "mysql" else ""
    rows = f"select n, concat('n', n), 'unused', {update.step} {numbers}"
    store.execute(f"{limit}insert into people (id, name, other, ts) {rows}")
    store.execute("analyze people" if store.kind == "postgres" else "analyze table people")


@contextmanager
def received(store: Store) -> Iterator[list[str]]:
    """The SELECTs on people that the server says it received in the block; there when it ends."""
    assert store.database is not None
    found: list[str] = []
    with logged(store.database) as statements:
        yield found
    # PostgreSQL is asked for a copy of a SELECT.
    texts = [re.sub(r"(?s)^COPY .* FROM \((.*)\) AS __unnamed_subquery.* TO STDOUT.*", r"\1", s) for s in statements]
    found += [text for text in texts if re.match(r"select .* from (\S+\.)?people\b", re.sub(r'["`]', "", text))]


def plan(store: Store, statement: str) -> str:
    assert store.database is not None
    return str(store.database.execute(f"explain {statement}"))


@pytest.mark.parametrize(
    ("store", "update"),
    [pytest.param(u.server, u, marks=getattr(pytest.mark, u.server), id=f"{u.server}-{u.type}") for u in UPDATES],
    indirect=["store"],
)
def test_the_cursor_and_the_columns_in_use_are_all_that_the_server_is_asked_for(
    workspace: Workspace, store: Store, update: Update
) -> None:
    store.execute(f"create table people (id int primary key, name varchar(20), other text, ts {update.type})")
    store.execute("create index people_ts on people (ts)")
    fill(store, update, 1, 10_000)
    query = "select id, name, other, ts from people where ts >= ${updated_at}"
    config = {"updated_at": "ts", "incremental": True, **update.settings}
    one_pipeline(workspace, store, "name text", query, None, **config)
    assert pipeline_of(workspace.build(), "p")["inserted"] == 10_000
    fill(store, update, 10_001, 10_100)
    with received(store) as statements:
        found = pipeline_of(workspace.build(), "p")
    assert (found["inserted"], found["read"] <= 101) == (100, True)
    [statement] = set(statements)
    columns, _, condition = re.fullmatch(r"select (.*) from (\S+) where (.*)", statement).groups()  # type: ignore[union-attr]
    assert (condition, "other" in columns) == (update.received, False)
    assert "people_ts" in plan(store, statement)


def returned(store: Store, statement: str) -> float:
    """How many rows the server finds for a statement."""
    assert store.database is not None
    if store.kind == "postgres":
        [(found,)] = store.database.execute(f"explain (analyze, format json) {statement}")
        return float(found[0]["Plan"]["Actual Rows"])  # type: ignore[index]
    [(found,)] = store.database.execute(f"analyze format=json {statement}")
    return float(re.search(r'"r_rows": ([\d.]+)', str(found))[1])  # type: ignore[index]


@servers
def test_of_a_million_rows_the_server_returns_those_that_changed(workspace: Workspace, store: Store) -> None:
    update = next(u for u in UPDATES if u.server == store.kind)
    store.execute(f"create table people (id int, name varchar(20), other text, ts {update.type})")
    store.execute("create index people_ts on people (ts)")
    fill(store, update, 1, 10_000)
    query = "select id, name, other, ts from people where ts >= ${updated_at}"
    one_pipeline(workspace, store, "name text", query, None, updated_at="ts", incremental=True)
    workspace.build()
    fill(store, update, -990_000, 0)
    fill(store, update, 10_001, 10_100)
    with received(store) as statements:
        found = pipeline_of(workspace.build(), "p")
    [statement] = set(statements)
    assert (found["inserted"], found["read"], returned(store, statement)) == (100, 101, 101)


@servers
def test_a_native_query_has_the_cursor_as_a_literal_too(workspace: Workspace, store: Store) -> None:
    update = next(u for u in UPDATES if u.server == store.kind)
    store.execute(f"create table people (id int primary key, name varchar(20), other text, ts {update.type})")
    store.execute("create index people_ts on people (ts)")
    fill(store, update, 1, 10_000)
    query = "select id, name, other, ts from people where ts >= ${updated_at}"
    config = {"updated_at": "ts", "incremental": True, "pushdown": "native", "dialect": store.kind}
    one_pipeline(workspace, store, "name text", query, None, **config)
    workspace.build()
    fill(store, update, 10_001, 10_100)
    assert store.database is not None
    with logged(store.database) as statements:
        assert pipeline_of(workspace.build(), "p")["read"] == 101
    [statement] = {s for s in statements if "timestamp '2026-01-01 02:46:40'" in s and not s.startswith("explain")}
    select = re.sub(r"(?s)^COPY .* FROM \((.*)\) AS __unnamed_subquery.* TO STDOUT.*", r"\1", statement)
    assert "other" not in re.sub(r"(?s)^(.*?) from \(.*", r"\1", select)
    assert "people_ts" in plan(store, select)


@pytest.mark.mysql
def test_another_database_of_the_server_is_asked_alike(workspace: Workspace, mysql: Database) -> None:
    store = Store("mysql", workspace.root, mysql)
    with fresh_database(mysql) as other:
        other.execute(
            "create table people (id int, name text, other text, data json, small tinyint(1));"
            "insert into people values (1, 'Ann', 'x', '{\"a\": 1}', 5), (2, 'Bob', 'y', null, 0)"
        )
        query = f"select id, name, other, data, small from {other.database}.people where id < 2"
        one_pipeline(workspace, store, "name text, data json, small integer", query)
        with logged(mysql) as statements:
            assert pipeline_of(workspace.build(), "p")["inserted"] == 1
        [asked] = {s for s in statements if "people` where" in s}
        assert statements.count("select version() as version") == 1
    columns = "`id`, `name`, cast(`data` as char) as `data`, `small`"
    assert asked == f"select {columns} from `{other.database}`.`people` where `id` < 2"
    assert workspace.rows("select data ->> 'a', small from users") == [("1", 5)]


@pytest.mark.postgres
def test_a_catalog_that_cannot_be_read_is_an_error(workspace: Workspace, postgres: Database) -> None:
    role = f"r_{postgres.database}"
    postgres.execute(
        f"create table people as select 1 as id; create role {role} login; grant select on people to {role}"
    )
    postgres.execute("revoke select on pg_catalog.pg_collation from public")
    try:
        workspace.profile({"it": {**postgres.profile, "user": role}})
        workspace.users("id integer")
        workspace.model("p", "select id from people", connection="it", user_id="id")
        [error] = pipeline_of(workspace.build(expect=1), "p")["errors"]
    finally:
        postgres.execute(f"drop owned by {role}; drop role {role}")
    assert "its tables cannot be listed: permission denied for table pg_collation" in error["message"]


@servers
def test_a_star_reads_the_columns_in_use(workspace: Workspace, store: Store) -> None:
    store.fill("people", "id bigint, name text, other text, more text", [(1, "Ann", "x", "y")])
    one_pipeline(workspace, store, "name text, nick text", "select * from people", {"name": "name"})
    with received(store) as statements:
        workspace.build()
    assert {re.sub(r'["`]', "", s).partition(" from ")[0] for s in statements} == {"select id, name"}


@pytest.mark.postgres
def test_a_preview_asks_for_its_rows_only(workspace: Workspace, postgres: Database) -> None:
    postgres.execute(
        "create table people (id int, n numeric); insert into people select s, s from generate_series(1, 99) s"
    )
    with tapped(postgres) as wire:
        workspace.profile({"it": {**wire.database.profile, "sslmode": "disable"}})
        workspace.users("n text")
        workspace.model("p", "select id, n from people", connection="it", user_id="id")
        assert workspace.run("preview", "p").exit_code == 0
    assert re.search(rb'"people"[^\0]*LIMIT 1\) TO STDOUT', wire.sent)


@pytest.mark.mysql
def test_a_preview_of_a_large_table_is_quick(workspace: Workspace, mysql: Database) -> None:
    store = Store("mysql", workspace.root, mysql)
    store.execute("create table people (id int, name text); insert into people select seq, seq from seq_1_to_500000")
    one_pipeline(workspace, store, "name text", "select id, name from people")
    started = time.perf_counter()
    preview = workspace.run("preview", "p").exit_code, time.perf_counter() - started
    started = time.perf_counter()
    workspace.build()
    assert (preview[0], preview[1] < (time.perf_counter() - started) / 2) == (0, True)


# --- What comes back ---


@pytest.fixture
def engine(workspace: Workspace) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_engine(workspace.root / "spill") as engine:
        yield engine


def attached(engine: duckdb.DuckDBPyConnection, store: Store) -> Source:
    options = {key: value for key, value in store.profile.items() if key != "type"}
    return attach(engine, Connection("it", store.kind, options, store.root))


def native(source: Source, query: str) -> str:
    """The SQL of a query, its tables read natively."""
    found = parsed(query)
    tree = qualify_tables(found.tree, source.connection, found.rendered)
    return read_natively(tree, source, None).tree.sql(dialect="duckdb")


TEXTS = [
    "Ann",
    "ann",
    "ANN",
    "Ann ",
    " Ann",
    "Ànn",
    "A\u0300nn",
    "Ann\t",
    "Ann\x01",
    "An",
    "Anna",
    "a",
    "",
    "Z",
    "ß",
    "ss",
]
TEXTS += ["é", "è", "e", "☀", "😀", "'", "100%", "A_n", "\\", "\u00a0Ann", "ｱ", "0", "10", "9", "-", "~"]
OPERATORS = ("=", "<>", "<", "<=", ">", ">=")
ORDERS = {
    "postgres": ["", 'collate "C"', 'collate "und-x-icu"', 'collate "POSIX"'],
    "mysql": ["", *(f"collate utf8mb4_{name}" for name in ("bin", "general_ci", "unicode_ci", "nopad_bin"))],
}


@servers
def test_texts_compare_by_their_bytes_whatever_the_column_does(store: Store, engine: duckdb.DuckDBPyConnection) -> None:
    orders = ORDERS[store.kind]
    listed = ", ".join(f"t{i} varchar(20) {order}" for i, order in enumerate(orders))
    rows = [(n, *[text] * len(orders)) for n, text in enumerate(TEXTS)]
    store.fill("people", f"id int, {listed}", rows)
    source = attached(engine, store)
    for i in range(len(orders)):
        for operator in OPERATORS:
            assert_same_rows(engine, source, i, [f"{{}} {operator} {_quoted(text)}" for text in TEXTS])
        some = ", ".join(_quoted(text) for text in TEXTS[::3])
        assert_same_rows(engine, source, i, [f"{{}} in ({some})", f"{{}} not in ({some})", "{} between 'A' and 'a'"])
        assert_same_rows(engine, source, i, ["not ({} = 'ann' or {} > 'b')", "{} is null or {} = 'Ann'"])


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def assert_same_rows(engine: duckdb.DuckDBPyConnection, source: Source, column: int, conditions: Sequence[str]) -> None:
    """Each condition lets the same texts through on the server as in DuckDB."""
    engine.execute("create or replace table stage.texts as select unnest($texts::varchar[]) as t", {"texts": TEXTS})
    for condition in conditions:
        asked = native(source, f"select t{column} as t from people where {condition.format(*[f't{column}'] * 2)}")
        expected = f"select t from stage.texts where {condition.format('t', 't')}"
        difference = f"(({asked}) except all ({expected})) union all (({expected}) except all ({asked}))"
        assert engine.execute(difference).fetchall() == [], condition


@pytest.mark.mysql
def test_a_text_that_the_columns_characters_lack(
    workspace: Workspace, mysql: Database, engine: duckdb.DuckDBPyConnection
) -> None:
    store = Store("mysql", workspace.root, mysql)
    store.execute(
        "create table people (id int, t varchar(9) character set latin1); insert into people values (1, 'é€')"
    )
    source = attached(engine, store)
    for condition, found in {"= 'é€'": 1, "= '☀'": 0, "< '☀'": 1, ">= 'z'": 1, "<> '☀'": 1}.items():
        assert len(engine.execute(native(source, f"select id from people where t {condition}")).fetchall()) == found


VALUES = "id bigint, d date, ts timestamp, n decimal(10,2), b smallint"
VALUE_ROWS = [
    (1, "2026-01-01", "2026-01-01 00:00:00", "1.50", 1),
    (2, "2026-03-08", "2026-03-08 02:30:00.123456", "-0.01", 0),
    (3, None, None, None, None),
    (9007199254740993, "1970-01-01", "1970-01-01 00:00:00", "0", -1),
    (4, "9999-12-31", "9999-12-31 23:59:59.999999", "99999999.99", 32767),
]
CONDITIONS = [
    "ts >= timestamp '2026-01-01 00:00:00'",
    "ts > timestamp '2026-03-08 02:30:00.123455' - interval '1 hour'",
    "ts < timestamptz '2026-03-08 02:30:00.123457+00'",
    "timestamp '2026-01-01 05:30:00' > ts",
    "ts >= timestamptz '2026-01-01 05:30:00+05:30'",
    "ts >= '2026-01-01'",
    "ts between date '2026-01-01' and '2026-03-08 02:30:00.123456'",
    "ts > timestamp '0001-01-01' and ts <= timestamp '9999-12-31 23:59:59.999999'",
    "d = '2026-01-01'",
    "d <> date '2026-01-01'",
    "d >= timestamp '2026-01-01 00:00:01'",
    "d > timestamptz '2025-12-31 19:00:00-05'",
    "not (d < date '2026-01-02' or n > 1)",
    "d in ('2026-01-01', date '2026-03-08')",
    "n > 1.499999 and n <= 1.5",
    "n = 0 or n is null",
    "n not in (0, 1.5)",
    "n >= 123456789012345678901234567890123456",
    "id = 9007199254740993",
    "id > '9007199254740992'",
    "id <> 4 and id <> 4.5",
    "id in (1, 2.0, 3)",
    "b = -1 or -1 = b",
    "b > 100000",
    "b is not null and not (ts is null)",
    "coalesce(null, timestamp '2026-01-01') <= ts",
    "ts >= timestamp '2026-01-01' or null is null",
    "ts >= timestamp '2026-01-01' or timestamp '2026-01-01' is null",
    "(ts is null) = (d is null)",
    "ts::date = date '2026-01-01'",
    "case when b > 0 then true else d is null end",
]


@servers
@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Kolkata"])
def test_conditions_let_the_same_rows_through(store: Store, engine: duckdb.DuckDBPyConnection, zone: str) -> None:
    assert store.database is not None
    if store.kind == "postgres":
        store.execute(f"alter database {store.database.database} set timezone = '{zone}'")
    store.fill("people", VALUES, VALUE_ROWS)
    listed = ", ".join(str(row).replace("None", "null") for row in VALUE_ROWS)
    engine.execute(f"create table stage.people ({VALUES}); insert into stage.people values {listed}")
    source = attached(engine, store)
    for condition in CONDITIONS:
        asked = engine.execute(native(source, f"select id, ts, d from people where {condition}")).fetchall()
        expected = engine.execute(f"select id, ts, d from stage.people where {condition}").fetchall()
        assert sorted(asked) == sorted(expected), condition


@pytest.mark.postgres
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Kolkata"])
def test_instants_around_the_change_of_clocks(workspace: Workspace, postgres: Database, zone: str) -> None:
    store = Store("postgres", workspace.root, postgres)
    store.execute(f"alter database {postgres.database} set timezone = '{zone}'")
    store.execute("create table people (id int, ts timestamptz)")
    query = "select id, ts from people where ts >= ${updated_at}"
    one_pipeline(workspace, store, "ts timestamp", query, updated_at="ts", incremental=True)
    instants = [
        "2026-03-08 09:59:59",
        "2026-03-08 10:00:00",
        "2026-03-08 10:30:00",
        "2025-11-02 08:30:00",
        "2025-11-02 09:30:00",
    ]
    for number, instant in enumerate(sorted(instants), 1):
        store.execute(f"insert into people values ({number}, '{instant}+00')")
        found = pipeline_of(workspace.build(), "p")
        assert (found["inserted"], found["read"]) == (1, min(number, 2))
    assert workspace.rows("select ts::varchar from identities order by 1") == [
        (instant,) for instant in sorted(instants)
    ]


# --- Which conditions reach which table ---


@pytest.fixture
def shop(workspace: Workspace, postgres: Database, engine: duckdb.DuckDBPyConnection) -> Source:
    postgres.execute(
        "create table a (id int, ts timestamp, active boolean, u uuid); create table b (id int, day date, x int)"
    )
    return attached(engine, Store("postgres", workspace.root, postgres))


def conditions(source: Source, query: str) -> dict[str, str | None]:
    """What the server is asked of each table."""
    sql = native(source, query).replace("''", "'")
    asked = re.findall(r"'select [^(]*? from \"public\"\.\"(\w)\"(?: where (.*?))?'\)", sql)
    return {table: re.sub('"', "", where) or None for table, where in asked}


SINCE = "timestamp '2026-01-01 00:00:00'"
REACHES = [
    ("select a.id from a where ts > {}", {"a": "ts > {}"}),
    ("select a.id from a, b where a.id = b.id and ts > {} and b.x = 1", {"a": "ts > {}", "b": "x = 1"}),
    ("select a.id from a left join b on a.id = b.id where a.ts > {} and b.x is null", {"a": "ts > {}", "b": None}),
    ("select b.id from a right join b on a.id = b.id where a.ts > {} and b.x = 1", {"a": None, "b": None}),
    ("select a.id from a full join b on a.id = b.id where a.ts > {}", {"a": None, "b": None}),
    ("select a.id from a semi join b on a.id = b.id where ts > {}", {"a": "ts > {}", "b": None}),
    (
        "select a.id from a asof join b on a.id = b.id and a.ts >= b.day where b.x = 1 and ts > {}",
        {"a": None, "b": None},
    ),
    ("select a.id from a positional join b where b.x = 1 and ts > {}", {"a": None, "b": None}),
    ("select id from (select id, ts as t from a) where t > {}", {"a": "ts > {}"}),
    ("with c as (select * from a) select id from c where c.ts > {}", {"a": "ts > {}"}),
    ("with c as (select * from a), d as (select id, ts as t from c) select id from d where t > {}", {"a": "ts > {}"}),
    ("with c as (select * from a) select x.id from c as x, c as y where x.ts > {}", {"a": None}),
    ("select id from (select id, ts from a limit 5) where ts > {}", {"a": None}),
    ("select id from (select id, max(ts) as ts from a group by id) where ts > {}", {"a": None}),
    ("select id from (select id, ts, row_number() over (order by id) as n from a) where ts > {}", {"a": None}),
    ("select id from (select id, ts from a union all select id, day from b) where ts > {}", {"a": None, "b": None}),
    ("select id from a where ts > {} union all select id from b where x = 1", {"a": "ts > {}", "b": "x = 1"}),
    ("select id, max(ts) as t from a where ts > {} group by id having max(ts) > now()", {"a": "ts > {}"}),
    (
        "select id from a where ts > {} and exists (select 1 from b where b.id = a.id and x = 1)",
        {"a": "ts > {}", "b": "x = 1"},
    ),
    ("select id from a where ts > {} or exists (select 1 from b where x = 1)", {"a": None, "b": "x = 1"}),
    ("select id from a where id in (select id from b where x = 1)", {"a": None, "b": "x = 1"}),
    ("select id from a where active and not (id = 1) or false", {"a": "(active and not (id = 1) or 1 = 0)"}),
    ("select id from a where active = true and ts > now()", {"a": "active = true"}),
    ("select id from a where ts > {} and random() > 0.5", {"a": "ts > {}"}),
    ("select id from a where id = 1 or ts > now()", {"a": None}),
    (
        "select id from a where u = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
        {"a": "u = uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"},
    ),
]


@pytest.mark.parametrize(("query", "expected"), REACHES)
def test_conditions_reach_the_tables_that_they_bind(
    shop: Source, engine: duckdb.DuckDBPyConnection, query: str, expected: dict[str, str | None]
) -> None:
    query = query.format(SINCE)
    wanted = {table: text and text.format(SINCE) for table, text in expected.items()}
    assert conditions(shop, query) == wanted
    engine.execute(native(shop, query)).fetchall()


COLUMNS = [
    ("select id from a", ["id"]),
    ("select m.id from a as m where m.ts is null", ["id", "ts"]),
    ("select count(*) as n from a", ["id"]),
    ("select id from (select * from a) where active", ["id", "active"]),
    ("select * from a", ["id", "ts", "active", "u"]),
    ("select distinct * from a", ["id", "ts", "active", "u"]),
    ("select a as id from a", ["id", "ts", "active", "u"]),
    ("select columns('i.*') from a", ["id", "ts", "active", "u"]),
    ("select * exclude (u) from a", ["id", "ts", "active", "u"]),
    ("select a.id from a join b using (id)", ["id"]),
    ("select a.id from a natural join b", ["id", "ts", "active", "u"]),
    ("select list_transform([1], lambda x: x + a.id) as id from a", ["id"]),
]


@pytest.mark.parametrize(("query", "expected"), COLUMNS)
def test_columns_in_use(shop: Source, engine: duckdb.DuckDBPyConnection, query: str, expected: list[str]) -> None:
    sql = native(shop, query)
    asked = re.search(r"'select ([^(]*?) from \"public\"\.\"a\"", sql)
    assert asked is not None
    assert asked[1].replace('"', "").split(", ") == expected
    engine.execute(sql).fetchall()


def test_a_name_that_does_not_exist_is_told_with_those_near_it(workspace: Workspace, postgres: Database) -> None:
    postgres.execute("create table people (id int, email text)")
    workspace.profile({"it": postgres.profile})
    workspace.users("email text")
    for query, place, said, hint in (
        ("select id, emial as email from people", "2:12", "column 'emial'", "did you mean 'email'?"),
        ("select id, email from pepole", "2:23", "table 'pepole'", "did you mean 'people'?"),
        ("select id, email from my.people", "2:23", "schema 'my'", "check the name"),
    ):
        workspace.model("p", query, connection="it", user_id="id")
        outcome = workspace.run("build")
        assert outcome.exit_code == 1
        assert f"error: models/p.sql:{place}: connection 'it' has no {said} here" in outcome.stderr, outcome.stderr
        assert f"hint: {hint}" in outcome.stderr, outcome.stderr


@servers
@pytest.mark.parametrize(
    "query", ["select id, name from people tablesample 100%", "select i as id, n as name from people as p (i, n, t)"]
)
def test_what_is_beyond_the_rewriter_is_read_all_the_same(workspace: Workspace, store: Store, query: str) -> None:
    store.fill("people", "id bigint, name text, ts timestamp", [(1, "Ann", None)])
    one_pipeline(workspace, store, "name text", query)
    assert pipeline_of(workspace.build(), "p")["inserted"] == 1


@servers
def test_an_error_is_the_servers_without_our_statement(store: Store, engine: duckdb.DuckDBPyConnection) -> None:
    store.fill("people", "id bigint, name text", [(1, "Ann")])
    source = attached(engine, store)
    asked = native(source, "select id, name from people where id > 0")
    store.execute("alter table people drop column name")
    with pytest.raises(duckdb.Error) as caught:
        engine.execute(asked)
    said = str(source_error(source.connection, caught.value, stage="reading fails"))
    assert re.search(r"reading fails: (column \"name\" does not exist|Unknown column 'name' in '\S+')", said)
