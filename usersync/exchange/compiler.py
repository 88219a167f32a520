"""What a function of mapping expressions is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from usersync.exchange.constants import computes
from usersync.exchange.grammar import Call, Node, paths
from usersync.exchange.problems import ExpressionError
from usersync.exchange.terms import Term, become, fits
from usersync.exchange.types import WireType

MANY = 1_000
"""No upper bound on the arguments of a function."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """What functions need of the translator: to compile an argument, and to know of a lone path that may be null."""

    compile: Callable[[Node, WireType | None], Term]
    nullable: Callable[[Node], bool]
    varies: bool
    """Whether the whole expression uses a column."""

    def argument(self, node: Node, kind: WireType, what: str) -> Term:
        """An argument as a type."""
        term = self.compile(node, kind)
        fits(term, kind, node.offset, f" for {what}")
        return self.sure(node, become(term, kind))

    def sure(self, node: Node, term: Term) -> Term:
        """A part, refused if it uses no column and fails, in an expression that does use columns.

        DuckDB would raise what fails for every row while it plans, and take the whole pipeline with it.
        """
        if self.varies and not term.is_constant and not any(paths(node)) and not computes(term.sql):
            raise ExpressionError("type", "this fails for every row", node.offset)
        return term


@dataclass(frozen=True, slots=True)
class Function:
    """A function: how many arguments it takes, and its translation."""

    least: int
    most: int
    compile: Callable[[Compiler, Call, WireType | None], Term]

    @property
    def arity(self) -> str:
        """How many arguments it takes, in words."""
        if self.most == MANY:
            return f"{self.least} or more"
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"
