"""A password is nowhere: not in what is said, not in target/, not in the warehouse; whatever happens."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.servers import Database, free_port
from tests.support import Workspace

COMMANDS = (
    ["build"],
    ["build", "--log-format", "json"],
    ["preview", "p"],
    ["preview", "p", "--format", "json"],
    ["plan"],
    ["plan", "--format", "json"],
    ["plan", "--format", "markdown"],
    ["record"],
    ["record", "--check"],
    ["compile"],
    ["compile", "--stdout"],
    ["list"],
    ["debug"],
    ["debug", "--log-format", "json"],
    ["lint"],
    ["lint", "--format", "sarif"],
    ["show"],
    ["show", "--format", "json"],
    ["status"],
    ["runs"],
    ["explain", "name=Ann"],
    ["export", "p"],
    ["link", "p:1", "p:2", "--who", "me", "--why", "same person"],
    ["unlink", "p:1", "p:2", "--who", "me", "--why", "not the same person"],
    ["build", "--full-refresh"],
)
ARTIFACTS = ("run_results", "manifest")
CANARIES = ("canary7f3a9c", "canary \"7f' \\3a9c", "canary ümläut=9c; --")


def run(workspace: Workspace, command: list[str], password: str) -> tuple[int, str]:
    """A command as a process, so that what libraries print themselves is seen too."""
    done = subprocess.run(
        [sys.executable, "-m", "usersync", "--project-dir", str(workspace.root), *command],
        env=os.environ | {"IT_PASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def places(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()


def assert_nowhere(password: str, workspace: Workspace, said: str) -> None:
    spellings = {password, json.dumps(password)[1:-1], password.replace("'", "''"), password.split(maxsplit=1)[0][:12]}
    for spelling in spellings:
        assert spelling not in said
        for path, content in places(workspace.root):
            assert spelling.encode() not in content, path


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.users("name text")
    workspace.model("p", "select id, name from people", connection="it", user_id="id")
    return workspace


def connect(workspace: Workspace, database: Database) -> None:
    workspace.profile({"it": {**database.profile, "password": "{{ env_var('IT_PASSWORD') }}"}})


@pytest.fixture(params=CANARIES, ids=["plain", "quotes", "words"])
def guarded(request: pytest.FixtureRequest, mysql: Database) -> Iterator[Database]:
    """A MySQL database of a user with a password."""
    name = f"u_{secrets.token_hex(4)}"
    text = request.param.replace("\\", "\\\\").replace("'", "''")
    mysql.execute(
        f"create user '{name}'@'%' identified by '{text}'; grant all on {mysql.database}.* to '{name}'@'%'; "
        "create table people (id int, name text); insert into people values (1, 'Ann'), (2, 'Bob')"
    )
    try:
        yield replace(mysql, user=name, password=request.param)
    finally:
        mysql.execute(f"drop user '{name}'@'%'")


@pytest.mark.mysql
def test_a_password_that_is_right(project: Workspace, guarded: Database) -> None:
    connect(project, guarded)
    for command in COMMANDS if guarded.password == CANARIES[1] else (["build"], ["debug"]):
        code, said = run(project, command, guarded.password)
        assert code == 0, said
        assert_nowhere(guarded.password, project, said)
    assert project.rows("select name from users order by 1") == [("Ann",), ("Bob",)]


@pytest.mark.mysql
@pytest.mark.parametrize("guarded", CANARIES[:1], indirect=True)
def test_a_password_that_is_wrong(project: Workspace, guarded: Database) -> None:
    connect(project, guarded)
    for command in (["build"], ["debug"]):
        code, said = run(project, command, "canary-wrong")
        assert (code, "Access denied for user" in said) == (1, True)
        assert_nowhere("canary-wrong", project, said)


@pytest.mark.parametrize("password", CANARIES, ids=["plain", "quotes", "words"])
@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_server_that_is_out_of_reach(project: Workspace, kind: str, password: str) -> None:
    project.profile(
        {
            "it": {
                "type": kind,
                "host": "127.0.0.1",
                "port": free_port(),
                "user": "u",
                "database": "d",
                "password": "{{ env_var('IT_PASSWORD') }}",
            }
        }
    )
    code, said = run(project, ["build"], password)
    assert (code, "cannot connect" in said) == (1, True)
    assert_nowhere(password, project, said)
    assert "cannot connect" in str(project.rows("select error from usersync.pipeline_runs"))


@pytest.mark.postgres
@pytest.mark.parametrize("spoil", [{"user": "usersync_nobody"}, {"database": "usersync_nowhere"}, {}], ids=str)
def test_a_password_of_postgres(project: Workspace, postgres: Database, spoil: dict[str, Any]) -> None:
    postgres.execute("create table people (id int, name text); insert into people values (1, 'Ann')")
    connect(project, replace(postgres, **spoil))
    for command in (["build"], ["debug"]):
        code, said = run(project, command, CANARIES[1])
        assert code == (1 if spoil else 0), said
        assert_nowhere(CANARIES[1], project, said)


@pytest.mark.postgres
@pytest.mark.parametrize("password", ["it", "read", "1"])
def test_a_password_that_is_also_a_word_garbles_no_artifact(
    project: Workspace, postgres: Database, password: str
) -> None:
    postgres.execute("create table people (id int, name text); insert into people values (1, 'Ann')")
    project.profile({"it": {**postgres.profile, "password": password}})
    assert project.run("build").exit_code == 0
    results, manifest = (json.loads((project.root / f"target/{name}.json").read_text()) for name in ARTIFACTS)
    assert [(p["pipeline"], p["connection"], p["read"]) for p in results["pipelines"]] == [("p", "it", 1)]
    assert manifest["connections"] == {"it": {"type": "postgres"}}
