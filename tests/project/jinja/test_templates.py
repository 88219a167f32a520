"""Jinja in models: what it renders, what it may not do, and where its problems are."""

import pytest

from tests.marks import marked, place
from tests.pairs import normal
from tests.support import Workspace
from usersync.compile.query import parse_query
from usersync.diagnostics import ConfigError, Diagnostic, SourceFile
from usersync.project.jinja.macros import Library
from usersync.project.jinja.renderer import render
from usersync.project.load import Settings, load_project
from usersync.project.render import render_model

CONFIG = "{{ config(connection = 'crm', user_id = 'id') }}\n"
MACROS = """\
{% macro clean(column) -%}
lower(trim({{ column }}))
{%- endmacro %}

{% macro email() %}{{ clean('email') }}{% endmacro %}
"""


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.users("email varchar, name varchar")
    return workspace


def sql(project: Workspace, query: str, *, incremental: bool = False, **variables: object) -> str:
    """A model's query as rendered."""
    project.write("models/m.sql", CONFIG + query)
    loaded = load_project(Settings(project.root, vars=variables))
    return render_model(loaded, loaded.models["m"], incremental=incremental).sql.strip()


def refused(project: Workspace, query: str) -> Diagnostic:
    """The one problem of rendering a query; its lines count from 2, below config()."""
    with pytest.raises(ConfigError) as caught:
        sql(project, query)
    [problem] = caught.value.diagnostics
    return problem


def marked_query(query: str) -> tuple[str, tuple[int, int]]:
    text, (line, column) = marked(query)
    return text, (line + 1, column)


# --- Rendering ---


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select {{ ['id', 'email'] | join(', ') }} from t", "select id, email from t"),
        ("select id{% for c in ['a', 'b'] %}, {{ c }}{% endfor %} from t", "select id, a, b from t"),
        ("{% set x = 3 %}select id from t where a > {{ x }}", "select id from t where a > 3"),
        ("{% macro m(a) %}{{ a }}_x{% endmacro %}select {{ m('id') }} from t", "select id_x from t"),
        ("select id from {% raw %}{{ t }}{% endraw %}", "select id from {{ t }}"),
        ("select id from t where u > {{ updated_at }}", "select id from t where u > ${updated_at}"),
        ("select '{{ this.name }}', '{{ this.connection }}'", "select 'm', 'crm'"),
        ("select '{{ target.name }}', '{{ target.profile_name }}'", "select 'dev', 'test'"),
        ("select id from {{ source('crm', 'sales.t') }}", 'select id from "crm"."sales"."t"'),
    ],
)
def test_templates_render(project: Workspace, query: str, expected: str) -> None:
    project.profile({"crm": {"type": "files", "path": "."}})
    assert sql(project, query) == expected


def test_is_incremental_tells_a_first_run_from_a_later_one(project: Workspace) -> None:
    query = "select id from t{% if is_incremental() %} where u > ${updated_at}{% endif %}"
    assert sql(project, query) == "select id from t"
    assert sql(project, query, incremental=True) == "select id from t where u > ${updated_at}"


def test_variables_are_given_or_have_defaults(project: Workspace) -> None:
    query = "select {{ var('a', 1) }}, {{ var('b') }}, {{ var('c', none) }}"
    assert sql(project, query, b="x") == "select 1, x, None"
    assert sql(project, query, a=2, b=3, c=4) == "select 2, 3, 4"


def test_environment_variables_are_read(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGION", "eu")
    assert sql(project, "select '{{ env_var('REGION') }}', '{{ env_var('ZONE', 'a') }}'") == "select 'eu', 'a'"


# --- Macros ---


def test_macros_of_any_file_are_known_without_import(project: Workspace) -> None:
    project.write("macros/a.sql", MACROS)
    project.write("macros/deep/b.sql", "{% macro both() %}{{ email() }} as email{% endmacro %}")
    assert sql(project, "select id, {{ both() }} from t") == "select id, lower(trim(email)) as email from t"


def test_macros_may_use_the_models_context(project: Workspace) -> None:
    project.write("macros/a.sql", "{% macro since() %}u > {{ updated_at }} /* {{ this.name }} */{% endmacro %}")
    assert sql(project, "select id from t where {{ since() }}").endswith("u > ${updated_at} /* m */")


def test_two_macros_of_one_name_are_an_error(project: Workspace) -> None:
    project.write("macros/a.sql", MACROS)
    text, expected = marked("-- more\n»{% macro clean() %}{% endmacro %}")
    project.write("macros/b.sql", text)
    [problem] = project.load().problems
    assert problem.code == "US001"
    assert problem.location is not None
    assert (problem.location.file, problem.location.line) == ("macros/b.sql", expected[0])
    assert "macros/a.sql" in problem.message


def test_a_broken_macro_file_is_named(project: Workspace) -> None:
    text, expected = marked("{% macro a() %}\n{% »if %}\n{% endmacro %}")
    project.write("macros/a.sql", text)
    project.write("models/m.sql", f"{CONFIG}select id, email from t")
    problem = project.errors()[0]
    assert (problem.code, problem.location and problem.location.file) == ("US001", "macros/a.sql")
    assert place(problem.location)[0] == expected[0]


def test_a_macro_that_calls_itself_is_an_error_not_a_crash(project: Workspace) -> None:
    project.write("macros/a.sql", "{% macro again() %}{{ again() }}{% endmacro %}")
    problem = refused(project, "select {{ again() }} from t")
    assert problem.code == "US001"
    assert problem.location is not None


# --- Undefined names ---


@pytest.mark.parametrize(
    ("query", "hint"),
    [
        ("select id from t where u > {{ »update_at }}", "did you mean 'updated_at'?"),
        ("select {{ 'id' }}, {{ »nope }} from t", None),
        ("select id\nfrom t\nwhere a = {{ »nope }}\n  and b = 1", None),
        ("select {{ »confg }}", "did you mean 'config'?"),
        ("select {{ 'a' ~ »nope }}", None),
    ],
)
def test_an_undefined_name_is_placed_and_guessed(project: Workspace, query: str, hint: str | None) -> None:
    text, expected = marked_query(query)
    problem = refused(project, text)
    assert (problem.code, place(problem.location), problem.hint) == ("US003", expected, hint)


@pytest.mark.parametrize("use", ["»nope()", "»nope.x", "»nope['x']", "»nope | upper", "»nope + 1", "»nope.x.y('z')"])
def test_an_undefined_name_is_placed_whatever_is_done_with_it(project: Workspace, use: str) -> None:
    text, expected = marked_query(f"select {{{{ {use} }}}}")
    problem = refused(project, text)
    assert (problem.code, place(problem.location)) == ("US003", expected)


@pytest.mark.parametrize(
    "query",
    [
        "{% for c in »nope %}{{ c }}{% endfor %}",
        "{% if »nope %}x{% endif %}",
        "{% set x = »nope.y %}",
        "select {{ target.»nope }}",
        "select {{ this['»nope'] }}",
    ],
)
def test_an_undefined_name_in_a_statement_is_on_its_line(project: Workspace, query: str) -> None:
    text, expected = marked_query(f"select 1\n{query}\nfrom t")
    problem = refused(project, text)
    assert problem.code == "US003"
    assert place(problem.location)[0] == expected[0]


def test_macros_are_guessed_too(project: Workspace) -> None:
    project.write("macros/a.sql", MACROS)
    assert refused(project, "select {{ claen('email') }}").hint == "did you mean 'clean'?"


# --- Places ---


@pytest.mark.parametrize(
    "query",
    [
        "select id name »frm t",
        "{{ clean('email') }} »)",
        "select {{ clean('email') }} as email »frm t",
        "select {{ clean('email') }} as a,\n    {{ clean('name') }} as b\nfrom t\nwhere (a = 1 b »= 2)",
        "{% if true %}select id{% endif %}\nfrom t whre »a = 1",
        "{% if false %}select none{% endif %}select id name »frm t",
        "select id\n{% for c in ['a', 'b', 'c'] %}    , {{ c }} as {{ c }}\n{% endfor %}from t as t »as",
        "select id{# a comment\nof two lines #} name »frm t",
        "select id  {%- if true -%}  , name other »frm t  {%- endif -%}",
        "select 'é€😀' as id, name other »frm t",
    ],
)
def test_an_error_in_sql_is_placed_behind_templates(project: Workspace, query: str) -> None:
    project.write("macros/a.sql", MACROS)
    text, expected = marked_query(query)
    project.write("models/m.sql", CONFIG + text)
    problem = next(found for found in project.errors() if found.code == "US002")
    assert place(problem.location) == expected


@pytest.mark.parametrize(
    "query",
    [
        "select {{ clean('email') }} as email, email as »Email, id from t",
        "select id, name,\n{% for c in ['x', '»name'] %}{{ c }}{{ ', ' if not loop.last }}{% endfor %} from t",
        "select id\n{% for c in ['a'] %}, {{ c }} as c\n{% endfor %}, »c.c from t as c",
    ],
)
def test_a_duplicate_column_is_placed_behind_templates(project: Workspace, query: str) -> None:
    project.write("macros/a.sql", MACROS)
    text, (line, _) = marked_query(query)
    project.write("models/m.sql", CONFIG.replace("'id')", "'id', mapping = {})") + text)
    found = [problem for problem in project.errors() if problem.code == "US209"]
    assert [place(problem.location)[0] for problem in found] == [line]


def test_an_error_in_a_macro_is_placed_in_its_file(project: Workspace) -> None:
    text, expected = marked("{% macro bad() -%}\n»nope nope nope\n{%- endmacro %}")
    project.write("macros/a.sql", text)
    project.write("models/m.sql", CONFIG + "select id, {{ bad() }} from t")
    problem = next(found for found in project.errors() if found.code == "US002")
    assert problem.location is not None
    assert (problem.location.file, problem.location.line) == ("macros/a.sql", expected[0])


def test_a_value_that_a_template_computed_is_placed_at_its_expression(project: Workspace) -> None:
    text, expected = marked_query("select id name {{ »'frm' }} t")
    project.write("models/m.sql", CONFIG + text)
    [problem] = project.errors()
    assert (problem.code, place(problem.location)) == ("US002", expected)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("select {% if true %}id", "Unexpected end of template"),
        ("select id {% »endif %}", "unknown tag 'endif'"),
        ("select {{ 1 +»}}", "unexpected"),
        ("select {% »foo %}", "unknown tag 'foo'"),
        ("select {{ 'x' | nofilter }}", "there is no filter 'nofilter'"),
        ("select id {#» comment", "Missing end of comment"),
        ("select {{ »'x }}", "unexpected char"),
        ("select {{ »1 / 0 }}", "division by zero"),
        ("{% »include 'x.sql' %}", "there is no template 'x.sql'"),
        ("{% »import 'x.sql' as x %}", "there is no template 'x.sql'"),
    ],
)
def test_a_broken_template_is_one_problem_with_a_place(project: Workspace, query: str, message: str) -> None:
    text, expected = marked_query(query) if "»" in query else (query, None)
    project.write("models/m.sql", CONFIG + text)
    [problem] = project.errors()
    assert problem.code == "US001"
    assert message in problem.message
    assert problem.location is not None
    assert expected is None or place(problem.location) == expected


@pytest.mark.parametrize("call", ["var()", "ref()", "source('crm')", "env_var()", "is_incremental(1)", "config(1, 2)"])
def test_a_wrong_call_says_nothing_of_python(project: Workspace, call: str) -> None:
    project.write("models/m.sql", CONFIG + f"select {{{{ {call} }}}}")
    for problem in project.errors():
        assert "<locals>" not in problem.message
        assert "_Context" not in problem.message


# --- The sandbox ---


@pytest.mark.parametrize(
    "expression",
    [
        "''.__class__.__mro__",
        "''['__class__']",
        "'' | attr('__class__')",
        "[].__class__.__base__.__subclasses__()",
        "var.__globals__",
        "config.__globals__['os'].environ",
        "env_var.__code__",
        "ref.__self__.project.profile",
        "self.__init__.__globals__",
        "cycler.__init__.__globals__.os.popen('id').read()",
        "namespace.__init__.__globals__",
        "'{0.__class__}'.format(1)",
        "'{0.__self__.project}'.format(ref)",
        "('a' ~ 'b').format.__self__",
        "lipsum.__globals__",
        "[1].append(2)",
        "target.update({})",
        "range(1000000000)",
        "(1).__class__",
        "updated_at.__class__",
        "this.__class__.__init__",
    ],
)
def test_a_template_cannot_leave_its_sandbox(project: Workspace, expression: str) -> None:
    problem = refused(project, f"select id\nfrom t where a = '{{{{ {expression} }}}}'")
    assert problem.code in {"US001", "US003"}
    assert place(problem.location)[0] == 3


@pytest.mark.parametrize("name", ["config", "users", "ref", "source", "var", "env_var", "is_incremental"])
def test_a_function_without_its_call_leaks_nothing_of_python(project: Workspace, name: str) -> None:
    project.write("models/m.sql", f"{CONFIG}select id, email, '{{{{ {name} }}}}' as name from t")
    outcome = project.run("compile", "--stdout", "--offline")
    assert "0x" not in outcome.output
    assert "usersync" not in outcome.stdout.replace("usersync build", "")


@pytest.mark.parametrize(
    "name",
    ["API_TOKEN", "DB_PASSWORD", "db_pwd", "AWS_SECRET_ACCESS_KEY", "STRIPE_API_KEY", "PRIVATE_KEY", "CREDENTIALS"],
)
def test_a_secret_is_not_given_to_templates(project: Workspace, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "hunter2")
    problem = refused(project, f"select\n    '{{{{ env_var('{name}', 'x') }}}}' as a")
    assert (problem.code, place(problem.location)[0]) == ("US107", 3)
    assert problem.hint == "secrets are named in profiles.yml only"


# --- source, var, env_var and ref ---


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        ("select id from {{ »source('shop', 't') }}", "US004", "this pipeline reads connection 'crm'"),
        ("select id from {{ »ref('nope') }}", "US004", "there is no view of that name"),
        ("select id from {{ »ref('m') }}", "US005", "m -> m"),
        ("select {{ »var('country') }}", "US003", "var 'country' is not set"),
        ("select {{ »env_var('COUNTRY') }}", "US003", "environment variable COUNTRY is not set"),
    ],
)
def test_a_wrong_name_in_a_call_is_placed_at_the_call(project: Workspace, query: str, code: str, message: str) -> None:
    text, expected = marked_query(query)
    problem = refused(project, text)
    assert (problem.code, place(problem.location)) == (code, expected)
    assert message in problem.message


def view(project: Workspace, stem: str, query: str) -> None:
    project.write(f"models/{stem}.sql", f"{{{{ config(kind = 'view') }}}}\n{query}\n")


def test_ref_puts_a_view_in_place(project: Workspace) -> None:
    view(project, "active", "-- those who are\nselect * from {{ ref('all_of_them') }} where active")
    view(project, "all_of_them", "select * from customers;")
    rendered = sql(project, "select a.id from {{ ref('active') }} as a join {{ ref('active') }} as b using (id)")
    inner = "(select * from (select * from customers) where active)"
    assert normal(rendered) == normal(f"select a.id from {inner} as a join {inner} as b using (id)")


def test_a_views_problem_is_placed_in_the_view(project: Workspace) -> None:
    view(project, "active", "select * from t\nwhere {{ nope }}")
    problem = refused(project, "select id from {{ ref('active') }}")
    assert problem.code == "US003"
    assert problem.location is not None
    assert (problem.location.file, problem.location.line) == ("models/active.sql", 3)


def test_views_in_a_circle_are_named(project: Workspace) -> None:
    view(project, "a", "select * from {{ ref('b') }}")
    view(project, "b", "select * from {{ ref('c') }}")
    view(project, "c", "select * from {{ ref('a') }}")
    problem = refused(project, "select id from {{ ref('a') }}")
    assert problem.code == "US005"
    assert "a -> b -> c -> a" in problem.message
    assert problem.location is not None
    assert problem.location.file == "models/c.sql"


def test_a_view_is_guessed_and_a_pipeline_is_no_view(project: Workspace) -> None:
    view(project, "active", "select 1 as id")
    assert refused(project, "select id from {{ ref('activ') }}").hint == "did you mean 'active'?"
    project.model("other", "select id, email from t", connection="crm", user_id="id")
    assert refused(project, "select id from {{ ref('other') }}").code == "US004"


def test_the_cursor_reaches_into_views(project: Workspace) -> None:
    view(project, "recent", "select * from t where u >= ${updated_at}")
    project.write("models/m.sql", CONFIG + "select id from {{ ref('recent') }}")
    loaded = project.load()
    query, _ = parse_query(render_model(loaded, loaded.models["m"], incremental=True), "duckdb")
    assert len(query.placeholders) == 1


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{% if a == 'pg' and not (b in ['x']) %}yes{% endif %}", "yes"),
        ("{{ 1 < b < 4 }}", "True"),
        ("{{ 'x' if a != 'pg' else 'y' }}", "y"),
        ("{% for k, v in {'m': 1, 'n': 0}.items() if v > 0 %}{{ k }}{% endfor %}", "m"),
        ("{{ [1, 2, 3] | select('>', 1) | join(',') }}", "2,3"),
    ],
)
def test_comparisons_render(template: str, text: str) -> None:
    assert render(SourceFile("m.sql", template), Library(), {"a": "pg", "b": 3}).sql == text


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ config(a = 1, b = [{'c': (none, 'd')}]) }}", ""),
        ("-- first\n{{- config() -}}\n select {{ 1 }}", "-- firstselect 1"),
        ("{{ config(a = 1) }}{% if true %}yes{% endif %}{{ config(a = 1) }}", "yes"),
        ("{% macro config() %}mine{% endmacro %}{{ config() }}", "mine"),
        ("{% for config in ['mine'] %}{{ config }}{{ config() }}{% endfor %}", None),
        ("{{ config(a = nope) }}", ""),
        ("{{ config(a = [nope()]) }}", None),
        ("{{ config(a = {nope: 1}) }}", None),
        ("{{ config(*nope) }}", None),
        ("{{ config(a = nope()) }}", None),
    ],
)
def test_settings_render_to_nothing_and_hide_nothing(project: Workspace, template: str, text: str | None) -> None:
    project.write("models/m.sql", template)
    loaded = project.load()
    try:
        rendered = render_model(loaded, loaded.models["m"], incremental=False)
    except ConfigError:
        assert text is None
    else:
        assert rendered.sql == text
        assert rendered.location(len(text)).file == "models/m.sql"


def test_a_name_in_a_comparison_is_placed() -> None:
    with pytest.raises(ConfigError) as caught:
        render(SourceFile("m.sql", "a\n{% if 1 == nope %}{% endif %}"), Library(), {})
    [problem] = caught.value.diagnostics
    assert problem.location
    assert (problem.code, problem.location.line, problem.location.column) == ("US003", 2, 12)
