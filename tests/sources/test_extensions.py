"""Where DuckDB's scanners come from: a package, DuckDB's own copy, its repository, or else an error that helps."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import duckdb
import pytest

from tests.sources.tables import Store
from tests.support import Workspace
from usersync.diagnostics import UsersyncError
from usersync.sources.engine import open_engine
from usersync.sources.extensions import load_extension, packaged_path

REPO = Path(__file__).parents[2]
NAME = "sqlite_scanner"
NOWHERE = "http://127.0.0.1:9"

# An interpreter in which the packages are not installed.
WITHOUT_PACKAGES = """
    import sys
    from importlib.machinery import PathFinder

    class Finder(PathFinder):
        @classmethod
        def find_spec(cls, name, path=None, target=None):
            return None if name.startswith("duckdb_extension") else super().find_spec(name, path, target)

    sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""
LOAD = """
    from pathlib import Path
    from usersync.diagnostics import SourceError
    from usersync.sources.engine import open_engine
    from usersync.sources.extensions import load_extension, packaged_path

    assert packaged_path("sqlite_scanner") is None
    engine = open_engine(Path("spill"))
    engine.execute(f"set custom_extension_repository = '{sys.argv[1]}'")
    try:
        load_extension(engine, "sqlite_scanner")
    except SourceError as error:
        print(error.diagnostics[0].message, "|", error.diagnostics[0].hint)
        sys.exit(error.exit_code)
    engine.execute("attach 'new.db' as new (type sqlite)")
    print("loaded")
"""


def load_without_packages(repository: str, home: Path) -> subprocess.CompletedProcess[str]:
    script = dedent(WITHOUT_PACKAGES) + dedent(LOAD)
    return subprocess.run(
        [sys.executable, "-c", script, repository],
        cwd=home,
        env=os.environ | {"HOME": str(home), "PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def packaged() -> Path:
    path = packaged_path(NAME)
    if path is None:
        pytest.skip("the package duckdb-extension-sqlite-scanner is not installed")
    return path


def platform() -> str:
    [(name,)] = duckdb.connect().execute("pragma platform").fetchall()
    return f"v{duckdb.__version__}/{name}"


def test_the_package_is_used_and_nothing_is_written_to_the_home_folder(
    workspace: Workspace, packaged: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = Store("sqlite", workspace.root)
    store.fill("people", "id bigint, name text", [(1, "Ann")])
    workspace.profile({"it": store.profile})
    workspace.users("name text")
    workspace.model("p", "select id, name from people", connection="it", user_id="id")
    workspace.build()
    assert list(Path(os.environ["HOME"]).iterdir()) == []


def test_without_the_package_the_installed_copy_is_used(packaged: Path, tmp_path: Path) -> None:
    copy = tmp_path / ".duckdb/extensions" / platform() / packaged.name
    copy.parent.mkdir(parents=True)
    copy.symlink_to(packaged)
    done = load_without_packages(NOWHERE, tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "loaded"), done.stderr


def test_without_both_it_is_installed_from_the_repository(packaged: Path, tmp_path: Path) -> None:
    file = tmp_path / "repository" / platform() / f"{packaged.name}.gz"
    file.parent.mkdir(parents=True)
    file.write_bytes(gzip.compress(packaged.read_bytes(), compresslevel=1))
    done = load_without_packages(str(tmp_path / "repository"), tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "loaded"), done.stderr
    assert (tmp_path / ".duckdb/extensions" / platform() / packaged.name).is_file()


def test_without_all_three_the_error_names_the_ways(tmp_path: Path) -> None:
    done = load_without_packages(NOWHERE, tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "DuckDB's extension sqlite_scanner cannot be loaded" in done.stdout
    for way in ("pip install 'usersync[offline]'", "install sqlite_scanner", "extensions.duckdb.org"):
        assert way in done.stdout


def test_a_package_that_is_not_what_it_was_is_said_to_be(packaged: Path, tmp_path: Path) -> None:
    """A byte is another: DuckDB checks the signature of what it loads."""
    folder = tmp_path / "modules" / f"duckdb_extension_{NAME}"
    copy = folder / packaged.relative_to(packaged.parents[2])
    copy.parent.mkdir(parents=True)
    (folder / "__init__.py").touch()
    content = bytearray(packaged.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    script = "import sys\n" + dedent(LOAD).replace("is None", "is not None")
    done = subprocess.run(
        [sys.executable, "-c", script, NOWHERE],
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path), "PYTHONPATH": f"{folder.parent}:{REPO}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "signature is either missing or invalid" in done.stdout


def test_a_build_without_scanners_says_so_and_does_the_rest(workspace: Workspace, tmp_path: Path) -> None:
    lite, files = Store("sqlite", workspace.root), Store("csv", workspace.root)
    workspace.users("name text")
    workspace.profile({"lite": lite.profile, "files": files.profile})
    for name, store in {"lite": lite, "files": files}.items():
        table = store.fill("people", "id bigint, name text", [(1, name)])
        workspace.model(name, f"select id, name from {table}", connection=name, user_id="id")
    script = dedent(WITHOUT_PACKAGES) + "from usersync.cli.main import main\nmain()"
    done = subprocess.run(
        # With no network, DuckDB's repository is out of reach.
        [sys.executable, "-c", script, "--project-dir", str(workspace.root), "build"],
        env=os.environ | {"HOME": str(tmp_path), "http_proxy": NOWHERE, "HTTP_PROXY": NOWHERE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert re.search(
        r"^error: models/lite.sql:1:\d+: DuckDB's extension sqlite_scanner cannot be loaded", done.stderr, re.M
    )
    assert workspace.rows("select name from users") == [("files",)]


def test_an_extension_that_does_not_exist(tmp_path: Path) -> None:
    with open_engine(tmp_path) as engine:
        engine.execute(f"set custom_extension_repository = '{NOWHERE}'")
        with pytest.raises(UsersyncError, match="cannot be loaded"):
            load_extension(engine, "no_such_scanner")
