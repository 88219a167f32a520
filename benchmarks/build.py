"""How long a build takes, stage by stage: `python benchmarks/build.py [ROWS]`.

Two sources of ROWS rows each, a Parquet file that is read whole and a SQLite file that is read incrementally, share
half of their people by e-mail. Three times over: a build into a new warehouse, then one in which nothing has changed.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

import usersync
from usersync.build.results import Event
from usersync.build.run import BuildOptions, build
from usersync.project.load import Settings, load_project
from usersync.sources.extensions import load_extension

ROWS = 200_000
REPEATS = 3
STAGES = {"read and map": "merging", "merge": "resolving", "resolve": "committing", "commit": "end"}
"""Each stage, and the event that ends it."""

PEOPLE = """
select
    i::bigint as id,
    format('person{}@example.com', i + {shift}) as email,
    format('First{}', i % 5000) as first_name,
    format('Last{}', i % 20000) as last_name,
    ['DE', 'FR', 'GB', 'IT', 'SE', 'US'][1 + i % 6] as country,
    timestamp '2025-01-01' + to_seconds(i::integer) as updated_at
from range({rows}) as people (i)
"""

USERS = """
{{ users(identifiers = ['email']) }}
create table users (
    email varchar(254),
    first_name varchar(100),
    last_name varchar(100),
    country enum('DE', 'FR', 'GB', 'IT', 'SE', 'US')
);
"""

PARQUET = """
{{ config(connection = 'lake', user_id = 'id', updated_at = 'updated_at', mapping = {
    'email': 'lower(trim(email))', 'first_name': 'first_name', 'last_name': 'last_name', 'country': 'upper(country)'
}) }}
select id, email, first_name, last_name, country, updated_at from 'people.parquet'
"""

# DuckDB writes timestamps to SQLite as text.
SQLITE = """
{{ config(connection = 'app', user_id = 'id', updated_at = 'updated_at', updated_at_format = 'ISO8601',
    incremental = true, mapping = {
    'email': 'lower(trim(email))', 'first_name': 'first_name', 'last_name': 'last_name', 'country': 'upper(country)'
}) }}
select id, email, first_name, last_name, country, updated_at from people where updated_at >= ${updated_at}
"""


def make_project(root: Path, rows: int) -> None:
    for name, text in {"users": USERS, "people_parquet": PARQUET, "people_sqlite": SQLITE}.items():
        path = root / "models" / f"{name}.sql"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    connections = {"lake": {"type": "files", "path": "."}, "app": {"type": "sqlite", "path": "people.db"}}
    (root / "profiles.yml").write_text(json.dumps({"bench": {"outputs": {"dev": {"connections": connections}}}}))
    with closing(duckdb.connect()) as engine:
        load_extension(engine, "sqlite_scanner")
        engine.execute(f"copy ({people(rows, 0)}) to '{root}/people.parquet'")
        engine.execute(f"attach '{root}/people.db' as app (type sqlite)")
        engine.execute(f"create table app.people as {people(rows, rows // 2)}")


def people(rows: int, shift: int) -> str:
    """A query of so many people, the e-mails shifted by so many."""
    return PEOPLE.replace("{rows}", str(rows)).replace("{shift}", str(shift))


@dataclass
class Clock:
    """Notes when each step of a build begins."""

    at: dict[str, float] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        if event.pipeline is None:
            self.at[event.step] = time.perf_counter()


def timed_build(root: Path) -> tuple[dict[str, float], str]:
    """Seconds by stage, and what the build says it did."""
    project, clock = load_project(Settings(root)), Clock()
    begun = time.perf_counter()
    result = build(project, project.pipelines, BuildOptions(), clock).result
    clock.at["end"] = time.perf_counter()
    if result.exit_code != 0:
        raise SystemExit(str(result))
    seconds, before = {}, begun
    for stage, event in STAGES.items():
        seconds[stage] = clock.at[event] - before
        before = clock.at[event]
    read = sum(p.read for p in result.pipelines)
    did = f"{read:,} rows read, {result.users.created:,} users created, {result.users.updated:,} updated"
    return {**seconds, "whole build": clock.at["end"] - begun}, did


def measured(root: Path) -> dict[str, tuple[list[dict[str, float]], str]]:
    """Seconds of each repeat, of both kinds of build."""
    runs: dict[str, list[tuple[dict[str, float], str]]] = {"full build": [], "unchanged build": []}
    for _ in range(REPEATS):
        (root / "target" / "warehouse.duckdb").unlink(missing_ok=True)
        for kind in runs.values():
            kind.append(timed_build(root))
    return {name: ([seconds for seconds, _ in kind], kind[-1][1]) for name, kind in runs.items()}


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    print(
        f"usersync {usersync.__version__}, duckdb {duckdb.__version__}, python {platform.python_version()}, "
        f"{os.cpu_count()} cores; 2 sources of {rows:,} rows; seconds, median of {REPEATS}"
    )
    with tempfile.TemporaryDirectory(prefix="usersync-benchmark-") as folder:
        root = Path(folder)
        make_project(root, rows)
        for name, (repeats, did) in measured(root).items():
            print(f"\n{name}: {did}")
            for stage in repeats[0]:
                times = [seconds[stage] for seconds in repeats]
                print(f"  {stage:<14}{statistics.median(times):8.2f}   ({min(times):.2f} to {max(times):.2f})")


if __name__ == "__main__":
    main()
