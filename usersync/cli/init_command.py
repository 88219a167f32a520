"""`usersync init`."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options

_GITIGNORE = "target/\nprofiles.yml\n.venv/\n"


@click.command("init")
@click.argument(
    "folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), default=".", required=False
)
@global_options
@click.pass_obj
def command(console: Console, folder: Path) -> None:
    """Make a working project in DIR (default: here): models, sample sources and profiles, ready to build.

    Files that are there already are an error; nothing is overwritten.
    """
    from usersync.diagnostics import ConfigError

    files = dict(_files())
    taken = sorted(str(path) for path in files if (folder / path).exists())
    if taken:
        raise ConfigError(
            f"{folder / taken[0]} is there already", hint="init makes a new project: name an empty folder"
        )
    for path, source in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text(_GITIGNORE, encoding="utf-8")
    enter = "" if folder == Path() else f"cd {folder} && "
    console.note(f"made a project in {folder.resolve()}: {len(files)} files\nnext: {enter}usersync build")


def _is_starter(path: Path) -> bool:
    if path.parts[0] == "tests":
        return path.suffix == ".sql" and len(path.parts) == 2
    return path.suffix not in {".py", ".pyc"}


def _files() -> list[tuple[Path, Path]]:
    """What a new project holds: path in the project, and the file to copy."""
    starter = Path(__file__).parent.parent / "starter"
    # In a checkout the starter is the repo's own root.
    root = starter if starter.is_dir() else Path(__file__).parent.parent.parent
    profiles = root / ("profiles.yml" if starter.is_dir() else "profiles.example.yml")
    folders = ("models", "data", "macros", "tests")
    found = [path for folder in folders for path in sorted((root / folder).rglob("*")) if path.is_file()]
    # The repo's tests/ holds much else; a project's own data tests are the .sql files at its top.
    copied = [(path.relative_to(root), path) for path in found if _is_starter(path.relative_to(root))]
    return [*copied, (Path("profiles.yml"), profiles)]
