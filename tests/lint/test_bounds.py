"""Whatever is deep, long or endless: lint ends with a finding or with none, and never with a traceback."""

import pytest

from tests.support import Workspace
from usersync.diagnostics import SourceFile
from usersync.project.jinja.macros import Library
from usersync.project.jinja.renderer import render

DEEP = {
    "brackets": "select id, " + "(" * 1000 + "x" + ")" * 1000 + " as y from t",
    "brackets that are not closed": "select id, " + "(" * 20_000,
    "functions": "select id, " + "lower(" * 500 + "x" + ")" * 500 + " as y from t",
    "cases": "select id, " + "case when a then b else " * 400 + "c" + " end" * 400 + " as y from t",
    "subqueries": "select id from (" * 300 + "select id from t" + "".join(f") as s{i}" for i in range(300)),
    "conditions": "select id from t where " + " and ".join(f"x <> {i}" for i in range(5000)),
    "signs": "select id, " + "- " * 3000 + "x as y from t",
    "unions": " union all ".join(f"select id from t{i}" for i in range(1000)),
}
LONG = {
    "values": f"select id from t where x in ({', '.join(map(str, range(5000)))})",
    "columns": "select id, " + ", ".join(f"c{i}" for i in range(2000)) + " from t",
    "ctes": "with c0 as (select id from t), "
    + ", ".join(f"c{i} as (select a.id from c{i - 1} as a join t as b on a.id = b.id)" for i in range(1, 200))
    + " select id from c199",
    "a text": f"select id, '{'x' * 1_000_000}' as y from t",
    "comments": "select id from t\n" + "-- noqa\n" * 5000,
    "a comment": f"select id from t -- {'x ' * 200_000}",
    "blanks": "select id" + "\t\r\n" * 20_000 + "from t",
}
DIALECTS = ["duckdb", "postgres", "mysql", "sqlite"]


def codes(workspace: Workspace, query: str, dialect: str = "duckdb") -> set[str]:
    """The errors of a model with a query; `\r` stays as it is."""
    own: dict[str, object] = {} if dialect == "duckdb" else {"dialect": dialect, "pushdown": "native"}
    where = "path" if dialect in {"duckdb", "sqlite"} else "database"
    workspace.profile({"it": {"type": dialect, where: "x"}})
    workspace.users("ref text")
    workspace.model("m", query, connection="it", user_id="id", mapping={"ref": "id"}, **own)
    return {error.code for error in workspace.errors()}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("what", DEEP)
def test_what_is_deep_is_read_or_refused(workspace: Workspace, what: str, dialect: str) -> None:
    assert codes(workspace, DEEP[what], dialect) <= {"US002"}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("what", LONG)
def test_what_is_long_is_read(workspace: Workspace, what: str, dialect: str) -> None:
    assert codes(workspace, LONG[what], dialect) == set()


ENDLESS = [
    "{% for i in range(10 ** 9) %}x{% endfor %}",
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% set all = range(99999) | list %}{% for a in all %}{% for b in all %}{{ loop.last }}{% endfor %}{% endfor %}",
    "{% macro twice(n) %}{% if n %}{{ twice(n - 1) }}{{ twice(n - 1) }}{% endif %}{% endmacro %}{{ twice(60) }}",
    "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
    "{{ 'x' * 10 ** 12 }}",
    "{{ 10 ** 12 * 'x' }}",
    "{{ [1] * 10 ** 12 }}",
    "{{ 9 ** (9 ** 9) }}",
    "{% set x = namespace(s = 'x') %}{% for i in range(60) %}{% set x.s = x.s ~ x.s %}{% endfor %}",
    "{{ 'x'.ljust(10 ** 12) }}",
    "{{ '%99999999999s' % 'x' }}",
    "{{ '%10000000000s' % 'x' }}",
    "{{ '%(a)-10000000000s' % {'a': 'x'} }}",
    "{{ '%.10000000000f' % 1 }}",
    "{{ '%*d' % (99999999999, 1) }}",
    "{{ '{:>99999999999}'.format(1) }}",
    "{{ '%99999999999s' | format('x') }}",
    "{% set a = 'x' * 900000 %}{{ a | replace('x', a) }}",
    "{% set a = 'x' * 900000 %}{{ a.replace('x', a) }}",
    "{% set a = 'x' * 900000 %}{{ ([a] * 100000) | join }}",
    "{{ range(99999) | join('x' * 900000) }}",
    "{% set a = 'x' * 900000 %}{{ a.join(['x'] * 100000) }}",
    "{% set a = ['x' * 900000] * 100000 %}{{ a }}",
    "{% set a = 'x' * 900000 %}{% for i in range(90000) %}{{ a }}{% endfor %}",
    "{% set a = 'x' * 900000 %}{% set b %}{% for i in range(90000) %}{{ a }}{% endfor %}{% endset %}",
    "{% macro m(a) %}{% for i in range(90000) %}{{ a }}{% endfor %}{% endmacro %}{{ m('x' * 900000) }}",
    "{{ 'x' | center(10 ** 12) }}",
    "{{ 'a\nb' | indent(10 ** 12) }}",
    "{% if true %}" * 3000 + "{% endif %}" * 3000,
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ " + "not " * 5000 + "1 }}",
]


@pytest.mark.parametrize("template", ENDLESS)
def test_a_template_that_does_not_end_is_an_error_in_its_place(workspace: Workspace, template: str) -> None:
    assert codes(workspace, f"{template}select id from t") == {"US001"}


def test_views_that_double_end(workspace: Workspace) -> None:
    workspace.write("models/v0.sql", "{{ config(kind = 'view') }} select id from t")
    for i in range(1, 40):
        twice = f"select id from {{{{ ref('v{i - 1}') }}}} as a union all select id from {{{{ ref('v{i - 1}') }}}} as b"
        workspace.write(f"models/v{i}.sql", f"{{{{ config(kind = 'view') }}}} {twice}")
    assert "US001" in codes(workspace, "select id from {{ ref('v39') }} as v")


def test_loops_are_as_they_were(workspace: Workspace) -> None:
    query = """select id
        {%- for name in ['a', 'b', 'c'] if name != 'b' -%}
        , {{ name ~ loop.index ~ '_of_' ~ loop.length }}{{ '' if loop.last else ' ' }}
        {%- else %}, nothing{% endfor %}
        {%- for key, value in {'x': 1}.items() %}, {{ value * 2 }} as {{ key * 2 }}{% endfor %}
        {%- for n in [1, [2, [3]]] recursive %}{{ loop(n) if n is not number else ', c' ~ n }}{% endfor %} from t"""
    assert codes(workspace, query) == set()
    compiled = workspace.run("compile", "--offline", "--stdout").stdout
    for column in ("a1_of_2", "c2_of_2", "xx", "c1", "c2", "c3"):
        assert column in compiled


@pytest.mark.parametrize("text", ["\x00", "\ufeff", "\u2028", "\u202e", "\U0001f600", "\x85", "\x1b", "\ud800"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_odd_characters_are_read_or_refused(workspace: Workspace, text: str, dialect: str) -> None:
    if text == "\ud800":
        text = "{{ '\\ud800' }}"
    assert codes(workspace, f"select id, x{text}y as z from t where a = '{text}'", dialect) <= {"US001", "US002"}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ '%s since 20240101' % 'id' }}", "id since 20240101"),
        ("{{ '{} since 20240101: {}'.format('id', 20240102) }}", "id since 20240101: 20240102"),
        ("{{ '%05d' | format(20240101) }}", "20240101"),
        ("{{ ['a', 'b'] | join(', ') }}{{ [1, 2] | join }}{{ '-'.join('abc') }}", "a, b12a-b-c"),
        ("{{ 'aXb' | replace('X', 'y') }}{{ 'aXb'.replace('X', 'z', 1) }}", "aybazb"),
        ("{{ 'a' | center(3) }}{{ 'a' | indent(width=2, first=true) }}", " a   a"),
    ],
)
def test_texts_are_as_they_were(template: str, text: str) -> None:
    assert render(SourceFile("m.sql", template), Library(), {}).sql == text


WIDE = {
    "stars that double": "with c0 as (select * from t), "
    + ", ".join(f"c{i} as (select * from c{i - 1} as a join c{i - 1} as b on true)" for i in range(1, 40))
    + " select id, c39.x from c39",
    "named values": "select id" + "".join(f", {i} as c{i}" for i in range(3000)) + " from t",
    "conditions": "select id from t where " + " and ".join(f"x <> {i}" for i in range(3000)),
    "cases": "select id, case " + " ".join(f"when x = {i} then {i}" for i in range(2000)) + " end as n from t",
}


@pytest.mark.parametrize("what", WIDE)
def test_long_queries_over_recorded_tables_are_looked_at_once(workspace: Workspace, what: str) -> None:
    workspace.write("models/sources/it.sql", "create table t (id bigint not null, x integer, primary key (id));")
    assert codes(workspace, WIDE[what]) == set()
