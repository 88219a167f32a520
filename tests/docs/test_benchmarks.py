"""The benchmarks run; how long that takes is another matter."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

from tests.docs.pages import REPO


def benchmark(name: str, *args: str) -> str:
    """What a benchmark prints."""
    done = subprocess.run(
        [sys.executable, REPO / "benchmarks" / f"{name}.py", *args],
        env=os.environ | {"PYTHONPATH": str(REPO)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_benchmark_of_a_build_runs_on_few_rows() -> None:
    printed = benchmark("build", "100")
    assert "full build: 200 rows read, 150 users created" in printed
    assert "unchanged build: 101 rows read, 0 users created, 0 updated" in printed


def test_the_benchmark_of_resolution_runs_on_few_identities() -> None:
    printed = benchmark("resolve", "1000", "2000", "--delta", "100", "--repeat", "1", "--stages")
    assert "2,000 to 1,000 identities: full" in printed
    for line in (
        "full: compute",
        "full, memory limited: apply",
        "100 changed: commit",
        "full: links: create temp.links",
    ):
        assert line in printed
    if find_spec("numpy") and shutil.which("cc"):
        assert "every partition is that of the union-find" in printed
    else:
        assert "no union-find" in printed


def test_the_benchmark_of_resolution_prints_json() -> None:
    [case] = json.loads(benchmark("resolve", "500", "--delta", "50", "--repeat", "1", "--format", "json"))["cases"]
    assert case["identities"] == 500
    assert case["full"][0]["compute"] > 0
    assert case["changed"]["50"][0]["peak"] > 0
    assert case["partition"].endswith(" of 174")


def test_the_benchmark_of_lint_runs_on_few_models() -> None:
    printed = benchmark("lint", "2", "--repeat", "1")
    for line in ("usersync --help", "usersync lint, one file", "2 models", "floor"):
        assert line in printed


def test_the_benchmark_of_sources_runs_on_few_rows() -> None:
    printed = benchmark("sources", "100")
    assert {"csv", "parquet", "sqlite"} <= {line.split()[0] for line in printed.splitlines() if line}
    assert "--threads 1" in printed
