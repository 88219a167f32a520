"""DuckDB's scanner extensions: from a PyPI package, DuckDB's own installed copy, or its repository."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import duckdb

from usersync.compile.sql import literal
from usersync.diagnostics import SourceError


def load_extension(engine: duckdb.DuckDBPyConnection, name: str) -> None:
    """Loads an extension, from the first place that has it.

    Args:
        engine: The DuckDB instance.
        name: The extension's own name, such as `postgres_scanner`.

    Raises:
        SourceError: no place has it; says the ways to mend that.
    """
    reasons = []
    for attempt in (_load_packaged, _load_installed, _install):
        try:
            if attempt(engine, name):
                return
        except duckdb.Error as error:
            reasons.append(str(error).splitlines()[0])
    raise SourceError(
        f"DuckDB's extension {name} cannot be loaded: {_most_telling(reasons)}",
        hint=_ways(name),
    )


def _most_telling(reasons: Sequence[str]) -> str:
    """Of a copy that is there and not to be loaded, else why it could not be installed."""
    present = [reason for reason in reasons if "not found" not in reason]
    return present[0] if present else reasons[-1]


def packaged_path(name: str) -> Path | None:
    """The extension file of the PyPI package `duckdb-extension-…`, if that is installed."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    folders = spec.submodule_search_locations if spec else None
    files = (
        f for folder in folders or () for f in Path(folder).glob(f"extensions/v{duckdb.__version__}/*.duckdb_extension")
    )
    return next(files, None)


def _load_packaged(engine: duckdb.DuckDBPyConnection, name: str) -> bool:
    path = packaged_path(name)
    if path is None:
        return False
    # By path: import_extension() would copy 40 MB into the home folder first.
    engine.execute(f"load {literal(str(path))}")
    return True


def _load_installed(engine: duckdb.DuckDBPyConnection, name: str) -> bool:
    engine.execute(f"load {name}")
    return True


def _install(engine: duckdb.DuckDBPyConnection, name: str) -> bool:
    engine.execute(f"install {name}")
    engine.execute(f"load {name}")
    return True


def _ways(name: str) -> str:
    return (
        "any of these mends it: pip install 'usersync[offline]'; "
        f"or, where there is a network, python -c \"import duckdb; duckdb.sql('install {name}')\"; "
        "or let this machine reach extensions.duckdb.org"
    )
