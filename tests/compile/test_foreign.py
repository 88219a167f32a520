"""Queries in another dialect: what DuckDB says alike, and what is refused rather than changed."""

from __future__ import annotations

import duckdb
import pytest

from tests.pairs import parsed
from usersync.compile.foreign import check_translation
from usersync.diagnostics import ConfigError

T = (
    "select 7 as id, 'Ann@x.com' as name, timestamp '2020-05-06 07:08:09' as ts, "
    '\'{"a": "b"}\'::json as j, 2.5::decimal(4, 2) as n'
)

SAME = [
    ("mysql", "concat(name, null)", None),
    ("mysql", "concat_ws(',', 'a', null, 'b')", "a,b"),
    ("mysql", "char_length('é')", 1),
    ("mysql", "date_format(ts, '%Y-%m-%d %H:%i')", "2020-05-06 07:08"),
    ("mysql", 'if(id > 1, `name`, "x")', "Ann@x.com"),
    ("mysql", "greatest(1, null)", None),
    ("mysql", "id div 2", 3),
    ("mysql", "id / 2", 3.5),
    ("mysql", "year(ts)", 2020),
    ("mysql", "str_to_date('02.01.2020', '%d.%m.%Y') = date '2020-01-02'", True),
    ("postgres", "to_char(ts, 'YYYY-MM-DD HH24:MI')", "2020-05-06 07:08"),
    ("postgres", "split_part(name, '@', 2)", "x.com"),
    ("postgres", "regexp_replace('aba', 'a', 'x')", "xba"),
    ("postgres", "concat('a', null)", "a"),
    ("postgres", "greatest(1, null)", 1),
    ("postgres", "j ->> 'a'", "b"),
    ("postgres", "(array[1, 2])[1]", 1),
    ("postgres", "id / 2.0", 3.5),
    ("postgres", "extract(dow from ts)::int", 3),
    ("postgres", "make_date(2020, 1, 2)::text", "2020-01-02"),
    ("postgres", "name like 'Ann%' and name not like '%\\_%' escape '\\'", True),
    ("snowflake", "iff(id > 1, nvl(name, 'x'), 'y')", "Ann@x.com"),
    ("snowflake", "regexp_like('abc', 'b')", False),
    ("snowflake", "regexp_replace('aba', 'a', 'x')", "xbx"),
    ("snowflake", "dateadd(day, 1, ts)::date::varchar", "2020-05-07"),
    ("snowflake", "zeroifnull(null)", 0),
    ("snowflake", "id / 2", 3.5),
    ("bigquery", "safe_divide(1, 0)", None),
    ("bigquery", "safe_cast('x' as int64)", None),
    ("bigquery", "split('a,b', ',')[offset(0)]", "a"),
    ("bigquery", "regexp_replace('aba', 'a', 'x')", "xbx"),
    ("bigquery", "json_value(j, '$.a')", "b"),
    ("bigquery", "date_diff(date '2020-01-02', date '2020-01-01', day)", 1),
    ("bigquery", "format_date('%Y', date '2020-01-01')", "2020"),
]


@pytest.mark.parametrize(("dialect", "expression", "expected"), SAME)
def test_said_alike(dialect: str, expression: str, expected: object) -> None:
    query = parsed(f"select {expression} as v from t", dialect)
    check_translation(query, dialect)
    assert duckdb.execute(f"with t as ({T}) {query.tree.sql(dialect='duckdb')}").fetchall() == [(expected,)]


REFUSED = [
    ("mysql", "length(name)", "the length in bytes"),
    ("mysql", "find_in_set('a', name)", "find_in_set()"),
    ("mysql", "weekday(ts)", "weekday()"),
    ("mysql", "dayofweek(ts)", "the number of a weekday or week"),
    ("mysql", "week(ts)", "the number of a weekday or week"),
    ("mysql", "timestampdiff(month, ts, ts)", "a difference in whole units"),
    ("mysql", "substring(name, 0)", "a substring that may begin before the text"),
    ("mysql", "cast(name as signed)", "a cast to whole numbers"),
    ("mysql", "cast(n as decimal)", "a decimal without its digits"),
    ("mysql", "name like '50\\\\%%'", "a pattern that may hold backslashes"),
    ("postgres", "id / 2", "a division of numbers that may both be whole"),
    ("postgres", "n::numeric", "a decimal without its digits"),
    ("postgres", "to_char(ts, 'Day')", "a format with parts that DuckDB has not"),
    ("postgres", "to_char(ts, 'YYYY-MM-DD\"T\"HH24')", "a format with parts that DuckDB has not"),
    ("postgres", "name similar to 'A%'", "SIMILAR TO"),
    ("postgres", "name like name", "a pattern that may hold backslashes"),
    ("postgres", "jsonb_build_object('a', 1)", "jsonb_build_object()"),
    ("postgres", "to_number('12', '99')", "TO_NUMBER"),
    ("sqlite", "name like 'ann%'", "LIKE"),
    ("sqlite", "id / 2", "a division"),
    ("snowflake", "hash(id)", "hash()"),
    ("snowflake", "j:a::string", "a cast of a variant's part"),
    ("snowflake", "to_char(ts, 'YYYY-MM-DD')", "cannot say"),
    ("bigquery", "cast(id as numeric)", "a decimal without its digits"),
    ("bigquery", "extract(dayofweek from ts)", "the number of a weekday or week"),
    ("bigquery", "timestamp_diff(ts, ts, hour)", "a difference in whole units"),
    ("bigquery", "soundex(name)", "SOUNDEX"),
    ("tsql", "id / 2", "a division"),
    ("oracle", "nls_upper(name)", "nls_upper()"),
]


@pytest.mark.parametrize(("dialect", "expression", "message"), REFUSED)
def test_refused_rather_than_changed(dialect: str, expression: str, message: str) -> None:
    query = parsed(f"select {expression} as v from t", dialect)
    with pytest.raises(ConfigError) as caught:
        check_translation(query, dialect)
    [problem] = caught.value.diagnostics
    assert (problem.code, message.lower() in problem.message.lower()) == ("US002", True), problem.message


@pytest.mark.parametrize(
    ("dialect", "expression"),
    [("mysql", "substring_index(name, '@', 1)"), ("bigquery", "net.host(name)"), ("postgres", "justify_days(ts - ts)")],
)
def test_what_only_sqlglot_knows_is_an_error_of_duckdb(dialect: str, expression: str) -> None:
    query = parsed(f"select {expression} as v from t", dialect)
    with pytest.raises(duckdb.Error):
        duckdb.execute(f"with t as ({T}) {query.tree.sql(dialect='duckdb')}")


UNREAD = [
    ("postgres", "select id, xmlelement(name a, x) as x from t"),
    ("postgres", "with recursive r as (select 1 as id) search depth first by id set o select id from r"),
    ("mysql", "select straight_join c.id from c straight_join e on e.id = c.id"),
    ("mysql", "select id, group_concat(name order by id limit 1) as n from t group by id"),
    ("sqlite", "select id from t indexed by i where id = 3"),
    ("sqlite", "with recursive r(id) as (select 1 union all select id + 1 from r limit 9) select id from r"),
    ("bigquery", "select id from t for system_time as of current_timestamp()"),
    ("snowflake", "select f.value as id from t, table(flatten(input => t.items)) as f"),
    ("redshift", "select id, n::varchar(max) as n from t"),
    ("tsql", "select top 3 with ties id from t order by id"),
    ("tsql", "select id, sum(x) as s from t group by id with rollup"),
    ("clickhouse", "select id from t limit 1 by id"),
    ("clickhouse", "select id, tag from t array join tags as tag"),
    ("oracle", "select level as id from dual connect by level <= 10"),
    ("spark", "select id from t version as of 5"),
    ("trino", "select t.id, t.r.* from t"),
]


@pytest.mark.parametrize(("dialect", "sql"), UNREAD)
def test_what_is_passed_on_as_it_is_must_be_read_by_duckdb(dialect: str, sql: str) -> None:
    query = parsed(sql, dialect)
    with pytest.raises(duckdb.Error):
        duckdb.extract_statements(query.tree.sql(dialect="duckdb"))
    with pytest.raises(ConfigError) as caught:
        check_translation(query, dialect)
    [problem] = caught.value.diagnostics
    assert problem.code == "US002"
    assert problem.message.startswith(f"{dialect} that DuckDB cannot say: ")


def test_the_word_that_duckdb_does_not_read_is_shown_where_it_was_written() -> None:
    query = parsed("select id\nfrom t version as of 5", "spark")
    with pytest.raises(ConfigError) as caught:
        check_translation(query, "spark")
    [problem] = caught.value.diagnostics
    assert problem.location is not None
    assert (problem.location.line, problem.location.column, problem.location.length) == (2, 8, 7)
