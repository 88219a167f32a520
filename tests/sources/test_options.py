"""Settings of connections to servers: how long to wait for one, and how often to try again."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.servers import Database
from tests.sources.faults import Relay, relayed
from tests.support import Workspace, pipeline_of

SERVERS = [pytest.param(kind, marks=getattr(pytest.mark, kind)) for kind in ("postgres", "mysql")]


@pytest.fixture(params=SERVERS)
def database(request: pytest.FixtureRequest, workspace: Workspace) -> Database:
    """A server with one person, and a pipeline that reads it."""
    found: Database = request.getfixturevalue(request.param)
    found.execute("create table people (id int, name text); insert into people values (1, 'Ann')")
    workspace.users("name text")
    workspace.model("p", "select id, name from people", connection="it", user_id="id")
    return found


@contextmanager
def mended_later(relay: Relay) -> Iterator[None]:
    """A server that is away, and comes back."""
    relay.cut()
    timer = threading.Timer(1.5, relay.mend)
    timer.start()
    yield
    timer.join()


def test_a_server_that_comes_back_is_tried_again(workspace: Workspace, database: Database) -> None:
    with relayed(database) as relay:
        workspace.profile({"it": {**relay.database.profile, "retries": 8}})
        with mended_later(relay):
            outcome = workspace.run("build")
    assert outcome.exit_code == 0, outcome.stderr
    assert "waiting: connection 'it'" in outcome.stderr
    assert "trying again in" in outcome.stderr
    assert workspace.rows("select name from users") == [("Ann",)]


def test_retries_come_to_an_end(workspace: Workspace, database: Database) -> None:
    with relayed(database) as relay:
        relay.cut()
        workspace.profile({"it": {**relay.database.profile, "retries": 2}})
        outcome = workspace.run("build")
    assert (outcome.exit_code, outcome.stderr.count("trying again in")) == (1, 2)


def test_what_will_not_pass_is_not_tried_again(workspace: Workspace, database: Database) -> None:
    workspace.profile({"it": {**database.profile, "user": "usersync_nobody", "password": "guess", "retries": 9}})
    outcome = workspace.run("build")
    assert (outcome.exit_code, "trying again" in outcome.stderr) == (1, False)


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_server_that_never_answers_is_given_up(workspace: Workspace, kind: str) -> None:
    workspace.users("name text")
    workspace.model("p", "select id, name from people", connection="it", user_id="id")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = {"host": "127.0.0.1", "port": silent.getsockname()[1], "user": "u", "database": "d"}
        workspace.profile({"it": {"type": kind, **address, "connect_timeout": 2}})
        started = time.monotonic()
        [error] = pipeline_of(workspace.build(expect=1), "p")["errors"]
    assert "timeout expired" in error["message"]
    assert time.monotonic() - started < 60


def test_a_statement_that_takes_too_long_is_ended(workspace: Workspace, database: Database) -> None:
    sleep = "pg_sleep(60)::text" if database.kind == "postgres" else "sleep(60)"
    database.execute(f"create view slow as select 1 as id, {sleep} as name")
    workspace.model("p", "select id, name from slow", connection="it", user_id="id")
    workspace.profile({"it": {**database.profile, "statement_timeout": 1}})
    [error] = pipeline_of(workspace.build(expect=1), "p")["errors"]
    assert "connection 'it'" in error["message"]
    assert database.execute("select name from people") == [("Ann",)]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("connect_timeout", 0, "must be a whole number of seconds, from 1 to 3600"),
        ("connect_timeout", "5s", "must be a whole number of seconds, from 1 to 3600"),
        ("statement_timeout", 1.5, "must be a whole number of seconds, from 1 to 86400"),
        ("statement_timeout", "²", "must be a whole number of seconds, from 1 to 86400"),
        ("retries", -1, "must be a whole number, from 0 to 20"),
        ("retries", 21, "must be a whole number, from 0 to 20"),
        ("port", 70_000, "must be a whole number, from 1 to 65535"),
    ],
)
@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_numbers_out_of_range(workspace: Workspace, kind: str, option: str, value: object, words: str) -> None:
    workspace.users("name text")
    workspace.profile({"it": {"type": kind, "database": "d", option: value}})
    outcome = workspace.run("debug")
    assert (outcome.exit_code, f"{option} {words}" in outcome.stderr) == (2, True), outcome.stderr


def test_a_target_may_have_no_connections_yet(workspace: Workspace) -> None:
    workspace.users("name text")
    workspace.profile({})
    assert workspace.run("debug").exit_code == 0
    workspace.write("profiles.yml", "p: {outputs: {}}")
    outcome = workspace.run("debug")
    assert (outcome.exit_code, "profiles.yml:1:14: outputs is empty" in outcome.stderr) == (2, True), outcome.stderr


@pytest.mark.mysql
def test_statements_of_mariadb_only_read(workspace: Workspace, mysql: Database) -> None:
    """A view may call a sequence, which no SELECT of ours can; the session refuses it all the same."""
    if "mariadb" not in str(mysql.execute("select version()")).lower():
        pytest.skip("MySQL has no sequences")
    mysql.execute("create sequence s; create view people as select 1 as id, nextval(s) as name")
    workspace.profile({"it": mysql.profile})
    workspace.users("name text")
    workspace.model("p", "select id, name from people", connection="it", user_id="id")
    [error] = pipeline_of(workspace.build(expect=1), "p")["errors"]
    assert "READ ONLY transaction" in error["message"]
    assert mysql.execute("select nextval(s)") == [(1,)]


@pytest.mark.postgres
def test_a_session_that_the_server_ends(workspace: Workspace, postgres: Database) -> None:
    postgres.execute("create view slow as select 1 as id, pg_sleep(60)::text as name")
    workspace.users("name text")
    workspace.model("p", "select id, name from slow", connection="it", user_id="id")
    workspace.profile({"it": postgres.profile})
    done = threading.Event()

    def end_it() -> None:
        asleep = f"wait_event = 'PgSleep' and datname = '{postgres.database}'"
        while not done.wait(0.2):
            postgres.execute(f"select pg_terminate_backend(pid) from pg_stat_activity where {asleep}")

    killer = threading.Thread(target=end_it)
    killer.start()
    try:
        [error] = pipeline_of(workspace.build(expect=1), "p")["errors"]
    finally:
        done.set()
        killer.join()
    assert "connection 'it'" in error["message"]
    assert "terminating connection due to administrator command" in error["message"]
    assert error["hint"] == "the server went away: nothing of this pipeline was written, build again when it is back"
