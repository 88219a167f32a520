"""Every rule: a bad and a good example below `tests/fixtures/lint`, and the words that explain it.

A fixture is one model, or a folder of project files. `-- expect: US102 5:5` at its top says what is found in the
file that says it, or in another, named behind `in`; `by compile` that only the source's own types can tell.
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.pairs import FIXTURES
from tests.support import Workspace
from usersync.diagnostics import Level
from usersync.lint.rules import RULES

FOLDER = FIXTURES / "lint"
EXPECT = re.compile(r"-- expect: (US\d+) (\d+):(\d+)(?: in (\S+))?(?: by (compile))?$", re.MULTILINE)
CODES = list(RULES)
UNASKED = {"US105", "US210"}
"""What is found in most examples, and left out but in its own."""
Finding = tuple[str, str, int, int]
"""Code, file, line and column."""


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    server: dict[str, object] = {"type": "postgres", "database": "crm"}
    files: dict[str, object] = {"type": "files", "path": "."}
    workspace.profile({"crm": server, "staff": server, "shop": {"type": "mysql", "database": "shop"}, "lake": files})
    workspace.users("email varchar, name varchar, score decimal(10, 2), active boolean")
    workspace.write("people.csv", "id,born\n1,2000-01-01\n")
    return workspace


def copied(project: Workspace, name: str) -> set[Finding]:
    """Puts a fixture into the project, and returns what is expected of it."""
    folder = FOLDER / name
    if folder.is_dir():
        shutil.copytree(folder, project.root, dirs_exist_ok=True)
    else:
        shutil.copyfile(folder.with_suffix(".sql"), project.root / "models/m.sql")
    found = set()
    for path in (project.root / "models").rglob("*.sql"):
        for code, line, column, file, _ in EXPECT.findall(path.read_text(encoding="utf-8")):
            found.add((code, file or path.relative_to(project.root).as_posix(), int(line), int(column)))
    return found


def needs_the_source(project: Workspace) -> bool:
    texts = [path.read_text(encoding="utf-8") for path in (project.root / "models").rglob("*.sql")]
    return any(match[5] for text in texts for match in EXPECT.finditer(text))


def findings(project: Workspace) -> set[Finding]:
    """What lint says of the project, or compile where that is what the fixture is for."""
    if needs_the_source(project):
        lines = project.run("compile", "--log-format", "json").stderr.splitlines()
        said = [json.loads(line) for line in lines]
    else:
        said = json.loads(project.run("lint", "--format", "json").stdout)
    return {(each["code"], each["file"], each["line"], each["column"]) for each in said if "code" in each}


@pytest.mark.parametrize("code", CODES)
def test_the_bad_example_of_a_rule_is_found_where_it_says(project: Workspace, code: str) -> None:
    expected = copied(project, f"{code}_bad")
    assert code in {finding[0] for finding in expected}
    assert {found for found in findings(project) if found[0] not in UNASKED - {code}} == expected


@pytest.mark.parametrize("code", CODES)
def test_the_good_example_of_a_rule_has_no_findings(project: Workspace, code: str) -> None:
    assert copied(project, f"{code}_good") == set()
    assert {found for found in findings(project) if found[0] not in UNASKED - {code}} == set()
    assert project.run("lint").exit_code == 0


def test_every_rule_has_both_examples_and_every_example_a_rule() -> None:
    names = {path.stem for path in FOLDER.iterdir()}
    assert names == {f"{code}_{kind}" for code in CODES for kind in ("bad", "good")}


@pytest.mark.parametrize("code", CODES)
def test_a_rule_explains_itself(code: str) -> None:
    rule = RULES[code]
    why, *rest = rule.explanation.splitlines()
    examples = [line.strip() for line in rest if line.strip()]
    assert re.fullmatch(r"US\d{3}", rule.code)
    assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", rule.name)
    assert why.endswith(".")
    assert [line.split(":")[0] for line in examples] == ["Bad", "Good"]


def test_rules_are_in_order_and_have_names_of_their_own() -> None:
    assert sorted(RULES) == CODES
    assert len({rule.name for rule in RULES.values()}) == len(RULES)
    assert all(isinstance(rule.level, Level) for rule in RULES.values())


def test_every_code_that_is_raised_has_a_rule() -> None:
    package = Path(__file__).parents[2] / "usersync"
    raised = {code for path in package.rglob("*.py") for code in re.findall(r'"(US\d{3})"', path.read_text("utf-8"))}
    assert raised == set(RULES)


@pytest.mark.parametrize("code", CODES)
def test_explain_prints_the_rule(workspace: Workspace, code: str) -> None:
    outcome = workspace.run("lint", "--explain", code.lower())
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith(f"{code} {RULES[code].name} ({RULES[code].level.value})")
    assert outcome.stderr == ""
