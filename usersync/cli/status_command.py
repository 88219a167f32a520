"""`usersync status`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options

if TYPE_CHECKING:
    from usersync.report.status import PipelineStatus


@click.command("status")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="How to print it.")
@global_options
@click.pass_obj
def command(console: Console, output: str) -> None:
    """Show where every pipeline stands: last run, cursor, and rejected rows with their reasons and a few samples."""
    from usersync.report.status import read_status
    from usersync.report.tables import table

    found = read_status(console.load())
    if output == "json":
        console.data_json([asdict(status) for status in found])
        return
    cells = [
        (s.pipeline, s.last_run or "never", s.last_outcome, s.cursor, s.identities, sum(r.rows for r in s.rejected))
        for s in found
    ]
    headers = ["pipeline", "last run", "outcome", "cursor", "identities", "rejected"]
    console.data(table(headers, cells, terminal=False))
    for status in found:
        for line in _rejected(status):
            console.data(line)


def _rejected(status: PipelineStatus) -> list[str]:
    lines = []
    for rejection in status.rejected:
        tries = f", tried {rejection.attempts} times" if rejection.attempts > 1 else ""
        rows = f"{rejection.rows:,} row{'' if rejection.rows == 1 else 's'}"
        lines.append(f"\n{status.pipeline}: {rows} rejected: {rejection.property} {rejection.reason}{tries}")
        lines += [f"    {json.dumps(sample, ensure_ascii=False)}" for sample in rejection.samples]
    return lines
