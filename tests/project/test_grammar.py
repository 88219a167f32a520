"""What sqlglot swallows and a database would refuse is an error; what analysts write in their dialects is none."""

import re
from collections.abc import Iterator

import duckdb
import pytest
from sqlglot.errors import SqlglotError

from tests.marks import marked
from tests.pairs import FIXTURES, parsed
from usersync.diagnostics import ConfigError, Diagnostic
from usersync.project.syntax import broken, scalar

DIALECTS = sorted(path.stem for path in (FIXTURES / "dialects").iterdir())


def corpus(dialect: str) -> list[str]:
    text = (FIXTURES / f"dialects/{dialect}.sql").read_text(encoding="utf-8")
    return [query for query in re.split(r";[ ]*\n", text) if query.strip()]


def errors(sql: str, dialect: str = "duckdb") -> list[Diagnostic]:
    """What reading a query says of its syntax."""
    try:
        parsed(sql, dialect)
    except ConfigError as error:
        return [found for found in error.diagnostics if found.code in {"US002", "US501"}]
    return []


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
    "select id, max»(a as m from t",
    "select id, (age as »integer) as n from t",
    "select id from a »join b where x = 1",
    "select id from a left »join b",
    "select id from (select a.id from a »join b) as c",
    "select id from t where id in (»)",
    "select id from t where id in (1, 2,», 3)",
    "select id from t where x = (and y»)",
    "select id from t where exists (select »from b)",
    "select id, case when a then 1 when b »else 2 end as c from t",
    "select id, case when a between 5 and 9 »'x' else 'y' end as c from t",
    "select id, a »null from t",
    "select id, 'a' »'b' as c from t",
    "select id, sum(x) over »as s from t",
    "select id, sum(x) over »w as s from t",
    "select id from crm.».t",
    "select id from t union »all ",
    "select id from t union all »all select id from u",
    "with »as a (select 1) select id from a",
    "with a(id) »(select 1) select id from a",
    "select id, x as f, », g from t",
    "select id, d - cast(x as decimal(10 »2)) as d from t",
    "select id from t »order order by id",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_what_no_database_reads_is_an_error_where_it_is(sql: str) -> None:
    text, (_, column) = marked(sql)
    with duckdb.connect() as connection, pytest.raises(duckdb.ParserException):
        connection.extract_statements(text)
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


@pytest.mark.parametrize("text", ["lower(email,)", "lower(email", "(a as b)", "a = and b", "case when a b end"])
def test_an_expression_is_checked_as_well(text: str) -> None:
    with pytest.raises(SqlglotError) as raised:
        scalar(text, "duckdb")
    assert broken(text, raised.value)[0].startswith("SQL: ")


TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\w+|\S")
VITAL = {*"()[],", "select", "from", "where", "and", "or", "then", "when", "end", "case", "by", "join", "on", "="}


def mutations(sql: str) -> Iterator[str]:
    """A query that lacks a vital word, has it twice, ends before or behind it, or has it changed with the next one."""
    words = [match for match in TOKEN.finditer(sql) if match[0].lower() in VITAL]
    for word in words:
        start, end = word.span()
        yield sql[:start] + sql[end:]
        yield f"{sql[:end]} {sql[start:]}"
        yield sql[:start]
        yield sql[:end]
        if following := TOKEN.search(sql, end):
            yield f"{sql[:start]}{following[0]} {word[0]} {sql[following.end() :]}"


def refusal(connection: duckdb.DuckDBPyConnection, sql: str) -> str | None:
    """Why DuckDB's own parser refuses a query."""
    try:
        connection.extract_statements(sql)
    except duckdb.ParserException as error:
        return str(error).splitlines()[0]
    return None


def plain(sql: str) -> str:
    """A query of the corpus as DuckDB itself reads it."""
    sql = re.sub(r"\$\{updated_at\}|\$LAST_SYNC_TIMESTAMP", "timestamp '2024-01-01'", sql)
    return re.sub(r"\$\$.*?\$\$|--.*|/\*.*?\*/", "x", sql)


def test_what_duckdb_refuses_of_mutated_queries_is_an_error_but_for_one_in_fifty() -> None:
    mutated = dict.fromkeys(text for sql in corpus("duckdb") for text in mutations(plain(sql)))
    with duckdb.connect() as connection:
        refused = [(text, why) for text in mutated if (why := refusal(connection, text))]
    missed = [(text, why) for text, why in refused if not errors(text)]
    assert len(refused) > 900
    assert len(missed) < len(refused) / 50, missed
