"""`usersync init`: a project that builds, and nothing overwritten."""

from pathlib import Path

import pytest

from tests.support import Workspace
from usersync.cli.main import run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_new_project_builds_lints_and_shows_users(folder: Path) -> None:
    assert run(["init", "shop"]) == 0
    project = Workspace(folder / "shop")
    assert project.run("lint", "--fail-on", "info").exit_code == 0
    assert project.run("debug").exit_code == 0
    results = project.build()
    assert results["users"]["total"] > 0
    assert all(pipeline["outcome"] == "success" for pipeline in results["pipelines"])
    assert project.run("show", "--limit", "0").stdout.count("@") > 0


def test_a_second_build_of_it_changes_nothing(folder: Path) -> None:
    run(["init", "-q"])
    project = Workspace(folder)
    project.build()
    before = project.rows("select * from users order by all")
    for pipeline in project.build()["pipelines"]:
        assert (pipeline["inserted"], pipeline["updated"], pipeline["deleted"]) == (0, 0, 0)
    assert project.rows("select * from users order by all") == before


def test_it_says_what_to_do_next(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "new/shop"]) == 0
    assert capfd.readouterr().err.splitlines()[-1] == "next: cd new/shop && usersync build"
    assert {path.name for path in (folder / "new/shop").iterdir()} == {
        ".gitignore",
        "data",
        "macros",
        "models",
        "profiles.yml",
        "tests",
    }


def test_the_files_are_those_of_an_analyst(folder: Path) -> None:
    run(["init", "-q"])
    made = files(folder)
    assert {"models/users.sql", "profiles.yml", "macros/normalise.sql"} <= set(made)
    assert not any(path.endswith((".py", ".pyc")) or "fixtures" in path for path in made)
    assert b"target/" in made[".gitignore"]
    assert b"profiles.yml" in made[".gitignore"]


@pytest.mark.parametrize(
    "taken", ["models/users.sql", "profiles.yml", "data/crm.duckdb", "tests/every_user_has_an_identity.sql"]
)
def test_nothing_is_overwritten(folder: Path, taken: str, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / taken).parent.mkdir(exist_ok=True)
    (folder / taken).write_text("mine")
    assert run(["init"]) == 2
    captured = capfd.readouterr()
    assert f"{taken} is there already" in captured.err
    assert "hint:" in captured.err
    assert files(folder) == {taken: b"mine"}


def test_other_files_and_a_gitignore_may_be_there(folder: Path) -> None:
    (folder / "README.md").write_text("mine")
    (folder / ".gitignore").write_text("mine")
    assert run(["init", "-q"]) == 0
    made = files(folder)
    assert (made["README.md"], made[".gitignore"]) == (b"mine", b"mine")


def test_a_folder_is_made_where_told_not_in_the_project_of_the_options(folder: Path) -> None:
    assert run(["-q", "init", str(folder / "elsewhere")]) == 0
    assert (folder / "elsewhere/models/users.sql").is_file()
    assert {path.name for path in folder.iterdir()} == {"elsewhere"}


@pytest.mark.parametrize("place", ["notes.txt", "notes.txt/shop"])
def test_a_folder_that_cannot_be_made_is_a_wrong_call(
    folder: Path, place: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (folder / "notes.txt").write_text("mine")
    assert run(["init", place]) == 2
    captured = capfd.readouterr()
    assert "Traceback" not in captured.err
    assert "notes.txt" in captured.err
