"""What a model's own queries say: a column or table that they do not have is found without recorded sources."""

import duckdb
import pytest

from tests.marks import marked, place
from tests.support import Workspace
from usersync.diagnostics import Diagnostic
from usersync.lint.run import lint

TABLES = (
    "create table t (id integer, email varchar, tags varchar[], s struct(a integer, b varchar))",
    "create table u (id integer, x integer)",
)
HEAD = "with q as (select id, email, tags, s from t) "

UNKNOWN = [
    "select id, »emial as e from q",
    "select id, q.»emial as e from q",
    "select id, »qq.email as e from q",
    "select id from q where »emial = 'x'",
    "select id from q order by »nope",
    "select a.id from q as a join q as b using (»nope)",
    "select * exclude (»nope) from q",
    "select * replace (1 as »nope) from q",
    "select q.* exclude (»nope) from q",
    "select id, (select »nope from q) as n from q",
    "select id, sum(»nope) as n from q group by id",
    "select id from (select id from q) where »email = 'x'",
    "select id from q union all select »nope from q",
    "select id, list_transform(tags, lambda t: t || »z) as l from q",
    "select id, email from q as a where »q.id = 1",
    "select id from q group by id having max(»emial) > 'a'",
    "from q as a join q as b using (»nope) select a.id",
    "select id, »mail from (values (1, 'a'), (2, 'b')) as v (id, email)",
    "select r.id, r.»mail as m from (select id, email from q) as r",
]


def unknown(workspace: Workspace, sql: str) -> list[Diagnostic]:
    workspace.profile({"lake": {"type": "duckdb", "path": "lake.duckdb"}})
    workspace.users("ref varchar")
    workspace.model("m", sql, connection="lake", user_id="id", mapping={"ref": "id::varchar"})
    return [
        finding for finding in lint(workspace.load()) if finding.code == "US201" and "returns" not in finding.message
    ]


def duckdb_reads(sql: str) -> bool:
    with duckdb.connect() as connection:
        for table in TABLES:
            connection.execute(table)
        try:
            connection.execute(sql)
        except duckdb.BinderException:
            return False
    return True


@pytest.mark.parametrize("query", UNKNOWN)
def test_a_name_that_no_query_has_is_found_where_it_is_written(workspace: Workspace, query: str) -> None:
    text, (line, column) = marked(HEAD + query)
    assert not duckdb_reads(text)
    [finding] = unknown(workspace, text)
    assert place(finding.location) == (line + 1, column)


KNOWN = [
    "select v.id, email from (values (1, 'a')) as v (id, email)",
    "select q.id, q.s.a as a, s.b as b from q",
    "select id, q as whole from q",
    "select id, [t || i::varchar for t, i in tags if t <> ''] as l from q",
    "select id, tag from q, unnest(q.tags) as u (tag)",
    "select id, email as e, e || 'x' as f from q where e = 'a' order by f, e",
    "select id, x.n from q left join lateral (select count(*) as n from u where u.id = q.id) as x on true",
    "select q.id, z.id as other from q join (select id from q) as z using (id)",
    "select a.id, b.email from q as a (id, mail) join q as b on b.id = a.id and a.mail = 'x'",
    "select a.id from q as a semi join u on u.id = a.id and u.x > 1",
    "select id, struct_pack(k := email) as p from q",
    'select "count_star()" as n, 1 as id from (select count(*) from q)',
    "select p.id from (pivot (select id, email from q) on email using count(*)) as p",
    "select id, g from q, generate_series(1, 3) as series (g)",
    "select id, v from q, (values (1), (2)) as w (v)",
    "select id, email from q order by email collate nocase.noaccent",
    "select id, email from q join u using (id) where x is null",
    "select id_1 as id from (select a.id, b.id from q as a join q as b on true)",
    "select x_2 as id, x_1 from (select 1 as x_1, id as x, id as x from q)",
    "select id, email from q as u anti join u using (id) where email is not null",
    "select v.id, (select v.n from q as v limit 1) as n from (select id, 1 as n from q) as v",
    "select q.id, s.b as b from q join (select id from q) as s on s.id = q.id",
    "select q.id, unnamed_subquery.x as n from q, (select 1 as x)",
]


@pytest.mark.parametrize("query", KNOWN)
def test_what_a_query_has_or_may_have_is_not_found(workspace: Workspace, query: str) -> None:
    assert duckdb_reads(HEAD + query)
    assert unknown(workspace, HEAD + query) == []


def test_a_text_in_double_quotes_is_no_unknown_column_of_sqlite(workspace: Workspace) -> None:
    workspace.profile({"app": {"type": "sqlite", "path": "app.db"}})
    workspace.users("ref varchar")
    sql = 'with q as (select id, name from t) select id, name from q where name = "Ann"'
    settings = {"connection": "app", "user_id": "id", "dialect": "sqlite", "pushdown": "native"}
    workspace.model("m", sql, mapping={"ref": "name"}, **settings)
    assert [finding for finding in lint(workspace.load()) if finding.code == "US201"] == []


def test_a_recursive_query_has_the_columns_that_it_is_given(workspace: Workspace) -> None:
    first, rest = "select id, 0 from t", "select t.id, level + 1 from t join r using (id)"
    sql = f"with recursive r (id, level) as ({first} union all {rest})"
    assert unknown(workspace, f"{sql} select id, level from r") == []
    [finding] = unknown(workspace, f"{sql} select id, lvel from r")
    assert finding.hint == "did you mean 'level'?"


RECURSIVE = "with recursive r (a, b) as (select id, x from t union all select r.a, b from t join r on t.x = r.b)"


def test_a_recursive_query_has_these_columns_in_itself(workspace: Workspace) -> None:
    assert unknown(workspace, f"{RECURSIVE} select a as id, b from r") == []
    [finding] = unknown(workspace, f"{RECURSIVE.replace('r.b', 'r.x')} select a as id, b from r")
    assert finding.hint == "known: a, b"


@pytest.mark.parametrize(
    ("behind", "name"),
    [
        ("search depth first by a set place", "place"),
        ("cycle a set again using path", "again"),
        ("cycle a set c using path", "path"),
    ],
)
def test_search_and_cycle_add_columns_to_a_recursive_query(workspace: Workspace, behind: str, name: str) -> None:
    workspace.profile({"app": {"type": "postgres", "host": "h", "database": "app"}})
    workspace.users("ref varchar")
    settings = {"connection": "app", "user_id": "id", "dialect": "postgres", "pushdown": "native"}
    workspace.model("m", f"{RECURSIVE} {behind} select a as id, {name} as ref from r", **settings)
    assert workspace.errors() == []


TYPES = [
    ("select id::»intger as id from t", "{}"),
    ("select id, cast(email as »text2(20)) as e from t", "{}"),
    ("select id, try_cast(email as »dat) as dat from t", "{}"),
    ("select id, email from t", "email::»varchr"),
]


@pytest.mark.parametrize(("query", "expression"), TYPES)
def test_a_type_that_duckdb_has_not_is_an_error(workspace: Workspace, query: str, expression: str) -> None:
    workspace.profile({"lake": {"type": "duckdb", "path": "lake.duckdb"}})
    workspace.users("ref varchar")
    ref = expression if expression != "{}" else "id::varchar"
    config = f"{{{{ config(connection = 'lake', user_id = 'id', mapping = {{'ref': '{ref}'}}) }}}}\n"
    text, expected = marked(config + query)
    workspace.write("models/m.sql", text)
    [error] = workspace.errors()
    assert (error.code, place(error.location)) == ("US003", expected)


@pytest.mark.parametrize("kind", ["varint", "guid", "timestamp_ns[]", "struct(a hugeint)", "crm.mood", "uint8"])
def test_types_that_duckdb_has_or_may_have_are_none(workspace: Workspace, kind: str) -> None:
    workspace.profile({"lake": {"type": "duckdb", "path": "lake.duckdb"}})
    workspace.users("ref varchar")
    workspace.model("m", f"select id, x::{kind} as x from t", connection="lake", user_id="id", mapping={"ref": "id"})
    assert workspace.errors() == []
