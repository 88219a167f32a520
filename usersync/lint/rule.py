"""What a lint rule is: a small function over one checked model or the whole project."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from usersync.compile.pipeline import Compiled
from usersync.diagnostics import Diagnostic, Level, Location
from usersync.project.model import Project

if TYPE_CHECKING:
    from usersync.lint.sources import Sources


@dataclass(frozen=True)
class Checked:
    """A project as lint sees it: all that reading and compiling found, and what compiled."""

    project: Project
    compiled: Mapping[str, Compiled]
    """Pipelines that parse, by stem."""
    found: Mapping[str, tuple[Diagnostic, ...]]
    """Diagnostics of reading and compiling, by code."""
    behind: Mapping[Location, Collection[str]] = field(default_factory=dict)
    """The models that cannot be compiled for what is in another file, a macro or a view, by the place there."""

    @cached_property
    def sources(self) -> Sources:
        """The recorded sources, read when a rule first asks."""
        from usersync.lint.sources import read_sources

        return read_sources(self.project)

    @cached_property
    def unused_views(self) -> Mapping[str, tuple[Diagnostic, ...]]:
        """What keeps the views from being read that no model uses, by code: the others are read with those models."""
        from usersync.lint.queries import unused_view_problems

        found: dict[str, list[Diagnostic]] = {}
        for problem in unused_view_problems(self.project):
            found.setdefault(problem.code, []).append(problem)
        return {code: tuple(problems) for code, problems in found.items()}

    @cached_property
    def known(self) -> Mapping[str, tuple[Diagnostic, ...]]:
        """What compiling finds with the columns and types of recorded sources, by code."""
        from usersync.lint.sources import known_problems

        found: dict[str, list[Diagnostic]] = {}
        for compiled in self.compiled.values() if self.sources.tables else ():
            for problem in known_problems(self.sources, compiled):
                found.setdefault(problem.code, []).append(problem)
        return {code: tuple(problems) for code, problems in found.items()}


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
