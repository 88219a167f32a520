"""The benchmark runs; how long it takes is another matter."""

import os
import subprocess
import sys

from tests.docs.pages import REPO


def test_the_benchmark_runs_on_few_rows() -> None:
    done = subprocess.run(
        [sys.executable, REPO / "benchmarks" / "build.py", "100"],
        env=os.environ | {"PYTHONPATH": str(REPO)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "full build: 200 rows read, 150 users created" in done.stdout
    assert "unchanged build: 101 rows read, 0 users created, 0 updated" in done.stdout
