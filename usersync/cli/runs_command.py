"""`usersync runs`."""

from __future__ import annotations

from dataclasses import asdict, astuple

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options


@click.command("runs")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, help="How many, newest first.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="How to print them.")
@global_options
@click.pass_obj
def command(console: Console, limit: int, output: str) -> None:
    """Show the latest builds with what they read and changed."""
    from usersync.report.status import Run, read_runs
    from usersync.report.tables import table

    found = read_runs(console.load(), limit)
    if output == "json":
        console.data_json([asdict(run) for run in found])
    else:
        console.data(table(list(Run.__dataclass_fields__), [astuple(run) for run in found], terminal=False))
