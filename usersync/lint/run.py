"""Lint: every rule over a project's files; no database, no network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from usersync.compile.pipeline import Compiled, compile_pipeline
from usersync.diagnostics import Diagnostic
from usersync.lint.rule import Checked
from usersync.lint.rules import RULES
from usersync.project.model import Project


def lint(project: Project, files: Iterable[str] | None = None) -> list[Diagnostic]:
    """All findings of a project, sorted by place.

    Args:
        project: As loaded, its own problems included.
        files: Paths relative to the project to report on; None for all of them.
    """
    problems = list(project.problems)
    compiled: dict[str, Compiled] = {}
    for stem, model in project.pipelines.items():
        found, wrong = compile_pipeline(project, model)
        problems += wrong
        if found is not None:
            compiled[stem] = found
    by_code: dict[str, list[Diagnostic]] = defaultdict(list)
    for problem in problems:
        by_code[problem.code].append(problem)
    checked = Checked(project, compiled, {code: tuple(found) for code, found in by_code.items()})
    findings = {finding for rule in RULES.values() for finding in rule.check(checked)}
    findings |= {problem for code, found in by_code.items() if code not in RULES for problem in found}
    wanted = None if files is None else set(files)
    return sorted((f for f in findings if _wanted(f, wanted)), key=lambda f: f.sort_key)


def _wanted(finding: Diagnostic, files: set[str] | None) -> bool:
    return files is None or finding.location is None or finding.location.file in files
