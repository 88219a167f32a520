"""What a lint rule is: a small function over one checked model or the whole project."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from usersync.compile.pipeline import Compiled
from usersync.compile.query import Query
from usersync.diagnostics import Diagnostic, Level, Location
from usersync.lint.queries import renderings, unused_view_problems
from usersync.lint.sources import Sources, known_problems, read_sources
from usersync.project.model import Project


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

    @property
    def queries(self) -> Iterator[tuple[Compiled, Query]]:
        """Every query of the project, with its pipeline: two of a model that asks `is_incremental()`."""
        for compiled in self.compiled.values():
            yield from ((compiled, query) for query in renderings(compiled))

    def connection_type(self, compiled: Compiled) -> str:
        """What kind of source a pipeline reads; empty where profiles.yml does not say."""
        profile = self.project.profile
        connection = profile.connections.get(compiled.model.connection) if profile else None
        return connection.type if connection else ""

    @cached_property
    def sources(self) -> Sources:
        """The recorded sources, read when a rule first asks."""
        return read_sources(self.project)

    @cached_property
    def unused_views(self) -> Mapping[str, tuple[Diagnostic, ...]]:
        """What keeps the views from being read that no model uses, by code: the others are read with those models."""
        found: dict[str, list[Diagnostic]] = {}
        for problem in unused_view_problems(self.project):
            found.setdefault(problem.code, []).append(problem)
        return {code: tuple(problems) for code, problems in found.items()}

    @cached_property
    def known(self) -> Mapping[str, tuple[Diagnostic, ...]]:
        """What compiling finds with the columns and types of recorded sources, by code."""
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
