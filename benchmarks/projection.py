"""The projection of a pipeline, values and reasons, beside the same SELECT with bare casts.

    python benchmarks/projection.py [ROWS]

Both read one staged table of ROWS rows (1,000,000) and write one table of ten properties, in turn, in one process.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from usersync.compile.pipeline import compile_pipeline
from usersync.compile.projection import projection_sql
from usersync.compile.source_types import source_type
from usersync.project.load import Settings, load_project
from usersync.sources.engine import open_engine

RUNS = 5

USERS = """
create table users (
    email varchar(254) check (email like '%@%'),
    first_name varchar(100),
    country enum('IT', 'FR', 'DE'),
    birth_year year,
    visits integer check (visits >= 0),
    score decimal(10, 2) check (score >= 0),
    rate double,
    active boolean,
    joined date,
    seen timestamp
);
"""

MODEL = """
{{ config(connection = 'lake', user_id = 'id', mapping = {
    'email': 'lower(trim(email))', 'first_name': 'first_name', 'country': 'upper(country)', 'birth_year': 'birth_year',
    'visits': 'visits', 'score': 'score', 'rate': 'rate', 'active': 'active', 'joined': 'joined', 'seen': 'seen'
}) }}
select id, email, first_name, country, birth_year, visits, score, rate, active, joined, seen from 'rows.parquet'
"""

STAGED = """
create or replace table stage.staged as
select
    i as id,
    ' User' || i || '@Example.com' as email,
    'Name ' || (i % 5000) as first_name,
    ['it', 'fr', 'de'][1 + i % 3] as country,
    (1950 + i % 60)::varchar as birth_year,
    (i % 1000)::varchar as visits,
    ((i % 100000) / 100)::decimal(10, 2)::varchar as score,
    (i % 977) / 7.0 as rate,
    if(i % 2 = 0, 'true', 'false') as active,
    (date '2020-01-01' + (i % 1500)::integer)::varchar as joined,
    timestamp '2024-01-01' + to_seconds(i) as seen
from range({rows}) as r(i)
"""

BARE = """
create or replace table stage.projected as
select
    id::varchar as identity_id,
    lower(trim(email)) as email,
    first_name,
    upper(country) as country,
    birth_year::smallint as birth_year,
    visits::integer as visits,
    score::decimal(10, 2) as score,
    rate::double as rate,
    active::boolean as active,
    joined::date as joined,
    seen::timestamp as seen
from stage.staged
"""


def project_sql(engine: duckdb.DuckDBPyConnection) -> str:
    """The projection of the model above over the staged table."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "models").mkdir()
        (root / "models/users.sql").write_text(USERS)
        (root / "models/rows.sql").write_text(MODEL)
        project = load_project(Settings(root))
        compiled, problems = compile_pipeline(project, project.models["rows"])
    if compiled is None or problems:
        raise SystemExit(str(problems))
    types = {name: source_type(str(kind)) for name, kind, *_ in engine.execute("describe stage.staged").fetchall()}
    plain = [
        source_type("VARCHAR") if len(m.columns) != 1 or m.tree.key != "column" else types[m.columns[0]]
        for m in compiled.mapped
    ]
    sql = projection_sql(compiled, "stage.staged", types, plain, "2030-01-01 00:00:00")
    return f"create or replace table stage.projected as\n{sql}"


def seconds(engine: duckdb.DuckDBPyConnection, sql: str) -> float:
    """Wall time of one statement."""
    started = time.perf_counter()
    engine.execute(sql)
    return time.perf_counter() - started


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as spill:
        engine = open_engine(Path(spill))
        engine.execute(STAGED.format(rows=rows))
        ours, bare = project_sql(engine), BARE
        pairs = [(seconds(engine, ours), seconds(engine, bare)) for _ in range(RUNS + 1)][1:]
        engine.execute(ours)
        rejected = engine.execute('select count(*) from stage.projected where "rejected reason" is not null').fetchall()
        engine.close()
    first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"{rows:,} rows x 10 properties, medians of {RUNS}; rejected: {rejected[0][0]}")
    print(f"projection with reasons and checks  {first:.3f} s")
    print(f"bare casts                          {second:.3f} s")
    print(f"ratio                               {ratio:.2f}")


if __name__ == "__main__":
    main()
