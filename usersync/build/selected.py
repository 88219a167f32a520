"""Which pipelines a command is about, compiled: everything that is wrong is found before anything runs."""

from __future__ import annotations

from collections.abc import Mapping

from usersync.compile.pipeline import Compiled, compile_pipeline
from usersync.diagnostics import ConfigError, Diagnostic, Level
from usersync.project.model import Pipeline, Project


def compile_selected(
    project: Project, selected: Mapping[str, Pipeline], *, disabled: bool = False
) -> dict[str, Compiled]:
    """The selected pipelines, compiled offline; disabled ones are left out unless asked for.

    Raises:
        ConfigError: with every problem found in them, in users.sql and in the macros.
    """
    files = {model.file.path for model in project.models.values() if model.stem not in selected}
    problems = [p for p in project.problems if p.location is None or p.location.file not in files]
    compiled: dict[str, Compiled] = {}
    for stem, model in selected.items():
        found, wrong = compile_pipeline(project, model)
        problems += wrong
        if found is not None and (model.enabled or disabled):
            compiled[stem] = found
    if project.profile is None:
        hint = "write profiles.yml, or name its folder with --profiles-dir"
        problems.append(Diagnostic("profile", "there is no profiles.yml", None, hint))
    errors = [p for p in problems if p.level is Level.ERROR]
    if errors:
        raise ConfigError(sorted(dict.fromkeys(errors), key=lambda p: p.sort_key))
    return compiled


def compile_all(project: Project) -> dict[str, Compiled]:
    """Every pipeline that compiles offline, disabled ones too."""
    found = {stem: compile_pipeline(project, model)[0] for stem, model in project.pipelines.items()}
    return {stem: compiled for stem, compiled in found.items() if compiled is not None}
