"""Findings of all rules stand where the template was written: behind macros, loops and branches, inside config()."""

import pytest

from tests.marks import marked, place
from tests.support import Workspace

CONFIG = "{{ config(connection = 'crm', user_id = 'id', updated_at = 'updated_at', incremental = true"
MACROS = "{% macro twice(x) -%}\n  {{ x }} as {{ x }}_1, {{ x }} as {{ x }}_2\n{%- endmacro %}\n"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.profile({"crm": {"type": "postgres", "database": "crm"}})
    workspace.users("email varchar, name varchar", identifiers=["email"], max_identities_per_value=9)
    workspace.write("macros/m.sql", MACROS)
    return workspace


FILTER = "\nfrom t where updated_at >= ${updated_at}"
QUERIES = [
    ("US304", "select id, name, {{ twice('a') }}, updated_at\nfrom t where updated_at »> ${updated_at}"),
    ("US304", "select id, name, updated_at from t {% if is_incremental() %}where u »> {{ updated_at }}{% endif %}"),
    ("US304", "select id, {{ updated_at }} as x, updated_at from t\n{% if not is_incremental() %}"
     "where updated_at »> ${updated_at}{% endif %}"),
    ("US304", "select id, name, updated_at from t where {% for c in [1, 2] %}\n  a = {{ c }} and {% endfor %}"
     "updated_at »> ${updated_at}"),
    ("US305", "select id, name, {{ twice('a') }}, updated_at\nfrom t where »date(updated_at) >= ${updated_at}"),
    ("US502", "select {# a note #}\n  »*\nfrom t where updated_at >= ${updated_at}"),
    ("US502", "{% set t = 't' %}select »u.* from {{ t }} as u where updated_at >= ${updated_at}"),
    ("US503", "select id, {% if true %}\n »random() as name{% endif %}, updated_at" + FILTER),
    ("US503", "select id, updated_at, {% for n in ['name'] %}»now() as {{ n }}{% endfor %}" + FILTER),
    ("US602", "select id, name, updated_at from {{ 't' }}, »x where updated_at >= ${updated_at}"),
    ("US211", "select id, name, updated_at,\n {% if is_incremental() %}»lower(a){% else %}a{% endif %}" + FILTER),
    ("US209", "select id, name, updated_at, {% if is_incremental() %}»x as Name{% else %}x{% endif %}" + FILTER),
    ("US210", "select id, name, updated_at, {{ twice('a') }},\n  »fax" + FILTER),
]  # fmt: skip


@pytest.mark.parametrize(("code", "query"), QUERIES)
def test_a_finding_in_the_query_stands_where_it_was_written(project: Workspace, code: str, query: str) -> None:
    text, expected = marked(f"{CONFIG}) }}}}\n{query}")
    project.write("models/m.sql", text)
    places = [place(f.location) for f in project.findings() if f.code == code and f.location]
    assert expected in places
    if code != "US210":
        assert places == [expected]


def test_both_branches_are_linted_and_what_they_share_is_said_once(project: Workspace) -> None:
    query = (
        "select id, random() as name, updated_at from t where\n"
        "{% if is_incremental() %}updated_at > ${updated_at}{% else %}date(updated_at) >= ${updated_at}{% endif %}"
    )
    project.write("models/m.sql", f"{CONFIG}) }}}}\n{query}")
    codes = [finding.code for finding in project.findings()]
    assert [codes.count(code) for code in ("US304", "US305", "US503")] == [1, 1, 1]


MAPPINGS = [
    ("US201", "{'name': 'lower(»nam)'}"),
    ("US201", "{'name': 'coalesce(\\'x\\', »nam)'}"),
    ("US201", "{'name': 'upper(' ~ 'x)'}".replace("' ~ '", "»x")),
    ("US503", "{'name': 'concat(name, »now())'}"),
    ("US402", "{'email': '»name'}"),
    ("US203", "{'»nam': 'name'}"),
]


@pytest.mark.parametrize(("code", "mapping"), MAPPINGS)
def test_a_finding_in_a_mapping_stands_inside_its_string(project: Workspace, code: str, mapping: str) -> None:
    text, expected = marked(f"{CONFIG},\n  mapping = {mapping}) }}}}\nselect id, name, updated_at{FILTER}")
    project.write("models/m.sql", text)
    assert [place(f.location) for f in project.findings() if f.code == code and f.location] == [expected]


def test_a_finding_in_a_macro_stands_in_its_file(project: Workspace) -> None:
    text, expected = marked("{% macro new() -%}\n  updated_at »> ${updated_at}\n{%- endmacro %}\n")
    project.write("macros/new.sql", text)
    project.write("models/m.sql", f"{CONFIG}) }}}}\nselect id, name, updated_at from t where {{{{ new() }}}}")
    [finding] = [f for f in project.findings() if f.code == "US304"]
    assert finding.location is not None
    assert (finding.location.file, place(finding.location)) == ("macros/new.sql", expected)


def test_a_finding_in_a_view_stands_where_the_view_is_used(project: Workspace) -> None:
    project.write("models/v.sql", "{{ config(kind = 'view') }}\nselect id, random() as name, updated_at from t")
    text, expected = marked(f"{CONFIG}) }}}}\nselect id, name, updated_at from {{{{ »ref('v') }}}} as v")
    project.write("models/m.sql", text + " where updated_at >= ${updated_at}")
    assert [place(f.location) for f in project.findings() if f.code == "US503"] == [expected]


UNUSED = [
    ("US002", "select id from »where x"),
    ("US003", "select {{ »nope }} as id from t"),
    ("US004", "select id from {{ »ref('nope') }}"),
    ("US005", "select id from {{ »ref('v') }}"),
    ("US501", "»delete from t"),
]


@pytest.mark.parametrize(("code", "query"), UNUSED)
def test_a_broken_view_is_found_though_nothing_uses_it(project: Workspace, code: str, query: str) -> None:
    text, expected = marked("{{ config(kind = 'view') }}\n" + query)
    project.write("models/v.sql", text)
    project.write("models/m.sql", f"{CONFIG}) }}}}\nselect id, name, updated_at{FILTER}")
    found = [f for f in project.errors() if f.location and f.location.file == "models/v.sql"]
    assert [(f.code, place(f.location)) for f in found] == [(code, expected)]


def test_both_branches_and_the_mapping_are_read_where_all_are_wrong(workspace: Workspace) -> None:
    workspace.profile({"crm": {"type": "postgres", "database": "crm"}})
    workspace.users("email varchar")
    workspace.model(
        "m",
        "select id, u from t\n{% if is_incremental() %}\nwhere u >= ${updated_at} and a b c\n"
        "{% else %}\nwhere x y z\n{% endif %}",
        connection="crm",
        user_id="id",
        updated_at="u",
        incremental=True,
        mapping={"email": "lower(mail"},
    )
    found = [(each.code, each.location.line) for each in workspace.errors() if each.location]
    assert found == [("US002", 1), ("US002", 4), ("US002", 6)]


def test_what_both_branches_share_is_said_once(workspace: Workspace) -> None:
    workspace.profile({"crm": {"type": "postgres", "database": "crm"}})
    workspace.users("email varchar")
    query = "select id, email email from t where {{ 'true' if is_incremental() else 'false' }} or or x"
    workspace.model("m", query, connection="crm", user_id="id")
    assert len(workspace.errors()) == 1
