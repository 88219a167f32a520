"""`usersync lint`: exit codes, formats and paths; it reads files and nothing else."""

import json
import shutil
import socket
from pathlib import Path
from typing import NoReturn

import duckdb
import pytest

from tests.marks import marked
from tests.support import Workspace

REPO = Path(__file__).parents[2]
FIELDS = ("code", "level", "message", "hint", "file", "line", "column", "name", "end_column", "fix")
GOOD = "select id, email from customers"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    server: dict[str, object] = {"type": "postgres", "database": "crm"}
    workspace.profile({"crm": server, "hr": server})
    workspace.users()
    return workspace


def model(project: Workspace, stem: str, query: str = GOOD, connection: str = "crm") -> None:
    project.model(stem, query, connection=connection, user_id="id", description="Customers.")


def warned(project: Workspace) -> None:
    """One warning and nothing else."""
    model(project, "a")
    model(project, "b", "select id, email from employees")


# --- Exit codes ---


def test_no_findings_is_0(project: Workspace) -> None:
    model(project, "a")
    outcome = project.run("lint")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "", "no findings\n")


def test_an_error_is_1_with_place_caret_and_hint_on_stdout(project: Workspace) -> None:
    text, (line, column) = marked(
        "{{ config(connection = 'crm', »userid = 'id', user_id = 'id', description = 'All') }}\n" + GOOD
    )
    project.write("models/a.sql", text)
    outcome = project.run("lint")
    assert outcome.exit_code == 1
    assert outcome.stdout.splitlines() == [
        f"error: models/a.sql:{line}:{column}: config() has no key 'userid' [US102]",
        f"  | {text.splitlines()[0]}",
        "  | " + " " * (column - 1) + "^^^^^^",
        "  hint: did you mean 'user_id'?",
    ]
    assert outcome.stderr == "1 error\n"


@pytest.mark.parametrize(("fail_on", "code"), [(None, 0), ("error", 0), ("warning", 1), ("info", 1)])
def test_warnings_fail_only_when_asked(project: Workspace, fail_on: str | None, code: int) -> None:
    warned(project)
    outcome = project.run("lint", *(["--fail-on", fail_on] if fail_on else []))
    assert outcome.exit_code == code
    assert outcome.stdout.startswith("warning: models/b.sql:1:25: ")
    assert outcome.stderr == "1 warning\n"


@pytest.mark.parametrize(
    "args",
    [
        ("--format", "yaml"),
        ("--fail-on", "never"),
        ("--nope",),
        ("models/none.sql",),
        ("--explain", "US999"),
        ("--explain", ""),
    ],
)
def test_a_wrong_call_is_2(project: Workspace, args: tuple[str, ...]) -> None:
    model(project, "a")
    outcome = project.run("lint", *args)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "error:" in outcome.stderr


def test_a_broken_profile_is_2(project: Workspace) -> None:
    model(project, "a")
    project.write("profiles.yml", "test: [")
    outcome = project.run("lint")
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith("error: profiles.yml:1:8: YAML: ")


def test_a_folder_that_is_no_project_is_2(workspace: Workspace) -> None:
    outcome = workspace.run("lint")
    assert outcome.exit_code == 2
    assert "there is no project in" in outcome.stderr
    assert "usersync init" in outcome.stderr


def test_no_models_is_3(project: Workspace) -> None:
    outcome = project.run("lint")
    assert (outcome.exit_code, outcome.stdout) == (3, "")
    assert "there are no models" in outcome.stderr


def test_no_models_but_a_broken_users_sql_is_1(project: Workspace) -> None:
    project.write("models/users.sql", "create table users (email nonsense)")
    assert project.run("lint").exit_code == 1


# --- Formats ---


def test_json_has_fixed_fields_in_order_of_place(project: Workspace) -> None:
    warned(project)
    project.write(
        "models/a.sql", "{{ config(connection = 'crm', user_id = 'id', b = 1, a = 1) }}\nselect id, 1, Id from t"
    )
    outcome = project.run("lint", "--format", "json")
    found = json.loads(outcome.stdout)
    assert outcome.exit_code == 1
    assert {tuple(each) for each in found} == {FIELDS}
    places = [(each["file"], each["line"], each["column"]) for each in found]
    assert places == sorted(places)
    assert {each["level"] for each in found} <= {"error", "warning", "info"}
    assert outcome.stderr == ""


def test_json_without_findings_is_an_empty_list(project: Workspace) -> None:
    model(project, "a")
    assert project.run("lint", "--format", "json").stdout == "[]\n"


def test_json_of_a_problem_without_a_place_has_nulls(project: Workspace) -> None:
    model(project, "a")
    (project.root / "models/users.sql").unlink()
    [found] = json.loads(project.run("lint", "--format", "json").stdout)
    assert (found["code"], found["file"], found["line"], found["column"]) == ("US004", None, None, None)


def test_lint_says_the_same_each_time(project: Workspace) -> None:
    warned(project)
    project.write("models/c.sql", "{{ config(z = 1, y = 2, x = 3) }} select 1, 2, a.* from t")
    outcomes = {project.run("lint", "--format", "json").stdout for _ in range(3)}
    assert len(outcomes) == 1


def test_quiet_says_nothing_but_findings(project: Workspace) -> None:
    model(project, "a")
    outcome = project.run("-q", "lint")
    assert (outcome.exit_code, outcome.output) == (0, "")


# --- Paths ---


@pytest.fixture
def folders(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    for stem in ("eu/de", "eu/fr", "us"):
        model(project, stem, "select id, name, name from customers")
    project.write("models/users.sql", "create table users (name nonsense)")
    monkeypatch.chdir(project.root)
    return project


@pytest.mark.parametrize(
    ("paths", "files"),
    [
        ((), ["models/eu/de.sql", "models/eu/fr.sql", "models/us.sql", "models/users.sql"]),
        (("models/us.sql",), ["models/us.sql"]),
        (("models/eu",), ["models/eu/de.sql", "models/eu/fr.sql"]),
        (("models/eu/",), ["models/eu/de.sql", "models/eu/fr.sql"]),
        (("./models/eu/../us.sql", "models/eu/de.sql"), ["models/eu/de.sql", "models/us.sql"]),
        (("models/users.sql",), ["models/users.sql"]),
        ((".",), ["models/eu/de.sql", "models/eu/fr.sql", "models/us.sql", "models/users.sql"]),
    ],
)
def test_only_the_paths_given_are_reported(folders: Workspace, paths: tuple[str, ...], files: list[str]) -> None:
    outcome = folders.run("lint", "--format", "json", *paths)
    assert outcome.exit_code == 1
    assert sorted({each["file"] for each in json.loads(outcome.stdout)}) == files


def test_paths_are_those_of_the_shell_not_of_the_project(folders: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folders.root / "models/eu")
    assert json.loads(folders.run("lint", "--format", "json", "de.sql").stdout)[0]["file"] == "models/eu/de.sql"
    absolute = str(folders.root / "models/us.sql")
    assert json.loads(folders.run("lint", "--format", "json", absolute).stdout)[0]["file"] == "models/us.sql"


def test_a_path_without_models_is_3(folders: Workspace) -> None:
    (folders.root / "data").mkdir()
    outcome = folders.run("lint", "data")
    assert outcome.exit_code == 3
    assert "no model is among these paths" in outcome.stderr


def test_a_broken_file_can_be_named(folders: Workspace) -> None:
    folders.write("models/eu/de.sql", "{% if %}")
    [found] = json.loads(folders.run("lint", "--format", "json", "models/eu/de.sql").stdout)
    assert (found["code"], found["file"]) == ("US001", "models/eu/de.sql")


# --- Without what a build needs ---


def test_no_profile_is_needed(project: Workspace) -> None:
    (project.root / "profiles.yml").unlink()
    model(project, "a")
    outcome = project.run("lint")
    assert (outcome.exit_code, outcome.stdout) == (0, "")


MISSING = "{{ env_var('NOT_SET_ANYWHERE') }}"
WITHOUT_VARIABLES: list[tuple[dict[str, object], str]] = [
    ({"type": "postgres", "database": "d", "user": MISSING, "password": MISSING, "port": MISSING}, "t"),
    ({"type": "postgres", "database": MISSING, "host": MISSING, "schema": MISSING}, "t"),
    ({"type": "mysql", "database": MISSING}, "t"),
    ({"type": "sqlite", "path": MISSING}, "t"),
    ({"type": "duckdb", "path": MISSING}, "t"),
    ({"type": "files", "path": MISSING}, "'t.csv'"),
]


@pytest.mark.parametrize(("connection", "table"), WITHOUT_VARIABLES)
def test_no_environment_variable_is_needed(project: Workspace, connection: dict[str, object], table: str) -> None:
    project.profile({"crm": connection}, path=MISSING)
    model(project, "a", f"select id, email from {table}")
    outcome = project.run("lint")
    assert (outcome.exit_code, outcome.stdout) == (0, ""), outcome.output


def test_the_repos_own_models_are_clean_and_neither_source_nor_network_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("models", "macros"):
        shutil.copytree(REPO / name, tmp_path / name)
    shutil.copyfile(REPO / "profiles.example.yml", tmp_path / "profiles.yml")

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("lint reached out")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(duckdb, "connect", refuse)
    outcome = Workspace(tmp_path).run("lint", "--fail-on", "info")
    assert (outcome.exit_code, outcome.stdout) == (0, ""), outcome.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["macros", "models", "profiles.yml"]


def test_lint_writes_nothing(project: Workspace) -> None:
    warned(project)
    before = {path: path.stat().st_mtime_ns for path in project.root.rglob("*")}
    project.run("lint")
    assert {path: path.stat().st_mtime_ns for path in project.root.rglob("*")} == before


def test_recorded_sources_are_no_models(project: Workspace) -> None:
    model(project, "a")
    project.write(
        "models/sources/crm.sql", "create table customers (id int not null, email text);\ncreate table orders (id int);"
    )
    outcome = project.run("lint")
    assert (outcome.exit_code, outcome.stdout) == (0, "")
