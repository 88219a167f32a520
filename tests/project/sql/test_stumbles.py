"""sqlglot fails with any error over functions with arguments that it does not expect: each is said to be wrong SQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from tests.pairs import parsed
from tests.support import Workspace
from usersync.compile.foreign import check_translation
from usersync.compile.query import check_calls
from usersync.diagnostics import ConfigError
from usersync.project.sql.expressions import expression, free_columns, not_scalar

DIALECTS = ("duckdb", "postgres", "mysql", "sqlite", "snowflake", "bigquery", "redshift", "tsql", "databricks", "trino")


def names(dialect: str) -> set[str]:
    """Of all functions that sqlglot knows in a dialect."""
    parser = Dialect.get_or_raise(dialect).parser_class
    return {name for name in {*parser.FUNCTIONS, *parser.FUNCTION_PARSERS} if name.replace("_", "").isalnum()}


COMMON = set.intersection(*map(names, DIALECTS))


def calls(found: set[str]) -> Iterator[str]:
    for name in sorted(found):
        yield from (f"{name}({', '.join('abcd'[:count])})" for count in range(5))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_query_that_sqlglot_stumbles_over(dialect: str) -> None:
    codes, known = set(), names(dialect)
    for call in calls(known if dialect == "duckdb" else known - COMMON):
        try:
            query = parsed(f"select {call} as x from t", dialect)
            check_calls(query)
            check_translation(query, dialect)
            query.tree.sql(dialect="duckdb")
        except ConfigError as error:
            codes.add(error.diagnostics[0].code)
    assert codes - {"US501"} == {"US002"}


def test_an_expression_that_sqlglot_stumbles_over() -> None:
    refused = 0
    for call in calls(names("duckdb")):
        try:
            nodes = expression(call, "duckdb")
        except SqlglotError:
            refused += 1
        else:
            assert not_scalar(nodes) or free_columns(nodes) or nodes.tree.sql(dialect="duckdb")
    assert refused


PLACES = {
    "query": ("select id, lower(datetime(id)) as name from people", "name", "name text"),
    "mapping": ("select id, name from people", "lower(datetime(name))", "name text"),
    "check": ("select id, name from people", "name", "name text check (datetime(name) > 1)"),
    "table check": ("select id, name from people", "name", "name text, check (div(1))"),
    "type": ("select id, name from people", "name", "name array"),
}


@pytest.mark.parametrize("place", PLACES)
def test_commands_say_where(workspace: Workspace, place: str) -> None:
    query, mapping, columns = PLACES[place]
    workspace.profile({"it": {"type": "duckdb", "path": "it.duckdb"}})
    workspace.users(columns)
    workspace.model("p", query, connection="it", user_id="id", mapping={"name": mapping})
    for command, expected in {"lint": 1, "build": 2, "plan": 2, "compile": 2, "preview p": 2}.items():
        outcome = workspace.run(*command.split())
        assert outcome.exit_code == expected, outcome.output
        said = f"models/{'p' if place in {'query', 'mapping'} else 'users'}.sql:"
        assert said in outcome.output, outcome.output
        if "datetime" in (query + mapping + columns):
            assert "SQL: datetime() is not known with these arguments" in outcome.output


def test_a_query_that_has_no_counterpart_is_compiled_for_duckdb_only(workspace: Workspace) -> None:
    workspace.profile({"it": {"type": "duckdb", "path": "it.duckdb"}})
    workspace.users("name text")
    workspace.model("p", "select id, time(name) as name from people", connection="it", user_id="id")
    for dialect in DIALECTS:
        outcome = workspace.run("compile", "--stdout", "--offline", "--dialect", dialect)
        assert outcome.exit_code in {0, 2}, outcome.output
