"""Findings in the formats that CI reads."""

import json
import os
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest

from tests.pairs import FIXTURES
from tests.support import Workspace
from usersync.diagnostics import Diagnostic, Edit, Level, Location, SourceFile
from usersync.lint.rules import RULES
from usersync.report.findings import FORMATS, Report

SOURCE = SourceFile("models/à b.sql", "select 1,\n\té, x -- noqa\nfrom t")
AT = SOURCE.location(SOURCE.text.index("x"), 3)
HARD = Diagnostic("US211", "50 % of: a,\nb <&> \"c\" ]]> \x01 'd'", AT, "say: x, y", Level.ERROR)
FINDINGS = [
    Diagnostic("US004", "there is no models/users.sql"),
    HARD,
    HARD,
    Diagnostic("US901", "noqa", SOURCE.location(14, 4), None, Level.WARNING, (Edit(SOURCE.path, 14, 22, ""),)),
    Diagnostic("US406", "ids", Location("models/b.sql", 7, 1), None, Level.INFO),
]
REPORT = Report(FINDINGS, ["models/clean.sql", "models/b.sql"], {SOURCE.path: SOURCE}, "sub/")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """That of OASIS, as Microsoft's jest-sarif ships it under the MIT licence."""
    found: dict[str, Any] = json.loads((FIXTURES / "sarif-2.1.0.json").read_text("utf-8"))
    return found


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.profile({"crm": {"type": "postgres", "database": "crm", "password": "hunter22"}})
    workspace.users()
    workspace.model("a", "select id, email, 'hunter22' || 'x' from t -- noqa: US209", connection="crm", user_id="id")
    workspace.write(
        "pyproject.toml", "[tool.usersync.lint]\nselect = ['US0', 'US2', 'US9']\nignore = ['US105', 'US210']"
    )
    return workspace


def printed(name: str, report: Report = REPORT) -> str:
    return FORMATS[name](report)


@pytest.mark.parametrize("report", [REPORT, Report([])])
def test_sarif_is_valid(schema: dict[str, Any], report: Report) -> None:
    jsonschema.Draft4Validator.check_schema(schema)
    jsonschema.Draft4Validator(schema).validate(json.loads(printed("sarif", report)))


def test_sarif_says_where_what_and_how_to_mend() -> None:
    [run] = json.loads(printed("sarif"))["runs"]
    nowhere, hard, _, fixable, info = run["results"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(RULES)
    assert "locations" not in nowhere
    place = hard["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "sub/models/%C3%A0%20b.sql", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {
        "startLine": 2,
        "startColumn": 5,
        "endLine": 2,
        "endColumn": 8,
        "snippet": {"text": "\té, x -- noqa"},
    }
    assert run["tool"]["driver"]["rules"][hard["ruleIndex"]]["id"] == "US211"
    assert [each["level"] for each in run["results"]] == ["error", "error", "error", "warning", "note"]
    [replacement] = fixable["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replacement["deletedRegion"] == {"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 13}
    assert "fixes" not in info


def test_github_commands_are_escaped() -> None:
    lines = printed("github").split("\n")
    assert lines[0] == "::error title=US004 unknown-ref-or-source::there is no models/users.sql"
    assert lines[1] == (
        "::error file=sub/models/à b.sql,line=2,endLine=2,col=5,endColumn=8,title=US211 unaliased-expression::"
        "50 %25 of: a,%0Ab <&> \"c\" ]]> \x01 'd' (say: x, y)"
    )
    assert [line.split(" ")[0] for line in lines] == ["::error", "::error", "::error", "::warning", "::notice"]
    odd = Diagnostic("US211", "x", Location("a:b,c%.sql", 1, 1))
    assert "file=a%3Ab%2Cc%25.sql,line=1" in printed("github", Report([odd]))


def test_gitlab_issues_have_what_code_quality_needs() -> None:
    issues = json.loads(printed("gitlab"))
    assert {tuple(issue) for issue in issues} == {("description", "check_name", "fingerprint", "severity", "location")}
    assert issues[1]["location"] == {"path": "sub/models/à b.sql", "lines": {"begin": 2}}
    assert [issue["severity"] for issue in issues] == ["major", "major", "major", "minor", "info"]
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)


def test_fingerprints_stay_when_lines_move() -> None:
    moved = Report([Diagnostic("US211", "m", Location("a.sql", line, 3, text)) for line, text in ((1, "x"), (2, "x"))])
    later = Report(
        [Diagnostic("US211", "m", Location("a.sql", line, 9, text)) for line, text in ((8, "  x"), (9, "x"))]
    )
    assert moved.fingerprints == later.fingerprints
    assert len(set(moved.fingerprints)) == 2


def test_junit_counts_and_keeps_any_text() -> None:
    root = ElementTree.fromstring(printed("junit"))
    assert (root.get("tests"), root.get("failures")) == ("6", "3")
    suites = {suite.get("name"): suite for suite in root}
    assert list(suites) == ["sub/models/b.sql", "sub/models/clean.sql", "sub/models/à b.sql", "sub/project"]
    assert [case.find("failure") for case in suites["sub/models/clean.sql"]] == [None]
    failure = suites["sub/models/à b.sql"][0].find("failure")
    assert failure is not None
    assert str(failure.get("message")) == "50 % of: a,\nb <&> \"c\" ]]> \ufffd 'd'"
    assert "^^^" in str(failure.text)
    assert ElementTree.fromstring(printed("junit", Report(FINDINGS, fail_on=Level.INFO))).get("failures") == "5"


def test_json_has_the_places_of_fixes() -> None:
    found = json.loads(printed("json"))
    assert found[3]["fix"] == [
        {"file": SOURCE.path, "line": 2, "column": 5, "end_line": 2, "end_column": 13, "text": ""}
    ]
    assert (found[1]["column"], found[1]["end_column"], found[0]["end_column"]) == (5, 8, None)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_printed_by_the_command_without_secrets(project: Workspace, name: str) -> None:
    outcome = project.run("lint", "--format", name)
    assert outcome.exit_code == 1
    assert "US211" in outcome.stdout
    assert "hunter22" not in outcome.stdout
    assert outcome.stderr == ""


@pytest.mark.parametrize("name", ["text", *FORMATS])
def test_output_is_written_whole_and_nothing_else_is_left(project: Workspace, tmp_path: Path, name: str) -> None:
    file = project.write("reports/lint.out", "old")
    file.chmod(0o640)
    outcome = project.run("lint", "--format", name, "--output", str(file))
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr == "1 error, 1 warning\n"
    assert file.read_text("utf-8") == project.run("lint", "--format", name).stdout
    assert [path.name for path in file.parent.iterdir()] == ["lint.out"]
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_new_report_has_the_rights_of_any_new_file(project: Workspace, tmp_path: Path) -> None:
    project.run("lint", "--output", str(tmp_path / "new.txt"))
    (tmp_path / "other.txt").touch()
    assert (tmp_path / "new.txt").stat().st_mode == (tmp_path / "other.txt").stat().st_mode


def test_output_into_a_folder_that_is_not_there_is_2(project: Workspace, tmp_path: Path) -> None:
    outcome = project.run("lint", "--output", str(tmp_path / "none/lint.json"))
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr == f"error: {tmp_path / 'none/lint.json'}: No such file or directory\n"


@pytest.mark.parametrize(("name", "expected"), [("json", "[]\n"), ("gitlab", "[]\n"), ("github", ""), ("text", "")])
def test_no_findings_are_said_in_each_format(project: Workspace, name: str, expected: str) -> None:
    project.model("a", "select id, email from t", connection="crm", user_id="id")
    outcome = project.run("lint", "--format", name)
    assert (outcome.exit_code, outcome.stdout) == (0, expected)


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"])
def test_in_ci_paths_are_those_of_the_repository(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    project = Workspace(tmp_path / "analytics")
    project.users("email nonsense")
    monkeypatch.setenv(variable, os.fspath(tmp_path))
    assert "file=analytics/models/users.sql," in project.run("lint", "--format", "github").stdout
    assert re.search(r'"path": "analytics/models/users.sql"', project.run("lint", "--format", "gitlab").stdout)
    assert project.run("lint").stdout.startswith("error: models/users.sql:")
