"""What analysts write in the dialect of their database has no errors; what that database refuses has one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.pairs import corpus
from tests.support import Workspace
from usersync.diagnostics import Diagnostic

CONNECTIONS: dict[str, dict[str, object]] = {
    "postgres": {"type": "postgres", "database": "crm"},
    "mysql": {"type": "mysql", "database": "shop"},
    "sqlite": {"type": "sqlite", "path": "app.db"},
    "duckdb": {"type": "duckdb", "path": "lake.duckdb"},
}


def errors(root: Path, dialect: str, queries: Sequence[str]) -> Mapping[str, list[Diagnostic]]:
    """Lint's errors of models over a connection of a dialect, by query."""
    project = Workspace(root)
    project.profile(CONNECTIONS)
    project.users("ref text")
    own = {} if dialect == "duckdb" else {"dialect": dialect, "pushdown": "native"}
    for index, query in enumerate(queries):
        mapping = {"ref": "id"}
        project.model(f"q{index}", query, connection=dialect, user_id="id", mapping=mapping, **own)
    found: dict[str, list[Diagnostic]] = defaultdict(list)
    for error in project.errors():
        assert error.location is not None
        found[queries[int(Path(error.location.file).stem[1:])]].append(error)
    return found


@pytest.mark.parametrize("dialect", CONNECTIONS)
def test_what_analysts_write_has_no_errors(tmp_path: Path, dialect: str) -> None:
    queries = corpus(dialect)
    assert len(queries) >= 150
    assert errors(tmp_path, dialect, queries) == {}


UNREAD = {
    "postgres": [
        "select id, @ -5 as size from t",
        "select id from t order by id using >, name using < nulls last",
    ],
    "mysql": [
        "select id, j.x from t, json_table(d, '$[*]' columns (x int path '$' default '0' on empty null on error)) as j",
        "select t.id, j.x from t, json_table(t.d, '$[*]' columns (x int exists path '$.x')) as j",
    ],
    "sqlite": [
        "select id from t where name like 'a!%' escape '!' collate nocase",
        "select id, cast(n as unsigned big int) as n from t",
    ],
    "duckdb": ["select id, x'ff' as bytes from t", "select id, n! as product from t"],
}


@pytest.mark.parametrize("dialect", UNREAD)
def test_what_only_the_database_reads_is_an_error_that_says_what_to_do(tmp_path: Path, dialect: str) -> None:
    found = errors(tmp_path, dialect, UNREAD[dialect])
    for query in UNREAD[dialect]:
        [only] = found[query]
        assert only.code == "US002"
        assert "usersync cannot: say it in another way, or select from a view" in (only.hint or ""), query


@pytest.mark.parametrize("dialect", CONNECTIONS)
@pytest.mark.parametrize("query", ["select id, (a b from t", "select id from t where and x = 1", "select id from t)"])
def test_what_no_database_reads_has_no_such_hint(tmp_path: Path, dialect: str, query: str) -> None:
    found = errors(tmp_path, dialect, [query])[query]
    assert {each.code for each in found} == {"US002"}
    assert "usersync cannot" not in "".join(each.hint or "" for each in found)


TRANSLATED = {
    "postgres": [
        "select id from t where country <> all (array['US', 'CA'])",
        "select g.n as id from generate_series(1, 3) as g(n)",
    ],
    "mysql": ["select id, name from t force index (primary)"],
}


@pytest.mark.parametrize("dialect", TRANSLATED)
def test_what_duckdb_says_alike_has_no_errors_without_pushdown(workspace: Workspace, dialect: str) -> None:
    workspace.profile(CONNECTIONS)
    workspace.users("ref text")
    for index, query in enumerate(TRANSLATED[dialect]):
        workspace.model(f"q{index}", query, connection=dialect, dialect=dialect, user_id="id", mapping={"ref": "id"})
    assert workspace.errors() == []


SAID = [
    ("postgres", "select g as id from generate_series(1, 3) as g", "a series without the name of its column"),
    ("postgres", "select id, @ total as size from t", "the operator @"),
    ("snowflake", "select t.$2 as id from t", "unknown parameter $2"),
    ("tsql", "select id from t where a = @x /* , */", "unknown parameter @x"),
    ("mysql", "select /*+ max_execution_time(9) */ id from t", "Hints are not supported"),
    ("mysql", "select j.id from json_table('[1]', '$[*]' columns (id int path '$')) as j", "unexpected 'COLUMNS'"),
    ("oracle", "select max(x) keep (dense_rank last order by y) as id from t", "that DuckDB cannot say"),
    ("oracle", "select id, treat(l as vip) as v from t", "treat()"),
    (
        "snowflake",
        "select * from t match_recognize (order by a measures first(x.a) as id pattern (x y+) define y as y.a > 1)",
        "that DuckDB cannot say",
    ),
]


@pytest.mark.parametrize(("dialect", "query", "message"), SAID)
def test_what_is_refused_is_refused_for_what_it_is(
    workspace: Workspace, dialect: str, query: str, message: str
) -> None:
    workspace.profile(CONNECTIONS)
    workspace.users("ref text")
    workspace.model("m", query, connection="duckdb", dialect=dialect, user_id="id", mapping={"ref": "id"})
    [error] = workspace.errors()
    assert message in error.message
    assert "/*" not in error.message


def test_a_function_of_another_dialect_is_no_misspelt_one(workspace: Workspace) -> None:
    workspace.profile(CONNECTIONS)
    workspace.users("ref text")
    query = "select id, toString(n) as n from t"
    workspace.model("m", query, connection="duckdb", dialect="clickhouse", user_id="id", mapping={"ref": "id"})
    [error] = workspace.errors()
    assert "did you mean" not in (error.hint or "")
