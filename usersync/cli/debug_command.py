"""`usersync debug`."""

from __future__ import annotations

import platform
import sys

import click

from usersync import __version__
from usersync.cli.console import Console
from usersync.cli.options import global_options


@click.command("debug")
@global_options
@click.pass_obj
def command(console: Console) -> int:
    """Check versions, profiles, every connection and the warehouse. Changes nothing; exit code 1 when one fails."""
    import duckdb
    from sqlglot._version import __version__ as sqlglot_version

    from usersync.report.debug import check_connection, check_warehouse
    from usersync.sources.attach import describe

    console.data(f"usersync {__version__}, duckdb {duckdb.__version__}, sqlglot {sqlglot_version}")
    console.data(f"python {platform.python_version()} at {sys.executable}")
    project = console.load()
    console.data(f"project {project.root}")
    console.problems(project.problems)
    profile = project.profile
    if profile is None:
        console.data("profiles.yml: none found")
        return 2
    console.data(f"profile {profile.name!r}, target {profile.target!r}, from {profile.file}")
    failed = False
    for name, connection in profile.connections.items():
        error = check_connection(project, connection)
        failed |= error is not None
        console.data(f"connection {name} ({describe(connection)}): {_word(console, error is None)}")
        console.problems(error.diagnostics if error else ())
    found = check_warehouse(project, profile)
    failed |= found.error is not None
    console.data(f"warehouse {found.path}: {found.words or _word(console, found.error is None)}")
    console.problems(found.error.diagnostics if found.error else ())
    return 1 if failed else 0


def _word(console: Console, good: bool) -> str:
    return console.style_data("ok", "done") if good else console.style_data("failed", "error")
