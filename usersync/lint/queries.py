"""What rules ask of a compiled pipeline's queries: both renderings, their parts, and places in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from usersync.compile.mapping import Mapped, bare_column
from usersync.compile.pipeline import Compiled
from usersync.compile.query import Query, parse_query
from usersync.diagnostics import ConfigError, Diagnostic, Edit, Level, Location
from usersync.project.model import Project
from usersync.project.render import render_model
from usersync.project.sql.nodes import first_offset


def renderings(compiled: Compiled) -> tuple[Query, ...]:
    """The query where `is_incremental()` is false, and that where it is true if that may be another."""
    full, incremental = compiled.full, compiled.incremental
    # Two branches may say the same, each in its place.
    same = full.rendered.sql == incremental.rendered.sql and "is_incremental" not in compiled.model.file.text
    return (full,) if same else (full, incremental)


def problem(
    query: Query, node: exp.Expr, code: str, message: str, hint: str | None = None, *, level: Level = Level.ERROR
) -> Diagnostic:
    """A finding at a node of a query."""
    return Diagnostic(code, message, query.location(node), hint, level)


def branches(tree: exp.Expr) -> Iterator[exp.Select]:
    """The SELECTs whose rows are those of a query: one, or those of a set operation."""
    rest = [tree]
    while rest:
        tree = rest.pop().unnest()
        if isinstance(tree, exp.Select):
            yield tree
        elif isinstance(tree, exp.SetOperation):
            rest += [tree.expression, tree.this]


def offsets(node: exp.Expr) -> tuple[int, int] | None:
    """Where the tokens known of a node begin and end in the rendered SQL."""
    start = first_offset(node)
    ends = [part.meta["end"] + 1 for part in node.walk() if "end" in part.meta]
    return (start[0], max(ends)) if start else None


def edit(query: Query, start: int, end: int, text: str) -> tuple[Edit, ...]:
    """The change of a stretch of rendered SQL, where it is certain which text of the model that is."""
    written = query.rendered.written(start, end)
    return (Edit(query.rendered.file.path, *written, text),) if written else ()


def at_offset(query: Query, offset: int, length: int = 1) -> Location:
    """The place of a rendered character."""
    return query.rendered.location(offset, length)


def mapped_place(compiled: Compiled, mapped: Mapped) -> Location:
    """Where a property is made: in `config()`, or in the SELECT where it is mapped by name."""
    if mapped.key:
        return compiled.model.location(mapped.key, length=len((compiled.model.mapping or {})[mapped.target.path]))
    name = bare_column(mapped.tree) or ""
    found = [column for column in compiled.full.columns or () if column.name.lower() == name.lower()]
    return found[0].location if found else compiled.model.location("")


def unused_view_problems(project: Project) -> Iterator[Diagnostic]:
    """Why a view that no model names cannot be rendered or read."""
    for view in project.models.values():
        # One that could not be read has no settings; that was said already.
        if view.kind != "view":
            continue
        named = re.compile(rf"""['"]{re.escape(view.stem)}['"]""")
        others = (model for model in project.models.values() if model is not view)
        if any(named.search(model.file.text) for model in others):
            continue
        try:
            for incremental in (False, True):
                parse_query(render_model(project, view, incremental=incremental), view.dialect)
        except ConfigError as error:
            yield from error.diagnostics
