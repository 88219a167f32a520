"""The wheel works on its own: without this repo, and without what development needs."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.pages import REPO


def run(*command: str | Path, cwd: Path) -> str:
    """The output of a command that must succeed, in an environment that knows nothing of this repo."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("USERSYNC_", "PYTHON"))}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    isolation = ["--no-isolation"] if find_spec("hatchling") else []
    run(sys.executable, "-m", "build", "--wheel", *isolation, "--outdir", folder, REPO, cwd=folder)
    [built] = folder.glob("usersync-*.whl")
    return built


@pytest.fixture(scope="module")
def usersync(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of a fresh environment that holds the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    run(folder / "bin/python", "-m", "pip", "install", "-q", wheel, cwd=folder)
    return folder / "bin/usersync"


def test_it_holds_the_package_and_the_starter_project_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"usersync"}
    assert {"usersync/py.typed", "usersync/starter/profiles.yml", "usersync/starter/models/users.sql"} <= set(names)
    sql = {path.relative_to(REPO).as_posix() for path in (REPO / "usersync").rglob("*.sql")}
    assert sql <= set(names)
    assert [name for name in names if "__pycache__" in name or "/tests/test_" in name] == []


def test_help_needs_no_development_dependencies(usersync: Path, tmp_path: Path) -> None:
    assert "Commands:" in run(usersync, "--help", cwd=tmp_path)


def test_a_new_project_builds_in_an_empty_folder(usersync: Path, tmp_path: Path) -> None:
    run(usersync, "init", "shop", cwd=tmp_path)
    run(usersync, "build", "--quiet", cwd=tmp_path / "shop")
    shown = run(usersync, "show", "--quiet", "--format", "csv", "--limit", "0", cwd=tmp_path / "shop")
    users = list(csv.DictReader(shown.splitlines()))
    assert len(users) == 24
    assert "ada.whitfield@example.com" in {user["email"] for user in users}
