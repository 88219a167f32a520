"""Which names a column of a query may have: letters, digits and underscores, no digit first."""

from string import ascii_lowercase, ascii_uppercase, digits

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


WORDS = [
    *("select", "Order", "NULL", "group", "end", "table", "_", "__", "A_9", "config", "this", "users", "rowid"),
    "x" * 64,
]
STRANGE = [
    *("a\tb", "\ta", "a\rb", "a\x7f", "a\x1b", "a\u00ad", "\ufeffa", "a\u200d", "a\u202e", "\u2028", "a\ufe0f"),
    *("naïve", "Åsa", "İd", "ı", "ñ", "名前", "имя", "ß1", "²", "a²", "ªb", "①", "٣a", "०", "a\u0660", "𝐚", "ﬁ"),
    *("a:b", "a;b", "a--b", "/*a", "a+b", "a=b", "a?b", "#a", "@a", "%a", "a%b", "(a)", "a\\b", "{{a}}", "${a}"),
]


@pytest.mark.parametrize("name", WORDS)
def test_a_word_of_sql_is_a_name_where_it_is_quoted(project: Workspace, name: str) -> None:
    assert codes(project, name) == []


@pytest.mark.parametrize("name", STRANGE)
def test_a_letter_that_only_looks_like_one_is_none(project: Workspace, name: str) -> None:
    assert codes(project, name) == ["US208"]


def test_of_all_signs_only_letters_digits_and_underscores_are_names(project: Workspace) -> None:
    signs = [chr(code) for code in range(1, 0x100)]
    first = [sign for sign in signs if codes(project, f"{sign}a") == []]
    later = [sign for sign in signs if codes(project, f"a{sign}") == []]
    assert "".join(first) == f"{ascii_uppercase}_{ascii_lowercase}"
    assert "".join(later) == f"{digits}{ascii_uppercase}_{ascii_lowercase}"
