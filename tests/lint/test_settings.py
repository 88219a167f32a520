"""`[tool.usersync.lint]` in pyproject.toml."""

import json

import pytest

from tests.marks import marked
from tests.support import Workspace

TWO_WARNINGS = {"b": "select id, email from employees -- noqa: US211", "a": "select id, email from customers"}


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.profile({"crm": {"type": "postgres", "database": "crm"}})
    workspace.users()
    for stem, query in TWO_WARNINGS.items():
        workspace.model(stem, query, connection="crm", user_id="id")
    return workspace


def found(project: Workspace, toml: str) -> list[str]:
    """Level and code of the findings in models/b.sql: without settings two warnings, US406 and US901."""
    project.write("pyproject.toml", toml)
    outcome = project.run("lint", "--format", "json")
    assert outcome.stderr == ""
    found = json.loads(outcome.stdout)
    return [f"{each['level']} {each['code']}" for each in found if each["code"] in {"US406", "US901"}]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", ["warning US406", "warning US901"]),
        ("ignore = ['US406']", ["warning US901"]),
        ("ignore = ['US4', 'us901']", []),
        ("ignore = ['US']", []),
        ("select = ['US406']", ["warning US406"]),
        ("select = ['US406']\nignore = ['US406']", []),
        ("ignore = ['US211']", ["warning US406"]),
        ("levels = {US406 = 'error'}", ["error US406", "warning US901"]),
        ("levels = {US4 = 'info', US901 = 'error'}", ["info US406", "error US901"]),
        ("per-file-ignores = {'models/b.sql' = ['US406']}", ["warning US901"]),
        ("per-file-ignores = {'models' = ['US406']}", ["warning US901"]),
        ("per-file-ignores = {'models/*.sql' = ['US']}", []),
        ("per-file-ignores = {'models/a*' = ['US']}", ["warning US406", "warning US901"]),
        ("[tool.usersync.lint.per-file-ignores]\n'*' = ['US901']", ["warning US406"]),
    ],
)
def test_settings_change_what_is_found(project: Workspace, settings: str, expected: list[str]) -> None:
    assert found(project, f"[tool.usersync.lint]\n{settings}\n[tool.other]\nlint = 1") == expected


def test_a_pyproject_without_the_table_changes_nothing(project: Workspace) -> None:
    assert found(project, "[project]\nname = 'ours'\n") == ["warning US406", "warning US901"]


def test_fail_on_is_a_setting_and_the_option_wins(project: Workspace) -> None:
    project.write("pyproject.toml", "[tool.usersync.lint]\nfail-on = 'warning'\n")
    assert project.run("lint").exit_code == 1
    assert project.run("lint", "--fail-on", "error").exit_code == 0


@pytest.mark.parametrize(
    ("toml", "message", "hint"),
    [
        ("[tool.usersync]\n»lnt = {}", "[tool.usersync] has no key 'lnt'", "did you mean 'lint'?"),
        ("[tool.usersync.»lnt]", "[tool.usersync] has no key 'lnt'", "did you mean 'lint'?"),
        ("[tool.usersync.lint]\n»ignores = []", "has no key 'ignores'", "did you mean 'ignore'?"),
        ("[tool.usersync.lint]\nignore = ['US106', '»US9999']", "there is no rule 'US9999'", None),
        ("[tool.usersync.lint]\nselect = ['»US23']", "there is no rule 'US23'", None),
        ("[tool.usersync.lint]\nselect = ['»LT01']", "there is no rule 'LT01'", None),
        ("[tool.usersync.lint]\n»ignore = 'US406'", "ignore must be a list of codes", None),
        ("[tool.usersync.lint]\n»levels = ['US406']", "levels must be a table", None),
        ("[tool.usersync.lint]\nlevels = {US406 = '»errro'}", "'errro' is no level", "did you mean 'error'?"),
        ("[tool.usersync.lint]\nlevels = {»US407 = 'error'}", "there is no rule 'US407'", "did you mean 'US406'?"),
        ("[tool.usersync.lint]\nfail-on = '»never'", "'never' is no level", None),
        ("[tool.usersync.lint.per-file-ignores]\n'a.sql' = ['»US0000']", "there is no rule 'US0000'", None),
        ("[tool.usersync]\n»lint = 3", "lint must be a table", None),
        ("[tool.usersync.lint]\nignore = [»nonsense]", "TOML: Invalid value", None),
        ("[tool.usersync.lint]\nignore = »", "TOML: ", None),
    ],
)
def test_a_wrong_setting_is_an_error_with_its_place(
    project: Workspace, toml: str, message: str, hint: str | None
) -> None:
    text, (line, column) = marked(toml)
    project.write("pyproject.toml", text)
    outcome = project.run("lint")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith(f"error: pyproject.toml:{line}:{column}: ")
    assert message in outcome.stderr
    assert hint is None or f"hint: {hint}" in outcome.stderr
