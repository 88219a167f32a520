"""What mends a finding: edits of the template as written, only where its place is certain."""

from collections.abc import Iterable

import pytest

from tests.support import Workspace
from usersync.diagnostics import Diagnostic, Edit
from usersync.lint.run import lint

CONFIG = "{{ config(connection = 'crm', user_id = 'id', updated_at = 'updated_at', incremental = true"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.profile({"crm": {"type": "postgres", "database": "crm"}})
    workspace.users("email varchar, name varchar", identifiers=["email"], max_identities_per_value=9)
    return workspace


def applied(text: str, edits: Iterable[Edit]) -> str:
    """A text with edits applied, from its end to its start; none touches another."""
    end = len(text) + 1
    for edit in sorted(edits, key=lambda e: e.start, reverse=True):
        assert edit.start <= edit.end <= end
        text, end = text[: edit.start] + edit.text + text[edit.end :], edit.start
    return text


def found(project: Workspace, code: str) -> list[Diagnostic]:
    return [finding for finding in lint(project.load()) if finding.code == code]


def mended(project: Workspace, code: str, text: str, *, path: str = "models/m.sql") -> str:
    """A model with the fixes of a rule applied, which then finds nothing more."""
    project.write(path, text)
    findings = found(project, code)
    edits = {edit for finding in findings for edit in finding.fix}
    assert findings
    assert all(finding.fix for finding in findings)
    assert {edit.file for edit in edits} == {path}
    after = applied(text, edits)
    project.write(path, after)
    assert found(project, code) == []
    return after


def unmended(project: Workspace, code: str, text: str) -> list[Diagnostic]:
    """The findings of a rule that has no fix for them."""
    project.write("models/m.sql", text)
    findings = found(project, code)
    assert findings
    assert all(finding.fix == () for finding in findings)
    return findings


MAPPED = CONFIG + ", mapping = {'email': 'lower(mail)'}) }}\n"

COLUMNS = [
    ("select id, fax, mail, updated_at from c", "select id, mail, updated_at from c"),
    ("select fax, id, mail, updated_at from c", "select id, mail, updated_at from c"),
    ("select id, mail, updated_at, fax from c", "select id, mail, updated_at from c"),
    ("select id, mail, updated_at, fax, {'a': 1, 'b': [2, 3]} as tel from c", "select id, mail, updated_at from c"),
    ("select id, a, mail, b, updated_at, d, e from c", "select id, mail, updated_at from c"),
    (
        "with x as (select id, mail, updated_at, fax from c)\nselect id, mail, updated_at, upper(fax) as fax from x",
        "with x as (select id, mail, updated_at, fax from c)\nselect id, mail, updated_at from x",
    ),
    (
        "select\n    id,\n    mail,\n    lower(trim(fax)) as fax,  -- a comment\n    updated_at\nfrom c",
        "select\n    id,\n    mail,\n    updated_at\nfrom c",
    ),
    (
        "select id, mail, updated_at{% if is_incremental() %}, fax{% endif %} from c",
        "select id, mail, updated_at{% if is_incremental() %}{% endif %} from c",
    ),
]


@pytest.mark.parametrize(("query", "after"), COLUMNS)
def test_an_unused_column_leaves_the_select(project: Workspace, query: str, after: str) -> None:
    where = "\nwhere updated_at >= ${updated_at}"
    assert mended(project, "US210", MAPPED + query + where) == MAPPED + after + where


@pytest.mark.parametrize(
    "query",
    [
        "select id, mail, updated_at{% for x in ['fax', 'tel'] %}, {{ x }}{% endfor %} from c",
        "select id, {{ 'fax' }}, mail, updated_at from c",
        "select id, mail, updated_at {% for x in [1, 2] %}, fax as fax_{{ x }}{% endfor %} from c",
    ],
)
def test_an_unused_column_of_an_expression_stays(project: Workspace, query: str) -> None:
    unmended(project, "US210", f"{MAPPED}{query}")


@pytest.mark.parametrize(
    "query",
    [
        "select distinct id, mail, updated_at, fax from c",
        "select id, mail, updated_at, fax from c union select id, mail, updated_at, fax from d",
        "select id, mail, updated_at, fax from c order by 4",
        "select id, mail, updated_at, upper(fax) as f from c order by f",
        "select id, mail, max(updated_at) as updated_at, fax from c group by all",
    ],
)
def test_a_column_that_decides_which_rows_there_are_is_used(project: Workspace, query: str) -> None:
    project.write("models/m.sql", MAPPED + query)
    assert found(project, "US210") == []


SIGNS = [
    ("updated_at > ${updated_at}", "updated_at >= ${updated_at}"),
    ("updated_at>${updated_at}", "updated_at>=${updated_at}"),
    ("updated_at > {{ updated_at }}", "updated_at >= {{ updated_at }}"),
    ("updated_at > $LAST_SYNC_TIMESTAMP", "updated_at >= $LAST_SYNC_TIMESTAMP"),
    ("${updated_at} < updated_at", "${updated_at} <= updated_at"),
    ("(a > 1 or (updated_at) > (${updated_at}::date))", "(a > 1 or (updated_at) >= (${updated_at}::date))"),
    ("name <> '>' and updated_at\n  > ${updated_at}", "name <> '>' and updated_at\n  >= ${updated_at}"),
    (
        "{% if is_incremental() %}updated_at > ${updated_at}{% else %}updated_at > ${updated_at}{% endif %}",
        "{% if is_incremental() %}updated_at >= ${updated_at}{% else %}updated_at >= ${updated_at}{% endif %}",
    ),
]


@pytest.mark.parametrize(("given", "after"), SIGNS)
def test_the_cursor_lets_equals_through(project: Workspace, given: str, after: str) -> None:
    head = CONFIG + ") }}\nselect id, mail as name, updated_at from c where "
    assert mended(project, "US304", head + given) == head + after


@pytest.mark.parametrize("where", ["updated_at {{ '>' }} ${updated_at}", "updated_at /* > */ > ${updated_at}"])
def test_a_sign_whose_place_is_not_certain_stays(project: Workspace, where: str) -> None:
    unmended(project, "US304", f"{CONFIG}) }}}}\nselect id, mail as name, updated_at from c where {where}")


def test_a_sign_in_a_macro_stays_and_is_found_in_the_macro(project: Workspace) -> None:
    project.write("macros/new.sql", "{% macro changed() %}updated_at > ${updated_at}{% endmacro %}")
    text = CONFIG + ") }}\nselect id, name, updated_at from c where {{ changed() }}"
    [finding] = unmended(project, "US304", text)
    assert str(finding.location and finding.location.file) == "macros/new.sql"
    assert finding.location is not None
    assert (finding.location.line, finding.location.column) == (1, 33)


MAILS = [
    ("'email'", "'lower(trim(email))'"),
    ("'trim(email)'", "'lower(trim(email))'"),
    ('"email"', '"lower(trim(email))"'),
]


@pytest.mark.parametrize(("given", "after"), MAILS)
def test_an_identifier_is_normalised_in_the_mapping(project: Workspace, given: str, after: str) -> None:
    head, tail = CONFIG + ", mapping = {'email': ", "}) }}\nselect id, email, updated_at from c"
    assert mended(project, "US402", head + given + tail) == head + after + tail


SELECTED = [
    ("email", "lower(trim(email)) as email"),
    ("c.email", "lower(trim(c.email)) as email"),
    ("c.mail as email", "lower(trim(c.mail)) as email"),
    ('"Mail" email', 'lower(trim("Mail")) email'),
]


@pytest.mark.parametrize(("given", "after"), SELECTED)
def test_an_identifier_is_normalised_in_the_select(project: Workspace, given: str, after: str) -> None:
    head, tail = CONFIG + ") }}\nselect id, ", ", updated_at from c"
    assert mended(project, "US402", head + given + tail) == head + after + tail


@pytest.mark.parametrize(
    "text",
    [
        CONFIG + ", mapping = {'email': 'em' 'ail'}) }}\nselect id, email, updated_at from c",
        CONFIG + ", mapping = {'email': '\\x65mail'}) }}\nselect id, email, updated_at from c",
        CONFIG + ") }}\nselect id, {{ 'mail' }} as email, updated_at from c",
        CONFIG + ") }}\nselect id, coalesce(a, b) as email, updated_at from c",
    ],
)
def test_an_identifier_whose_place_is_not_certain_stays(project: Workspace, text: str) -> None:
    unmended(project, "US402", text)
