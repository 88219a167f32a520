"""`usersync clean`."""

from __future__ import annotations

import shutil

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options

_WRITTEN = ("compiled", "spill", "docs", "manifest.json", "run_results.json")


@click.command("clean")
@click.option("--warehouse", is_flag=True, help="Also delete the warehouse: users get new ids at the next build.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@global_options
@click.pass_obj
def command(console: Console, warehouse: bool, yes: bool) -> None:
    """Remove what usersync wrote to target/. The warehouse stays, unless --warehouse says otherwise."""
    from usersync.warehouse.store import warehouse_path

    project = console.load(lenient=True)
    paths = [project.root / "target" / name for name in _WRITTEN]
    if warehouse and project.profile:
        path = warehouse_path(project.profile, project.root)
        if not yes:
            click.confirm(f"delete {path}? Users get new ids at the next build", abort=True, err=True)
        paths += [path, path.with_name(f"{path.name}.wal")]
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
        else:
            continue
        console.note(f"removed {path.relative_to(project.root) if path.is_relative_to(project.root) else path}")
