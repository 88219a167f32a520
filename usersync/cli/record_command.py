"""`usersync record`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options, select_options

if TYPE_CHECKING:
    from usersync.compile.query import Query
    from usersync.project.model import Connection, Pipeline, Project
    from usersync.sources.record import Tables


@click.command("record")
@click.argument("connection", required=False)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where a source is not as recorded, and say how.")
@select_options
@global_options
@click.pass_obj
def command(
    console: Console, connection: str | None, check: bool, select: tuple[str, ...], exclude: tuple[str, ...]
) -> int:
    """Write models/sources/<connection>.sql: the tables that models use, with their columns, keys and indexes.

    Lint reads these files, and then knows every column and its type. Sources are only asked for names and types; with
    --select for those of the connections that the selected pipelines read.
    """
    from usersync.build.read import heard
    from usersync.sources.engine import engine_for
    from usersync.sources.record import record

    project = console.load()
    drifted = False
    with engine_for(project.root) as engine:
        for chosen in _connections(project, connection, select, exclude):
            tables = heard(engine, partial(record, engine, chosen, _queries(project, chosen.name)))
            if check:
                drifted |= _checked(console, project, chosen, tables)
            else:
                _write(console, project, chosen, tables)
    return 1 if drifted else 0


def _connections(
    project: Project, name: str | None, select: tuple[str, ...], exclude: tuple[str, ...]
) -> list[Connection]:
    """The connections to record, in order of their names.

    Raises:
        ConfigError: there is no profile, or no such connection.
        NothingSelectedError: no pipeline reads it.
    """
    from usersync.diagnostics import ConfigError, NothingSelectedError, did_you_mean
    from usersync.project.select import select as choose

    if project.profile is None:
        raise ConfigError("there is no profiles.yml", hint="write it, or name its folder with --profiles-dir")
    known = project.profile.connections
    if name is not None and name not in known:
        raise ConfigError(f"there is no connection {name!r}", hint=did_you_mean(name, known))
    used = {model.connection for model in choose(project, select, exclude).values()} & set(known)
    names = sorted(used if name is None else used & {name})
    if not names:
        raise NothingSelectedError(f"no pipeline reads connection {name!r}" if name else "there is nothing to record")
    return [known[each] for each in names]


def _queries(project: Project, connection: str) -> list[Query]:
    """The queries of a connection's pipelines, both renderings.

    Raises:
        ConfigError: one of them cannot be read.
    """
    found = []
    for model in project.pipelines.values():
        if model.connection == connection:
            found += _parsed(project, model)
    return found


def _parsed(project: Project, model: Pipeline) -> list[Query]:
    from usersync.compile.query import parse_query
    from usersync.project.render import render_model

    rendered = [render_model(project, model, incremental=incremental) for incremental in (False, True)]
    return [parse_query(each, model.dialect, model.location("dialect"))[0] for each in rendered]


def _write(console: Console, project: Project, connection: Connection, tables: Tables) -> None:
    from usersync.project.load import RECORDED
    from usersync.sources.record import recorded_text

    path = project.root / RECORDED / f"{connection.name}.sql"
    before = path.read_text(encoding="utf-8-sig") if path.is_file() else ""
    text = recorded_text(connection, tables, before)
    if text != before:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    count = f"{len(tables)} table{'' if len(tables) == 1 else 's'}"
    console.note(f"{RECORDED}/{connection.name}.sql: {count}{'' if text != before else ', as before'}")


def _checked(console: Console, project: Project, connection: Connection, tables: Tables) -> bool:
    """Says how a source is no longer as recorded; whether it is so."""
    from usersync.diagnostics import ConfigError
    from usersync.project.load import RECORDED
    from usersync.project.recorded_ddl import read_recorded
    from usersync.project.texts import read_file
    from usersync.sources.record import drift

    path = project.root / RECORDED / f"{connection.name}.sql"
    if not path.is_file():
        console.data(f"{connection.name}: nothing is recorded")
        return True
    before, problems = read_recorded(read_file(project.root, path), connection.type)
    if problems:
        raise ConfigError(problems)
    lines = list(drift(before, tables))
    for line in lines:
        console.data(f"{connection.name}: {line}")
    if not lines:
        console.note(f"{connection.name}: as recorded")
    return bool(lines)
