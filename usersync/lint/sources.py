"""What recorded sources tell of a project's pipelines: their columns, and what the types of these make impossible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from usersync.compile.conversions import conversion_exists
from usersync.compile.mapping import Mapped
from usersync.compile.pipeline import Compiled
from usersync.compile.query import Query
from usersync.compile.source_types import SourceType
from usersync.compile.type_problems import impossible, type_problems
from usersync.diagnostics import ConfigError, Diagnostic
from usersync.lint.kinds import kind_of
from usersync.lint.views import Tables, View
from usersync.project.load import RECORDED
from usersync.project.model import Connection, Project
from usersync.project.recorded_ddl import read_recorded
from usersync.project.texts import check_readable


@dataclass(frozen=True)
class Sources:
    """The recorded tables of all connections that have a file."""

    tables: Mapping[str, Tables]
    """By connection."""
    connections: Mapping[str, Connection]
    problems: tuple[Diagnostic, ...] = ()
    """What is wrong in the files."""
    _views: dict[int, View] = field(default_factory=dict)

    def view(self, compiled: Compiled, query: Query) -> View | None:
        """A query with what is recorded of its connection; None where nothing is."""
        tables = self.tables.get(compiled.model.connection)
        if not tables:
            return None
        view = self._views.get(id(query))
        if view is None or view.query is not query:
            # Rules ask in turn, and what one has found out of a query serves the others.
            view = self._views[id(query)] = View(query, self.connections[compiled.model.connection], tables)
        return view


def read_sources(project: Project) -> Sources:
    """The recorded sources of a project's connections."""
    connections = project.profile.connections if project.profile else {}
    used = {model.connection for model in project.models.values()}
    tables: dict[str, Tables] = {}
    problems: list[Diagnostic] = []
    for file in project.files.values():
        name = file.path.removeprefix(f"{RECORDED}/").removesuffix(".sql")
        if name == file.path.removesuffix(".sql"):
            continue
        try:
            check_readable(file)
            if name not in connections:
                continue
            found, wrong = read_recorded(file, connections[name].type)
        except ConfigError as error:
            problems += error.diagnostics
            continue
        problems += wrong
        if name in used:
            tables[name] = found
    return Sources(tables, connections, tuple(problems))


def known_problems(sources: Sources, compiled: Compiled) -> Iterator[Diagnostic]:
    """What compiling finds where the source's columns and types are known: roles, mapping and conversions."""
    view = sources.view(compiled, compiled.full)
    if view is None:
        return
    if compiled.columns is None and (names := view.names(compiled.full.tree)) is not None:
        compiled, problems = compiled.with_columns(names)
        yield from problems
    types = view.types()
    yield from type_problems(compiled, types)
    for mapped, kind in mapped_types(compiled, types):
        if not conversion_exists(kind, mapped.target.type):
            yield impossible(compiled.model, mapped, kind)


def mapped_types(compiled: Compiled, types: Mapping[str, SourceType]) -> Iterator[tuple[Mapped, SourceType]]:
    """The mapped expressions whose types are known."""
    kinds = {name.lower(): kind for name, kind in types.items()}
    for mapped in compiled.mapped:
        kind = kind_of(mapped.tree, lambda c: kinds.get(c.name.lower()) if len(c.parts) == 1 else None)
        if kind is not None:
            yield mapped, kind


def completed(sources: Sources, compiled: Compiled) -> Compiled:
    """A pipeline that knows its columns, where a recorded source says what `select *` returns."""
    view = sources.view(compiled, compiled.full) if compiled.columns is None else None
    names: Sequence[str] | None = view.names(compiled.full.tree) if view else None
    return compiled.with_columns(names)[0] if names is not None else compiled
