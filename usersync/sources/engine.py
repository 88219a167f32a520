"""The one DuckDB instance of a command: sources, stage and warehouse are attached to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from usersync.compile.sql import literal, template
from usersync.project.model import Connection

_OPTIONS = frozenset({"memory_limit", "threads", "temp_directory"})

Config = dict[str, str | bool | int | float | list[str]]
"""As DuckDB's `connect` takes it."""

INSTALLS_NOTHING: Config = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
"""So that an instance loads what it is told to, and no more."""

STAGE = "stage"
"""The attached in-memory database where pipelines' rows are staged; every thread's cursor sees it."""


def open_engine(spill: Path, options: Mapping[str, Any] | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB instance of our own, in UTC, that installs nothing by itself.

    Args:
        spill: The folder for what does not fit in memory.
        options: The warehouse's `memory_limit`, `threads` and `temp_directory`, if any.
    """
    config = INSTALLS_NOTHING | {"allow_persistent_secrets": False, "temp_directory": str(spill)}
    config |= {key: str(value) for key, value in (options or {}).items() if key in _OPTIONS}
    engine = duckdb.connect(":memory:", config=config)
    # Blocks that were used are used again, instead of being given back and asked for anew: a fifth of the time of large
    # builds. The rest of the limit is for what is no block.
    engine.execute("set global block_allocator_memory = '80%'")
    engine.execute("set global TimeZone = 'UTC'")
    # DuckDB draws bars on stdout in a process that looks interactive to it, such as `python -c`.
    engine.execute("set enable_progress_bar = false")
    # A long IN list becomes a join, which is computed outside the try() of a mapping that may fail.
    engine.execute("set global disabled_optimizers = 'in_clause'")
    engine.execute(f"attach ':memory:' as {STAGE}")
    for functions in ("functions", "conversions", "expressions"):
        engine.execute(template("usersync.compile", functions))
    return engine


@contextmanager
def engine_for(root: Path, options: Mapping[str, Any] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine for one command on the project in `root`, closed at its end.

    On Ctrl-C it stays open: closing would wait for a source that hangs, and the process is about to end.
    """
    given = dict(options or {})
    if "temp_directory" in given:
        given["temp_directory"] = root / str(given["temp_directory"])
    engine = open_engine(root / "target" / "spill", given)
    try:
        yield engine
    except Exception:
        engine.close()
        raise
    engine.close()


def seal(engine: duckdb.DuckDBPyConnection, connections: Iterable[Connection]) -> None:
    """Closes the instance to all files, servers and extensions that it has not opened yet, for as long as it lives.

    A query cannot lead out of what is attached then, whatever it says: nor can a view or macro of a DuckDB source.

    Args:
        engine: With everything attached; databases in memory can still be.
        connections: Those that are read; the folders and addresses of files among them stay open.
    """
    files = [c for c in connections if c.type == "files"]
    open_to = [str(c.place) for c in files] + [url for c in files for url in c.options.get("urls", ())]
    engine.execute(f"set global allowed_directories = {literal(open_to)}")
    engine.execute("set global enable_external_access = false")


def reason_of(error: duckdb.Error) -> str:
    """What DuckDB says is wrong, in one line and without the name of the error's class."""
    return re.sub(r"^[A-Z][A-Za-z ]+ Error: ", "", str(error).strip()).splitlines()[0]


def set_option(engine: duckdb.DuckDBPyConnection, name: str, value: Any) -> None:
    """Sets an option of the instance or of a loaded extension."""
    engine.execute(f"set global {name} = {literal(value)}")
