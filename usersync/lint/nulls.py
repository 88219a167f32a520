"""Where a column of a query may be null: what joins leave out, and what a WHERE keeps out."""

from __future__ import annotations

from sqlglot import exp

from usersync.compile.placeholders import is_placeholder
from usersync.compile.reach import Origin


def may_be_missing(select: exp.Select, origin: Origin) -> bool:
    """Whether an outer join may leave nothing of a table."""
    joins: list[exp.Join] = select.args.get("joins") or []
    place = next((i for i, join in enumerate(joins) if join.this is origin.node), -1)
    own = joins[place].side.upper() if place >= 0 else ""
    later = {join.side.upper() for join in joins[place + 1 :]}
    return own in {"LEFT", "FULL"} or bool(later & {"RIGHT", "FULL"})


def required(select: exp.Select, column: exp.Column) -> bool:
    """Whether the WHERE lets no null of a column through."""
    where = select.args.get("where")
    conditions = where.this.flatten() if where and isinstance(where.this, exp.And) else [where.this] if where else []
    return any(_excludes_null(condition.unnest(), column.name.lower()) for condition in conditions)


def _excludes_null(node: exp.Expr, name: str) -> bool:
    if isinstance(node, exp.Not):
        inner = node.this.unnest()
        null = isinstance(inner, exp.Is) and isinstance(inner.expression, exp.Null)
        return null and _is_column(inner.this, name)
    if isinstance(node, exp.EQ | exp.NEQ | exp.GT | exp.GTE | exp.LT | exp.LTE | exp.Like):
        # A comparison with the cursor lets everything through where there is none.
        free = any(is_placeholder(c) for c in node.find_all(exp.Column))
        return not free and any(_is_column(side, name) for side in (node.this, node.expression))
    return isinstance(node, exp.In | exp.Between) and _is_column(node.this, name)


def _is_column(node: exp.Expr, name: str) -> bool:
    return isinstance(node.unnest(), exp.Column) and node.unnest().name.lower() == name
