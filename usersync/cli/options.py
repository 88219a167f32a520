"""Options that every command takes, before or after its name, and those of selection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from usersync.project.load import Settings

F = TypeVar("F", bound=Callable[..., Any])

_FOLDER = click.Path(path_type=Path, file_okay=False)


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Remembers an option on the console, so that a command's own value wins over the group's."""
    settings = ctx.find_root().obj.settings
    if param.name in settings and ctx.get_parameter_source(param.name or "") is not ParameterSource.COMMANDLINE:
        return value
    if value is not None and value is not False:
        ctx.find_root().obj.settings[param.name] = value
    return value


_OPTIONS = (
    click.option(
        "--project-dir",
        type=_FOLDER,
        envvar="USERSYNC_PROJECT_DIR",
        help="The project's folder [default: here].",
    ),
    click.option("--profiles-dir", type=_FOLDER, envvar="USERSYNC_PROFILES_DIR", help="The folder of profiles.yml."),
    click.option("--profile", envvar="USERSYNC_PROFILE", help="The profile to use [default: the first]."),
    click.option("-t", "--target", envvar="USERSYNC_TARGET", help="The target of the profile."),
    click.option("--vars", envvar="USERSYNC_VARS", help="Values of var() as YAML: '{country: IT}'."),
    click.option("-q", "--quiet", is_flag=True, default=None, envvar="USERSYNC_QUIET", help="Say nothing but errors."),
    click.option("--log-format", type=click.Choice(["text", "json"]), envvar="USERSYNC_LOG_FORMAT", help="How to log."),
    click.option(
        "--no-color",
        is_flag=True,
        default=None,
        envvar="USERSYNC_NO_COLOR",
        help="No colours (also NO_COLOR).",
    ),
)


def global_options(function: F) -> F:
    """Adds the global options; their values are kept on the console and not passed on."""
    for option in reversed(_OPTIONS):
        function = option(function)
    for parameter in getattr(function, "__click_params__", []):
        if isinstance(parameter, click.Option) and parameter.name in _NAMES:
            parameter.callback = _keep
            parameter.expose_value = False
    return function


_NAMES = frozenset(["project_dir", "profiles_dir", "profile", "target", "vars", "quiet", "log_format", "no_color"])


def select_options(function: F) -> F:
    """`--select` and `--exclude`."""
    include = click.option(
        "-s",
        "--select",
        "select",
        multiple=True,
        help="Pipelines by name, glob, path:…, tag:… or connection:…; blanks mean or, commas mean and.",
    )
    return include(
        click.option("--exclude", multiple=True, help="Pipelines to leave out, in the same words.")(function)
    )


def project_settings(values: dict[str, Any]) -> Settings:
    """The settings of the project to load, from the options given.

    Raises:
        click.UsageError: `--vars` is no mapping.
    """
    from usersync.project.load import Settings

    return Settings(
        Path(values.get("project_dir") or ".").resolve(),
        profiles_dir=values.get("profiles_dir"),
        profile=values.get("profile"),
        target=values.get("target"),
        vars=_variables(values.get("vars")),
    )


def _variables(text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    import yaml

    try:
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise click.UsageError(f"--vars is not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(value, dict):
        raise click.UsageError("--vars takes names and values, such as '{country: IT}'")
    return {str(name): inner for name, inner in value.items()}
