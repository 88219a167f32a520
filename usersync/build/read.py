"""All pipelines read at once, each into the stage, over connections that are attached once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import duckdb

from usersync.build.extract import Staged
from usersync.diagnostics import SourceError, UsersyncError
from usersync.project.model import Connection, Source
from usersync.sources.attach import attach
from usersync.sources.engine import reason_of

Reader = Callable[[], Staged]
"""Reads one pipeline."""


def read_all(
    engine: duckdb.DuckDBPyConnection, readers: Mapping[str, Reader], threads: int
) -> Iterator[tuple[str, Staged | UsersyncError]]:
    """Runs the readers, so many at once, and yields each pipeline as it is done, or why it failed.

    Whoever stops listening stops the rest: readers that wait are dropped, the others are interrupted.
    """
    pool = ThreadPoolExecutor(max_workers=max(1, threads), thread_name_prefix="read")
    pending = {pool.submit(reader): stem for stem, reader in readers.items()}
    try:
        while pending:
            # In small waits, so that Ctrl-C is heard while a source hangs.
            done, _ = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
            for future in done:
                stem = pending.pop(future)
                try:
                    yield stem, future.result()
                except UsersyncError as error:
                    yield stem, error
                except duckdb.Error as error:
                    yield stem, SourceError(reason_of(error))
    except BaseException:
        engine.interrupt()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown(wait=True)


class Attached:
    """Attaches each connection once, by the first thread that needs it; its failure is that of all its pipelines."""

    def __init__(self, engine: duckdb.DuckDBPyConnection, connections: Mapping[str, Connection]) -> None:
        self._engine = engine
        self._connections = connections
        self._locks = {name: threading.Lock() for name in connections}
        self._done: dict[str, Source | UsersyncError] = {}

    def get(self, name: str) -> Source:
        with self._locks[name]:
            if name not in self._done:
                self._done[name] = self._attach(name)
            found = self._done[name]
        if isinstance(found, UsersyncError):
            raise found
        return found

    def _attach(self, name: str) -> Source | UsersyncError:
        cursor = self._engine.cursor()
        try:
            return attach(cursor, self._connections[name])
        except UsersyncError as error:
            return error
        finally:
            cursor.close()
