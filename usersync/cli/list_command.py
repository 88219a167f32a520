"""`usersync list`."""

from __future__ import annotations

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options, select_options


@click.command("list")
@click.option(
    "--format",
    "output",
    type=click.Choice(["names", "text", "json"]),
    default="text",
    help="How to print them.",
)
@select_options
@global_options
@click.pass_obj
def command(console: Console, output: str, select: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    """List the pipelines, in order of their files. Renders nothing and needs no database."""
    from usersync.project.select import select as choose
    from usersync.report.tables import table

    project = console.load(lenient=True)
    console.problems(project.problems)
    chosen = list(choose(project, select, exclude).values())
    rows = [
        {
            "pipeline": m.stem,
            "connection": m.connection,
            "path": m.file.path,
            "enabled": m.enabled,
            "incremental": m.incremental,
            "write": m.write,
            "tags": list(m.tags),
            "description": m.description,
        }
        for m in chosen
    ]
    if output == "json":
        console.data_json(rows)
    elif output == "names":
        console.data("\n".join(m.stem for m in chosen))
    else:
        cells = [
            (m.stem, m.connection, _about(m.enabled, m.incremental, m.write), ", ".join(m.tags), m.file.path)
            for m in chosen
        ]
        console.data(table(["pipeline", "connection", "reads", "tags", "path"], cells, terminal=False))


def _about(enabled: bool, incremental: bool, write: str) -> str:
    words = ["what changed" if incremental else "everything"]
    words += ["update only"] if write == "update_only" else []
    words += [] if enabled else ["disabled"]
    return ", ".join(words)
