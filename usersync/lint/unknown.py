"""Columns that a query names and no recorded table has."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from usersync.compile.placeholders import is_placeholder
from usersync.compile.reach import bare_star
from usersync.lint.views import View
from usersync.project.sql.expressions import free_columns

_PSEUDO = frozenset({"rowid", "ctid", "xmin", "xmax", "oid", "tableoid", "_rowid_", "filename"})
"""Columns that no catalog lists."""


def unknown_columns(view: View) -> Iterator[tuple[exp.Column, list[str]]]:
    """Columns that are not there, each with the names that are. What is not sure is left out."""
    try:
        scopes = traverse_scope(view.query.tree)
    except (SqlglotError, RecursionError):
        return
    free = {id(column) for column in free_columns(view.query.nodes)}
    for scope in scopes:
        if scope.pivots or not isinstance(scope.expression, exp.Select):
            continue
        for column in scope.columns:
            own = id(column) in free and column.find_ancestor(exp.Select) is scope.expression
            if own and not is_placeholder(column) and (known := _known(view, scope, column)) is not None:
                names = {name.lower() for name in known}
                if column.name.lower() not in names | _PSEUDO:
                    yield column, known


def _known(view: View, scope: Scope, column: exp.Column) -> list[str] | None:
    """The names that a column may have in its place; None where that is not sure."""
    if column.is_star or len(column.parts) > 2:
        return None
    if column.table:
        sources = {name.lower(): source for name, (_, source) in scope.selected_sources.items()}
        source = sources.get(column.table.lower())
        return _names(view, source) if source is not None else None
    found = list(_aliases(scope))
    around: Scope | None = scope
    inner: Scope | None = None
    while around is not None:
        for name, (_, source) in around.selected_sources.items():
            if source is inner:
                continue
            # A table's name means its whole row.
            names = _names(view, source)
            if names is None:
                return None
            found += [*names, name]
        # A subquery may speak of what is around it, and beside it as behind LATERAL.
        inner, around = around, None if around.is_cte else around.parent
    return found if scope.selected_sources else None


def _aliases(scope: Scope) -> Iterator[str]:
    yield from (e.alias for e in scope.expression.find_all(exp.Alias) if e.alias)
    yield from (c.name for alias in scope.expression.find_all(exp.TableAlias) for c in alias.columns)


def _names(view: View, source: exp.Expr | Scope, depth: int = 0) -> list[str] | None:
    if isinstance(source, exp.Table):
        renamed = source.args.get("alias") and source.args["alias"].columns
        columns = None if renamed else view.columns(source)
        return [column.name for column in columns.values()] if columns is not None else None
    if not isinstance(source, Scope) or depth > 100 or source.is_udtf:
        return None
    return _returned(view, source, depth)


def _returned(view: View, scope: Scope, depth: int) -> list[str] | None:
    """The columns that a query returns."""
    owner = scope.expression.parent
    if owner is not None and owner.args.get("alias") and getattr(owner.args["alias"], "columns", None):
        return None
    while isinstance(scope.expression, exp.SetOperation):
        if not scope.set_operation_scopes:
            return None
        scope = scope.set_operation_scopes[0]
    if not isinstance(scope.expression, exp.Select) or scope.pivots:
        return None
    found: list[str] = []
    for node in scope.expression.selects:
        if not node.is_star:
            found.append(node.alias_or_name)
            continue
        if not bare_star(node.this if isinstance(node, exp.Column) else node):
            return None
        of = node.table.lower() if isinstance(node, exp.Column) else ""
        for name, (_, source) in scope.selected_sources.items():
            if of and name.lower() != of:
                continue
            names = _names(view, source, depth + 1)
            if names is None:
                return None
            found += names
    return found
