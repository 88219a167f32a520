"""How long it takes to find out who is the same person: `python benchmarks/resolve.py [N ...]`.

N synthetic identities with four identifiers and six other properties are resolved by the build's own engine into a new
warehouse, then some of them change. Beside it, on the same data and in turn: the links sorted by DuckDB and joined by a
union-find in C, which is about as fast as it gets. Whatever is timed has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import unionfind

import usersync
import usersync.compile.sql

SIZES = (100_000, 1_000_000, 10_000_000)
REFERENCE = 100_000, 820.0
"""Identities, and the seconds that the system whose rule this is took for them: on PostgreSQL, measured once."""
NOW = "2026-02-01 00:00:00"

SQL = Path(__file__).parent / "sql"

USERS = """
{{ users(identifiers = ['customer_id', 'email', 'phone', 'anonymous_id']) }}
create table users (
    customer_id varchar(40),
    email varchar[],
    phone varchar(40),
    anonymous_id varchar[],
    first_name varchar(100),
    last_name varchar(100),
    city varchar(100),
    country varchar(2),
    plan varchar(20),
    orders integer
);
"""

ARRIVE = """
insert into temp.delta by name
select
    'insert' as _action,
    false as _heir,
    true as _creates,
    pipeline,
    pipeline as connection,
    key::varchar as identity_id,
    'user_id' as id_kind,
    * exclude (key, pipeline),
    'full' as first_run,
    'full' as last_run
from given.identities
"""

CHANGE = "insert into temp.delta by name from given.changes"

GIVEN = "from source.identities"
STORED = "select identity_id::bigint as key, * from source.usersync.identity_rows"

# Clusters are compared by the least key in each, whatever they are called.
PARTITION = """
with members as (
    select {key} as key, {cluster} as cluster
    from {relation}
),

roots as (
    select cluster, min(key) as root
    from members
    group by cluster
)

select bit_xor(hash(m.key, r.root))::varchar || ' of ' || count(distinct r.root)
from members as m
join roots as r using (cluster)
"""

CLUSTERING = {
    *("counted", "links", "refit", "ordered", "collisions", "edges", "hook", "jump", "contract", "compose", "members"),
}
"""Templates that find clusters, which is all that the union-find does; the rest makes users of them."""
LABELS = ("usersync.links", "usersync.nodes", "usersync.components")
"""Tables that clusters are written to."""


@dataclass(frozen=True)
class Resolved:
    """One resolution: seconds, and the most bytes of memory."""

    compute: float
    apply: float
    commit: float
    """With the checkpoint, which a build has when it closes the warehouse."""
    clusters: float
    """Of all that what the union-find does too: from values to written clusters."""
    processor: float
    """Seconds of all threads, which says more where others use the machine too."""
    peak: int
    statements: dict[str, float] = field(repr=False)
    """Seconds of each statement, by its template and what it makes."""

    @property
    def whole(self) -> float:
        return self.compute + self.apply + self.commit


@dataclass
class Stopwatch:
    """An engine that notes how long each statement takes."""

    engine: duckdb.DuckDBPyConnection
    rendered: list[tuple[str, str]]
    seconds: Counter[str] = field(default_factory=Counter)

    def execute(self, sql: str, *values: object) -> duckdb.DuckDBPyConnection:
        begun = time.perf_counter()
        result = self.engine.execute(sql, *values)
        self.seconds[self._label(sql)] += time.perf_counter() - begun
        return result

    def __getattr__(self, name: str) -> object:
        return getattr(self.engine, name)

    def _label(self, sql: str) -> str:
        template = next((name for name, text in reversed(self.rendered) if sql in text), "")
        code = re.sub(r"^--.*\n", "", sql, flags=re.MULTILINE)
        made = re.match(
            r"(create or replace|insert into|delete from|merge into|drop)\s+(?:temp )?(?:table |view )?(\S+)", code
        )
        return f"{template}: {made[1].split()[0]} {made[2]}" if made else f"{template}: {code.split()[0]}"


def record_templates() -> list[tuple[str, str]]:
    """Name and text of each template from now on; modules that have taken the function by name are not seen."""
    rendered: list[tuple[str, str]] = []
    render = usersync.compile.sql.template

    def recording(package: str, name: str, **values: object) -> str:
        text = render(package, name, **values)
        rendered.append((name, text))
        return text

    usersync.compile.sql.template = recording
    return rendered


def alone(task: Callable[..., Any], *args: object) -> Any:
    """What a function returns in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(task, *args).result()


def peak_memory() -> int:
    """Bytes that this process had at most."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def execute_file(engine: duckdb.DuckDBPyConnection, name: str, **variables: int) -> None:
    for variable, value in variables.items():
        engine.execute(f"set variable {variable} = {value}")
    engine.execute((SQL / f"{name}.sql").read_text(encoding="utf-8"))


def generate(folder: Path, rows: int) -> None:
    for part in ("models", "target"):
        (folder / part).mkdir(parents=True)
    (folder / "models" / "users.sql").write_text(USERS, encoding="utf-8")
    with closing(unionfind.connect(folder / "identities.duckdb")) as engine:
        execute_file(engine, "identities", rows=rows)


def draw_changes(folder: Path, changes: int, draw: int) -> None:
    """Writes a file of changes of what is in the warehouse."""
    (folder / "changes.duckdb").unlink(missing_ok=True)
    with closing(unionfind.connect(folder / "changes.duckdb")) as engine:
        engine.execute(f"attach '{folder}/target/warehouse.duckdb' as warehouse (read_only)")
        execute_file(engine, "changes", changes=changes, draw=draw)


def resolve(folder: Path, given: str, arrive: str, warehouse: str = "warehouse", limit: str | None = None) -> Resolved:
    """Resolves what the statement `arrive` takes from the file `given`, and writes it, as a build does."""
    rendered = record_templates()
    from usersync.build.merge import start_merge
    from usersync.project.load import Settings, load_project
    from usersync.resolve.resolution import Resolution
    from usersync.sources.engine import engine_for
    from usersync.warehouse.stand_in import tables_of_today
    from usersync.warehouse.store import attach_warehouse, prepare_tables, transaction

    users = load_project(Settings(folder)).users
    with engine_for(folder, {"memory_limit": limit} if limit else {}) as engine:
        engine.execute("set enable_progress_bar = false")
        watch = Stopwatch(engine, rendered)
        engine.execute(f"attach '{folder}/{given}.duckdb' as given (read_only)")
        attach_warehouse(engine, folder / "target" / f"{warehouse}.duckdb")
        with tables_of_today(engine, users):
            start_merge(engine, users)
            engine.execute(arrive)
            at, used = [time.perf_counter()], time.process_time()
            resolution = Resolution(watch, users)
            resolution.compute(NOW)
            at.append(time.perf_counter())
        with transaction(engine):
            prepare_tables(engine, users)
            resolution.apply(given, NOW)
            at.append(time.perf_counter())
        engine.execute("checkpoint warehouse")
        at.append(time.perf_counter())
        used = time.process_time() - used
    compute, apply, commit = (b - a for a, b in pairwise(at))
    clusters = sum(
        s for label, s in watch.seconds.items() if label.split(":")[0] in CLUSTERING or label.endswith(LABELS)
    )
    return Resolved(compute, apply, commit, clusters, used, peak_memory(), dict(watch.seconds))


def resolve_all(folder: Path, limit: str | None = None) -> Resolved:
    warehouse = "limited" if limit else "warehouse"
    (folder / "target" / f"{warehouse}.duckdb").unlink(missing_ok=True)
    return resolve(folder, "identities", ARRIVE, warehouse, limit)


def join_in_c(folder: Path, source: str, identities: str) -> dict[str, float]:
    return unionfind.timed(
        folder.parent / "unionfind.so", identities, folder / f"{source}.duckdb", folder / "floor.duckdb"
    )


def partition(warehouse: Path) -> str:
    """A checksum of who is with whom, and the number of clusters."""
    with closing(unionfind.connect(warehouse, read_only=True)) as engine:
        return _partition(
            engine, "usersync.identity_rows join usersync.components using (_pk)", "identity_id::bigint", "_user"
        )


def partition_in_c(folder: Path, source: str, identities: str) -> str:
    """The same of the union-find's labels, of the identities that there are."""
    with closing(unionfind.connect(folder / "floor.duckdb", read_only=True)) as engine:
        engine.execute(f"attach '{folder}/{source}.duckdb' as source (read_only)")
        return _partition(engine, f"labels semi join ({identities}) using (key)", "key", "label")


def _partition(engine: duckdb.DuckDBPyConnection, relation: str, key: str, cluster: str) -> str:
    [(found,)] = engine.execute(PARTITION.format(relation=relation, key=key, cluster=cluster)).fetchall()
    return str(found)


def connect_edges(folder: Path) -> duckdb.DuckDBPyConnection:
    engine = unionfind.connect()
    engine.execute(f"attach '{folder}/edges.duckdb' as source (read_only)")
    engine.execute("create temp table edges as from source.edges")
    engine.execute("create temp table nodes as from source.nodes")
    return engine


def draw_edges(folder: Path) -> int:
    with closing(unionfind.connect(folder / "edges.duckdb")) as engine:
        engine.execute(f"attach '{folder}/target/warehouse.duckdb' as warehouse (read_only)")
        execute_file(engine, "edges")
        return engine.execute("select count(*) from edges").fetchall()[0][0]


def our_components(folder: Path) -> tuple[float, str]:
    """Seconds of the build's own components, and the partition that they found."""
    from usersync.resolve.components import label_components

    with closing(connect_edges(folder)) as engine:
        begun = time.perf_counter()
        label_components(engine)
        engine.execute(
            "create table found as select node, coalesce(root, node) as root from nodes left join labels using (node)"
        )
        seconds = time.perf_counter() - begun
        return seconds, _partition(engine, "found", "node", "root")


def splink_components(folder: Path) -> tuple[float, str]:
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    with closing(connect_edges(folder)) as engine:
        begun = time.perf_counter()
        found = cluster_pairwise_predictions_at_threshold(
            "nodes",
            "edges",
            DuckDBAPI(connection=engine),
            "node",
            edge_id_column_name_left="u",
            edge_id_column_name_right="w",
        )
        seconds = time.perf_counter() - begun
        return seconds, _partition(engine, found.physical_name, "node", "cluster_id")


@dataclass
class Case:
    """Everything measured of one number of identities."""

    folder: Path
    identities: int
    partition: str = ""
    """Of the full resolution."""
    full: list[Resolved] = field(default_factory=list)
    limited: list[Resolved] = field(default_factory=list)
    changed: dict[int, list[Resolved]] = field(default_factory=dict)
    floor: list[dict[str, float]] = field(default_factory=list)
    edges: int = 0
    components: list[float] = field(default_factory=list)
    splink: list[float] = field(default_factory=list)

    def figures(self) -> Iterator[tuple[str, str]]:
        """What there is to tell, by its name."""
        yield from _resolution("full", self.full)
        if self.floor:
            ours, theirs = _median(run.clusters for run in self.full), _median(sum(run.values()) for run in self.floor)
            yield "union-find", f"{theirs:.2f}"
            yield from (
                (f"union-find: {stage}", f"{_median(run[stage] for run in self.floor):.2f}") for stage in self.floor[0]
            )
            yield "full: clusters / union-find", f"{ours / theirs:.2f}"
        yield from _resolution("full, memory limited", self.limited)
        for changes, runs in self.changed.items():
            yield from _resolution(f"{changes:,} changed", runs)
            yield f"full / {changes:,} changed", f"{_whole(self.full) / _whole(runs):.1f}"
        if self.splink:
            yield "edges", f"{self.edges:,}"
            yield "components", f"{_median(self.components):.2f}"
            yield "components: Splink", f"{_median(self.splink):.2f}"
            yield "components: Splink / ours", f"{_median(self.splink) / _median(self.components):.2f}"

    def statements(self) -> Iterator[tuple[str, float]]:
        """Median seconds of each statement, those that take longest first."""
        for kind, runs in {"full": self.full, **{f"{n:,} changed": runs for n, runs in self.changed.items()}}.items():
            seconds = {label: _median(run.statements.get(label, 0) for run in runs) for label in runs[0].statements}
            yield from (
                (f"{kind}: {label}", seconds[label]) for label in sorted(seconds, key=seconds.__getitem__, reverse=True)
            )


def _resolution(name: str, runs: list[Resolved]) -> Iterator[tuple[str, str]]:
    if runs:
        yield name, f"{_whole(runs):.2f}"
        for stage in ("compute", "apply", "commit", "clusters", "processor"):
            yield f"{name}: {stage}", f"{_median(getattr(run, stage) for run in runs):.2f}"
        yield f"{name}: peak GiB", f"{_median(run.peak for run in runs) / 2**30:.2f}"


def _whole(runs: list[Resolved]) -> float:
    return _median(run.whole for run in runs)


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def measure(root: Path, options: argparse.Namespace) -> list[Case]:
    """Measures each case; whatever is compared is measured in turn."""
    cases = [Case(root / str(rows), rows) for rows in options.sizes]
    for case in cases:
        alone(generate, case.folder, case.identities)
    for _ in range(options.repeat):
        for case in cases:
            measure_full(case, floor=options.floor)
    for case in cases:
        case.limited.append(alone(resolve_all, case.folder, options.memory_limit))
        check("with limited memory", alone(partition, case.folder / "target" / "limited.duckdb"), case.partition)
        (case.folder / "target" / "limited.duckdb").unlink()
    if options.splink:
        for case in cases:
            case.edges = alone(draw_edges, case.folder)
        for _ in range(options.repeat):
            for case in cases:
                measure_components(case)
    for _ in range(options.repeat):
        for changes in options.delta:
            for case in cases:
                measure_changes(case, changes)
    for case in cases:
        check_changed(case, floor=options.floor)
    return cases


def measure_full(case: Case, *, floor: bool) -> None:
    case.full.append(alone(resolve_all, case.folder))
    case.partition = alone(partition, case.folder / "target" / "warehouse.duckdb")
    if floor:
        case.floor.append(alone(join_in_c, case.folder, "identities", GIVEN))
        check("in SQL", case.partition, alone(partition_in_c, case.folder, "identities", GIVEN))


def measure_components(case: Case) -> None:
    ours, expected = alone(our_components, case.folder)
    theirs, found = alone(splink_components, case.folder)
    check("of Splink's components", found, expected)
    case.components.append(ours)
    case.splink.append(theirs)


def measure_changes(case: Case, changes: int) -> None:
    """So many changes of what is in the warehouse by now, where that is little of it."""
    if changes * 4 > case.identities:
        return
    draw = sum(map(len, case.changed.values()))
    alone(draw_changes, case.folder, changes, draw)
    case.changed.setdefault(changes, []).append(alone(resolve, case.folder, "changes", CHANGE))


def check_changed(case: Case, *, floor: bool) -> None:
    """After all changes everyone is with those with whom the union-find puts them."""
    if floor:
        alone(join_in_c, case.folder, "target/warehouse", STORED)
        expected = alone(partition_in_c, case.folder, "target/warehouse", STORED)
        check("after changes", alone(partition, case.folder / "target" / "warehouse.duckdb"), expected)


def check(which: str, found: str, expected: str) -> None:
    if found != expected:
        raise SystemExit(f"the partition {which} is {found}, not {expected}")


def report(cases: list[Case], options: argparse.Namespace) -> Iterator[str]:
    """The figures as lines of text, a column each case."""
    columns = [dict(case.figures()) for case in cases]
    yield _row("identities", [f"{case.identities:,}" for case in cases])
    for name in dict.fromkeys(name for column in columns for name in column):
        yield _row(name, [column.get(name, "") for column in columns])
    yield ""
    for less, more in pairwise(cases):
        ratios = [f"full {_whole(more.full) / _whole(less.full):.1f} times"]
        for changes in less.changed:
            ratios.append(
                f"{changes:,} changed {_whole(more.changed[changes]) / _whole(less.changed[changes]):.2f} times"
            )
        yield f"{more.identities:,} to {less.identities:,} identities: {', '.join(ratios)}"
    for case in cases:
        if case.identities == REFERENCE[0]:
            yield f"{REFERENCE[1]:.0f} s of the reference system to ours: {REFERENCE[1] / _whole(case.full):,.0f} times"
    yield "changed identities are of clusters of up to 900"
    yield (
        f"every partition is that of the union-find ({options.memory_limit} limited and after all changes too)"
        if options.floor
        else f"no union-find: {unionfind.missing()}"
    )
    for case in cases if options.stages else ():
        yield ""
        yield f"{case.identities:,} identities"
        yield from (f"{seconds:10.3f}  {name}" for name, seconds in case.statements() if seconds >= 0.0005)


def _row(name: str, cells: list[str]) -> str:
    return f"{name:<36}" + "".join(f"{cell:>14}" for cell in cells)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, metavar="N", help="numbers of identities")
    parser.add_argument("--delta", nargs="+", type=int, default=[10_000, 100], metavar="N", help="numbers of changes")
    parser.add_argument("--memory-limit", default="2GB", help="for one more full resolution")
    parser.add_argument("--repeat", type=int, default=3, help="how often each; medians are printed")
    parser.add_argument("--splink", action="store_true", help="also Splink's components, where it is installed")
    parser.add_argument("--stages", action="store_true", help="also the seconds of each statement")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    options = parser.parse_args()
    if options.splink and find_spec("splink") is None:
        parser.error("Splink is not installed")
    options.floor = unionfind.missing() is None
    return options


def main() -> None:
    options = parsed()
    versions = {"usersync": usersync.__version__, "duckdb": duckdb.__version__, "python": platform.python_version()}
    with tempfile.TemporaryDirectory(prefix="usersync-benchmark-") as folder:
        if options.floor:
            unionfind.compile_to(Path(folder) / "unionfind.so")
        cases = measure(Path(folder), options)
    if options.format == "json":
        print(json.dumps({**versions, "cores": os.cpu_count(), "cases": [asdict(case) for case in cases]}, default=str))
        return
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    print(f"{listed}, {os.cpu_count()} cores; seconds, medians of {options.repeat}\n")
    print("\n".join(report(cases, options)))


if __name__ == "__main__":
    main()
