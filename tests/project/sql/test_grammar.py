"""What sqlglot swallows and a database would refuse is an error; what analysts write in their dialects is none."""

import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import duckdb
import psycopg
import pymysql
import pytest
import sqlglot
from pymysql.constants import ER
from pymysql.cursors import Cursor
from sqlglot import exp
from sqlglot.errors import SqlglotError

from tests.marks import marked
from tests.pairs import FIXTURES, corpus, parsed
from tests.servers import Database
from usersync.diagnostics import ConfigError, Diagnostic
from usersync.project.sql.errors import broken
from usersync.project.sql.expressions import scalar

Judge = Callable[[str], str | None]
"""Why a database does not parse a query; None where it does, whatever else may be wrong."""
DIALECTS = sorted(path.stem for path in (FIXTURES / "dialects").iterdir())


def problems(sql: str, dialect: str) -> list[Diagnostic]:
    """What is wrong with a query."""
    try:
        parsed(sql, dialect)
    except ConfigError as error:
        return list(error.diagnostics)
    return []


def errors(sql: str, dialect: str = "duckdb") -> list[Diagnostic]:
    """What reading a query says of its syntax."""
    return [found for found in problems(sql, dialect) if found.code in {"US002", "US501"}]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_analysts_write_is_read(dialect: str) -> None:
    assert len(corpus(dialect)) >= 4
    assert [(found.message, sql) for sql in corpus(dialect) for found in errors(sql, dialect)] == []


REFUSED = [
    "select id, », email from t",
    "select », id from t",
    "select id, email from t where a = »and b",
    "select id from t where a »and ",
    "select id from t group by »order by id",
    "select id from t order by id,» ",
    "select id from t order by »desc",
    "select id from »from t",
    "select id, max(a »as m from t",
    "select id, (age »as integer) as n from t",
    "select id from a join b »where x = 1",
    "select id from a left join b» ",
    "select id from (select a.id from a join b») as c",
    "select id from t where id in (»)",
    "select id from t where id in (1, 2,», 3)",
    "select id from t where x = (and y»)",
    "select id from t where exists (»select from b)",
    "select id, case when a then 1 when b »else 2 end as c from t",
    "select id, case when a between 5 and 9 »'x' else 'y' end as c from t",
    "select id, a »null from t",
    "select id, 'a' »'b' as c from t",
    "select id, sum(x) over »as s from t",
    "select id, sum(x) over »w as s from t",
    "select id from crm»..t",
    "select id from t union »all ",
    "select id from t union all »all select id from u",
    "with »as a (select 1) select id from a",
    "with a(id) »(select 1) select id from a",
    "select id, x as f, », g from t",
    "select id, d - cast(x as decimal(10 »2)) as d from t",
    "select id from t order »order by id",
]


ELSEWHERE = [
    "select id, 'ééé' as x, + »from t",
    "select id, '字字' as x,\n  émail x »y from t",
    "select id,\u00a0a b »c from t",
    f"select id, '{'é' * 90}' as long, {'a' * 60} as name, x y »z from t where {'b' * 90}",
    "select id from t where a = (»)",
    "select id, 'a;b' as s /* ; */, x y »z from t",
    "select id from t »limit 5, 10",
    "select id, sum(a) over (w), sum(x) over »v as s from t window w as (order by id)",
]
"""Where letters of other alphabets, long lines or DuckDB's silence make the place hard to tell."""


@pytest.mark.parametrize("sql", [*REFUSED, *ELSEWHERE])
def test_what_no_database_reads_is_an_error_where_it_is(sql: str) -> None:
    text, (_, column) = marked(sql)
    assert duckdb_refusal(text)
    [found] = errors(text)
    where = found.location
    assert found.code == "US002"
    assert where is not None
    assert where.column == column, found.message


@pytest.mark.parametrize(
    ("dialect", "sql", "good"),
    [
        ("postgres", "select id, from t", False),
        ("bigquery", "select id, from t", True),
        ("postgres", "select id from t where exists (select from u)", True),
        ("mysql", "select id from a join b", True),
        ("mysql", "select a.id from a left join b", False),
        ("postgres", "select a.id from a join b", False),
        ("sqlite", "select id from t where id in ()", True),
        ("postgres", "select id from t where id in ()", False),
        ("snowflake", "select id from db..t", True),
        ("postgres", "select id from db..t", False),
    ],
)
def test_each_dialect_has_its_own_liberties(dialect: str, sql: str, good: bool) -> None:
    assert (errors(sql, dialect) == []) is good


ALL = ("postgres", "mysql", "sqlite")
MISREAD = [
    (ALL, "select id from t where x is not null »null"),
    (ALL, "with a(id) »(select 1) select id from a"),
    (ALL, "with a as (select 1) as »select id from a"),
    (("postgres", "sqlite"), "with a(»id n) as (select 1) select id from a"),
    (ALL, "select id, case »when a = 1 'x' else 'y' end as c from t"),
    (ALL, "select id, case »when a = 1 b end as c from t"),
    (ALL, "select id from t where x in (»from u)"),
    (ALL, "select id, sum(x) over w as s from t window w »(order by id)"),
    (ALL, "select id, sum(x) over (order by y »rows unbounded and current row) as s from t"),
    (ALL, "select id from t where x > »> 1"),
    (ALL, "select id from t where x between y »1 and 2"),
    (ALL, "select id from t where x between y »1 and 2"),
    (ALL, "select id, lower. »(x) as y from t"),
    (ALL, "select id, (»*) as y from t"),
    (ALL, "select id from t where a = 1 and * »b"),
    (("postgres", "sqlite"), "select id, * »email from t"),
    (ALL, "select id, x in »as y from t"),
    (ALL, "select id, »distinct email from t"),
    (ALL, "select id, »all email from t"),
    (ALL, "select id, »order from t"),
    (ALL, "select id from case», u"),
    (ALL, "select id from t limit limit »1"),
    (ALL, "select id, sum(»select x from u) as s from t"),
    (("postgres", "sqlite"), "select id, group_concat(»order by x) as s from t"),
    (ALL, "select id from t where exists (»x = 1)"),
    (ALL, "»from t select id"),
    (ALL, "select id, x.y »join u on true"),
    (ALL, "select id from t where x in (1, (»))"),
    (("postgres", "sqlite"), "select id from t where x = 1 and y = 3»and z = 1"),
    (("postgres", "sqlite"), "select id, sum(x) filter (»x > 1) as s from t"),
    (("postgres", "mysql"), "select id from t where x is »nul"),
    (("postgres", "mysql"), "select id from t where x is not »not null"),
    (("postgres", "mysql"), "select id from t where x »not null"),
    (("postgres", "mysql"), "select id from t where x in »y"),
    (("postgres", "mysql"), "select t.id from t »left jion u on u.id = t.id"),
    (("postgres", "mysql"), "select distinct left »id from t"),
    (("postgres", "mysql"), "select id from t order by x, »desc"),
    (("postgres",), "select id, d::date »day from t"),
    (("postgres",), "select id from t »fetch first 3 rows"),
    (("postgres",), "select id, »aray[1, 2] as a from t"),
    (("mysql",), "select id from (select »id from t)"),
    (("mysql",), "select id, t. »from from t"),
    (("mysql",), "select id, d + interval 1 »daay as e from t"),
    (("mysql",), "select id, »count() as n from t"),
    (("mysql",), "select id, »* from t"),
    (("sqlite",), "select id, t.»from from t"),
    (("sqlite",), "select id from t where »! x"),
    (("sqlite",), "select t.id from t join u usign (»id)"),
]
"""What sqlglot makes something else of, for whom it is wrong, and where."""


@contextmanager
def judge_of(dialect: str, request: pytest.FixtureRequest) -> Iterator[Judge]:
    """The database of a dialect."""
    if dialect == "sqlite":
        with closing(sqlite3.connect(":memory:")) as file:
            yield sqlite_refusal(file)
    elif dialect == "postgres":
        with psycopg.connect(**connection(request.getfixturevalue("postgres"), "dbname"), autocommit=True) as server:
            yield postgres_refusal(server)
    else:
        database = connection(request.getfixturevalue("mysql"), "database")
        with pymysql.connect(**database) as shop, shop.cursor() as cursor:
            yield mysql_refusal(cursor)


@pytest.mark.parametrize("dialect", ALL)
def test_what_sqlglot_misreads_is_an_error_where_the_database_refuses_it(
    dialect: str, request: pytest.FixtureRequest
) -> None:
    with judge_of(dialect, request) as refusal:
        for _, sql in (each for each in MISREAD if dialect in each[0]):
            text, (_, column) = marked(sql)
            assert refusal(text), text
            found = [error.location.column for error in errors(text, dialect) if error.location]
            assert found == [column], text


FREE = [
    ("postgres", "select id as order, x as where, t.from, y left, z all from t"),
    ("postgres", "select id, position('a' in b) as p, trim(from c) as t, extract(day from d) as e from t"),
    ("postgres", "select id from t group by grouping sets ((id), ())"),
    ("postgres", "select id, a operator(pg_catalog.+) b as c from t"),
    ("mysql", "select id, start, end, case when end > now() then end else start end as e, t.order from t"),
    ("mysql", "select id, match(a) against ('b' in boolean mode) as m, x not in (1) as n from t where a << 2 > 1"),
    ("sqlite", "select id, left, right, by, desc, key from t where x not null and y is z"),
    ("sqlite", "select id from a left join b where x in () and 1 << 2 and y in z"),
]


@pytest.mark.parametrize(("dialect", "sql"), FREE)
def test_words_are_names_where_the_database_takes_them_for_such(
    dialect: str, sql: str, request: pytest.FixtureRequest
) -> None:
    with judge_of(dialect, request) as refusal:
        assert refusal(sql) is None
    assert errors(sql, dialect) == []


@pytest.mark.parametrize("text", ["lower(email,)", "lower(email", "(a as b)", "a = and b", "case when a b end"])
def test_an_expression_is_checked_as_well(text: str) -> None:
    with pytest.raises(SqlglotError) as raised:
        scalar(text, "duckdb")
    assert broken(text, raised.value)[0].startswith("SQL: ")


# --- Mutations, and the databases' own parsers as judges ---

TOKEN = re.compile(
    r"""'(?:[^'\\]|''|\\.)*'|"[^"]*"|`[^`]*`|--[^\n]*|/\*.*?\*/|\d+\.?\d*|\w+|::|->>|->|<=|>=|<>|!=|\|\||\S""",
    re.DOTALL,
)


def mutations(sql: str, count: int) -> set[str]:
    """A query with a word dropped, doubled, swapped, misspelt or put in, or cut before one; the same in each run."""
    draw = random.Random(sql)
    words = list(TOKEN.finditer(sql))
    found = set()
    for _ in range(count):
        kind, index = draw.randrange(6), draw.randrange(len(words) - 1)
        start, end = words[index].span()
        word, following = words[index][0], words[index + 1]
        letter = draw.randrange(len(word))
        found.add(
            (
                sql[:start] + sql[end:],
                f"{sql[:end]} {sql[start:]}",
                f"{sql[:start]}{following[0]} {word} {sql[following.end() :]}",
                sql[:start],
                sql[: start + letter] + sql[start + letter + 1 :] if word.isalpha() else sql[:end],
                f"{sql[:start]}{draw.choice(words)[0]} {sql[start:]}",
            )[kind]
        )
    return {text for text in found if text.strip()}


def duckdb_refusal(sql: str) -> str | None:
    try:
        duckdb.extract_statements(sql)
    except duckdb.ParserException as error:
        return str(error).splitlines()[0]
    return None


def postgres_refusal(connection: psycopg.Connection) -> Judge:
    def refusal(sql: str) -> str | None:
        with connection.transaction(force_rollback=True), suppress(psycopg.Error):
            try:
                connection.execute(f"prepare judged as {sql}".encode(), prepare=False)
            except psycopg.errors.SyntaxError as error:
                return str(error).splitlines()[0]
        return None

    return refusal


def mysql_refusal(cursor: Cursor) -> Judge:
    def refusal(sql: str) -> str | None:
        try:
            cursor.execute("prepare judged from %s", (sql,))
        except pymysql.Error as error:
            return str(error.args[1]) if error.args[0] == ER.PARSE_ERROR else None
        return None

    return refusal


def sqlite_refusal(connection: sqlite3.Connection) -> Judge:
    def refusal(sql: str) -> str | None:
        try:
            connection.execute(f"explain {sql}")
        except (sqlite3.Error, sqlite3.Warning) as error:
            return str(error) if re.search("syntax error|incomplete input|unrecognized token", str(error)) else None
        return None

    return refusal


def judged(dialect: str, judge: Judge, moment: str) -> tuple[list[str], list[str]]:
    """What a database refuses of mutated queries, and what of it is no error here.

    Nothing that the database parses, and sqlglot as well, may be a syntax error.
    """
    refused, missed = [], []
    for query in corpus(dialect):
        plain = re.sub(r"\$\{updated_at\}|\$LAST_SYNC_TIMESTAMP", moment, query)
        if judge(plain):
            continue  # of another server of the dialect
        for text in sorted(mutations(plain, 8)):
            found = problems(text, dialect)
            if judge(text):
                refused.append(text)
                missed += [] if found else [text]
            elif any(problem.code == "US002" for problem in found) and is_query(text, dialect):
                pytest.fail(f"{text}\n{found[0].message}")
    return refused, missed


def is_query(sql: str, dialect: str) -> bool:
    """Whether sqlglot reads a query with columns, and names no window: servers look for those later."""
    try:
        [tree] = sqlglot.parse(sql, read=dialect)
    except (ValueError, SqlglotError):
        return False
    windows = [window for window in tree.find_all(exp.Window) if window.args.get("alias")] if tree else []
    return isinstance(tree, exp.Query) and bool(tree.selects) and not windows


def test_all_that_duckdb_refuses_is_an_error() -> None:
    refused, missed = judged("duckdb", duckdb_refusal, "timestamp '2024-01-01'")
    assert len(refused) > 200
    assert missed == []


def test_most_that_postgres_refuses_is_an_error(postgres: Database) -> None:
    with psycopg.connect(**connection(postgres, "dbname"), autocommit=True) as server:
        refused, missed = judged("postgres", postgres_refusal(server), "timestamp '2024-01-01'")
    assert len(refused) > 500
    assert len(missed) < len(refused) / 50, missed


def test_most_that_mysql_refuses_is_an_error(mysql: Database) -> None:
    with pymysql.connect(**connection(mysql, "database")) as server, server.cursor() as cursor:
        refused, missed = judged("mysql", mysql_refusal(cursor), "'2024-01-01'")
    assert len(refused) > 500
    assert len(missed) < len(refused) / 40, missed


def test_most_that_sqlite_refuses_is_an_error() -> None:
    with closing(sqlite3.connect(":memory:")) as server:
        refused, missed = judged("sqlite", sqlite_refusal(server), "'2024-01-01'")
    assert len(refused) > 500
    assert len(missed) < len(refused) / 100, missed


def connection(database: Database, name: str) -> dict[str, Any]:
    keys = {key: getattr(database, key) for key in ("host", "port", "user", "password")}
    return {**keys, name: database.database}
