"""`usersync lint`."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from usersync.diagnostics import Diagnostic
    from usersync.lint.fix import Fixed
    from usersync.lint.rewrite import Text
    from usersync.lint.settings import LintSettings
    from usersync.project.model import Project

_LEVELS = ("info", "warning", "error")
_FORMATS = ("text", "json", "sarif", "github", "gitlab", "junit")


@dataclass(frozen=True)
class _Options:
    """What the call says."""

    paths: tuple[Path, ...]
    format: str
    output: Path | None
    fail_on: str | None
    statistics: bool
    fix: bool
    diff: bool
    stdin: Path | None


@click.command("lint")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", type=click.Choice(_FORMATS), default="text", help="How to print findings.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write findings to a file.")
@click.option("--fail-on", type=click.Choice(_LEVELS), help="Exit 1 from this level up [default: error].")
@click.option("--fix", is_flag=True, help="Mend what can be mended without changing what it means.")
@click.option("--diff", is_flag=True, help="Show what --fix would change; writes nothing.")
@click.option("--statistics", is_flag=True, help="Count the findings of every rule.")
@click.option(
    "--stdin-filename",
    "stdin",
    type=click.Path(path_type=Path),
    help="Check stdin as this file of the project, for editors.",
)
@click.option("--explain", metavar="CODE", help="Say why a rule is there, with a bad and a good example.")
@global_options
@click.pass_obj
def command(console: Console, /, explain: str | None, **options: Any) -> int:
    """Check models, users.sql and settings. Reads files only: no database, no network.

    Findings go to stdout; exit code 1 says that there are errors, 3 that there was nothing to check. Comments such as
    `-- noqa: US211` silence findings, [tool.usersync.lint] in pyproject.toml sets rules and levels.
    """
    return _explain(console, explain) if explain is not None else _lint(console, _Options(**options))


def _lint(console: Console, options: _Options) -> int:
    from usersync.diagnostics import NothingSelectedError
    from usersync.lint.run import lint
    from usersync.lint.settings import read_lint_settings

    given = _stdin(console, options)
    overlay = {path: text.raw for path, text in given.items()}
    project = console.load(lenient=True, overlay=overlay)
    settings = read_lint_settings(project.root)
    files = _files(console, project, (*options.paths, *([options.stdin] if options.stdin else [])), set(given))
    if not project.models and not project.problems:
        raise NothingSelectedError("nothing to lint: there are no models")
    if options.fix or options.diff:
        from usersync.lint.fix import fixed

        done = fixed(
            project, lambda texts: console.load(lenient=True, overlay=overlay | dict(texts)), settings, files, given
        )
        if options.diff:
            return _show_diff(console, options, lint(project, files, settings), done, settings)
        return _fix(console, options, done, given, settings)
    return _report(console, options, project, lint(project, files, settings), settings, files)


def _stdin(console: Console, options: _Options) -> Mapping[str, Text]:
    """The text of stdin by the path of the file that it stands for; nothing where it stands for none."""
    if options.stdin is None:
        return {}
    from usersync.cli.options import project_settings
    from usersync.diagnostics import ConfigError
    from usersync.lint.rewrite import Text

    if options.paths:
        raise click.UsageError("--stdin-filename names the one file to check: name no others")
    shown = _shown(project_settings(console.settings).project_dir, options.stdin)
    if not _is_linted(shown):
        hint = "those are the .sql files of models/ and macros/, models/overrides.csv and profiles.yml"
        raise ConfigError(f"{options.stdin} is no file of this project that lint reads", hint=hint)
    try:
        return {shown: Text.of(sys.stdin.buffer.read())}
    except UnicodeDecodeError as error:
        raise ConfigError(f"stdin is not UTF-8: {error.reason} at byte {error.start}") from None


def _is_linted(shown: str) -> bool:
    """Whether lint reads a file of this name, relative to the project."""
    sql = shown.endswith(".sql") and shown.startswith(("models/", "macros/"))
    return sql or shown in {"models/overrides.csv", "profiles.yml"}


def _fix(console: Console, options: _Options, done: Fixed, given: Mapping[str, Text], settings: LintSettings) -> int:
    """Writes what was mended, and reports what is left."""
    from usersync.report.diagnostics import as_text

    for finding in done.mended:
        console.note(f"fixed: {as_text(finding).splitlines()[0].partition(': ')[2]}")
    if not options.stdin:
        done.write()
        return _report(console, options, done.project, done.findings, settings, None)
    [(path, text)] = given.items()
    sys.stdout.buffer.write(done.after.get(path, text).data)
    console.problems(done.findings)
    return _exit_code(done.findings, options, settings)


def _show_diff(
    console: Console, options: _Options, findings: Sequence[Diagnostic], done: Fixed, settings: LintSettings
) -> int:
    from usersync.report.diagnostics import summary

    _print(console, options, done.diff().rstrip("\n"))
    console.note(f"{summary(findings)}; {len(done.mended)} would be fixed")
    return _exit_code(findings, options, settings)


def _report(
    console: Console,
    options: _Options,
    project: Project,
    findings: Sequence[Diagnostic],
    settings: LintSettings,
    files: Sequence[str] | None,
) -> int:
    from usersync.diagnostics import Level
    from usersync.report.diagnostics import as_text, plain, summary

    shown = [_clean(console, finding) for finding in findings]
    if options.format == "text":
        style = plain if options.output else console.style_data
        _print(console, options, "\n".join(as_text(finding, style) for finding in shown))
    else:
        from usersync.report.findings import FORMATS, Report

        checked = sorted(files if files is not None else project.files)
        fail_on = Level(options.fail_on) if options.fail_on else settings.fail_on
        folder = _folder(project.root)
        _print(console, options, FORMATS[options.format](Report(shown, checked, project.files, folder, fail_on)))
    if options.statistics:
        _statistics(console, options, project, findings, settings)
    if options.format == "text" or options.output:
        console.note(summary(findings))
    return _exit_code(findings, options, settings)


def _statistics(
    console: Console, options: _Options, project: Project, findings: Sequence[Diagnostic], settings: LintSettings
) -> None:
    """Beside findings that are for people on stdout, else on stderr."""
    from usersync.lint.statistics import counts, silent
    from usersync.report.findings.statistics import statistics

    for line in statistics(counts(findings), silent(project, settings)):
        if options.format == "text" and not options.output:
            console.data(line)
        else:
            console.note(line)


def _exit_code(findings: Sequence[Diagnostic], options: _Options, settings: LintSettings) -> int:
    bad = _LEVELS.index(options.fail_on or settings.fail_on)
    return 1 if any(_LEVELS.index(finding.level.value) >= bad for finding in findings) else 0


def _print(console: Console, options: _Options, text: str) -> None:
    """Writes a result to the file named, or to stdout; an empty one leaves an empty file, and nothing on stdout."""
    if options.output:
        from usersync.lint.rewrite import write_whole

        write_whole(options.output, console.clean(f"{text}\n" if text else "").encode("utf-8", "replace"))
    elif text:
        console.data(text)


def _clean(console: Console, finding: Diagnostic) -> Diagnostic:
    """A finding without secrets, whatever its printer makes of quotes and line ends."""
    from dataclasses import replace

    at, hint = finding.location, finding.hint
    return replace(
        finding,
        message=console.clean(finding.message),
        hint=hint and console.clean(hint),
        location=at and replace(at, text=console.clean(at.text)),
    )


def _folder(root: Path) -> str:
    """The project's folder as CI names it: empty, or `analytics/` where the repository holds more than the project."""
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        workspace = Path(os.environ[name]).resolve() if os.environ.get(name) else None
        if workspace and workspace != root and root.is_relative_to(workspace):
            return f"{root.relative_to(workspace).as_posix()}/"
    return ""


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


def _files(console: Console, project: Project, paths: tuple[Path, ...], given: set[str]) -> list[str] | None:
    """The project's files under the paths given; None for all. Paths that hold none are named on stderr."""
    from usersync.diagnostics import ConfigError, Diagnostic, Level, NothingSelectedError

    if not paths:
        return None
    known = [*project.files, *(p.location.file for p in project.problems if p.location), *given]
    known += [project.profile.file] if project.profile else []
    # Its settings are read whatever is linted.
    known += ["pyproject.toml"] if (project.root / "pyproject.toml").is_file() else []
    chosen: set[str] = set()
    idle: list[Path] = []
    for path in paths:
        shown = _shown(project.root, path)
        if shown not in given and not os.path.lexists(Path.cwd() / path):
            raise ConfigError(f"there is no file or folder {path}")
        found = {file for file in known if shown in (file, ".") or file.startswith(f"{shown}/")}
        chosen |= found
        idle += [] if found else [path]
    if not chosen:
        hint = f"the project is {project.root}: its models/, macros/ and profiles.yml are linted"
        raise NothingSelectedError("nothing to lint: no model is among these paths", hint=hint)
    told = "is no file that lint reads and holds none: it is passed over"
    console.problems(Diagnostic("config", f"{path} {told}", level=Level.WARNING) for path in idle)
    return sorted(chosen)


def _shown(root: Path, path: Path) -> str:
    """A path as the project calls it; the whole path where it is not in the project."""
    # A link is called by its own name, unless only where it leads is in the project.
    written, real = Path(os.path.normpath(Path.cwd() / path)), Path(os.path.realpath(Path.cwd() / path))
    inside = next((full for full in (written, real) if full.is_relative_to(root)), None)
    return inside.relative_to(root).as_posix() if inside else str(real)
