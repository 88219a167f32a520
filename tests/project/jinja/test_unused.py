"""What no run of a template comes by: macros that nobody calls, and branches that were not taken."""

import pytest

from tests.marks import marked, place
from tests.support import Workspace

CONFIG = "{{ config(connection = 'crm', user_id = 'id', mapping = {'email': 'id'}) }}\n"
QUERY = CONFIG + "select id from t\n"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.profile({"crm": {"type": "sqlite", "path": "crm.db"}})
    workspace.users("email varchar")
    workspace.write("models/m.sql", QUERY)
    return workspace


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("{% macro m(c) %}{{ »c | nope }}{% endmacro %}", "US001", "there is no filter 'nope'"),
        ("{% macro m(c) %}{% if »c is nope %}1{% endif %}{% endmacro %}", "US001", "there is no test 'nope'"),
        ("{% macro m(c, d, »c) %}{{ c }}{% endmacro %}", "US001", "parameter 'c' is named twice"),
        ("{% macro m(column) %}{{ »colum }}{% endmacro %}", "US003", "'colum' is undefined"),
        ("{% macro m() %}{{ »other() }}{% endmacro %}", "US003", "'other' is undefined"),
        ("{{ »nope }}", "US003", "'nope' is undefined"),
        ("{{ »" + "9" * 5000 + " }}", "US001", "a number has too many digits"),
        ("»" + "{% for a in [1] %}" * 30 + "{% endfor %}" * 30, "US001", "too many statically nested blocks"),
    ],
)
def test_a_macro_that_nobody_calls_is_checked(project: Workspace, text: str, code: str, message: str) -> None:
    text, expected = marked(text)
    project.write("macros/m.sql", text)
    [problem] = project.errors()
    assert (problem.code, problem.message) == (code, f"template: {message}")
    assert problem.location is not None
    assert (problem.location.file, place(problem.location)) == ("macros/m.sql", expected)


@pytest.mark.parametrize(
    "text",
    [
        "{% macro a(c, d = 1) %}{{ c }}{{ d }}{{ varargs }}{{ kwargs }}{{ caller() }}{% endmacro %}",
        "{% macro a() %}{{ b() }}{{ ref('v') }}{{ source('crm', 't') }}{{ updated_at }}{{ this.name }}{% endmacro %}\n"
        "{% macro b() %}{{ a() }}{{ var('x') }}{{ target.name }}{{ is_incremental() }}{% endmacro %}",
        "{% macro a() %}{% for x in range(3) %}{{ loop.index }}{{ x }}{% endfor %}{% endmacro %}",
        "{% macro a() %}{% set n = namespace(x = 1) %}{% set n.x = 2 %}{{ n.x }}{% endmacro %}",
        "{% macro a(f) %}{% call(u) f() %}{{ u }}{% endcall %}{% endmacro %}",
        "{% macro a() %}{{ x | default(1) }}{% if y is defined %}{{ y }}{% endif %}{% endmacro %}",
        "{% set shared = 3 %}{% macro a() %}{{ shared }}{% endmacro %}",
    ],
)
def test_what_a_macro_may_use_is_known(project: Workspace, text: str) -> None:
    project.write("macros/m.sql", text)
    assert project.errors() == []


def test_macros_that_only_models_can_call_stand_beside_those_of_users(project: Workspace) -> None:
    macros = "{% macro mail() %}email text{% endmacro %}{% macro v() %}{{ ref('v') }}{% endmacro %}"
    project.write("macros/m.sql", macros)
    project.write("models/users.sql", "create table users ({{ mail() }})")
    assert project.errors() == []


@pytest.mark.parametrize(
    "text",
    [
        "{% if target.name == 'prod' %}{{ »nope }}{% endif %}",
        "{% if var('x', false) %}{% for c in »nope %}{{ c }}{% endfor %}{% endif %}",
        "{% if false %}{{ 1 | int if »nope }}{% endif %}",
        "{% macro own(c) %}{{ »nope(c) }}{% endmacro %}",
    ],
)
def test_a_name_is_looked_up_in_every_branch(project: Workspace, text: str) -> None:
    text, expected = marked(QUERY + text)
    project.write("models/m.sql", text)
    [problem] = project.errors()
    assert (problem.code, problem.message) == ("US003", "template: 'nope' is undefined")
    assert place(problem.location) == expected


def test_a_name_may_be_set_in_one_branch_and_used_in_another(project: Workspace) -> None:
    project.write(
        "models/m.sql",
        QUERY
        + "{% if is_incremental() %}{% set limit = 'limit 3' %}{% endif %}"
        + "{% if is_incremental() %}{{ limit }}{% endif %}",
    )
    assert project.errors() == []


def test_models_are_read_whatever_users_are(project: Workspace) -> None:
    project.write("models/users.sql", "create table (")
    text, expected = marked(CONFIG + "select id »fom t")
    project.write("models/m.sql", text.replace("fom t", "fom t where"))
    found = {problem.location.file: problem for problem in project.errors() if problem.location}
    assert sorted(found) == ["models/m.sql", "models/users.sql"]
    assert place(found["models/m.sql"].location)[0] == expected[0]
