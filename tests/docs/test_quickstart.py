"""The README's first steps work in a fresh clone, with an empty home folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import REPO, blocks

QUICKSTART = [block for block in blocks("README.md") if block.language == "sh"]


def test_quickstart_has_exactly_two_sh_blocks_and_nothing_else_has_any() -> None:
    assert [block.headings for block in QUICKSTART] == [("usersync", "Quickstart")] * 2


def test_the_second_block_installs_for_development_and_runs_all_tests() -> None:
    *_, install, test = QUICKSTART[1].text.splitlines()
    assert install == ".venv/bin/pip install -q -e '.[dev]'"
    assert test == ".venv/bin/pytest"


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repo's files as a clone would have them."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        capture_output=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("this is no clone: there is no git, or no .git")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (REPO / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def first_steps(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The first block, run as a reader would."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("USERSYNC_", "PYTHON"))}
    # The Python that runs the tests: another one of this machine may be too old.
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment["HOME"] = str(tmp_path_factory.mktemp("empty_home"))
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", QUICKSTART[0].text],
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_first_block_builds_and_shows_users(first_steps: subprocess.CompletedProcess[str]) -> None:
    assert first_steps.returncode == 0, first_steps.stderr
    assert "users: 24 from 53 identities" in first_steps.stderr
    assert first_steps.stdout.count("@example.") >= 10


def test_an_editable_install_leaves_only_metadata(clone: Path, first_steps: subprocess.CompletedProcess[str]) -> None:
    assert first_steps.returncode == 0, first_steps.stderr
    installed = {path.name for path in clone.glob(".venv/lib/python3*/site-packages/*usersync*")}
    assert {name for name in installed if not name.endswith((".dist-info", ".pth"))} == set()
    assert len(installed) == 2
