"""PostgreSQL: every type arrives as it is, numbers of any size and arrays included."""

from __future__ import annotations

import json

import pytest

from tests.servers import Database
from tests.sources.landing import Landing, land, one_pipeline, rejected
from tests.sources.tables import Store
from tests.support import Workspace
from usersync.compile.sql import template

UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
LONG = "12345678901234567890.12345678901234567"


@pytest.fixture
def store(workspace: Workspace, postgres: Database) -> Store:
    return Store("postgres", workspace.root, postgres)


NUMBERS = [
    Landing("smallint", "-3", "-3", "smallint", "-3"),
    Landing("integer", "7", "7", "integer", "7"),
    Landing("bigint", "9223372036854775807", "9223372036854775807", "bigint", "9223372036854775807"),
    Landing("oid", "4000000000", "4000000000", "bigint", "4000000000"),
    Landing("real", "1.1", "1.1", "real", "1.1"),
    Landing("double precision", "1e300", "1e+300", "double", "1e+300"),
    Landing("double precision", "'NaN'", "NaN", "double", "nan"),
    Landing("numeric", LONG, LONG, "decimal(37, 17)", LONG),
    Landing("numeric", "-0.00010", "-0.0001", "decimal(10, 4)", "-0.0001"),
    Landing("numeric", "'NaN'", "NaN", "double", "nan"),
    Landing("numeric", "'-Infinity'", "-Inf", "double", "-inf"),
    Landing("numeric", "12.00", "12", "integer", "12"),
    Landing("numeric", LONG, LONG, "json", LONG),
    Landing("numeric(10, 2)", "1.10", "1.1", "decimal(10, 2)", "1.10"),
    Landing("numeric(10, 2)", "'NaN'", "NaN", "real", "nan"),
    Landing("numeric(60, 10)", f"1e40 + {LONG[-3:]}", "10000000000000000000000000000000000000567", "double", "1e+40"),
    Landing("numeric(5, -2)", "12345", "12300", "bigint", "12300"),
    Landing("money", "12.34", "12.34", "decimal(10, 2)", "12.34"),
]
TEXTS = [
    Landing("boolean", "true", "true", "boolean", "true"),
    Landing("varchar(10)", "'L''été'", "L'été", "varchar(10)", "L'été"),
    Landing("char(5)", "'ab'", "ab", "text", "ab"),
    Landing("name", "'nm'", "nm", "text", "nm"),
    Landing("bytea", "'caff'::bytea", "caff", "text", "caff"),
    Landing("bytea", f"decode('{UUID.replace('-', '')}', 'hex')", None, "uuid", UUID),
    Landing("bit(8)", "b'10101010'", "10101010", "text", "10101010"),
    Landing("xml", "'<a/>'", "<a/>", "text", "<a/>"),
    Landing("uuid", f"'{UUID}'", UUID, "uuid", UUID),
    Landing("json", """'{"a":  [1]}'""", None, "json", '{"a":  [1]}'),
    Landing("jsonb", "'7'", "7", "integer", "7"),
    Landing("inet", "'10.0.0.1'", "10.0.0.1", "inet", "10.0.0.1"),
    Landing("inet", "'10.0.0.1/8'", "10.0.0.1/8", "inet", "10.0.0.1"),
    Landing("inet", "'::1'", "::1", "inet", "::1"),
    Landing("cidr", "'10.0.0.0/8'", "10.0.0.0/8", "inet", "10.0.0.0"),
    Landing("int4range", "'[1,5)'", "[1,5)", "text", "[1,5)"),
]
TIMES = [
    Landing("date", "'2024-01-02'", "2024-01-02", "date", "2024-01-02"),
    Landing("time", "'03:04:05.6'", "03:04:05.6", "time", "03:04:05.6"),
    Landing("timestamp", "'2024-01-02 03:04:05.6'", "2024-01-02T03:04:05.6Z", "timestamp", "2024-01-02 03:04:05.6"),
    Landing("timestamptz", "'2024-01-02 03:04:05+05'", "2024-01-01T22:04:05Z", "timestamp", "2024-01-01 22:04:05"),
    Landing("interval", "'1 mon 2 days 03:04:05'", "1 month 2 days 03:04:05", "text", "1 month 2 days 03:04:05"),
]
ARRAYS = [
    Landing("text[]", "array['a', null, 'b,c']", None, "json", '["a",null,"b,c"]'),
    Landing("text[]", "array['a', 'b,c']", None, "varchar[]", "[a, 'b,c']"),
    Landing("int[]", "array[1, 2]", None, "bigint[]", "[1, 2]"),
    Landing("int[]", "'{}'", None, "bigint[]", "[]"),
    Landing("int[][]", "array[[1, 2], [3, null]]", None, "json", "[[1,2],[3,null]]"),
    Landing("numeric[]", f"array[{LONG}, 1.50]", None, "decimal(37, 17)[]", f"[{LONG}, 1.50000000000000000]"),
    Landing("numeric[]", f"array[{LONG}, 'NaN']", None, "varchar[]", f"[{LONG}, NaN]"),
    Landing("numeric(10, 2)[]", "array[1.5]", None, "double[]", "[1.5]"),
    Landing("json[]", """array['{"a": 1}'::json]""", None, "json", '[{"a":1}]'),
    Landing("uuid[]", f"array['{UUID}'::uuid]", None, "uuid[]", f"[{UUID}]"),
    Landing("inet[]", "array['10.0.0.1'::inet, '::1']", None, "inet[]", "[10.0.0.1, '::1']"),
    Landing(
        "timestamptz[]", "array['2024-01-02 03:04:05+05'::timestamptz]", None, "timestamp[]", "['2024-01-01 22:04:05']"
    ),
]


@pytest.mark.parametrize("cases", [NUMBERS, TEXTS, TIMES, ARRAYS], ids=["numbers", "texts", "times", "arrays"])
def test_types(workspace: Workspace, store: Store, cases: list[Landing]) -> None:
    land(workspace, store, cases)


OWN = [
    Landing("mood", "'ok'", "ok", "enum('sad', 'ok')", "ok"),
    Landing("mood[]", "'{ok,sad}'", None, "varchar[]", "[ok, sad]"),
    Landing("citext", "'AbC'", "AbC", "text", "AbC"),
    Landing("age", "5", "5", "integer", "5"),
    Landing("price", "2.50", "2.5", "decimal(10, 2)", "2.50"),
    Landing("cheap", "2.50", "2.5", "decimal(10, 2)", "2.50"),
    Landing("prefs", "'[1]'", None, "json", "[1]"),
    Landing("price[]", "'{2.50}'", None, "decimal(10, 2)[]", "[2.50]"),
]


def test_enums_domains_and_extensions(workspace: Workspace, store: Store) -> None:
    store.execute(
        "create extension citext; create type mood as enum ('sad', 'ok'); create domain age as int check (value > 0); "
        "create domain price as numeric(10, 2); create domain cheap as price check (value < 9); "
        "create domain prefs as jsonb"
    )
    land(workspace, store, OWN)


def test_a_catalog_of_many_tables_is_no_work_for_the_compiler(postgres: Database) -> None:
    """PostgreSQL compiles what it takes for long work, which takes it a second."""
    postgres.execute("; ".join(f"create table t{n} (id int, a text, b numeric, c date, d int[])" for n in range(400)))
    plan = postgres.execute(f"explain {template('usersync.sources', 'columns_postgres', tables='')}")
    assert not [line for line in plan if "JIT" in str(line)]


def test_null_in_every_type(workspace: Workspace, store: Store) -> None:
    cases = [case._replace(value="null") for case in (*NUMBERS, *TEXTS, *TIMES, *ARRAYS)]
    listed = ", ".join(f"c{i} {case.type}" for i, case in enumerate(cases))
    store.execute(f"create table kinds (id int, {listed}); insert into kinds (id) values (1)")
    columns = ", ".join(f"v{i} {case.property}" for i, case in enumerate(cases))
    one_pipeline(workspace, store, columns, "select * from kinds", {f"v{i}": f"c{i}" for i in range(len(cases))})
    workspace.build()
    for i, case in enumerate(cases):
        assert workspace.rows(f"select v{i} from identities") == [(None,)], case
    assert rejected(workspace) == []


@pytest.mark.parametrize(
    ("source", "value", "prop"),
    [
        ("numeric", "'NaN'", "decimal(10, 2)"),
        ("numeric", "'Infinity'", "bigint"),
        ("numeric", "'NaN'", "json"),
        ("numeric", "1.5", "integer"),
        ("numeric", "1e30", "bigint"),
        ("numeric", "1.234", "decimal(10, 2)"),
        ("numeric(10, 2)", "'NaN'", "decimal(10, 2)"),
        ("numeric(10, 2)", "'NaN'", "integer"),
        ("numeric(10, 2)", "-1", "utinyint"),
        ("numeric[]", "array[1, 'NaN']::numeric[]", "decimal(10, 2)[]"),
        ("bytea", "'\\xff00'", "text"),
        ("timestamp", "'infinity'", "timestamp"),
        ("date", "'0044-03-15 BC'", "date"),
    ],
)
def test_what_a_property_cannot_hold_rejects_its_row(
    workspace: Workspace, store: Store, source: str, value: str, prop: str
) -> None:
    store.execute(f"create table kinds (id int, c {source}); insert into kinds values (1, {value}), (2, null)")
    one_pipeline(workspace, store, f"c {prop}", "select id, c from kinds")
    workspace.build()
    assert rejected(workspace) == [("1", "c")]
    assert workspace.rows("select identity_id, c from identities") == [("2", None)]


NUMERIC_ROWS = f"(1, {LONG}, 2.345), (2, 1.50, 'NaN'), (3, null, null)"


@pytest.fixture
def numbers(store: Store) -> Store:
    store.execute(f"create table n (id int, big numeric, small numeric(10, 3)); insert into n values {NUMERIC_ROWS}")
    return store


def test_in_an_expression_a_numeric_is_a_number(workspace: Workspace, numbers: Store) -> None:
    mapping = {"a": "big * 2", "b": "round(small, 1)", "c": "coalesce(big, 0)", "d": "big is null"}
    one_pipeline(
        workspace, numbers, "a double, b decimal(10, 1), c double, d boolean", "select id, big, small from n", mapping
    )
    workspace.build()
    # NaN is no decimal: what computes with it fails for its row.
    assert rejected(workspace) == [("2", "b")]
    assert workspace.rows("select a, b::varchar, c, d from identities order by identity_id") == [
        (2 * float(LONG), "2.3", float(LONG), False),
        (None, None, 0, True),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "select id, big from n",
        "select * from n",
        "select n.* from n",
        "select id, big as big from n as m where big is not null or id > 0",
        "with c as (select id, big from n) select id, big from c",
        "select id, big from (select * from n) order by big limit 3",
        "select a.id, b.big from n as a join n as b using (id)",
        "select a.id, b.big from n as a left join (select id as key, big from n) as b on a.id = b.key",
        "select id, big, row_number() over (order by big) as place from n",
    ],
)
def test_a_column_that_a_query_hands_on_stays_exact(workspace: Workspace, numbers: Store, query: str) -> None:
    one_pipeline(workspace, numbers, "big text", query)
    workspace.build()
    assert workspace.rows("select big from identities order by identity_id") == [(LONG,), ("1.5",), (None,)]


@pytest.mark.parametrize(
    "query",
    [
        "select distinct id, big from n",
        "select id, sum(big) as big from n group by id",
        "select id, big from n union all select id, big from n where false",
        "select id, big + 0 as big from n",
    ],
)
def test_a_column_that_a_query_computes_is_a_double(workspace: Workspace, numbers: Store, query: str) -> None:
    one_pipeline(workspace, numbers, "big double", query)
    workspace.build()
    assert workspace.rows("select big from identities order by identity_id") == [(float(LONG),), (1.5,), (None,)]


def test_a_condition_on_a_numeric_compares_numbers(workspace: Workspace, numbers: Store) -> None:
    one_pipeline(workspace, numbers, "big text", "select id, big from n where big > 9 and small < 10.5 order by big")
    workspace.build()
    assert workspace.rows("select identity_id from identities") == [("1",)]


def test_a_rejected_numeric_is_kept_as_it_was(workspace: Workspace, numbers: Store) -> None:
    one_pipeline(workspace, numbers, "big decimal(5, 2)", "select id, big from n")
    workspace.build()
    [(row,)] = workspace.rows("select row from usersync.rejected_rows")
    assert json.loads(row)["big"] == LONG
    workspace.users("big decimal(38, 17)")
    workspace.build()
    assert workspace.rows("select big::varchar from identities where identity_id = '1'") == [(LONG,)]


def test_types_that_only_the_scanner_reads(workspace: Workspace, store: Store) -> None:
    store.execute(
        "create type place as (street text, zip int); create table kinds (id int, a place, b jsonb, p point); "
        """insert into kinds values (1, '("Via Roma",10)', '{"a": 1}', '(1.5,2)')"""
    )
    query = "select id, a, (a).zip as zip, b, p from kinds"
    one_pipeline(workspace, store, "a json, zip int, b json, p json", query)
    workspace.build()
    assert workspace.rows("select a::varchar, zip, b::varchar, p::varchar from identities") == [
        ('{"street":"Via Roma","zip":10}', 10, '{"a": 1}', '{"x":1.5,"y":2.0}')
    ]


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz", "date"])
@pytest.mark.parametrize("settings", [{}, {"pushdown": "native", "dialect": "postgres"}], ids=["", "native"])
def test_an_update_time_without_end_moves_no_cursor(
    workspace: Workspace, store: Store, kind: str, settings: dict[str, str]
) -> None:
    store.execute(f"create table n (id int, ts {kind}); insert into n values (1, 'infinity'), (2, '2026-01-02')")
    query = "select id, id as name, ts from n where ts >= ${updated_at}"
    one_pipeline(workspace, store, "name text", query, None, updated_at="ts", incremental=True, **settings)
    for more in (3, 4):
        workspace.build()
        assert workspace.rows("select identity_id, reason from usersync.rejected_rows") == [
            ("1", "ts is in the future")
        ]
        store.execute(f"insert into n values ({more}, '2026-01-0{more}')")
    workspace.build()
    assert workspace.rows("select identity_id from identities order by 1") == [("2",), ("3",), ("4",)]


def test_names_in_capitals_and_with_quotes(workspace: Workspace, store: Store) -> None:
    store.execute("""create table "My 'Ta""ble" (id int, "Fir""st 'Name" text, n numeric)""")
    store.execute("""insert into "My 'Ta""ble" values (1, 'Ann', 0.10)""")
    query = """select ID, "fir""st 'NAME" as name, N from "My 'Ta""ble" where "Fir""st 'Name" = 'Ann'"""
    one_pipeline(workspace, store, "name text, n text", query)
    workspace.build()
    assert workspace.rows("select name, n from identities") == [("Ann", "0.1")]
