"""`usersync export`."""

from __future__ import annotations

import json

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options


@click.command("export")
@click.argument("pipeline")
@global_options
@click.pass_obj
def command(console: Console, pipeline: str) -> None:
    """Print a pipeline's definition in JSON, as the API of Krenalis has it and as `usersync import` reads it.

    What the pipeline was imported from comes back as it was, where nobody has changed what was made of it. A mapping
    that no expression of a definition can say is an error at its place.
    """
    from usersync.exchange.exporting import export, project_files
    from usersync.project.select import pick

    project = console.load(lenient=True)
    model = pick(project, pipeline)
    found = export(project, model, project_files(project))
    console.data(json.dumps(found, indent=2, ensure_ascii=False))
