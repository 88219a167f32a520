"""`usersync import`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option("--connection", help="The connection of profiles.yml that the definition reads.")
@click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
@global_options
@click.pass_obj
def command(console: Console, file: Path, connection: str | None, dry_run: bool) -> None:
    """Make a pipeline of a definition in JSON, as the API of Krenalis has it (`-` reads stdin).

    Writes models/<name>.sql, the columns that its query returns to models/sources/<connection>.sql, a transformation
    function to functions/, and adds the properties that models/users.sql lacks. A definition that is not valid is
    refused, with the JSON path of what is wrong.
    """
    from dataclasses import replace

    from usersync.cli.options import project_settings
    from usersync.diagnostics import Level
    from usersync.exchange.importing import plan_import

    settings = project_settings(console.settings)
    data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    imported = plan_import(settings, data, "stdin" if str(file) == "-" else file.name, connection)
    if dry_run:
        for path, content in imported.files.items():
            console.data(f"-- {path}\n{content.decode()}")
    else:
        imported.write(settings.project_dir)
        for path in imported.files:
            console.note(path)
    for note in imported.notes:
        console.note(f"note: {note}")
    console.problems(replace(problem, level=Level.WARNING) for problem in imported.problems)
