"""The nodes of a syntax tree, from one walk for all who look for some: it takes as long as a fifth of parsing."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Generic, TypeVar

from sqlglot import exp

from usersync.diagnostics import Location
from usersync.project.jinja.rendered import Rendered

Tree_co = TypeVar("Tree_co", bound=exp.Expr, covariant=True)
Kind = TypeVar("Kind", bound=exp.Expr)


class Nodes(Generic[Tree_co]):
    """A tree that stays as it is, and all its nodes."""

    def __init__(self, tree: Tree_co) -> None:
        self.tree = tree

    @cached_property
    def all(self) -> tuple[exp.Expr, ...]:
        """Every node, those nearer to the root first."""
        return tuple(self.tree.walk())

    def of(self, *kinds: type[Kind]) -> list[Kind]:
        """The nodes of some kinds, in the same order."""
        wanted = with_subclasses(kinds)
        # Most who look for some find none.
        if wanted.isdisjoint(self._kinds):
            return []
        return [node for node in self.all if type(node) in wanted]  # type: ignore[misc]

    @cached_property
    def _kinds(self) -> frozenset[type[exp.Expr]]:
        return frozenset(map(type, self.all))


@cache
def with_subclasses(kinds: tuple[type[exp.Expr], ...]) -> frozenset[type[exp.Expr]]:
    """Kinds of nodes and all that are one of them: to look a node's own up is far faster than to ask for each."""
    found = set(kinds)
    for kind in kinds:
        found |= with_subclasses(tuple(kind.__subclasses__()))
    return frozenset(found)


def first_offset(node: exp.Expr) -> tuple[int, int] | None:
    """Offset and length of the leftmost token known of a node."""
    spans = [(part.meta["start"], part.meta["end"]) for part in node.walk() if "start" in part.meta]
    start, end = min(spans) if spans else (0, 0)
    return (start, end - start + 1) if spans else None


def locate(rendered: Rendered, node: exp.Expr) -> Location:
    """Where in the templates a node was written; the query's start when it has no token of its own."""
    while True:
        span = first_offset(node)
        if span:
            return rendered.location(*span)
        if node.parent is None:
            return rendered.location(len(rendered.sql) - len(rendered.sql.lstrip()))
        node = node.parent
