"""DuckDB's calls behind a value: plain calls with the same result, and nothing else is let through by them."""

import duckdb
import pytest

from tests.pairs import parsed
from usersync.compile.query import check_calls
from usersync.diagnostics import ConfigError
from usersync.project.sql.expressions import expression, free_columns, not_scalar

T = "select ' Ann@X.com ' as email, ['b', 'a'] as tags, {'city': ' Rome'} as address, 7 as n"
CALLS = [
    "email.lower()",
    "t.email.trim().lower()",
    "email.trim(' A').upper()",
    "email.regexp_replace('[^a-z]', '', 'g')",
    "tags.list_transform(lambda x: x.upper())",
    "tags.list_sort().array_to_string('|')",
    "(email || 'x').length()",
    "(email).substring(2, 3)",
    "lower(email).trim()",
    "case when email.trim().starts_with('A') then n.abs() end",
    "email.strftime('%Y')",
]


@pytest.mark.parametrize("call", CALLS)
def test_a_call_behind_a_value_is_a_call_of_it(call: str) -> None:
    query = parsed(f"select {call} as v from t")
    check_calls(query)
    written = query.tree.sql(dialect="duckdb")
    assert ".LOWER(" not in written
    results = []
    for sql in (f"with t as ({T}) select {call} as v from t", f"with t as ({T}) {written}"):
        try:
            results.append(duckdb.execute(sql).fetchall())
        except duckdb.BinderException:
            results.append([])
    assert results[0] == results[1]


def test_the_value_is_a_column_of_the_mapping() -> None:
    nodes = expression("email.trim().lower()", "duckdb")
    assert [column.name for column in free_columns(nodes)] == ["email"]
    assert not_scalar(nodes) is None
    assert nodes.tree.sql(dialect="duckdb") == "LOWER(TRIM(email))"


REFUSED = ["email.getenv()", "main.lower(email)", "pg_catalog.pg_read_file('x')", "db.own(email)"]


@pytest.mark.parametrize("call", REFUSED)
def test_other_functions_are_refused_behind_a_value_too(call: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_calls(parsed(f"select {call} as v from t"))
    assert [problem.code for problem in caught.value.diagnostics] == ["US501"]


def test_an_aggregate_behind_a_value_is_no_scalar() -> None:
    found = not_scalar(expression("n.sum()", "duckdb"))
    assert found is not None
    assert found[1] == "an aggregate"
