"""A file that cannot be read is a finding in its place, and all others are linted as ever."""

import json
from pathlib import Path

import pytest

from tests.support import Workspace

BAD_QUERY = "select id, nothing, , email from customers"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.profile({"crm": {"type": "postgres", "database": "crm"}})
    workspace.users()
    workspace.write("macros/m.sql", "{% macro low(x) %}lower({{ x }}){% endmacro %}")
    workspace.model("good", "select id, {{ low('email') }} as email from customers", connection="crm", user_id="id")
    workspace.model("wrong", BAD_QUERY, connection="crm", user_id="id")
    return workspace


def errors(project: Workspace, *args: str) -> set[tuple[str, str, int, int]]:
    outcome = project.run("lint", "--format", "json", *args)
    assert outcome.exit_code == 1, outcome.output
    found = json.loads(outcome.stdout)
    return {(e["file"], e["code"], e["line"], e["column"]) for e in found if e["level"] == "error"}


WRONG = ("models/wrong.sql", "US002", 2, 21)
FILES = ["models/x.sql", "models/users.sql", "models/overrides.csv", "macros/x.sql", "models/sources/crm.sql"]


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize(
    ("data", "line", "column"),
    [(b"ab\ncd\xff", 2, 3), ("\ufeffa\u00e9\r\n".encode() + b"\xe9", 2, 1), ("a\n".encode("utf-16"), 1, 1)],
)
def test_what_is_not_utf_8_is_found_at_its_first_wrong_byte(
    project: Workspace, path: str, data: bytes, line: int, column: int
) -> None:
    project.write(path, "").write_bytes(data)
    found = errors(project)
    assert (path, "US001", line, column) in found
    assert {each for each in found if each[0] == path} == {(path, "US001", line, column)}
    # Without users.sql no model can be read.
    assert WRONG in found or path == "models/users.sql"


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("kind", ["dangling", "folder", "loop"])
def test_what_cannot_be_opened_is_found(project: Workspace, path: str, kind: str) -> None:
    file = project.root / path
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    if kind == "folder":
        file.mkdir()
    else:
        file.symlink_to(file if kind == "loop" else project.root / "nowhere")
    assert (path, "US001", 1, 1) in errors(project)
    assert (path, "US001", 1, 1) in errors(project, str(file))


@pytest.mark.parametrize("where", ["select id, email from customers\0", "select id, em\0ail from customers"])
def test_a_nul_is_an_error_where_it_is(project: Workspace, where: str) -> None:
    project.model("nul", where, connection="crm", user_id="id")
    assert ("models/nul.sql", "US002", 2, where.index("\0") + 1) in errors(project)


@pytest.mark.parametrize("path", ["models/good.sql", "models/users.sql", "macros/m.sql", "profiles.yml"])
def test_marks_and_line_ends_of_windows_are_no_findings(project: Workspace, path: str) -> None:
    file = project.root / path
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert errors(project) == {WRONG}


def test_a_broken_macro_file_leaves_the_others(project: Workspace) -> None:
    project.write("macros/b.sql", "{% macro b( %}")
    assert {file for file, *_ in errors(project)} == {"macros/b.sql", "models/wrong.sql"}


# --- Paths, as pre-commit and editors give them ---


@pytest.fixture
def bad(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    project.write("models/sources/crm.sql", "create tabel customers (id int)")
    project.write("models/overrides.csv", "no header")
    monkeypatch.chdir(project.root)
    return project


@pytest.mark.parametrize("path", ["models/sources/crm.sql", "models/overrides.csv"])
def test_every_file_that_is_linted_may_be_named(bad: Workspace, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    assert {each[0] for each in errors(bad, path)} == {path}
    assert {each[0] for each in errors(bad, str(bad.root / path), path)} == {path}
    monkeypatch.chdir((bad.root / path).parent)
    assert {each[0] for each in errors(bad, Path(path).name)} == {path}


def test_profiles_may_be_named(bad: Workspace) -> None:
    assert bad.run("lint", "profiles.yml").exit_code == 0


def test_a_link_is_called_by_its_own_name(bad: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "x.sql"
    elsewhere.write_text("{% if %}")
    (bad.root / "models/linked.sql").symlink_to(elsewhere)
    assert {each[0] for each in errors(bad, "models/linked.sql")} == {"models/linked.sql"}


def test_a_path_outside_of_the_project_is_3_and_says_where_the_project_is(
    bad: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outcome = bad.run("lint", str(tmp_path_factory.mktemp("outside")))
    assert outcome.exit_code == 3
    assert str(bad.root) in outcome.stderr


def test_a_path_that_holds_nothing_is_said_to_be_passed_over(bad: Workspace) -> None:
    bad.write("README.md", "# Not linted")
    outcome = bad.run("lint", "README.md", "models/overrides.csv", "--format", "json")
    assert {each["file"] for each in json.loads(outcome.stdout)} == {"models/overrides.csv"}
    assert "warning: README.md is no file that lint reads" in outcome.stderr
    assert "README.md" not in bad.run("lint", "--quiet", "README.md", "models/overrides.csv").stderr


@pytest.mark.parametrize("format", ["text", "json", "sarif", "github", "gitlab", "junit"])
def test_pyproject_may_be_named_and_its_settings_are_checked(bad: Workspace, format: str) -> None:
    bad.write("pyproject.toml", "[tool.usersync.lint]\nignore = ['US404']\n")
    outcome = bad.run("lint", "pyproject.toml", "--format", format)
    assert (outcome.exit_code, "passed over" in outcome.stderr) == (0, False)
    bad.write("pyproject.toml", "[tool.usersync.lint]\nignore = ['US999']\n")
    assert bad.run("lint", "pyproject.toml", "--format", format).exit_code == 2
