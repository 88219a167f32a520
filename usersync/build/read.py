"""All pipelines read at once, each into the stage, over connections that are attached first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from typing import TypeVar

import duckdb

from usersync.compile.sql import ident
from usersync.diagnostics import SourceError, UsersyncError
from usersync.project.model import Connection, Source
from usersync.sources.attach import attach
from usersync.sources.engine import reason_of, seal

T = TypeVar("T")


def run_all(
    engine: duckdb.DuckDBPyConnection, jobs: Mapping[str, Callable[[], T]], threads: int
) -> Iterator[tuple[str, T | UsersyncError]]:
    """Runs jobs, so many at once, and yields what came of each as it is done, or why it failed.

    Whoever stops listening stops the rest: jobs that wait are dropped, the others are interrupted.
    """
    pool = ThreadPoolExecutor(max_workers=max(1, threads), thread_name_prefix="source")
    pending = {pool.submit(job): name for name, job in jobs.items()}
    try:
        while pending:
            # In small waits, so that Ctrl-C is heard while a source hangs.
            done, _ = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
            for future in done:
                name = pending.pop(future)
                try:
                    yield name, future.result()
                except UsersyncError as error:
                    yield name, error
                except duckdb.Error as error:
                    yield name, SourceError(reason_of(error))
    except BaseException:
        engine.interrupt()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown(wait=True)


def heard(engine: duckdb.DuckDBPyConnection, job: Callable[[], T]) -> T:
    """What a job gives that may wait on a source: in a thread, so that Ctrl-C is heard meanwhile.

    Raises:
        UsersyncError: the job's own.
    """
    [(_, found)] = run_all(engine, {"": job}, 1)
    if isinstance(found, UsersyncError):
        raise found
    return found


def attach_all(
    engine: duckdb.DuckDBPyConnection,
    connections: Iterable[Connection],
    threads: int,
    waiting: Callable[[str], None] | None = None,
) -> dict[str, Source | UsersyncError]:
    """Attaches connections, each once, and seals the engine; a failure is that of all pipelines on the connection."""
    wanted = {connection.name: connection for connection in connections}
    jobs = {name: partial(_attach, engine, connection, waiting) for name, connection in wanted.items()}
    found = dict(run_all(engine, jobs, threads))
    seal(engine, wanted.values())
    return found


def detach_all(engine: duckdb.DuckDBPyConnection, sources: Iterable[Source | UsersyncError]) -> None:
    """Lets go of the sources that have been read: DuckDB would ask them again wherever it looks for a table."""
    for source in sources:
        if isinstance(source, Source) and source.connection.type != "files":
            with suppress(duckdb.Error):  # a server that is gone cannot be told
                engine.execute(f"detach {ident(source.connection.name)}")


def _attach(engine: duckdb.DuckDBPyConnection, connection: Connection, waiting: Callable[[str], None] | None) -> Source:
    with engine.cursor() as cursor:
        return attach(cursor, connection, waiting)
