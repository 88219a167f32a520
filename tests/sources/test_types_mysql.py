"""MySQL and MariaDB: every type arrives as it is; what is no date is null."""

from __future__ import annotations

import itertools

import pytest

from tests.servers import Database
from tests.sources.landing import Landing, land, one_pipeline, rejected
from tests.sources.tables import Store
from tests.support import Workspace

UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
HEX = UUID.replace("-", "")
LONG = "12345678901234567890123456789012345678901234567890.5"


@pytest.fixture
def store(workspace: Workspace, mysql: Database) -> Store:
    return Store("mysql", workspace.root, mysql)


NUMBERS = [
    Landing("tinyint", "-5", "-5", "tinyint", "-5"),
    Landing("tinyint(1)", "5", "5", "tinyint", "5"),
    Landing("tinyint(1)", "1", "1", "boolean", "true"),
    Landing("tinyint unsigned", "200", "200", "utinyint", "200"),
    Landing("smallint unsigned", "65535", "65535", "usmallint", "65535"),
    Landing("mediumint", "-8388608", "-8388608", "integer", "-8388608"),
    Landing("int unsigned", "4000000000", "4000000000", "uinteger", "4000000000"),
    Landing("int(5) zerofill", "42", "42", "integer", "42"),
    Landing("bigint unsigned", "18446744073709551615", "18446744073709551615", "ubigint", "18446744073709551615"),
    Landing("decimal(10, 2)", "1.10", "1.1", "decimal(10, 2)", "1.10"),
    Landing("decimal(10, 2) unsigned", "99999999.99", "99999999.99", "decimal(10, 2)", "99999999.99"),
    Landing("decimal(38, 10)", "1.5", "1.5", "double", "1.5"),
    Landing("decimal(60, 10)", LONG, LONG, "double", "1.2345678901234567e+49"),
    Landing("decimal(60, 10)", "-1.25", "-1.25", "decimal(5, 2)", "-1.25"),
    Landing("decimal(60, 10)", "12", "12", "integer", "12"),
    Landing("float", "3.1415927", "3.1415927", "real", "3.1415927"),
    Landing("double", "1e300", "1e+300", "double", "1e+300"),
    Landing("year", "2024", "2024", "year", "2024"),
    Landing("bit(1)", "b'1'", "true", "boolean", "true"),
    Landing("bit(8)", "b'10101010'", "170", "integer", "170"),
    Landing("bit(64)", "b'1'", "1", "ubigint", "1"),
]
TEXTS = [
    Landing("char(5)", "'ab'", "ab", "text", "ab"),
    Landing("varchar(50)", "'Città ☀ '", "Città ☀ ", "varchar(50)", "Città ☀ "),
    Landing("varchar(50) character set latin1", "'é€'", "é€", "text", "é€"),
    Landing("varchar(50) collate utf8mb4_bin", "'Àb'", "Àb", "text", "Àb"),
    Landing("varchar(36)", f"'{UUID.upper()}'", UUID.upper(), "uuid", UUID),
    Landing("longtext", "'text'", "text", "text", "text"),
    Landing("enum('a', 'b')", "'b'", "b", "enum('a', 'b')", "b"),
    Landing("enum('a', 'b') collate utf8mb4_bin", "'b'", "b", "text", "b"),
    Landing("set('x', 'y')", "'x,y'", "x,y", "text", "x,y"),
    Landing("json", """'{"a":  [1, "é"]}'""", None, "json", '{"a":  [1, "é"]}'),
    Landing("binary(16)", f"unhex('{HEX}')", None, "uuid", UUID),
    Landing("varbinary(20)", "'abc'", "abc", "text", "abc"),
    Landing("blob", "'ciao ☀'", "ciao ☀", "text", "ciao ☀"),
]
TIMES = [
    Landing("date", "'2024-01-02'", "2024-01-02", "date", "2024-01-02"),
    Landing("datetime", "'2024-01-02 03:04:05'", "2024-01-02T03:04:05Z", "timestamp", "2024-01-02 03:04:05"),
    Landing("datetime(6)", "'2024-01-02 03:04:05.6'", "2024-01-02T03:04:05.6Z", "timestamp", "2024-01-02 03:04:05.6"),
    Landing("time", "'03:04:05'", "03:04:05", "time", "03:04:05"),
    Landing("time(6)", "'03:04:05.6'", "03:04:05.6", "time", "03:04:05.6"),
    Landing("time(3)", "'-12:34:56.789'", "-12:34:56.789", "text", "-12:34:56.789"),
    Landing("time", "'838:59:59'", "838:59:59", "text", "838:59:59"),
]


@pytest.mark.parametrize("cases", [NUMBERS, TEXTS, TIMES], ids=["numbers", "texts", "times"])
def test_types(workspace: Workspace, store: Store, cases: list[Landing]) -> None:
    land(workspace, store, cases)


def test_types_of_mariadb_alone(workspace: Workspace, store: Store, mysql: Database) -> None:
    if "MariaDB" not in str(mysql.execute("select version()")):
        pytest.skip("MySQL has no such types")
    cases = [
        Landing("uuid", f"'{UUID}'", UUID, "uuid", UUID),
        Landing("inet6", "'::1'", "::1", "inet", "::1"),
        Landing("inet4", "'10.0.0.1'", "10.0.0.1", "inet", "10.0.0.1"),
    ]
    land(workspace, store, cases)


# The mode that lets such dates in.
LAX = "set sql_mode = 'ALLOW_INVALID_DATES'"


NO_DATES = ("0000-00-00", "2024-00-00", "2024-01-00", "2024-02-30")


@pytest.mark.parametrize(
    ("kind", "value"),
    # A timestamp is a date or zero.
    [*itertools.product(("date", "datetime", "datetime(6)"), NO_DATES), ("timestamp null", "0000-00-00")],
)
def test_what_is_no_date_is_null(workspace: Workspace, store: Store, kind: str, value: str) -> None:
    store.execute(f"{LAX}; create table d (id int, d {kind}); insert into d values (1, '{value}'), (2, '2024-01-02')")
    prop = "date" if kind == "date" else "timestamp"
    one_pipeline(workspace, store, f"d {prop}, day text", "select id, d from d", {"d": "d", "day": "d"})
    workspace.build()
    assert rejected(workspace) == []
    assert workspace.rows("select d::date::varchar, left(day, 10) from identities order by identity_id") == [
        (None, None),
        ("2024-01-02", "2024-01-02"),
    ]


def test_what_is_no_date_is_null_for_conditions_too(workspace: Workspace, store: Store) -> None:
    store.execute(f"{LAX}; create table d (id int, d date not null); insert into d values (1, 0), (2, '2024-01-02')")
    one_pipeline(workspace, store, "d date", "select id, d from d where d is null")
    workspace.build()
    assert workspace.rows("select identity_id from identities") == [("1",)]
    workspace.model("p", "select id, d from d where d is not null", connection="it", user_id="id", max_deleted="100%")
    workspace.build()
    assert workspace.rows("select identity_id from identities") == [("2",)]


@pytest.mark.parametrize(
    ("source", "value", "prop"),
    [
        ("tinyint(1)", "5", "enum('0', '1')"),
        ("bigint unsigned", "18446744073709551615", "bigint"),
        ("decimal(60, 10)", LONG, "bigint"),
        ("decimal(60, 10)", "1.234", "decimal(10, 2)"),
        ("time", "'838:59:59'", "time"),
        ("time", "'-01:00:00'", "time"),
        ("blob", "0xff00", "text"),
        ("binary(16)", f"unhex('{HEX}')", "text"),
        ("year", "0", "year"),
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


def test_json_that_is_none_is_text(workspace: Workspace, store: Store) -> None:
    store.execute("set check_constraint_checks = off; create table j (id int, j json); insert into j values (1, '{')")
    one_pipeline(workspace, store, "j json", "select id, j from j")
    workspace.build()
    assert workspace.rows("select j::varchar from identities") == [('"{"',)]


def test_a_wide_decimal_in_an_expression_is_a_double(workspace: Workspace, store: Store) -> None:
    store.execute(f"create table n (id int, n decimal(60, 10)); insert into n values (1, {LONG})")
    one_pipeline(
        workspace, store, "half double, n text", "select id, n from n where n > 1", {"half": "n / 2", "n": "n"}
    )
    workspace.build()
    assert workspace.rows("select half, n from identities") == [(float(LONG) / 2, LONG)]


@pytest.mark.parametrize("zone", ["-08:00", "+05:30"])
def test_times_do_not_follow_the_servers_zone(workspace: Workspace, store: Store, zone: str) -> None:
    store.execute(
        f"set time_zone = '{zone}'; create table z (id int, d datetime, t timestamp null); "
        "insert into z values (1, '2024-01-02 03:04:05', from_unixtime(1704164645))"
    )
    one_pipeline(
        workspace, store, "d timestamp, t timestamp", "select id, d, t from z where t >= '2024-01-02 03:04:05'"
    )
    workspace.build()
    assert workspace.rows("select d::varchar, t::varchar from identities") == [("2024-01-02 03:04:05",) * 2]


def test_names_with_quotes(workspace: Workspace, store: Store) -> None:
    store.execute("create table `My 'Ta``ble` (id int, `Fir\"st 'Name` text)")
    store.execute("insert into `My 'Ta``ble` values (1, 'Ann')")
    query = """select ID, "Fir""st 'NAME" as name from "My 'Ta`ble" where "Fir""st 'Name" = 'Ann'"""
    one_pipeline(workspace, store, "name text", query)
    workspace.build()
    assert workspace.rows("select name from identities") == [("Ann",)]
