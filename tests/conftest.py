"""Fixtures of all tests: real databases, and an environment that holds nothing of this machine's."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests import servers
from tests.servers import Database, Keeper, KeeperService, Kind
from tests.support import Workspace

FIND_SERVER = pytest.StashKey[Callable[[Kind], Database]]()
KEEPER = pytest.StashKey[Keeper]()
SERVICE = pytest.StashKey[KeeperService]()
PLACE = "usersync_servers"


class XdistNode(Protocol):
    config: pytest.Config
    workerinput: dict[str, object]


def pytest_configure(config: pytest.Config) -> None:
    place = getattr(config, "workerinput", {}).get(PLACE)
    if place is not None:
        config.stash[FIND_SERVER] = lambda kind: servers.ask(place, kind)
        return
    keeper = Keeper()
    config.stash[KEEPER] = keeper
    config.stash[FIND_SERVER] = keeper.server
    config.add_cleanup(keeper.close)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: XdistNode) -> None:
    stash = node.config.stash
    if SERVICE not in stash:
        stash[SERVICE] = KeeperService(stash[KEEPER])
        node.config.add_cleanup(stash[SERVICE].close)
    node.workerinput[PLACE] = stash[SERVICE].place


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for kind in servers.KINDS:
            if kind in getattr(item, "fixturenames", ()):
                item.add_marker(kind)


def _database(config: pytest.Config, kind: Kind) -> Iterator[Database]:
    try:
        server = config.stash[FIND_SERVER](kind)
    except servers.UnavailableError as error:
        servers.skip_or_fail(str(error))
    with servers.fresh_database(server) as database:
        yield database


@pytest.fixture
def postgres(pytestconfig: pytest.Config) -> Iterator[Database]:
    """An empty database on a real PostgreSQL server."""
    yield from _database(pytestconfig, "postgres")


@pytest.fixture
def mysql(pytestconfig: pytest.Config) -> Iterator[Database]:
    """An empty database on a real MariaDB or MySQL server."""
    yield from _database(pytestconfig, "mysql")


@pytest.fixture(autouse=True)
def _isolated_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    # Not inside tmp_path, which tests expect to find empty.
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    for name in list(os.environ):
        if _speaks_to_us(name):
            monkeypatch.delenv(name)


def _speaks_to_us(variable: str) -> bool:
    """Whether usersync, or a database client library that it loads, would heed the variable."""
    if variable.startswith("USERSYNC_"):
        return not variable.startswith("USERSYNC_TEST_")
    return variable in {"NO_COLOR", "FORCE_COLOR"} or variable.startswith(("PG", "MYSQL_"))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty project folder."""
    return Workspace(tmp_path)
