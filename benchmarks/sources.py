"""How fast sources are staged: `python benchmarks/sources.py [ROWS]`.

One table of ROWS rows and six columns in each kind of source. In turn, so often: a bare CREATE TABLE AS SELECT over the
attached table, then the statement by which a build stages the same columns. Servers are those that answer at their
default addresses on this machine; the databases made there are dropped again. Last, the pipelines on different
connections one after the other and all at once.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

import usersync
from usersync.build.pipelines import BuildOptions
from usersync.build.results import Event
from usersync.build.run import build
from usersync.build.selected import compile_selected
from usersync.compile.extraction import extraction_sql
from usersync.project.load import Settings, load_project
from usersync.project.model import Project
from usersync.sources.attach import attach
from usersync.sources.engine import open_engine
from usersync.sources.extensions import load_extension
from usersync.sources.inspect import inspect

ROWS = 1_000_000
REPEATS = 6
DATABASE = f"usersync_benchmark_{os.getpid()}"
SERVERS = {
    "postgres": {"type": "postgres", "host": "127.0.0.1", "user": "postgres", "database": DATABASE},
    "mariadb": {"type": "mysql", "host": "127.0.0.1", "user": "root", "database": DATABASE},
}
BARE = {
    "postgres": "postgres.public.people",
    "mariadb": f"mariadb.{DATABASE}.people",
    "sqlite": "sqlite.main.people",
    "parquet": "read_parquet('{root}/people.parquet')",
    "csv": "read_csv('{root}/people.csv')",
}
TABLES = dict.fromkeys(BARE, "people") | {"parquet": "'people.parquet'", "csv": "'people.csv'"}
COLUMNS = "id, email, first_name, last_name, country, updated_at"
PEOPLE = """
select
    i::bigint as id,
    format('person{}@example.com', i) as email,
    format('First{}', i % 5000) as first_name,
    format('Last{}', i % 20000) as last_name,
    ['DE', 'FR', 'GB', 'IT', 'SE', 'US'][1 + i % 6] as country,
    timestamp '2025-01-01' + to_seconds(i::integer) as updated_at
from range({rows}) as people (i)
"""
USERS = "create table users (email varchar, first_name varchar, last_name varchar, country varchar);"


@contextmanager
def databases() -> Iterator[dict[str, dict[str, str]]]:
    """A new database on each server that answers."""
    import psycopg
    import pymysql

    found, made = {}, ExitStack()
    with made:
        for name, entry in SERVERS.items():
            try:
                if name == "postgres":
                    pg = made.enter_context(psycopg.connect("host=127.0.0.1 user=postgres", autocommit=True))
                    run: Callable[[str], object] = lambda sql, pg=pg: pg.execute(sql)  # noqa: E731
                else:
                    my = made.enter_context(pymysql.connect(host="127.0.0.1", user="root", autocommit=True))
                    run = lambda sql, my=my: my.cursor().execute(sql)  # noqa: E731
            except (psycopg.Error, pymysql.Error) as error:
                print(f"{name} is left out: {error}", file=sys.stderr)
                continue
            run(f"create database {DATABASE}")
            made.callback(run, f"drop database {DATABASE}{' with (force)' if name == 'postgres' else ''}")
            found[name] = entry
        yield found


def make_project(root: Path, servers: dict[str, dict[str, str]], rows: int) -> dict[str, dict[str, str]]:
    """The sources and a pipeline each; returns the connections."""
    files = {"type": "files", "path": "."}
    connections = {**servers, "sqlite": {"type": "sqlite", "path": "people.db"}, "parquet": files, "csv": files}
    people = PEOPLE.replace("{rows}", str(rows))
    with duckdb.connect() as engine:
        for kind in ("sqlite", *({"mariadb": "mysql"}.get(name, name) for name in servers)):
            load_extension(engine, f"{kind}_scanner")
        engine.execute(f"create table people as {people}")
        for name in ("parquet", "csv"):
            engine.execute(f"copy people to '{root}/people.{name}'")
        engine.execute(f"attach '{root}/people.db' as sqlite (type sqlite)")
        engine.execute("create table sqlite.people as select * replace (updated_at::varchar as updated_at) from people")
        if "postgres" in servers:
            engine.execute(f"attach 'host=127.0.0.1 user=postgres dbname={DATABASE}' as pg (type postgres)")
            engine.execute("create table pg.people as from people")
        if "mariadb" in servers:
            engine.execute(f"attach 'host=127.0.0.1 user=root database={DATABASE}' as my (type mysql)")
            engine.execute(f"create table my.{DATABASE}.people as from people")
    (root / "models").mkdir()
    (root / "models/users.sql").write_text(USERS)
    for name in connections:
        spelled = ", updated_at_format = 'ISO8601'" if name == "sqlite" else ""
        config = f"connection = '{name}', user_id = 'id', updated_at = 'updated_at'{spelled}"
        (root / f"models/{name}.sql").write_text(f"{{{{ config({config}) }}}}\nselect {COLUMNS} from {TABLES[name]}\n")
    (root / "profiles.yml").write_text(json.dumps({"bench": {"outputs": {"dev": {"connections": connections}}}}))
    return connections


Seconds = tuple[float, float]
"""By the clock, and of this process on all cores."""


@dataclass
class Staging:
    """Two ways of reading one source, on one engine."""

    engine: duckdb.DuckDBPyConnection
    bare: str
    ours: Callable[[], str]

    def seconds(self, sql: Callable[[], str]) -> Seconds:
        begun, used = time.perf_counter(), time.process_time()
        self.engine.execute(f"create or replace table stage.rows as {sql()}")
        return time.perf_counter() - begun, time.process_time() - used

    def pair(self, *, turned: bool) -> tuple[Seconds, Seconds]:
        """Bare and staged, one right after the other; which is first changes from pair to pair."""
        if turned:
            staged = self.seconds(self.ours)
            return self.seconds(lambda: self.bare), staged
        return self.seconds(lambda: self.bare), self.seconds(self.ours)


def staging(engine: duckdb.DuckDBPyConnection, project: Project, name: str, root: Path) -> Staging:
    """What a build does for a pipeline once its connection is attached: types asked, statement written and run."""
    assert project.profile is not None
    compiled = compile_selected(project, {name: project.pipelines[name]})[name]
    source = attach(engine, project.profile.connections[name])

    def ours() -> str:
        found = inspect(engine, compiled, source)
        return extraction_sql(found.compiled, found.source, None, incremental=False)

    return Staging(engine, f"select {COLUMNS} from {BARE[name].replace('{root}', str(root))}", ours)


def compare(project: Project, root: Path) -> None:
    """Both ways in turn, source by source."""
    print(f"\n{'':<12}{'bare':>8}{'staged':>8}{'ratio':>8}{'ratio of processor time':>26}")
    with open_engine(root / "spill") as engine:
        for name in project.pipelines:
            one = staging(engine, project, name, root)
            one.seconds(one.ours)  # the files and the servers' memory are warm then
            pairs = [one.pair(turned=bool(n % 2)) for n in range(REPEATS)]
            bare, ours, bare_used, ours_used = (
                statistics.median(pair[side][clock] for pair in pairs) for clock in (0, 1) for side in (0, 1)
            )
            print(f"{name:<12}{bare:8.2f}{ours:8.2f}{ours / bare:8.2f}{ours_used / bare_used:26.2f}")


class ReadError(Exception):
    """All is read: the rest of the build is another benchmark's."""


def until_read(event: Event) -> None:
    if event.step == "merging":
        raise ReadError


def overlap(project: Project) -> None:
    """A build reads all connections one after the other, and all at once."""
    times: dict[int, list[float]] = {1: [], len(project.pipelines): []}
    for _ in range(3):
        for threads, found in times.items():
            begun = time.perf_counter()
            with suppress(ReadError):
                build(project, project.pipelines, BuildOptions(threads=threads), until_read)
            found.append(time.perf_counter() - begun)
    one, all_ = (statistics.median(found) for found in times.values())
    print(
        f"\nread and map, --threads 1 {one:.2f}, --threads {len(project.pipelines)} {all_:.2f}, ratio {all_ / one:.2f}"
    )


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    print(
        f"usersync {usersync.__version__}, duckdb {duckdb.__version__}, python {platform.python_version()}, "
        f"{os.cpu_count()} cores; {rows:,} rows of 6 columns; seconds, medians of {REPEATS}"
    )
    with tempfile.TemporaryDirectory(prefix="usersync-benchmark-") as folder, databases() as servers:
        root = Path(folder)
        make_project(root, servers, rows)
        project = load_project(Settings(root))
        compare(project, root)
        overlap(project)


if __name__ == "__main__":
    main()
