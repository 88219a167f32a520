"""The DuckDB instance of a command."""

import subprocess
import sys
from pathlib import Path

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
