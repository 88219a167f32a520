"""`profiles.yml`: found, and read to the chosen target."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from usersync.diagnostics import ConfigError, SourceFile
from usersync.project.model import Profile
from usersync.project.profiles.checks import child, known, mapping
from usersync.project.profiles.entries import read_entries
from usersync.project.profiles.secrets import problem
from usersync.project.profiles.targets import connections, warehouse
from usersync.project.texts import decode

FILE_NAME = "profiles.yml"
EXAMPLE_NAME = "profiles.example.yml"


def find_profiles(project_dir: Path, profiles_dir: Path | None) -> Path | None:
    """The profiles file in force; None where there is none at all.

    Raises:
        ConfigError: a folder was named and holds none.
    """
    named = profiles_dir or os.environ.get("USERSYNC_PROFILES_DIR")
    if named:
        path = Path(named) / FILE_NAME
        if not path.is_file():
            raise ConfigError(
                f"there is no {FILE_NAME} in {named}", hint="--profiles-dir names the folder that holds it"
            )
        return path
    candidates = (
        project_dir / FILE_NAME,
        Path("~/.usersync").expanduser() / FILE_NAME,
        project_dir / EXAMPLE_NAME,
    )
    return next((path for path in candidates if path.is_file()), None)


def load_profile(
    project_dir: Path,
    *,
    profiles_dir: Path | None = None,
    profile: str | None = None,
    target: str | None = None,
    lenient: bool = False,
    overlay: Mapping[str, str] | None = None,
) -> Profile | None:
    """The chosen target; None where no profiles file exists.

    `lenient` is for lint: unset environment variables are empty, since nothing will be connected.

    Raises:
        ConfigError: the file is broken, or names no such profile or target.
    """
    path = find_profiles(project_dir, profiles_dir)
    if path is None:
        return None
    shown = _shown(path, project_dir)
    given = (overlay or {}).get(shown)
    file = _read(shown, path) if given is None else _text(shown, given.encode("utf-8", "surrogatepass"))
    entries, secrets = read_entries(file, lenient=lenient)
    profiles = mapping(entries, "the file")
    name = profile or next(iter(profiles.value))
    outputs_entry = child(profiles, name, "profile")
    known(outputs_entry, ("target", "outputs"), "a profile")
    outputs = mapping(child(outputs_entry, "outputs", "key"), "outputs")
    default = outputs_entry.value.get("target")
    chosen = target or (str(default.value) if default and default.value else next(iter(outputs.value)))
    output = mapping(child(outputs, chosen, "target"), f"target {chosen!r}")
    known(output, ("warehouse", "connections"), "a target")
    return Profile(
        name,
        chosen,
        file.path,
        warehouse(output),
        connections(output, project_dir, lenient=lenient),
        secrets.hidden,
    )


def _read(shown: str, path: Path) -> SourceFile:
    try:
        return _text(shown, path.read_bytes())
    except OSError as error:
        where = SourceFile(shown, "").location(0)
        raise problem(f"the file cannot be read: {(error.strerror or '').lower()}", where) from None


def _text(shown: str, data: bytes) -> SourceFile:
    text, wrong = decode(data)
    file = SourceFile(shown, text)
    if wrong:
        offset, reason = wrong
        raise problem(f"the file is not UTF-8 ({reason})", file.location(offset), "save it as UTF-8")
    return file


def _shown(path: Path, project_dir: Path) -> str:
    return path.relative_to(project_dir).as_posix() if path.is_relative_to(project_dir) else str(path)
