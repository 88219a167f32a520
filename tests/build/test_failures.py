"""What fails leaves everything else whole: one pipeline, all of them, a data test, or the whole process."""

from __future__ import annotations

import random
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from tests.servers import Database, free_port
from tests.sources.tables import Feeds, Row
from tests.support import Workspace, pipeline_of

OLD, NEW = "2026-03-01 08:00:00", "2026-03-02 08:00:00"
COLUMNS = "id bigint, email text, name text, ts timestamp"
SINCE = "where ts >= ${updated_at}"
STATE = ("users", "identities", "user_accounts", "usersync.cursors", "usersync.rejected_rows", "usersync.user_changes")


def state(workspace: Workspace) -> list[list[Row]]:
    """All that the warehouse knows, but for the history of runs."""
    return [list(workspace.rows(f"from {table} order by all")) for table in STATE]


@pytest.fixture
def shop(feeds: Feeds) -> Feeds:
    """Two pipelines that were built once, and whose sources have changed since."""
    feeds.workspace.users("email text, name text", identifiers=["email"])
    for stem in ("app", "crm"):
        feeds.add(stem, COLUMNS, (1, "a@x", stem, OLD), where=SINCE, incremental=True)
    feeds.workspace.build()
    for stem in ("app", "crm"):
        feeds.fill(stem, (1, "a@x", f"{stem} new", NEW), (2, f"{stem}@x", None, NEW))
    return feeds


def without_table(shop: Feeds) -> str:
    shop.stores["crm"].execute("drop table crm")
    return "has no table 'crm' here"


def without_column(shop: Feeds) -> str:
    shop.stores["crm"].execute("alter table crm drop email")
    return "has no column 'email' here"


def without_file(shop: Feeds) -> str:
    (shop.workspace.root / "source/crm.duckdb").unlink()
    return "there is no file"


def with_a_value_that_the_query_cannot_cast(shop: Feeds) -> str:
    shop.workspace.model(
        "crm", "select id, ts, email::integer::text as email from crm", connection="crm", user_id="id", updated_at="ts"
    )
    return "Could not convert string 'a@x' to INT32"


@pytest.mark.parametrize(
    "spoil", [without_table, without_column, without_file, with_a_value_that_the_query_cannot_cast]
)
def test_one_failing_pipeline_leaves_the_others_done(shop: Feeds, spoil: Callable[[Feeds], str]) -> None:
    before = [shop.workspace.rows(sql) for sql in OF_CRM]
    reason = spoil(shop)
    results = shop.workspace.build(expect=1)
    failed = pipeline_of(results, "crm")
    assert (failed["outcome"], failed["inserted"], failed["updated"]) == ("failed", 0, 0)
    assert reason in failed["errors"][0]["message"]
    assert (failed["errors"][0]["file"], "connection 'crm'" in failed["errors"][0]["message"]) == (
        "models/crm.sql",
        True,
    )
    assert pipeline_of(results, "app")["updated"] == pipeline_of(results, "app")["inserted"] == 1
    assert [shop.workspace.rows(sql) for sql in OF_CRM] == before
    assert shop.workspace.rows("select email, name, identity_count from users order by all") == [
        ("a@x", "app new", 2),
        ("app@x", None, 1),
    ]
    assert shop.workspace.rows("select outcome from usersync.runs order by run_id") == [("success",), ("failed",)]


OF_CRM = (
    "select * exclude (user_id) from identities where pipeline = 'crm'",
    "from usersync.cursors where pipeline = 'crm'",
)


def test_what_failed_goes_on_when_it_is_mended(shop: Feeds) -> None:
    shop.stores["crm"].execute("alter table crm rename to gone")
    shop.workspace.build(expect=1)
    shop.stores["crm"].execute("alter table gone rename to crm")
    found = pipeline_of(shop.workspace.build(), "crm")
    assert (found["full_import"], found["read"], found["updated"], found["inserted"]) == (False, 2, 1, 1)


def test_the_error_is_recorded_and_said(shop: Feeds) -> None:
    shop.stores["crm"].execute("drop table crm")
    outcome = shop.workspace.run("build")
    assert outcome.exit_code == 1
    assert re.search(r"^error: models/crm.sql:2:\d+: connection 'crm' has no table 'crm' here", outcome.stderr, re.M)
    assert "Traceback" not in outcome.output
    sql = "select pipeline, outcome, error is null from usersync.pipeline_runs order by run_id desc, pipeline limit 2"
    assert shop.workspace.rows(sql) == [("app", "success", True), ("crm", "failed", False)]


def test_all_pipelines_failing_changes_nothing(shop: Feeds) -> None:
    before = state(shop.workspace)
    for stem in ("app", "crm"):
        shop.stores[stem].execute(f"drop table {stem}")
    results = shop.workspace.build(expect=1)
    assert [p["outcome"] for p in results["pipelines"]] == ["failed", "failed"]
    assert state(shop.workspace) == before


def test_fail_fast_writes_nothing(shop: Feeds) -> None:
    before = [*state(shop.workspace), shop.workspace.rows("from usersync.runs")]
    shop.stores["crm"].execute("drop table crm")
    results = shop.workspace.build("--fail-fast", "--threads", "1", expect=1)
    assert pipeline_of(results, "crm")["outcome"] == "failed"
    assert [*state(shop.workspace), shop.workspace.rows("from usersync.runs")] == before


def test_after_fail_fast_the_summary_says_that_nothing_was_written(shop: Feeds) -> None:
    shop.stores["crm"].execute("drop table crm")
    outcome = shop.workspace.run("build", "--fail-fast")
    assert (outcome.exit_code, "nothing was written" in outcome.stderr) == (1, True)
    assert "0 identities" not in outcome.stderr


# --- Servers ---


def unreachable(server: Database) -> Database:
    return replace(server, port=free_port())


def wrong_database(server: Database) -> Database:
    return replace(server, database="usersync_nowhere")


def wrong_user(server: Database) -> Database:
    return replace(server, user="usersync_nobody", password="guess")


@pytest.mark.parametrize(
    ("kind", "spoil", "reason"),
    [
        pytest.param(kind, spoil, reason, marks=getattr(pytest.mark, kind))
        for kind, spoil, reason in (
            ("postgres", unreachable, "refused"),
            ("postgres", wrong_database, 'database "usersync_nowhere" does not exist'),
            ("postgres", wrong_user, 'role "usersync_nobody" does not exist'),
            ("mysql", unreachable, "Can't connect"),
            ("mysql", wrong_database, "Unknown database 'usersync_nowhere'"),
            ("mysql", wrong_user, "Access denied for user 'usersync_nobody'"),
        )
    ],
)
def test_a_server_that_does_not_let_us_in(
    shop: Feeds, request: pytest.FixtureRequest, kind: str, spoil: Callable[[Database], Database], reason: str
) -> None:
    server = spoil(request.getfixturevalue(kind))
    shop.workspace.profile({"crm": server.profile, "app": shop.stores["app"].profile})
    shop.workspace.model("crm", "select id, name from people", connection="crm", user_id="id")
    results = shop.workspace.build(expect=1)
    [error] = pipeline_of(results, "crm")["errors"]
    assert reason in error["message"]
    assert (
        f"connection 'crm' ({kind} at {server.host}:{server.port}/{server.database}): cannot connect: "
        in error["message"]
    )
    assert (error["file"], bool(error["hint"])) == ("models/crm.sql", True)
    assert pipeline_of(results, "app")["updated"] == 1


@pytest.fixture
def guarded(mysql: Database) -> Iterator[Database]:
    """A MySQL database of a user with a password."""
    name, password = f"u_{secrets.token_hex(4)}", secrets.token_hex(8)
    mysql.execute(
        f"create user '{name}'@'%' identified by '{password}'; grant all on {mysql.database}.* to '{name}'@'%';"
        f"create table people (id int, name text); insert into people values (1, 'Ann')"
    )
    try:
        yield replace(mysql, user=name, password=password)
    finally:
        mysql.execute(f"drop user '{name}'@'%'")


@pytest.mark.mysql
def test_a_password(workspace: Workspace, guarded: Database) -> None:
    workspace.users("name text")
    workspace.model("p", "select id, name from people", connection="it", user_id="id")
    workspace.profile({"it": replace(guarded, password="guess").profile})
    [error] = pipeline_of(workspace.build(expect=1), "p")["errors"]
    assert f"Access denied for user '{guarded.user}'" in error["message"]
    assert error["hint"] == "check user and password in profiles.yml"
    workspace.profile({"it": guarded.profile})
    workspace.build()
    assert workspace.rows("select name from users") == [("Ann",)]


# --- Data tests ---


def test_a_failing_data_test_rolls_everything_back(shop: Feeds) -> None:
    before = [*state(shop.workspace), shop.workspace.rows("from usersync.runs")]
    shop.workspace.write("tests/nobody_is_new.sql", "select * from users where name like '%new'")
    results = shop.workspace.build(expect=1)
    assert results["tests"] == [{"test": "nobody_is_new", "failures": 1}]
    assert [*state(shop.workspace), shop.workspace.rows("from usersync.runs")] == before
    assert shop.workspace.build("--no-tests")["users"]["updated"] == 1


def test_data_tests_see_the_build_that_they_test(shop: Feeds) -> None:
    shop.workspace.write("tests/counted.sql", "select 1 from users having count(*) <> 3")
    assert shop.workspace.build()["tests"] == [{"test": "counted", "failures": 0}]


@pytest.mark.parametrize(
    "query", ["select * from nowhere", "select nothing from users", "drop table users", "select 1; select 2"]
)
def test_a_broken_data_test_fails_the_build(shop: Feeds, query: str) -> None:
    before = state(shop.workspace)
    shop.workspace.write("tests/broken.sql", query)
    outcome = shop.workspace.run("build")
    assert (outcome.exit_code, "tests/broken.sql:1" in outcome.stderr) == (1, True)
    assert state(shop.workspace) == before


# --- Models that go ---


def test_identities_of_a_removed_model_are_kept_with_a_warning_and_deleted_when_allowed(shop: Feeds) -> None:
    shop.workspace.build()
    (shop.workspace.root / "models/crm.sql").unlink()
    results = shop.workspace.build()
    [warning] = results["warnings"]
    assert warning["message"] == "2 identities are of pipeline 'crm', which is no longer in models/"
    assert (warning["level"], "--allow-deletes" in warning["hint"]) == ("warning", True)
    assert results["users"]["total"] == 3
    results = shop.workspace.build("--allow-deletes")
    assert (results["warnings"], results["users"]["deleted"], results["users"]["total"]) == ([], 1, 2)
    assert shop.workspace.rows("select distinct pipeline from identities") == [("app",)]
    assert shop.workspace.rows("select pipeline from usersync.cursors") == [("app",)]


def test_a_disabled_pipeline_keeps_its_identities(shop: Feeds) -> None:
    shop.workspace.build()
    shop.model("crm", enabled=False)
    results = shop.workspace.build("--allow-deletes")
    assert ([p["pipeline"] for p in results["pipelines"]], results["users"]["total"]) == (["app"], 3)


# --- Killed ---

PEOPLE = 20_000


def fingerprint(workspace: Workspace) -> list[list[Row]]:
    """All that the warehouse knows, but for the history of runs, in a few numbers."""
    return [list(workspace.rows(f"select count(*), bit_xor(hash(t)) from {table} as t")) for table in STATE]


def start_build(workspace: Workspace) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "usersync", "--project-dir", str(workspace.root), "build"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def kill_at(build: subprocess.Popen[str], step: str, seconds: float) -> None:
    """Kills a build so long after it said where it is."""
    assert build.stderr is not None
    while step not in build.stderr.readline():
        assert build.poll() is None
    time.sleep(seconds)
    build.kill()


def send(feeds: Feeds, version: int) -> None:
    """All people change: the odd half shares e-mails in pairs."""
    feeds.stores["crm"].execute(
        "create or replace table crm as select range as id, concat(range // (1 + range % 2), '@x') as email, "
        f"'v{version}' as name, timestamp '{OLD}' + interval {version} hour as ts from range({PEOPLE})"
    )


IDS = "select count(*), bit_xor(hash(identity_id, user_id)) from identities"
STEPS = ("crm: reading", "merging identities", "resolving users", "resolving users", "committing")


def test_killed_at_any_moment_the_next_build_goes_on(feeds: Feeds) -> None:
    dice = random.Random(2)
    feeds.workspace.users("email text, name text", identifiers=["email"])
    feeds.add("crm", COLUMNS)
    send(feeds, 0)
    feeds.workspace.build()
    ids = feeds.workspace.rows(IDS)
    for version, step in enumerate(STEPS, start=1):
        before = fingerprint(feeds.workspace)
        send(feeds, version)
        with start_build(feeds.workspace) as build:
            kill_at(build, step, dice.uniform(0, 0.1))
        [(name, count)] = feeds.workspace.rows("select name, count(*) from identities group by name")
        [(cursor,)] = feeds.workspace.rows("select value from usersync.cursors")
        assert (count, cursor) == (PEOPLE, f"2026-03-01 {8 + int(name[1:]):02}:00:00")
        assert name == f"v{version}" or fingerprint(feeds.workspace) == before
    found = pipeline_of(feeds.workspace.build(), "crm")
    assert found["updated"] == (0 if name == "v5" else PEOPLE)
    assert feeds.workspace.rows(IDS) == ids
    assert feeds.workspace.rows("select distinct name from users") == [("v5",)]


def test_the_warehouse_can_be_copied_while_nobody_builds(shop: Feeds, tmp_path: Path) -> None:
    """Nothing is left beside the file that it needs."""
    shop.workspace.build()
    target = shop.workspace.root / "target"
    assert sorted(path.name for path in target.iterdir()) == ["manifest.json", "run_results.json", "warehouse.duckdb"]
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes((target / "warehouse.duckdb").read_bytes())
    with duckdb.connect(str(copy), read_only=True) as warehouse:
        assert warehouse.execute("select count(*) from users").fetchall() == [(3,)]
