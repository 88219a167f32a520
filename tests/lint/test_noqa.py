"""`-- noqa`: which findings a comment silences, and which comments do nothing."""

import json

import pytest

from tests.support import Workspace
from usersync.diagnostics import SourceFile
from usersync.lint.noqa import Noqa, comments

CONFIG = "{{ config(connection = 'crm', user_id = 'id', mapping = {'email': 'id'}) }}"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.profile({"crm": {"type": "postgres", "database": "crm"}})
    workspace.users()
    workspace.write(
        "pyproject.toml",
        "[tool.usersync.lint]\nselect = ['US0', 'US102', 'US209', 'US211', 'US212', 'US9']",
    )
    return workspace


def found(project: Workspace, *args: str) -> list[tuple[str, int]]:
    """Code and line of every finding."""
    outcome = project.run("lint", "--format", "json", *args)
    assert outcome.exit_code in {0, 1}, outcome.output
    return [(each["code"], each["line"]) for each in json.loads(outcome.stdout)]


def of(project: Workspace, query: str) -> list[tuple[str, int]]:
    """What is found in a model whose config is on line 1 and whose query begins on line 2."""
    project.write("models/m.sql", f"{CONFIG}\n{query}\n")
    return found(project)


UNALIASED = ("US211", 2)
UNUSED = ("US901", 2)


@pytest.mark.parametrize(
    "comment",
    [
        "-- noqa",
        "--noqa",
        "-- NOQA",
        "-- noqa: US211",
        "-- noqa:us211",
        "-- noqa: US211 because the view names it",
        "-- noqa: LT01, US211, disable=all",
        "-- the name comes from the view -- noqa: US211",
        "/* noqa: US211 */",
        "{# noqa: US211 #}",
        "{#- noqa -#}",
        "{# usersync: noqa #}",
        "{# usersync: noqa: US211 #}",
    ],
)
def test_a_comment_silences_the_findings_of_its_line(project: Workspace, comment: str) -> None:
    assert of(project, f"select id, lower(email) {comment}\nfrom customers") == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select id, lower(email) -- this is no noqa\nfrom t", [UNALIASED]),
        ("select id, lower(email) -- noqa: LT01\nfrom t", [UNALIASED]),
        ("select id, lower(email) -- noqa: disable=all\nfrom t", [UNALIASED]),
        ("select id, lower(email) -- noqa:\nfrom t", [UNALIASED]),
        ("select id, lower(email) -- noqable\nfrom t", [UNALIASED]),
        ("select id, lower('-- noqa')\nfrom t", [UNALIASED]),
        ('select id, lower("-- noqa")\nfrom t', [UNALIASED]),
        ("select id, lower('it''s -- noqa')\nfrom t", [UNALIASED]),
        ("select id, lower($$-- noqa$$)\nfrom t", [UNALIASED]),
        ("select id, lower('{{ \"-- noqa\" }}')\nfrom t", [UNALIASED]),
        ("select id, lower(email), {{ '/* noqa */1' }} as one\nfrom t", [UNALIASED]),
        ("select id, lower(email) -- usersync: noqa\nfrom t", [UNALIASED]),
        ("select id, lower(email)\n-- noqa\nfrom t", [UNALIASED, ("US901", 3)]),
        ("select id, lower(email) -- noqa: US209\nfrom t", [UNALIASED, UNUSED]),
        ("select id, lower(email) -- noqa: US211, US209\nfrom t", [UNUSED]),
        ("select id, lower(email) -- noqa: US211, US999\nfrom t", [UNUSED]),
        ("select id, email -- noqa\nfrom t", [UNUSED]),
        ("select id, email -- noqa: US211\nfrom t", [UNUSED]),
        ("select id, email -- noqa: LT01\nfrom t", []),
        ("select id, email -- noqa: US901, US211\nfrom t", []),
        ("select id, email from t -- noqa: US211\n{# usersync: noqa: US901 #}", []),
        ("select id, email {# usersync: noqa: US209 #}\nfrom t", [UNUSED]),
    ],
)
def test_what_silences_nothing(project: Workspace, query: str, expected: list[tuple[str, int]]) -> None:
    assert of(project, query) == expected


def test_a_comment_behind_a_tag_is_about_all_of_its_lines(project: Workspace) -> None:
    config = "{{ config(\n  connection = 'crm',\n  nonsense = 1,\n  user_id = 'id') }} -- noqa: US102\n"
    project.write("models/m.sql", config + "select id, email from t")
    assert found(project) == []
    project.write("models/m.sql", config.replace(" -- noqa: US102", "\n-- noqa: US102") + "select id, email from t")
    assert found(project) == [("US102", 3), ("US901", 5)]


@pytest.mark.parametrize(("comment", "left"), [("{# noqa: US211 #}", []), ("", [("US211", 2)])])
def test_a_finding_behind_a_macro_is_silenced_where_it_is_written(
    project: Workspace, comment: str, left: list[tuple[str, int]]
) -> None:
    project.write("macros/m.sql", f"{{% macro both() %}}id,\nlower(email){comment}\n{{% endmacro %}}")
    assert of(project, "select\n\n{{ both() }} from t") == left


def test_users_sql_is_heard_too(project: Workspace) -> None:
    project.write("models/m.sql", f"{CONFIG}\nselect id, email from t\n")
    project.write("models/users.sql", "create table users (\n  email varchar not null\n)")
    assert found(project) == [("US212", 2)]
    project.write("models/users.sql", "create table users (\n  email varchar not null -- noqa: US212\n)")
    assert found(project) == []


def test_a_file_that_cannot_be_read_is_not_silenced_by_a_word_in_passing(project: Workspace) -> None:
    assert of(project, "select id frm t x y -- noqa\n{# usersync: noqa #}") == [("US002", 2)]
    assert of(project, "select id frm t x y -- noqa: US002") == []


def test_comments_of_a_file_that_does_not_compile_are_not_called_unused(project: Workspace) -> None:
    assert of(project, "select id, lower(email) -- noqa: US211\nfrom t where where") == [("US002", 3)]


def test_a_backslash_escapes_where_the_dialect_says_so() -> None:
    file = SourceFile("m.sql", "select 'it\\'s -- noqa', 1")
    assert comments(file, "mysql") == ()
    assert len(comments(SourceFile("m.sql", "select 'it\\' -- noqa"), "duckdb")) == 1


def test_the_reason_and_the_place_of_a_comment() -> None:
    text = "select 1 -- old -- noqa: US304,us502 since 2020"
    assert comments(SourceFile("m.sql", text)) == (
        Noqa(SourceFile("m.sql", text), (16, 47), (19, 36), range(1, 2), ("US304", "US502")),
    )


@pytest.mark.parametrize("sign", ["{{", "{%", "{#", "'", '"', "/*", "$$", "$a$", "{{ '", "'{{", "{{'{%\"{#"])
def test_what_is_never_closed_is_read_in_one_pass(sign: str) -> None:
    assert len(comments(SourceFile("m.sql", "-- noqa\n" + sign * 20_000))) == 1
