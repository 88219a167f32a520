"""Lint: every rule over a project's files; no database, no network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlglot import exp

from usersync.compile.pipeline import Compiled, compile_pipeline
from usersync.diagnostics import Diagnostic, Location
from usersync.lint.noqa import UNUSED, Noqa, comments, silenced, unused
from usersync.lint.rule import Checked, Rule
from usersync.lint.rules import RULES
from usersync.lint.settings import LintSettings
from usersync.project.model import Pipeline, Project

_ALL = LintSettings()
_NONE: Mapping[Location, Collection[str]] = {}


def lint(project: Project, files: Iterable[str] | None = None, settings: LintSettings = _ALL) -> list[Diagnostic]:
    """All findings of a project, sorted by place, without those that a comment or the settings silence.

    Args:
        project: As loaded, its own problems included.
        files: Paths relative to the project to report on; None for all of them.
        settings: Which rules run, and their levels.
    """
    checked = check(project)
    findings = {finding for rule in RULES.values() for finding in _found(rule, checked)}
    findings |= {problem for code, found in checked.found.items() if code not in RULES for problem in found}
    noted = _noted(project)
    silence = silenced(settings.applied(findings), noted)
    idle = settings.applied(_idle(checked, noted, silence.used, settings))
    return reported(sorted([*silence.kept, *idle], key=lambda f: f.sort_key), files, checked.behind)


def _found(rule: Rule, checked: Checked) -> Iterable[Diagnostic]:
    """What a rule finds; where it cannot follow a query, that it is nested too deeply."""
    try:
        return list(rule.check(checked))
    except RecursionError:
        deepest = max(checked.compiled.values(), key=lambda compiled: _depth(compiled.full.tree))
        return [_too_deep(deepest.model)]


def _too_deep(model: Pipeline) -> Diagnostic:
    return Diagnostic("US002", "SQL: nested too deeply", model.location(""))


def _depth(tree: exp.Expr) -> int:
    """How many nodes stand one in another."""
    level, depth = [tree], 0
    while level:
        level, depth = [child for node in level for child in node.iter_expressions()], depth + 1
    return depth


def reported(
    findings: Iterable[Diagnostic], files: Iterable[str] | None, behind: Mapping[Location, Collection[str]] = _NONE
) -> list[Diagnostic]:
    """The findings in some files, those that are in no file, and those in a macro that a model of these files calls.

    Args:
        findings: Of all files.
        files: None for all of them.
        behind: The models that cannot be compiled for what is in another file, by the place there.
    """
    if files is None:
        return list(findings)
    wanted = set(files)

    def meant(at: Location | None) -> bool:
        return at is None or at.file in wanted or not wanted.isdisjoint(behind.get(at, ()))

    return [finding for finding in findings if meant(finding.location)]


def check(project: Project) -> Checked:
    """A project with all that reading and compiling it finds."""
    problems = list(project.problems)
    compiled: dict[str, Compiled] = {}
    behind: dict[Location, set[str]] = defaultdict(set)
    for stem, model in project.pipelines.items():
        try:
            found, wrong = compile_pipeline(project, model)
        except RecursionError:
            found, wrong = None, [_too_deep(model)]
        problems += wrong
        for problem in wrong:
            if problem.location and problem.location.file != model.file.path:
                behind[problem.location].add(model.file.path)
        if found is not None:
            compiled[stem] = found
    by_code: dict[str, list[Diagnostic]] = defaultdict(list)
    for problem in problems:
        by_code[problem.code].append(problem)
    return Checked(project, compiled, {code: tuple(found) for code, found in by_code.items()}, behind)


def _noted(project: Project) -> dict[str, tuple[Noqa, ...]]:
    """The comments that silence findings, of each file that has some."""
    dialects = {model.file.path: model.dialect for model in project.models.values()}
    found = {path: comments(file, dialects.get(path, "duckdb")) for path, file in project.files.items()}
    return {path: noted for path, noted in found.items() if noted}


def _idle(
    checked: Checked, noted: Mapping[str, tuple[Noqa, ...]], used: Mapping[Noqa, set[str]], settings: LintSettings
) -> list[Diagnostic]:
    """Comments that silence nothing (US901)."""
    unread = _unread(checked) if noted else set()
    found: list[Diagnostic] = []
    for path in noted.keys() - unread:
        ran = _ran(settings, path)
        # Only by its code: a bare comment would silence what is said of itself.
        others = [other for other in noted[path] if UNUSED in other.own]
        for noqa in noted[path]:
            finding = unused(noqa, used.get(noqa, set()), ran)
            if finding and not any(other.silences(finding) for other in others):
                found.append(finding)
    return found


def _ran(settings: LintSettings, path: str) -> set[str]:
    return {code for code in RULES if settings.runs(code, path)}


def _unread(checked: Checked) -> set[str]:
    """Files that not every rule has seen: those of models that do not compile, and what these may use."""
    project = checked.project
    broken = {model.file.path for stem, model in project.pipelines.items() if stem not in checked.compiled}
    if not broken:
        return set()
    pipelines = {model.file.path for model in project.pipelines.values()}
    return broken | (project.files.keys() - pipelines)
