"""Files that are broken where few would look: each has an error of its own, and that names the right place."""

import pytest

from tests.marks import marked, place
from tests.support import Workspace
from usersync.diagnostics import Diagnostic, Level

CONFIG = "{{ config(connection = 'crm', user_id = 'id', mapping = {'email': 'email'}) }}\n"
MACROS = "{% macro clean(c) -%}\nnullif(trim({{ c }}), '')\n{%- endmacro %}\n"
RECORDED = """create table t (
    id bigint not null,
    email varchar,
    seen timestamp,
    primary key (id)
);
create index i on t (seen);
"""


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.profile({"crm": {"type": "duckdb", "path": "crm.duckdb"}})
    workspace.users("email varchar")
    workspace.write("macros/m.sql", MACROS)
    workspace.write("models/m.sql", f"{CONFIG}select id, email from t")
    return workspace


def errors(project: Workspace) -> list[Diagnostic]:
    return [finding for finding in project.findings() if finding.level is Level.ERROR]


@pytest.mark.parametrize("dialect", ["duckdb, version = 1", "postgres,normalization_strategy=lowercase"])
def test_a_dialect_has_a_name_only(project: Workspace, dialect: str) -> None:
    project.model("m", "select id, email from t", connection="crm", user_id="id", dialect=dialect)
    assert {error.code for error in errors(project)} == {"US108"}


@pytest.mark.parametrize(
    ("lookback", "wrong"), [("999 years", True), ("999999999 days", True), ("12000 months", False)]
)
def test_a_lookback_that_no_time_allows_is_an_error(project: Workspace, lookback: str, wrong: bool) -> None:
    settings = {"connection": "crm", "user_id": "id", "mapping": {"email": "email"}, "lookback": lookback}
    project.model("m", "select id, email from t", **settings)
    assert [error.code for error in errors(project)] == (["US108"] if wrong else [])


UNEVEN = [
    "select id, email from t union all select »id from t",
    "select id, email from t union select id, email from t except select »id, email, seen from t",
    "with a as (select id, email from t union all select »1, 'x', 'y') select id, email from a",
]


@pytest.mark.parametrize("query", UNEVEN)
def test_the_queries_of_a_union_return_as_many_columns(project: Workspace, query: str) -> None:
    text, (line, column) = marked(query)
    project.write("models/m.sql", CONFIG + text)
    [error] = [each for each in errors(project) if "columns" in each.message]
    assert (error.code, place(error.location)) == ("US002", (line + 1, column))


EVEN = [
    "select id, email from t union all by name select id from t",
    "select id, email from t union all select * from t",
    "select id, email from t union all (select id, lower(email) from t limit 1)",
    "select id, email from t union all select id, unnest(['a']) from t union all select id, email from t",
]


@pytest.mark.parametrize("query", EVEN)
def test_a_union_that_may_be_even_is_none(project: Workspace, query: str) -> None:
    project.write("models/m.sql", CONFIG + query)
    assert errors(project) == []


LOST_IN_A_MACRO = [
    "select id, {{ clean('email') }} as email from t where kind in ('a, 'b') and {{ clean('x') }} is null",
    "select id, '{{ clean('email') }} as email from t",
]


@pytest.mark.parametrize("query", LOST_IN_A_MACRO)
def test_what_is_wrong_in_a_model_is_not_said_of_the_macro_that_it_calls(project: Workspace, query: str) -> None:
    project.write("models/m.sql", CONFIG + query)
    assert {error.location and error.location.file for error in errors(project)} == {"models/m.sql"}
    assert project.run("lint", str(project.root / "models/m.sql")).exit_code == 1


def test_what_a_named_model_breaks_on_in_a_macro_is_shown_with_it(project: Workspace) -> None:
    project.write("models/m.sql", CONFIG + "select id, {{ clean('email email') }} as email from t")
    project.write("models/n.sql", CONFIG + "select id, email from t")
    named = project.run("lint", str(project.root / "models/m.sql"))
    assert (named.exit_code, "macros/m.sql:2" in named.stdout) == (1, True)
    assert project.run("lint", str(project.root / "models/n.sql")).exit_code == 0


def test_a_nul_in_a_mapping_is_an_error(project: Workspace) -> None:
    project.write(
        "models/m.sql", CONFIG.replace("'email'}", "'coalesce(email, \\'a\0b\\')'}") + "select id, email from t"
    )
    assert {error.code for error in errors(project)} == {"US002"}


BROKEN_SOURCES = [
    ("email varchar,", "email varchar"),
    ("not null", "not nul"),
    ("primary key (id)", "primry key (id)"),
    ("primary key (id)", "primary key (idd)"),
    ("t (seen)", "t (sen)"),
    ("email varchar", "email"),
    ("email varchar", "id varchar"),
]


@pytest.mark.parametrize(("good", "bad"), BROKEN_SOURCES)
def test_a_recorded_source_that_contradicts_itself_is_an_error(project: Workspace, good: str, bad: str) -> None:
    project.write("models/sources/crm.sql", RECORDED)
    assert errors(project) == []
    project.write("models/sources/crm.sql", RECORDED.replace(good, bad))
    found = [error for error in errors(project) if error.location and error.location.file == "models/sources/crm.sql"]
    assert {error.code for error in found} == {"US002"}


def test_a_tab_is_one_character_of_a_place(project: Workspace) -> None:
    text, (line, column) = marked("select\tid,\temail\tfrom\tt\tgroup\tby\tall»,")
    project.write("models/m.sql", CONFIG + text)
    [error] = errors(project)
    assert place(error.location) == (line + 1, column)


ENDS = [
    ("connection = 'crm'", "connection = '»crn«'"),
    ("user_id = 'id'", "user_id = 'id', on_missing = '»dlete«'"),
    ("user_id = 'id'", "user_id = 'id', enabled = »maybe«"),
    ("user_id = 'id'", "user_id = 'id', »incremental« = true"),
    ("user_id = 'id'", "user_id = 'id', updated_at = 'email', updated_at_format = '»%Q%Y«'"),
    ("from t", "from t where x = {{ »nope« }}"),
    ("from t", "from t {% »endfor« %}"),
    ("from t", "from t where x = »$3«"),
]


@pytest.mark.parametrize(("good", "bad"), ENDS)
def test_a_finding_ends_where_the_word_or_text_ends(project: Workspace, good: str, bad: str) -> None:
    text, (line, column) = marked((CONFIG + "select id, email from t").replace(good, bad.replace("«", "")))
    project.write("models/m.sql", text)
    length = bad.index("«") - bad.index("»") - 1
    where = [
        (each.location.line, each.location.column, each.location.length) for each in errors(project) if each.location
    ]
    assert (line, column, length) in where


def test_a_check_that_is_a_bare_text_is_an_error(project: Workspace) -> None:
    project.write("models/users.sql", "create table users (\n  email varchar check ('x')\n);")
    [error] = errors(project)
    assert (error.code, place(error.location)) == ("US212", (2, 24))
