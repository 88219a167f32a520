"""`usersync lint`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options

if TYPE_CHECKING:
    from usersync.project.model import Project

_LEVELS = ("info", "warning", "error")


@click.command("lint")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", help="How to print findings.")
@click.option(
    "--fail-on",
    type=click.Choice(_LEVELS),
    help="Exit 1 from this level up [default: error].",
)
@click.option("--explain", metavar="CODE", help="Say why a rule is there, with a bad and a good example.")
@global_options
@click.pass_obj
def command(console: Console, paths: tuple[Path, ...], output: str, fail_on: str | None, explain: str | None) -> int:
    """Check models, users.sql and settings. Reads files only: no database, no network.

    Findings go to stdout; exit code 1 says that there are errors, 3 that there was nothing to check.
    """
    from usersync.lint.run import lint
    from usersync.lint.settings import read_lint_settings
    from usersync.report.diagnostics import as_data, as_text, summary

    if explain:
        return _explain(console, explain)
    project = console.load(lenient=True)
    files = _files(project, paths)
    if not project.models and not project.problems:
        console.note("nothing to lint: there are no models")
        return 3
    settings = read_lint_settings(project.root)
    findings = lint(project, files, settings)
    if output == "json":
        console.data_json([as_data(finding) for finding in findings])
    else:
        for finding in findings:
            console.data(as_text(finding, console.style_data))
        console.note(summary(findings))
    bad = _LEVELS.index(fail_on or settings.fail_on)
    return 1 if any(_LEVELS.index(finding.level.value) >= bad for finding in findings) else 0


def _explain(console: Console, code: str) -> int:
    import inspect

    from usersync.diagnostics import ConfigError, did_you_mean
    from usersync.lint.rules import RULES

    rule = RULES.get(code.upper())
    if rule is None:
        raise ConfigError(
            f"there is no rule {code!r}",
            hint=did_you_mean(code, RULES) or f"codes are those of findings: {', '.join(RULES)}",
        )
    console.data(f"{rule.code} {rule.name} ({rule.level.value})\n\n{inspect.cleandoc(rule.explanation)}")
    return 0


def _files(project: Project, paths: tuple[Path, ...]) -> list[str] | None:
    """The project's files under the paths given; None for all."""
    from usersync.diagnostics import ConfigError, NothingSelectedError

    if not paths:
        return None
    known = [model.file.path for model in project.models.values()]
    known += [p.location.file for p in project.problems if p.location]
    known += [project.users.file.path] if project.users else []
    chosen: set[str] = set()
    for path in paths:
        full = (Path.cwd() / path).resolve()
        if not full.exists():
            raise ConfigError(f"there is no file or folder {path}")
        shown = full.relative_to(project.root).as_posix() if full.is_relative_to(project.root) else str(full)
        chosen |= {file for file in known if shown in (file, ".") or file.startswith(f"{shown}/")}
    if not chosen:
        raise NothingSelectedError("nothing to lint: no model is among these paths")
    return sorted(chosen)
