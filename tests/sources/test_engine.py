"""The DuckDB instance of a command."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from usersync.sources.engine import open_engine

SCRIPT = """
from pathlib import Path
from usersync.sources.engine import open_engine
engine = open_engine(Path("spill"))
for one in (engine, engine.cursor()):
    print(one.execute("select current_setting('enable_progress_bar')").fetchone())
"""


def test_no_progress_bars_where_duckdb_takes_a_process_for_an_interactive_one(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["(False,)", "(False,)", ""]


def test_a_query_installs_and_loads_no_extension(tmp_path: Path) -> None:
    with open_engine(tmp_path) as engine:
        before = engine.execute("select extension_name from duckdb_extensions() where loaded").fetchall()
        with pytest.raises(duckdb.Error, match="exists in the spatial extension"):
            engine.execute("select st_point(1, 2)")
        assert engine.execute("select extension_name from duckdb_extensions() where loaded").fetchall() == before
