"""The columns that a query returns, by the names that it gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, takewhile

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from usersync.diagnostics import ConfigError, Diagnostic, Location
from usersync.project.jinja.rendered import Rendered
from usersync.project.model import NAME
from usersync.project.sql.nodes import Nodes, locate
from usersync.project.sql.tokens import CLOSERS, OPENERS


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A column that the query returns."""

    name: str
    rendered: Rendered = field(repr=False, compare=False)
    node: exp.Expr = field(repr=False, compare=False)

    @property
    def location(self) -> Location:
        """Where it was written."""
        return locate(self.rendered, self.node)


def output_columns(
    rendered: Rendered, tree: exp.Query, tokens: Sequence[Token]
) -> tuple[tuple[OutputColumn, ...] | None, list[Diagnostic]]:
    """The columns that a query returns, None where a star stands for some; and what is wrong with them.

    Raises:
        ConfigError: there are none (US002).
    """
    if not tree.selects:
        where = rendered.location(tokens[0].start, len(tokens[0].text))
        raise ConfigError(Diagnostic("US002", "SQL: the SELECT names no columns", where))
    columns: list[OutputColumn] = []
    problems: list[Diagnostic] = []
    seen: set[str] = set()
    for index, node in enumerate(tree.selects):
        if node.is_star:
            continue
        name = _output_name(node)
        if name is None:
            problems.append(_unnamed(rendered, tree, tokens, index))
            continue
        if not NAME.match(name):
            hint = "give it an alias of letters, digits and underscores"
            where = locate(rendered, node)
            problems.append(Diagnostic("US208", f"column name {name!r} is not valid", where, hint))
        if name.lower() in seen:
            message = f"column {name!r} is selected twice (names are compared without regard to case)"
            problems.append(Diagnostic("US209", message, locate(rendered, node)))
        seen.add(name.lower())
        columns.append(OutputColumn(name, rendered, node))
    starred = any(node.is_star for node in tree.selects)
    return (None if starred else tuple(columns)), problems


def uneven_sets(rendered: Rendered, nodes: Nodes[exp.Query]) -> list[Diagnostic]:
    """Unions and the like of queries that return different numbers of columns."""
    problems = []
    widths: dict[int, int | None] = {}
    # From the inside out, so that a long chain is counted once.
    for sets in reversed(nodes.of(exp.SetOperation)):
        left, right = (_width(side.unnest(), widths) for side in (sets.this, sets.expression))
        widths[id(sets)] = left
        if left != right and left is not None and right is not None and not sets.args.get("by_name"):
            message = f"the queries of this {sets.key.upper()} return {left} and {right} columns"
            where = locate(rendered, sets.expression.unnest().selects[0])
            problems.append(Diagnostic("US002", message, where))
    return problems


def _width(query: exp.Expr, widths: Mapping[int, int | None]) -> int | None:
    """How many columns a query returns; None where only a database can tell."""
    if not isinstance(query, exp.Select):
        return widths.get(id(query))
    sure = all(isinstance(item.unalias(), _ONE_COLUMN) and not item.is_star for item in query.selects)
    return len(list(query.selects)) if sure and query.selects and not query.args.get("kind") else None


_ONE_COLUMN = (
    exp.Column,
    exp.Literal,
    exp.Null,
    exp.Boolean,
    exp.Cast,
    exp.Binary,
    exp.Lower,
    exp.Upper,
    exp.Trim,
    exp.AggFunc,
)
"""What is one column for sure: functions of rows may be more."""


def _unnamed(rendered: Rendered, tree: exp.Query, tokens: Sequence[Token], index: int) -> Diagnostic:
    spans = item_spans(tokens)
    exact = len(spans) == len(tree.selects)
    where = rendered.location(spans[index][0]) if exact else locate(rendered, tree.selects[index])
    return Diagnostic("US211", "an expression in the SELECT has no name", where, "give it a name: … as name")


def item_spans(tokens: Sequence[Token]) -> list[tuple[int, int]]:
    """Where each thing that the outermost SELECT selects begins and ends: nodes of the tree do not keep all words."""
    depths = list(accumulate((t.token_type in OPENERS) - (t.token_type in CLOSERS) for t in tokens))
    selects = [i for i, token in enumerate(tokens) if token.token_type is TokenType.SELECT]
    first = min(selects, key=lambda i: depths[i], default=len(tokens))
    level = [i for i in range(first, len(tokens)) if depths[i] == depths[first]]
    inside = list(takewhile(lambda i: tokens[i].token_type is not TokenType.FROM, level))
    begins = [i + 1 for i in inside if tokens[i].token_type in {TokenType.SELECT, TokenType.COMMA}]
    last = next((i for i in level if tokens[i].token_type is TokenType.FROM), len(tokens))
    ends = [*(begin - 1 for begin in begins[1:]), last]
    pairs = zip(begins, ends, strict=True)
    return [(tokens[a].start, tokens[b - 1].end + 1) for a, b in pairs if a < b]


def _output_name(node: exp.Expr) -> str | None:
    if isinstance(node, exp.Alias | exp.Column | exp.Dot):
        return node.alias or node.name or None
    return None
