"""`usersync preview`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options

if TYPE_CHECKING:
    from usersync.build.preview import Preview


@click.command("preview")
@click.argument("pipeline")
@click.option("--limit", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many rows.")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="How to print them.")
@global_options
@click.pass_obj
def command(console: Console, pipeline: str, limit: int, output: str) -> None:
    """Show a pipeline's first rows, as they come from the source and as they map. Writes nothing.

    Every column of the query is shown with its type: each is a property that could be.
    """
    from datetime import UTC, datetime

    from usersync.build.preview import preview
    from usersync.build.selected import compile_selected
    from usersync.diagnostics import ConfigError
    from usersync.project.select import pick
    from usersync.sources.engine import engine_for

    project = console.load()
    model = pick(project, pipeline)
    compiled = compile_selected(project, {model.stem: model}, disabled=True)[model.stem]
    if project.profile is None:
        raise ConfigError("there is no profiles.yml")
    with engine_for(project.root) as engine:
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        found = preview(engine, compiled, project.profile.connections[model.connection], limit=limit, now=now)
    if output == "json":
        console.data_json(asdict(found))
    else:
        console.data(_text(found))


def _text(found: Preview) -> str:
    from usersync.report.tables import table

    if not found.rows:
        columns = table(["column", "type"], list(found.columns.items()), terminal=False)
        return f"the query returns no rows\n\n{columns}"
    parts = []
    for row, identity in zip(found.rows, found.identities, strict=True):
        cells = [(name, kind, _cell(row.get(name))) for name, kind in found.columns.items()]
        parts.append(table(["column", "type", "as read"], cells, terminal=False))
        about = [(name, "", _cell(identity.get(name))) for name in identity if name not in found.properties]
        mapped = [(name, kind, _cell(identity.get(name))) for name, kind in found.properties.items()]
        shown = [cell for cell in about if cell[2] != ""] + mapped
        parts.append(table(["property", "type", "as mapped"], shown, terminal=False))
    return "\n\n".join(parts)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
