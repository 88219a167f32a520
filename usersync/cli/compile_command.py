"""`usersync compile`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options, select_options

if TYPE_CHECKING:
    from usersync.project.model import Project


@click.command("compile")
@click.argument("pipeline", required=False)
@click.option("--stdout", is_flag=True, help="Print the SQL instead of writing files.")
@click.option("--dialect", help="Transpile the source query to another SQL dialect.")
@click.option("--offline", is_flag=True, help="Ask no source for its types: what is not known is taken for text.")
@select_options
@global_options
@click.pass_obj
def command(
    console: Console,
    pipeline: str | None,
    stdout: bool,
    dialect: str | None,
    offline: bool,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
) -> None:
    """Write the exact SQL that runs: what the source is asked, and the one projection that maps its rows.

    Files go to target/compiled. Types of columns are asked of the sources, read-only; a source that is out of reach is
    compiled as with --offline.
    """
    from usersync.build.compiled import compiled_sql
    from usersync.build.selected import compile_selected
    from usersync.project.select import pick
    from usersync.project.select import select as choose

    project = console.load()
    chosen = {m.stem: m for m in [pick(project, pipeline)]} if pipeline else choose(project, select, exclude)
    compiled = compile_selected(project, chosen, disabled=True)
    for stem, sql, problem in compiled_sql(project, compiled, dialect=dialect, offline=offline):
        if problem:
            console.problems([problem])
        if stdout:
            console.data(sql)
        else:
            _write(console, project, stem, sql)


def _write(console: Console, project: Project, stem: str, sql: str) -> None:
    from usersync.report.redaction import redact

    path = project.root / "target" / "compiled" / f"{stem}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(redact(sql, console.secrets) + "\n", encoding="utf-8")
    console.note(path.relative_to(project.root).as_posix())
