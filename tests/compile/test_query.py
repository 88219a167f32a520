"""The columns that a query returns: their names, and where those are wrong."""

from itertools import product

import pytest

from tests.marks import marked, summary
from tests.support import Workspace
from usersync.compile.query import parse_query
from usersync.diagnostics import ConfigError, Diagnostic
from usersync.project.load import Settings, load_project
from usersync.project.render import render_model

CONFIG = "\n{{ config(connection = 'crm', user_id = 'id') }}"


def columns(workspace: Workspace, query: str, dialect: str = "duckdb") -> tuple[list[str] | None, list[Diagnostic]]:
    files = {"models/m.sql": query + CONFIG, "models/users.sql": "create table users (email varchar)"}
    project = load_project(Settings(workspace.root), overlay=files)
    found, problems = parse_query(render_model(project, project.models["m"], incremental=False), dialect)
    return (None if found.columns is None else [column.name for column in found.columns]), problems


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("select id, email from t", ["id", "email"]),
        ("select t.id, lower(email) as email, 1 as one from t", ["id", "email", "one"]),
        ('select id as "Id", "E_mail" from t', ["Id", "E_mail"]),
        ("select address.city from t", ["city"]),
        ("select id as a from t union all select b from v", ["a"]),
        ("with x as (select id from t) select id, (select 1) as n from x", ["id", "n"]),
        ("(select id from t)", ["id"]),
        ("select distinct on (id) id, email from t order by id", ["id", "email"]),
        ("select case when a then b end as c, row_number() over () as n from t", ["c", "n"]),
        ("from t select id", ["id"]),
        ("select * from t", None),
        ("select t.*, 1 as one from t", None),
        ("select * exclude (a) from t", None),
        ("from t", None),
    ],
)
def test_a_query_returns_named_columns(workspace: Workspace, query: str, names: list[str] | None) -> None:
    assert columns(workspace, query) == (names, [])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("select id, »lower(email) from t", "US211"),
        ("select id, »1 from t", "US211"),
        ("select id, »'x' from t", "US211"),
        ("select id,\n    »count(*) from t", "US211"),
        ("select id, »id + 1 from t", "US211"),
        ("select id, »email::varchar from t", "US211"),
        ('select id, »email as "1st-name" from t', "US208"),
        ('select id, »"e-mail" from t', "US208"),
        ('select id, »email as "" from t', "US211"),
        ("select id, »email as straße from t", "US208"),
        ("select id, Email, »email from t", "US209"),
        ("select id, email, »id as ID from t", "US209"),
        ("select t.id, v.email, »v.id from t, v", "US209"),
    ],
)
def test_a_wrong_column_is_placed(workspace: Workspace, query: str, code: str) -> None:
    text, expected = marked(query)
    assert summary(columns(workspace, text)[1]) == [(code, expected)]


def test_all_wrong_columns_are_found_at_once(workspace: Workspace) -> None:
    _, problems = columns(workspace, 'select 1, 2, id, ID, a as "a b" from t')
    assert sorted(problem.code for problem in problems) == ["US208", "US209", "US211", "US211"]


@pytest.mark.parametrize("query", ["select", "select from t", "select distinct from t"])
def test_a_query_without_columns_is_broken(workspace: Workspace, query: str) -> None:
    workspace.users()
    workspace.write("models/m.sql", query + CONFIG.replace("'id')", "'id', mapping = {'email': 'email'})"))
    outcome = workspace.run("lint")
    assert outcome.exit_code == 1
    assert "models/m.sql:1:" in outcome.stdout


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        ("mysql", "select `id`, ifnull(`email`, '') as email from t limit 5, 10"),
        ("postgres", "select id, email::text as email from t where email ~* '^a' limit 10"),
        ("tsql", "select top 10 [id], [email] from t"),
        ("bigquery", "select id, safe_cast(email as string) as email from `a.t`"),
        ("sqlite", "select id, email from t where email glob 'a*'"),
    ],
)
def test_a_query_may_be_of_another_dialect(workspace: Workspace, dialect: str, query: str) -> None:
    assert columns(workspace, query, dialect) == (["id", "email"], [])


@pytest.mark.parametrize(
    ("dialect", "condition", "text"),
    [
        ("duckdb", "u >= ${updated_at}", "u >= (__cursor___)"),
        ("duckdb", "u >= $last_sync_timestamp", "u >= (__cursor__________)"),
        ("duckdb", "a = '${updated_at}' or u >= ${updated_at}", "a = '${updated_at}' or u >= (__cursor___)"),
        ("duckdb", "a = $x$ ${updated_at} $x$ or u > ${updated_at}", "a = $x$ ${updated_at} $x$ or u > (__cursor___)"),
        ("duckdb", '"${updated_at}" > 0', '"${updated_at}" > 0'),
        ("duckdb", "u >= ${ updated_at }", "u >= (__cursor_____)"),
        ("duckdb", "u > 0 -- since ${updated_at}", "u > 0 -- since ${updated_at}"),
        ("duckdb", "u > __cursor_ and u >= ${updated_at}", "u > __cursor_ and u >= (__cursor___)"),
        ("duckdb", "u in (${updated_at},${updated_at})", "u in ((__cursor___),(__cursor___))"),
        ("postgres", "u >= $LAST_SYNC_TIMESTAMP", "u >= (__cursor__________)"),
        ("mysql", "u >= ${updated_at} # ${updated_at}", "u >= (__cursor___) # ${updated_at}"),
        ("clickhouse", "u >= ${updated_at}", "u >= (__cursor___)"),
    ],
)
def test_the_cursor_is_found_where_it_is_no_text(workspace: Workspace, dialect: str, condition: str, text: str) -> None:
    files = {
        "models/m.sql": f"select id from t where {condition}{CONFIG}",
        "models/users.sql": "create table users (a int)",
    }
    project = load_project(Settings(workspace.root), overlay=files)
    query, _ = parse_query(render_model(project, project.models["m"], incremental=True), dialect)
    assert query.text.strip() == f"select id from t where {text}"
    assert len(query.placeholders) == text.count("__cursor")


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        *product(["duckdb", "postgres", "mysql", "sqlite", "bigquery"], ["'a", '"a', "'a$", "/* a", "'${updated_at}"]),
        *product(["duckdb", "postgres"], ["$$a", "$tag$a"]),
    ],
)
def test_text_that_never_ends_is_an_error_of_the_query(workspace: Workspace, dialect: str, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        columns(workspace, f"select id, {text} from t", dialect)
    assert [diagnostic.code for diagnostic in refused.value.diagnostics] == ["US002"]
