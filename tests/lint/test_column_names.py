"""Which names a column of a query may have: letters, digits and underscores, no digit first."""

import pytest

from tests.support import Workspace

GOOD = ["A", "_id", "user_id", "a1", "x" * 1100, "true", "from", "first_name"]
BAD = [
    *("9_lives", " id", "a.", "a$", "a/b", 'a"b', "a,b", "a*", "é", "ß", "a\xa0b", "a\0b", "a\u0301", "a[0]", "a-"),
    *("😀", "a ", "a\n", "1", "-", "ａ", "a\u200b", "\u212a", "ſ", "id'", "a`b", "a b", "٣"),
]


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.profile({"crm": {"type": "postgres", "database": "crm"}})
    workspace.users("email varchar")
    return workspace


def codes(project: Workspace, name: str) -> list[str]:
    quoted = name.replace('"', '""')
    text = "{{ config(connection = 'crm', user_id = 'no', mapping = {'email': 'mail'}) }}\n"
    project.write("models/m.sql", f'{text}{{% raw %}}select no, mail, x as "{quoted}" from t{{% endraw %}}')
    return [finding.code for finding in project.errors()]


@pytest.mark.parametrize("name", GOOD)
def test_a_valid_name_is_no_finding(project: Workspace, name: str) -> None:
    assert codes(project, name) == []


@pytest.mark.parametrize("name", BAD)
def test_any_other_name_is_one(project: Workspace, name: str) -> None:
    assert codes(project, name) == ["US208"]


def test_an_empty_name_is_none(project: Workspace) -> None:
    assert codes(project, "") == ["US211"]
