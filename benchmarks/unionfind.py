"""The floor of benchmarks/resolve.py: DuckDB sorts the links, a C union-find joins them, the labels are written."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import time
from contextlib import closing
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import duckdb

HERE = Path(__file__).parent
LINKS = HERE / "sql" / "links.sql"
SOURCE = HERE / "unionfind.c"


def missing() -> str | None:
    """What is not there to run it, if anything."""
    if find_spec("numpy") is None:
        return "NumPy is not installed"
    return None if shutil.which("cc") else "there is no C compiler `cc`"


def compile_to(library: Path) -> None:
    subprocess.run(["cc", "-O3", "-shared", "-fPIC", "-o", library, SOURCE], check=True)


def connect(path: Path | str = ":memory:", *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect(str(path), read_only=read_only)
    # A process of a pool looks interactive to DuckDB, which would draw progress bars.
    engine.execute("set enable_progress_bar = false")
    # As a build's engine has it.
    engine.execute("set block_allocator_memory = '80%'")
    return engine


def timed(library: Path, identities: str, source: Path, target: Path) -> dict[str, float]:
    """Writes table `labels(key, label)`, the least key of each one's component, to a new file; returns seconds.

    Args:
        library: The compiled union-find.
        identities: The identities as a query on `source`, with a `key` each.
        source: A DuckDB file.
        target: The file to write.
    """
    import numpy as np

    target.unlink(missing_ok=True)
    find = ctypes.CDLL(str(library)).components
    find.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]
    with closing(connect(target)) as engine:
        engine.execute(f"attach '{source}' as source (read_only)")
        engine.execute(f"create temp view identities as {identities}")
        at = [time.perf_counter()]
        [(last,)] = engine.execute("select max(key) from identities").fetchall()
        links = engine.execute(LINKS.read_text(encoding="utf-8")).fetchnumpy()
        values, members = (np.ascontiguousarray(links[column], dtype=np.uint64) for column in ("value", "member"))
        at.append(time.perf_counter())
        labels = np.empty(last + 1, dtype=np.uint32)
        if find(values.ctypes.data, members.ctypes.data, len(values), labels.ctypes.data, len(labels)):
            raise SystemExit("a value has too many masks for unionfind.c")
        at.append(time.perf_counter())
        engine.register("found", {"key": np.arange(1, last + 1, dtype=np.uint32), "label": labels[1:]})
        engine.execute("create table labels as from found")
        engine.execute("checkpoint")
        at.append(time.perf_counter())
    seconds = (b - a for a, b in pairwise(at))
    return dict(zip(("links", "union-find", "labels"), seconds, strict=True))
