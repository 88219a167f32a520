"""What a lint rule is: a small function over one checked model or the whole project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from usersync.compile.pipeline import Compiled
from usersync.diagnostics import Diagnostic, Level
from usersync.project.model import Project


@dataclass(frozen=True)
class Checked:
    """A project as lint sees it: all that reading and compiling found, and what compiled."""

    project: Project
    compiled: Mapping[str, Compiled]
    """Pipelines that parse, by stem."""
    found: Mapping[str, tuple[Diagnostic, ...]]
    """Diagnostics of reading and compiling, by code."""


Check = Callable[[Checked], Iterable[Diagnostic]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its code and name, how bad a finding is, and the function that finds."""

    code: str
    name: str
    level: Level
    check: Check
    needs_sources: bool = False
    """Whether it is silent where `models/sources` has nothing recorded."""

    @property
    def explanation(self) -> str:
        """Why the rule is there, what is bad and what is good."""
        return (self.check.__doc__ or "").strip()
