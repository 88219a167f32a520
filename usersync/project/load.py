"""Reads an analyst's project: files to frozen values, every problem kept with its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from usersync.diagnostics import ConfigError, Diagnostic, SourceFile, did_you_mean
from usersync.project.config import pipeline
from usersync.project.jinja.literals import read_settings
from usersync.project.jinja.macros import Library
from usersync.project.jinja.tree import parse
from usersync.project.model import Pipeline, Profile, Project, UserSchema
from usersync.project.overrides import OVERRIDES, Decision, read_overrides
from usersync.project.profiles.load import load_profile
from usersync.project.render import check_macros, render_users
from usersync.project.schema import read_users
from usersync.project.texts import check_readable, read_text, source_file

MODELS = "models"
USERS = "models/users.sql"
RECORDED = "models/sources"
MACROS = "macros"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line and environment say, before any file is read."""

    project_dir: Path
    profiles_dir: Path | None = None
    profile: str | None = None
    target: str | None = None
    vars: Mapping[str, Any] = field(default_factory=dict)


def load_project(settings: Settings, *, lenient: bool = False, overlay: Mapping[str, str] | None = None) -> Project:
    """The project of a folder. Problems inside models are kept, not raised.

    Args:
        settings: Where to look, and which target.
        lenient: For lint: environment variables may be unset.
        overlay: Texts that stand for files, by path relative to the project: an editor's unsaved buffers.

    Raises:
        ConfigError: there is no project here, or its profile is broken.
    """
    root = settings.project_dir
    profile = load_profile(
        root,
        profiles_dir=settings.profiles_dir,
        profile=settings.profile,
        target=settings.target,
        lenient=lenient,
        overlay=overlay or {},
    )
    found = _found(root, MODELS, "*.sql", overlay or {})
    recorded = [file for file in found if file.path.startswith(f"{RECORDED}/")]
    files = [file for file in found if file not in recorded]
    if not files and not (root / MODELS).is_dir():
        hint = "make one with `usersync init`, or name its folder with --project-dir"
        raise ConfigError(f"there is no project in {root}: no folder {MODELS}/", hint=hint)
    problems: list[Diagnostic] = []
    macros = _found(root, MACROS, "*.sql", overlay or {})
    library = _library(macros, problems)
    users = _users(files, library, profile, settings.vars, problems)
    models = _models(files, problems)
    if profile:
        problems += _connection_problems(models, users, profile)
    overrides = _found(root, MODELS, "*.csv", overlay or {})
    decisions = _decisions(overrides, models, problems)
    texts = {file.path: file for file in (*files, *macros, *recorded, *(f for f in overrides if f.path == OVERRIDES))}
    project = Project(root, profile, users, models, tuple(problems), library, settings.vars, decisions, texts)
    return replace(project, problems=(*problems, *check_macros(project, macros)))


def _found(root: Path, folder: str, pattern: str, overlay: Mapping[str, str]) -> tuple[SourceFile, ...]:
    """The files of a folder that match a pattern, in order, and those that stand for one."""
    paths = {p.relative_to(root).as_posix(): p for p in (root / folder).rglob(pattern)}
    files = [read_text(root, path) for shown, path in paths.items() if shown not in overlay]
    files += [
        source_file(shown, text.encode("utf-8", "surrogatepass"))
        for shown, text in overlay.items()
        if shown.startswith(f"{folder}/") and Path(shown).match(pattern)
    ]
    return tuple(sorted(files, key=lambda f: f.path))


def _library(macros: tuple[SourceFile, ...], problems: list[Diagnostic]) -> Library:
    """The macros of the files that can be read; what is wrong in the others is told when all names are known."""
    read = []
    for file in macros:
        with suppress(ConfigError):
            parse(file)
            read.append(file)
    try:
        library = Library(tuple(read))
        return library if library.owners else Library()
    except ConfigError as error:
        problems += error.diagnostics
        return Library()


def _users(
    files: list[SourceFile],
    library: Library,
    profile: Profile | None,
    variables: Mapping[str, Any],
    problems: list[Diagnostic],
) -> UserSchema | None:
    file = next((f for f in files if f.path == USERS), None)
    if file is None:
        hint = "it says what a user is: create table users (email varchar(254), …)"
        problems.append(Diagnostic("US004", f"there is no {USERS}", None, hint))
        return None
    try:
        settings, wrong = read_settings(file, "users")
        problems += wrong
        schema, wrong = read_users(render_users(file, library, profile, variables), settings, "users")
    except ConfigError as error:
        problems += error.diagnostics
        return None
    problems += wrong
    return schema


def _models(files: list[SourceFile], problems: list[Diagnostic]) -> dict[str, Pipeline]:
    models: dict[str, Pipeline] = {}
    for file in files:
        if file.path == USERS:
            continue
        stem = Path(file.path).stem
        if stem in models:
            message = f"the name {stem!r} is also that of {models[stem].file.path}"
            problems.append(Diagnostic("US101", message, file.location(0), "stems of model files are unique"))
            continue
        try:
            settings, wrong = read_settings(file, "config")
        except ConfigError as error:
            problems += error.diagnostics
            models[stem] = Pipeline(stem, file, name=stem)
            continue
        models[stem], more = pipeline(file, stem, settings)
        problems += [*wrong, *more]
    return models


def _decisions(
    found: Sequence[SourceFile], models: Mapping[str, Pipeline], problems: list[Diagnostic]
) -> tuple[Decision, ...]:
    file = next((file for file in found if file.path == OVERRIDES), None)
    if file is None:
        return ()
    pipelines = [stem for stem, model in models.items() if model.kind == "pipeline"]
    try:
        check_readable(file)
        decisions, wrong = read_overrides(file, pipelines)
    except ConfigError as error:
        problems += error.diagnostics
        return ()
    problems += wrong
    return decisions


def _connection_problems(
    models: Mapping[str, Pipeline], users: UserSchema | None, profile: Profile
) -> list[Diagnostic]:
    known = profile.connections
    hint = f"connections are those of {profile.file}, target {profile.target!r}"

    def suggest(name: str) -> str:
        return did_you_mean(name, known) or hint

    problems = [
        model.problem(
            "US103",
            f"there is no connection {model.connection!r}",
            "connection",
            hint=suggest(model.connection),
        )
        for model in models.values()
        if model.connection and model.connection not in known
    ]
    for path, connection in (users.primary_sources if users else {}).items():
        if users and connection not in known:
            where = users.location(f"primary_sources.{path}")
            problems.append(
                Diagnostic("US103", f"there is no connection {connection!r}", where, suggest(str(connection)))
            )
    return problems
