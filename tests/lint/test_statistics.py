"""`--statistics`: counts, and the rules that could not look."""

import json

import pytest

from tests.support import Workspace
from usersync.diagnostics import Level
from usersync.lint.rule import Rule
from usersync.lint.rules import RULES


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    server: dict[str, object] = {"type": "postgres", "database": "crm"}
    workspace.profile({"crm": server, "hr": server})
    workspace.users()
    workspace.model("a", "select id, email, 1, 2 from t -- noqa: US209", connection="crm", user_id="id")
    workspace.model("b", "select id, email from t", connection="hr", user_id="id")
    workspace.write("pyproject.toml", "[tool.usersync.lint]\nselect = ['US209', 'US211', 'US9']")
    return workspace


@pytest.fixture
def _recorded_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    for code in [code for code, rule in RULES.items() if rule.needs_sources]:
        monkeypatch.delitem(RULES, code)
    for code in ("US997", "US998"):
        monkeypatch.setitem(RULES, code, Rule(code, "recorded", Level.WARNING, lambda _: (), needs_sources=True))


def test_findings_are_counted(project: Workspace) -> None:
    outcome = project.run("lint", "--statistics", "-q")
    assert outcome.stdout.splitlines()[-2:] == [
        "     2  US211 unaliased-expression (error)",
        "     1  US901 unused-noqa (warning, 1 with a fix)",
    ]


def test_formats_for_programs_stay_what_they_are(project: Workspace) -> None:
    outcome = project.run("lint", "--statistics", "--format", "json")
    assert len(json.loads(outcome.stdout)) == 3
    assert "     2  US211 " in outcome.stderr


@pytest.mark.usefixtures("_recorded_rules")
def test_rules_that_could_not_look_are_named_once(project: Workspace) -> None:
    line = "US997, US998 say nothing where the tables of crm, hr are not recorded in models/sources/"
    assert project.run("lint", "--statistics").stdout.splitlines().count(line) == 1
    assert "recorded" not in project.run("lint").output
    project.write("models/sources/crm.sql", "create table t (id int)")
    assert "the tables of hr are not recorded" in project.run("lint", "--statistics").stdout
    project.write("pyproject.toml", "[tool.usersync.lint]\nignore = ['US1', 'US2', 'US4', 'US998']")
    assert "US997 says nothing where" in project.run("lint", "--statistics").stdout
    project.write("models/sources/hr.sql", "create table t (id int)")
    assert "recorded" not in project.run("lint", "--statistics").output
