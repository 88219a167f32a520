"""A source that fails at any moment: one clear error, the rest done, no abort, nothing lost, and no password shown."""

from __future__ import annotations

import json
import os
import re
import resource
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pymysql
import pytest

from tests.servers import Database, UnavailableError, fresh_database, own_postgres, skip_or_fail
from tests.sources.faults import Relay, relayed
from tests.sources.tables import Store
from tests.support import Workspace, pipeline_of

CANARY = "canary7f3a9c"
PEOPLE = 20_000
ROWS = {
    "postgres": "insert into people select n, md5(n::text) || md5((n + 1)::text), date '{day}' "
    "from generate_series(1, {n}) as n",
    "mysql": "insert into people select seq, concat(md5(seq), md5(seq + 1)), '{day}' from seq_1_to_{n}",
}
STATE = (
    "select * exclude (user_id) from identities where pipeline = 'crm' order by all",
    "from usersync.cursors where pipeline = 'crm'",
)


@dataclass
class World:
    """A pipeline on a server, by way of a relay, beside one on a file; both were built once and have changed since."""

    workspace: Workspace
    database: Database
    relay: Relay
    app: Store

    def profile(self, **options: object) -> None:
        """Writes the profile; options are those of the server's connection."""
        crm = {**self.relay.database.profile, "password": CANARY, **options}
        self.workspace.profile({"crm": crm, "app": self.app.profile})

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A command as a process, so that an abort shows."""
        return subprocess.Popen(
            [sys.executable, "-m", "usersync", "--project-dir", str(self.workspace.root), *(command or ("build",))],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> tuple[int, str]:
        """Its exit code and all that it said."""
        process = self.start(*command)
        out, err = process.communicate(timeout=120)
        return process.returncode, out + err

    def state(self) -> list[list[tuple[object, ...]]]:
        """What the warehouse knows of the pipeline on the server."""
        return [self.workspace.rows(sql) for sql in STATE]


def assert_no_canary(workspace: Workspace, said: str) -> None:
    """The password is in nothing that was said or left behind, but for profiles.yml."""
    assert CANARY not in said
    for path in workspace.root.rglob("*"):
        if path.is_file() and path.name != "profiles.yml":
            assert CANARY.encode() not in path.read_bytes(), path


def processes_show(word: str) -> list[str]:
    """Command lines and environments of all processes but this one that hold a word."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            with suppress(OSError):
                if int(folder.name) != os.getpid() and word.encode() in (folder / name).read_bytes():
                    found.append(f"{folder}/{name}")
    return found


@pytest.fixture
def guarded(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database whose user has the canary for a password; PostgreSQL trusts that user, so that it needs none."""
    server: Database = request.getfixturevalue(request.param)
    name = f"u_{secrets.token_hex(4)}"
    if request.param == "mysql":
        server.execute(
            f"create table people (id int, name text, ts datetime); create user '{name}'@'%' identified by '{CANARY}'; "
            f"grant all on {server.database}.* to '{name}'@'%'"
        )
    else:
        server.execute(
            f"create role {name} login password '{CANARY}'; create table people (id int, name text, ts timestamp); "
            f"alter table people owner to {name}; grant create on schema public to {name}"
        )
    try:
        yield replace(server, user=name, password=CANARY)
    finally:
        server.execute(
            f"drop user '{name}'@'%'" if request.param == "mysql" else f"drop owned by {name} cascade; drop role {name}"
        )


@pytest.fixture
def world(workspace: Workspace, guarded: Database) -> Iterator[World]:
    guarded.execute(ROWS[guarded.kind].format(n=10, day="2026-03-01"))
    app = Store("duckdb", workspace.root, stem="app")
    app.fill("app", "id bigint, name text", [(1, "Ann")])
    workspace.users("name text")
    query = "select id, name, ts from people where ts >= ${updated_at}"
    config = {"connection": "crm", "user_id": "id", "updated_at": "ts", "incremental": True}
    workspace.model("crm", query, mapping={"name": "name"}, **config)
    workspace.model("app", "select id, name from app", connection="app", user_id="id")
    with relayed(guarded) as relay:
        found = World(workspace, guarded, relay, app)
        found.profile()
        workspace.build()
        guarded.execute(ROWS[guarded.kind].format(n=PEOPLE, day="2026-03-02"))
        app.fill("app", "id bigint, name text", [(1, "Ann"), (2, "Bob")])
        yield found


def servers(*kinds: str) -> pytest.MarkDecorator:
    """Worlds on these kinds of servers."""
    marked = [pytest.param(kind, marks=getattr(pytest.mark, kind)) for kind in kinds]
    return pytest.mark.parametrize("guarded", marked, indirect=True)


BOTH = servers("postgres", "mysql")


def gone_before(world: World) -> None:
    world.relay.cut()


def gone_at_once(world: World) -> None:
    world.relay.stop_after(300)


def gone_in_the_catalog(world: World) -> None:
    world.relay.stop_after(3_000)


def gone_in_the_middle(world: World) -> None:
    world.relay.stop_after(300_000)


def wrong_password(world: World) -> None:
    world.database.execute("drop table people")  # PostgreSQL here asks for none
    world.profile(password=f"{CANARY}?")


def table_dropped(world: World) -> None:
    world.run("preview", "crm")
    world.database.execute("drop table people")


def type_changed(world: World) -> None:
    world.run("preview", "crm")
    cast = "type text using ts::text" if world.database.kind == "postgres" else "text"
    verb = "alter ts" if world.database.kind == "postgres" else "modify ts"
    world.database.execute(f"alter table people {verb} {cast}")


FAULTS = (
    gone_before,
    gone_at_once,
    gone_in_the_catalog,
    gone_in_the_middle,
    wrong_password,
    table_dropped,
    type_changed,
)


@BOTH
@pytest.mark.parametrize("fault", FAULTS)
def test_a_source_that_fails_is_one_error_and_nothing_else(world: World, fault: Callable[[World], None]) -> None:
    before = world.state()
    fault(world)
    code, said = world.run()
    assert_failed(world, code, said)
    assert world.state() == before


def assert_failed(world: World, code: int, said: str) -> None:
    """One error that names pipeline and connection, the other pipeline done, and no password."""
    assert (code, said.count("\nerror: "), said.count("\nerror: models/crm.sql:")) == (1, 1, 1), said
    assert "onnection 'crm'" in said or "updated_at 'ts'" in said, said
    assert "Traceback" not in said
    results = json.loads((world.workspace.root / "target/run_results.json").read_text())
    assert (pipeline_of(results, "crm")["outcome"], pipeline_of(results, "app")["inserted"]) == ("failed", 1)
    assert_no_canary(world.workspace, said)


def altered_before_reading(world: World, column: str, kind: str) -> tuple[int, str]:
    """What a build says while a column gets another type: it asks for a table twice, for its types and its rows."""
    world.database.execute("update people set name = '7'")
    postgres = f"alter {column} type {kind} using {column}::text::{kind}"
    verb = postgres if world.database.kind == "postgres" else f"modify {column} {kind}"
    done = threading.Event()

    def alter() -> None:
        world.database.execute(f"alter table people {verb}")
        done.set()

    quote = '"' if world.database.kind == "postgres" else "`"
    world.relay.at_request(2, f"{quote}people{quote}".encode(), alter)
    code, said = world.run()
    assert done.is_set(), said
    return code, said


@BOTH
@pytest.mark.parametrize(("column", "kind"), [("name", "int"), ("id", "text")])
def test_a_type_that_changes_between_describing_and_reading(world: World, column: str, kind: str) -> None:
    before = world.state()
    code, said = altered_before_reading(world, column, kind)
    assert_failed(world, code, said)
    assert f"column '{column}' became" in said
    assert "hint: the table was changed meanwhile: build again" in said
    assert world.state() == before


@servers("postgres")
def test_an_update_time_that_becomes_text_between_describing_and_reading(world: World) -> None:
    before = world.state()
    code, said = altered_before_reading(world, "ts", "text")
    assert_failed(world, code, said)
    assert "operator does not exist: text >= timestamp" in said
    assert world.state() == before


@servers("mysql")
@pytest.mark.parametrize("kind", ["bigint", "text", "date"])
def test_an_update_time_that_mysql_compares_otherwise(world: World, kind: str) -> None:
    """MySQL compares a number with a time without a word: no row would be newer."""
    before = world.state()
    code, said = altered_before_reading(world, "ts", kind)
    assert_failed(world, code, said)
    assert f"column 'ts' became {kind} while it was read: it was datetime" in said
    assert world.state() == before


@servers("postgres")
def test_an_exact_number_that_becomes_text_between_describing_and_reading(world: World) -> None:
    world.database.execute("alter table people alter name type numeric using 1")
    assert world.run()[0] == 0
    world.app.execute("insert into app values (3, 'Cid')")
    before = world.state()
    code, said = altered_before_reading(world, "name", "text")
    assert_failed(world, code, said)
    assert "column 'name' became text while it was read: it was numeric" in said
    assert world.state() == before


SLOWLY = {
    "postgres": "alter table people rename to all_people; "
    "create view people as select id, concat(name, pg_sleep(0.0005)) as name, ts from all_people",
    "mysql": "rename table people to all_people; "
    "create view people as select id, concat(name, sleep(0.0005)) as name, ts from all_people",
}
END = {
    "postgres": "select pg_terminate_backend(pid) from pg_stat_activity "
    "where datname = current_database() and usename = current_user and pid <> pg_backend_pid()",
    "mysql": "select id from information_schema.processlist where db = database() and info like '%people%' "
    "and id <> connection_id()",
}


@BOTH
def test_a_session_that_the_server_ends_in_the_middle_of_a_read(world: World) -> None:
    before = world.state()
    world.database.execute(SLOWLY[world.database.kind])
    ended = threading.Event()

    def end() -> None:
        for (session,) in world.database.execute(END[world.database.kind]):
            if world.database.kind == "mysql":
                world.database.execute(f"kill {session}")
        ended.set()

    world.relay.after(300_000, end)
    code, said = world.run()
    assert ended.is_set()
    assert_failed(world, code, said)
    assert re.search("hint: .*nothing of this pipeline was written", said), said
    assert world.state() == before


OTHER_COMMANDS = (
    ["debug"],
    ["plan"],
    ["preview", "crm"],
    ["record"],
    ["compile"],
    ["show"],
    ["status"],
    ["runs"],
    ["explain", "name=Ann"],
    ["lint"],
)


@BOTH
@pytest.mark.parametrize("fault", [gone_in_the_catalog, wrong_password])
def test_after_a_failure_no_command_shows_a_password(world: World, fault: Callable[[World], None]) -> None:
    fault(world)
    assert world.run()[0] == 1
    failed = 0
    for command in OTHER_COMMANDS:
        code, said = world.run(*command)
        assert (code in (0, 1), "Traceback" in said) == (True, False), said
        assert_no_canary(world.workspace, said)
        failed += code
    assert failed


@BOTH
def test_a_build_after_a_failure_goes_on_where_the_last_one_was(world: World) -> None:
    gone_in_the_middle(world)
    assert world.run()[0] == 1
    world.relay.mend()
    found = pipeline_of(world.workspace.build(), "crm")
    assert (found["full_import"], found["read"], found["updated"] + found["inserted"]) == (False, PEOPLE + 10, PEOPLE)


@BOTH
def test_a_server_that_goes_when_all_is_read_is_no_failure(world: World) -> None:
    process = world.start()
    assert process.stderr is not None
    while "crm: 20,0" not in process.stderr.readline():
        assert process.poll() is None
    world.relay.cut()
    said = "".join(process.communicate(timeout=120))
    assert process.returncode == 0, said
    assert world.workspace.rows("select count(*) from identities where pipeline = 'crm'") == [(PEOPLE,)]
    assert_no_canary(world.workspace, said)


@BOTH
@pytest.mark.parametrize(
    ("command", "size"),
    [
        ("build", 0),
        ("record", 0),
        ("debug", 0),
        ("compile", 1_000),
        ("preview crm", 1_000),
        ("plan", 300_000),
        ("build", 300_000),
    ],
)
def test_an_interrupt_is_heard_while_a_source_hangs(world: World, size: int, command: str) -> None:
    before = world.state()
    world.profile(connect_timeout=600)
    world.relay.stop_after(size, hang=True)
    process = world.start(*command.split())
    assert world.relay.done.wait(60)
    shown = processes_show(CANARY)
    process.send_signal(signal.SIGINT)
    said = "".join(process.communicate(timeout=20))
    assert (process.returncode, "interrupted: nothing was written" in said) == (130, True), said
    assert (shown, world.state()) == ([], before)
    assert_no_canary(world.workspace, said)


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """The table `people` locked against all others."""
    if database.kind == "postgres":
        place = f"host={database.host} port={database.port} user={database.user} dbname={database.database}"
        with psycopg.connect(place, password=CANARY) as holder:
            holder.execute("lock table people in access exclusive mode")
            yield
    else:
        user, host, port = database.user, database.host, database.port
        with pymysql.connect(host=host, port=port, user=user, password=CANARY, database=database.database) as holder:
            cursor = holder.cursor()
            cursor.execute("lock tables people write")
            yield


@BOTH
def test_a_lock_on_the_source_is_waited_for_as_long_as_the_settings_say(world: World) -> None:
    before = world.state()
    world.profile(statement_timeout=1)
    with locked(world.database):
        code, said = world.run()
    assert_failed(world, code, said)
    assert "statement timeout" in said or "max_statement_time" in said
    assert "hint: `statement_timeout` in profiles.yml allows more; or something there holds a lock" in said
    assert world.state() == before


@BOTH
def test_an_interrupt_is_heard_while_a_source_waits_for_a_lock(world: World) -> None:
    before = world.state()
    reading = threading.Event()
    world.relay.at_request(1, b"people", reading.set)
    with locked(world.database):
        process = world.start()
        assert reading.wait(60)
        process.send_signal(signal.SIGINT)
        said = "".join(process.communicate(timeout=20))
    assert (process.returncode, "interrupted: nothing was written" in said) == (130, True), said
    assert world.state() == before


# --- Who is let in ---


@pytest.fixture(scope="module")
def strict() -> Iterator[Database]:
    """A PostgreSQL that asks for passwords, and knows no TLS."""
    try:
        with own_postgres() as server, fresh_database(server) as database:
            server.execute(f"create role guarded login superuser password '{CANARY}'")
            [(path,)] = server.execute("show hba_file")
            file = Path(str(path))
            file.write_text(f"host all guarded 127.0.0.1/32 scram-sha-256\n{file.read_text()}")
            server.execute("select pg_reload_conf()")
            database.execute("create table people as select 1 as id, 'Ann' as name")
            yield replace(database, user="guarded", password=CANARY)
    except UnavailableError as error:
        skip_or_fail(str(error))


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, None),
        ({"password": f"{CANARY}?"}, "password authentication failed"),
        ({"password": None}, "no password supplied"),
        ({"sslmode": "require"}, "server does not support SSL, but SSL was required"),
    ],
    ids=["right", "wrong", "none", "tls"],
)
def test_the_password_and_encryption_of_postgres(
    workspace: Workspace, strict: Database, options: dict[str, object], reason: str | None
) -> None:
    workspace.users("name text")
    workspace.model("p", "select id, name from people", connection="it", user_id="id")
    workspace.profile({"it": {k: v for k, v in {**strict.profile, **options}.items() if v is not None}})
    outcome = workspace.run("build")
    assert (outcome.exit_code, reason is None or reason in outcome.stderr) == (1 if reason else 0, True), outcome.stderr
    assert_no_canary(workspace, outcome.output)


@pytest.mark.parametrize("guarded", [pytest.param("mysql", marks=pytest.mark.mysql)], indirect=True)
def test_encryption_that_a_mysql_server_does_not_know(world: World) -> None:
    [(knows,)] = world.database.execute("select @@have_ssl = 'YES'")
    if knows:
        pytest.skip("this server knows TLS")
    before = world.state()
    world.profile(ssl_mode="required")
    code, said = world.run()
    assert_failed(world, code, said)
    assert "SSL" in said or "TLS" in said
    assert world.state() == before


# --- A disk that is full ---


def said_by_a_build_with_a_full_disk(workspace: Workspace, room: int) -> str:
    """What a build says on stderr that fails for one reason: no file may grow by more than so many bytes."""
    limit = (workspace.root / "target/warehouse.duckdb").stat().st_size + room
    done = subprocess.run(
        [sys.executable, "-m", "usersync", "--project-dir", str(workspace.root), "build"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr.count("error: ")) == (1, 1), done.stderr
    return done.stderr


def test_a_full_disk_leaves_the_warehouse_as_it_was(workspace: Workspace) -> None:
    app = Store("duckdb", workspace.root, stem="app")
    app.fill("app", "id bigint, name text", [(1, "Ann")])
    workspace.profile({"app": app.profile})
    workspace.users("name text")
    workspace.model("app", "select id, name from app", connection="app", user_id="id")
    workspace.build()
    before = [workspace.rows(sql) for sql in ("from users", "from identities", "from usersync.runs")]
    app.execute("insert into app select range, concat(md5(range::text), md5((range + 1)::text)) from range(2, 60000)")
    said = said_by_a_build_with_a_full_disk(workspace, room=300_000)
    assert "error: the warehouse refused the build: Could not write" in said
    assert "File too large" in said
    assert "Traceback" not in said
    assert [workspace.rows(sql) for sql in ("from users", "from identities", "from usersync.runs")] == before
    assert workspace.build()["users"]["total"] == 59_999


def test_a_full_disk_for_what_does_not_fit_in_memory_is_the_error_of_its_pipeline(workspace: Workspace) -> None:
    big, app = Store("duckdb", workspace.root, stem="big"), Store("duckdb", workspace.root, stem="app")
    for store in (big, app):
        store.fill("people", "id bigint, name text", [(1, "Ann")])
        workspace.model(store.stem, "select id, name from people", connection=store.stem, user_id="id")
    workspace.profile({"big": big.profile, "app": app.profile}, memory_limit="100MB", threads=1)
    workspace.users("name text")
    workspace.build()
    before = workspace.rows("from identities order by all")
    big.execute(
        "insert into people select range, concat(md5(range::text), md5((range + 1)::text)) from range(2, 3000000)"
    )
    said = said_by_a_build_with_a_full_disk(workspace, room=1_000_000)
    assert "error: models/big.sql" in said
    assert "connection 'big'" in said
    assert "Traceback" not in said
    assert workspace.rows("from identities order by all") == before
