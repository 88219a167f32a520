"""How often each rule finds something, and which rules could not look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from usersync.diagnostics import Diagnostic, Level
from usersync.lint.rules import RULES
from usersync.lint.settings import LintSettings
from usersync.project.load import RECORDED
from usersync.project.model import Project


@dataclass(frozen=True, slots=True)
class Count:
    """The findings of one code."""

    code: str
    name: str
    level: Level
    """The worst of them."""
    found: int
    fixable: int


@dataclass(frozen=True, slots=True)
class Silent:
    """Rules that need to know a source's tables, and the connections whose tables are not recorded."""

    codes: tuple[str, ...]
    connections: tuple[str, ...]


_ORDER = list(Level)


def counts(findings: Iterable[Diagnostic]) -> list[Count]:
    """One count a code, the most frequent first."""
    by_code: dict[str, list[Diagnostic]] = {}
    for finding in findings:
        by_code.setdefault(finding.code, []).append(finding)
    found = [_count(code, same) for code, same in by_code.items()]
    return sorted(found, key=lambda count: (-count.found, count.code))


def _count(code: str, same: list[Diagnostic]) -> Count:
    name = RULES[code].name if code in RULES else code
    level = min((finding.level for finding in same), key=_ORDER.index)
    return Count(code, name, level, len(same), sum(bool(finding.fix) for finding in same))


def silent(project: Project, settings: LintSettings) -> Silent | None:
    """The rules that say nothing of some connections; None where all of them could look."""
    codes = tuple(rule.code for rule in RULES.values() if rule.needs_sources and settings.runs(rule.code))
    used = {model.connection for model in project.pipelines.values() if model.connection}
    connections = tuple(sorted(name for name in used if f"{RECORDED}/{name}.sql" not in project.files))
    return Silent(codes, connections) if codes and connections else None
