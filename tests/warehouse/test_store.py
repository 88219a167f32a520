"""The warehouse file: who may hold it, where it may be, and what a failed write leaves."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from tests.sources.tables import Feeds
from tests.support import Workspace
from tests.warehouse.holding import held
from usersync.diagnostics import WarehouseError
from usersync.sources.engine import open_engine
from usersync.warehouse.store import attach_warehouse, transaction


@pytest.fixture
def crm(feeds: Feeds) -> Feeds:
    feeds.workspace.users("name text")
    feeds.add("crm", "id bigint, name text", (1, "Ann"))
    feeds.workspace.build()
    feeds.fill("crm", (1, "Bob"))
    return feeds


def warehouse(workspace: Workspace) -> Path:
    return workspace.root / "target/warehouse.duckdb"


def test_a_warehouse_that_another_process_holds(crm: Feeds) -> None:
    with held(warehouse(crm.workspace)) as holder:
        outcome = crm.workspace.run("build")
    assert outcome.exit_code == 1
    assert f"is held by another process (PID {holder.pid})" in outcome.stderr
    assert "--lock-timeout" in outcome.stderr
    assert crm.workspace.rows("select name from users") == [("Ann",)]


def test_a_build_waits_for_the_warehouse(crm: Feeds) -> None:
    with held(warehouse(crm.workspace)) as holder:
        command = [sys.executable, "-m", "usersync", "--project-dir", str(crm.workspace.root), "build"]
        waiting = subprocess.Popen([*command, "--lock-timeout", "30"], stderr=subprocess.PIPE, text=True)
        assert waiting.stderr is not None
        said = waiting.stderr.readline()
        assert holder.stdin is not None
        holder.stdin.write("\n")
        holder.stdin.close()
        waiting.communicate()
    assert f"held by another process (PID {holder.pid})" in said
    assert (waiting.returncode, crm.workspace.rows("select name from users")) == (0, [("Bob",)])


def test_waiting_ends(crm: Feeds) -> None:
    with held(warehouse(crm.workspace)):
        started = time.monotonic()
        assert crm.workspace.run("build", "--lock-timeout", "0.5").exit_code == 1
    assert time.monotonic() - started >= 0.5


@pytest.mark.parametrize("place", ["a_file/warehouse.duckdb", "target"])
def test_a_path_that_cannot_be_written(crm: Feeds, place: str) -> None:
    crm.workspace.write("a_file", "")
    crm.workspace.profile({"crm": crm.stores["crm"].profile}, path=place)
    outcome = crm.workspace.run("build")
    assert (outcome.exit_code, "error: cannot open the warehouse" in outcome.stderr) == (1, True)
    assert "Traceback" not in outcome.stderr


def test_a_file_that_is_no_warehouse(crm: Feeds) -> None:
    warehouse(crm.workspace).write_text("something else entirely" * 1000)
    outcome = crm.workspace.run("build")
    assert (outcome.exit_code, "error: cannot open the warehouse" in outcome.stderr) == (1, True)


def test_the_warehouse_may_be_anywhere(crm: Feeds, tmp_path: Path) -> None:
    path = tmp_path / "un fichier d'été" / "w.duckdb"
    crm.workspace.profile({"crm": crm.stores["crm"].profile}, path=str(path))
    crm.workspace.build()
    with duckdb.connect(str(path), read_only=True) as file:
        assert file.execute("select name from users").fetchall() == [("Bob",)]


def test_the_warehouse_has_no_keys_and_no_indexes(crm: Feeds) -> None:
    sql = "select (select count(*) from duckdb_indexes()), (select count(*) from duckdb_constraints())"
    assert crm.workspace.rows(sql) == [(0, 0)]


def test_an_unread_warehouse_is_not_made(tmp_path: Path) -> None:
    with open_engine(tmp_path) as engine, pytest.raises(WarehouseError, match="there is no warehouse"):
        attach_warehouse(engine, tmp_path / "w.duckdb", read_only=True)
    assert list(tmp_path.iterdir()) == []


def write(engine: duckdb.DuckDBPyConnection, error: BaseException | None) -> None:
    with transaction(engine):
        engine.execute("insert into t values (1)")
        if error:
            raise error
        engine.execute("insert into t values ('x')")


@pytest.mark.parametrize("error", [ValueError("ours"), KeyboardInterrupt(), None])
def test_a_transaction_is_whole_or_nothing(tmp_path: Path, error: BaseException | None) -> None:
    with open_engine(tmp_path) as engine:
        attach_warehouse(engine, tmp_path / "w.duckdb")
        engine.execute("create table t (n integer)")
        with pytest.raises(type(error) if error else WarehouseError):
            write(engine, error)
        assert engine.execute("from t").fetchall() == []
        with transaction(engine):
            engine.execute("insert into t values (2)")
        assert engine.execute("from t").fetchall() == [(2,)]


def test_a_build_stops_when_the_warehouse_is_not_as_it_should_be(crm: Feeds) -> None:
    with duckdb.connect(str(warehouse(crm.workspace))) as file:
        file.execute("insert into usersync.identity_rows from usersync.identity_rows")
    outcome = crm.workspace.run("build")
    assert (outcome.exit_code, "a check of the warehouse failed, nothing was written" in outcome.stderr) == (1, True)
    assert crm.workspace.rows("select name from users") == [("Ann",)]


@pytest.mark.parametrize(
    ("option", "value", "shown"),
    [("memory_limit", "1GiB", "1.0 GiB"), ("threads", 1, "1"), ("temp_directory", "elsewhere", "elsewhere")],
)
def test_options_of_the_warehouse(tmp_path: Path, option: str, value: object, shown: str) -> None:
    with open_engine(tmp_path / "spill", {option: value}) as engine:
        [(found,)] = engine.execute(f"select current_setting('{option}')::varchar").fetchall()
    assert str(found).endswith(shown)
