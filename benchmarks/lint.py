"""How much processor time lint takes: `python benchmarks/lint.py [MODELS …]`, 100 and 1,000 unless told.

Projects of generated Jinja models are linted by `usersync lint`, and beside it by a bare script that renders each
once with jinja2, parses it with sqlglot and qualifies it: the least that any linter of such files must do. Each run is
a process of its own, measured whole, in turn; medians are printed. `--with NAME=FOLDER` adds the sqlfluff or sqlmesh of
a virtual environment, which lint the same files.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

USERS = """{{ users(identifiers = ['email']) }}
create table users (
    email varchar(254), first_name varchar(100), last_name varchar(100), phone varchar(32),
    country varchar(2), score decimal(10, 2), orders bigint, registered_at timestamp
);
"""

MACROS = """{% macro normalised(column) -%}
lower(trim({{ column }}))
{%- endmacro %}
{% macro countries() -%}
{%- for code in ['IT', 'FR', 'DE', 'SE'] %}'{{ code }}'{{ ', ' if not loop.last }}{% endfor -%}
{%- endmacro %}
"""

MODEL = """{{{{ config(
    connection = 'crm_{n}',
    user_id = 'customer_id',
    updated_at = 'updated_at',
    incremental = true,
    description = 'Customers of shop {n}, with what they ordered',
    mapping = {{
        'email': 'lower(email)',
        'first_name': "coalesce(first_name, '')",
        'last_name': 'last_name',
        'country': 'upper(country)',
        'score': 'score * 100',
        'orders': 'orders',
        'registered_at': 'registered_at'
    }}
) }}}}
{{% set recent = 365 %}}

with orders as (
    select o.customer_id, count(*) as orders, sum(o.amount) as score, max(o.created_at) as updated_at
    from sales_{n}.orders as o
    where o.status not in ('cancelled', 'refunded') and o.amount > 0
    group by o.customer_id
),

people as (
    select
        c.id as customer_id,
        {{{{ normalised('c.email') }}}} as email,
        split_part(c.full_name, ' ', 1) as first_name,
        split_part(c.full_name, ' ', 2) as last_name,
        case when c.country = 'UK' then 'GB' else c.country end as country,
        c.created_at as registered_at,
        greatest(c.updated_at, c.created_at) as updated_at
    from crm_{n}.customers as c
    where c.country in ({{{{ countries() }}}}) and not c.is_test
)

select
    people.customer_id,
    people.email,
    people.first_name,
    people.last_name,
    people.country,
    people.registered_at,
    coalesce(orders.orders, 0) as orders,
    coalesce(orders.score, 0) as score,
    people.updated_at
from people
left join orders on orders.customer_id = people.customer_id
{{% if is_incremental() %}}
where people.updated_at >= {{{{ updated_at }}}}
{{% else %}}
where people.registered_at > current_date - interval '{{{{ recent }}}}' day
{{% endif %}}
"""

FLOOR = """
import sys
from pathlib import Path

import jinja2
import sqlglot
from sqlglot.optimizer.qualify import qualify

root = Path(sys.argv[1])
macros = [path.read_text() for path in root.glob("macros/*.sql")]
environment = jinja2.Environment()
modules = [environment.from_string(text).module for text in macros]
names = {name: getattr(module, name) for module in modules for name in dir(module) if not name.startswith("_")}
environment.globals |= names | {
    "config": lambda **_: "", "users": lambda **_: "", "is_incremental": lambda: True, "updated_at": "'2026-01-01'"
}
for path in sorted(root.glob("models/*.sql")):
    tree = sqlglot.parse_one(environment.from_string(path.read_text()).render(), read="duckdb")
    if path.stem != "users":
        qualify(tree, dialect="duckdb")
"""

SQLFLUFF = """[sqlfluff]
dialect = duckdb
templater = jinja
max_line_length = 120
[sqlfluff:templater:jinja]
load_macros_from_path = macros
[sqlfluff:templater:jinja:macros]
config = {% macro config() %}{% if kwargs %}{% endif %}{% endmacro %}
users = {% macro users() %}{% if kwargs %}{% endif %}{% endmacro %}
is_incremental = {% macro is_incremental() %}true{% endmacro %}
[sqlfluff:templater:jinja:context]
updated_at = '2026-01-01'
"""


@dataclass(frozen=True)
class Runner:
    """A program that checks a project's models."""

    name: str
    command: Callable[[Path], Sequence[str]]


def make_project(root: Path, models: int) -> None:
    """A project of some models, each of its own connection and tables."""
    connections = {f"crm_{n}": {"type": "postgres", "database": f"crm_{n}"} for n in range(models)}
    files = {"models/users.sql": USERS, "macros/names.sql": MACROS, ".sqlfluff": SQLFLUFF}
    files["profiles.yml"] = json.dumps({"bench": {"outputs": {"dev": {"connections": connections}}}})
    files |= {f"models/crm_{n}.sql": MODEL.format(n=n) for n in range(models)}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def make_sqlmesh(root: Path, models: int) -> None:
    """The same models as SQLMesh writes them, with its own rules on."""
    rules = "['ambiguousorinvalidcolumn', 'invalidselectstarexpansion', 'noselectstar']"
    config = f"model_defaults: {{dialect: duckdb}}\nlinter: {{enabled: true, rules: {rules}}}\n"
    config += "gateways: {local: {connection: {type: duckdb}}}\n"
    (root / "models").mkdir(parents=True)
    (root / "macros").mkdir()
    (root / "config.yaml").write_text(config, encoding="utf-8")
    for n in range(models):
        query = MODEL.format(n=n).partition(") }}\n")[2]
        query = MACROS + query.replace("is_incremental()", "true").replace("{{ updated_at }}", "'2026-01-01'")
        text = f"MODEL (name bench.crm_{n}, kind FULL);\nJINJA_QUERY_BEGIN;\n{query}\nJINJA_END;\n"
        (root / f"models/crm_{n}.sql").write_text(text, encoding="utf-8")


def processor_seconds(command: Sequence[str], cwd: Path) -> float:
    """User and system time of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # What is installed has its bytecode; a setting of this shell must not take that from a source tree.
    ours = ("USERSYNC_", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in {0, 1} or (done.returncode == 1 and "Traceback" in done.stderr):
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(runners: Mapping[str, tuple[Sequence[str], Path]], repeat: int) -> dict[str, float]:
    """Medians of each, measured in turn."""
    found: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(repeat + 1):
        for name, (command, cwd) in runners.items():
            found[name].append(processor_seconds(command, cwd))
    # The first of each writes bytecode, or reads the disk.
    return {name: statistics.median(seconds[1:]) for name, seconds in found.items()}


def projects(root: Path, models: int, others: Mapping[str, Path]) -> dict[str, tuple[Sequence[str], Path]]:
    """What lints a project of some models, and where."""
    make_project(root, models)
    python = sys.executable
    found: dict[str, tuple[Sequence[str], Path]] = {
        "floor": ([python, "-c", FLOOR, str(root)], root),
        "usersync lint": ([python, "-m", "usersync", "lint", "--quiet"], root),
    }
    if "sqlfluff" in others:
        found["sqlfluff lint"] = ([str(others["sqlfluff"] / "bin/sqlfluff"), "lint", "models"], root)
    if "sqlmesh" in others:
        make_sqlmesh(root / "sqlmesh", models)
        found["sqlmesh lint"] = ([str(others["sqlmesh"] / "bin/sqlmesh"), "lint"], root / "sqlmesh")
    return found


def starts(root: Path) -> dict[str, tuple[Sequence[str], Path]]:
    """One file, and help, beside the imports that they need."""
    make_project(root, 1)
    usersync = [sys.executable, "-m", "usersync"]
    return {
        "import click": ([sys.executable, "-c", "import click"], root),
        "usersync --help": ([*usersync, "--help"], root),
        "import click, jinja2, sqlglot": ([sys.executable, "-c", "import click, jinja2, sqlglot"], root),
        "usersync lint, one file": ([*usersync, "lint", "models/crm_0.sql"], root),
    }


def show(title: str, seconds: Mapping[str, float], base: str) -> None:
    print(f"\n{title}")
    for name, value in seconds.items():
        print(f"  {name:<32}{value:>8.2f}   {value / seconds[base]:>6.2f}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="*", type=int, default=[100, 1000])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--with", dest="others", action="append", default=[], metavar="NAME=FOLDER")
    options = parser.parse_args()
    others = {name: Path(folder).resolve() for name, _, folder in (each.partition("=") for each in options.others)}
    print(f"python {platform.python_version()}; processor seconds, medians of {options.repeat}")
    with tempfile.TemporaryDirectory() as folder:
        found = measured(starts(Path(folder) / "one"), options.repeat)
        show("start", dict(list(found.items())[:2]), "import click")
        show("one file", dict(list(found.items())[2:]), "import click, jinja2, sqlglot")
        for models in options.models:
            # The others take minutes for many.
            extra = others if models <= 100 else {}
            seconds = measured(projects(Path(folder) / str(models), models, extra), options.repeat)
            show(f"{models:,} models", seconds, "floor")


if __name__ == "__main__":
    main()
