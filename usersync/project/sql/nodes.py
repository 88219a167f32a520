"""The nodes of a syntax tree, from one walk for all who look for some: it takes as long as a fifth of parsing."""

from __future__ import annotations

from functools import cache, cached_property
from itertools import chain
from operator import itemgetter
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
        found = [nodes for kind, nodes in self._by_kind.items() if kind in wanted]
        numbered = found[0] if len(found) == 1 else sorted(chain(*found), key=itemgetter(0))
        return [node for _, node in numbered]  # type: ignore[misc]

    @cached_property
    def _by_kind(self) -> dict[type[exp.Expr], list[tuple[int, exp.Expr]]]:
        """The nodes by their own kind, numbered: most who look for some find few, or none."""
        found: dict[type[exp.Expr], list[tuple[int, exp.Expr]]] = {}
        for number, node in enumerate(self.all):
            found.setdefault(type(node), []).append((number, node))
        return found


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
