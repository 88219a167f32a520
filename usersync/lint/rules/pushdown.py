"""Rules of what a query costs its source."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from usersync.diagnostics import Diagnostic, Level
from usersync.lint.queries import cte_queries, problem, queries
from usersync.lint.rule import Checked
from usersync.lint.rules.registry import rule


@rule("US602", "cross-join", Level.WARNING)
def cross_join(checked: Checked) -> Iterator[Diagnostic]:
    """Every row of one table with every row of another is rarely meant, and may be more than fits anywhere.

    Bad: `select c.id, o.email from customers c, orders o`
    Good: `select c.id, o.email from customers c join orders o on o.customer_id = c.id`
    """
    for _, query in queries(checked):
        ctes = cte_queries(query.tree)
        for select in query.tree.find_all(exp.Select):
            for join in select.args.get("joins") or ():
                if _is_cross(join, ctes) and not _linked(select, join.this.alias_or_name.lower()):
                    name = join.this.alias_or_name or "a subquery"
                    message = f"nothing joins {name} to the rest: every row of one meets every row of the other"
                    hint = "say which rows belong together: join … on …"
                    yield problem(query, join, "US602", message, hint, level=Level.WARNING)


def _is_cross(join: exp.Join, ctes: dict[str, exp.Expr]) -> bool:
    if join.args.get("on") or join.args.get("using") or join.method or join.side:
        return False
    if join.kind.upper() not in {"", "CROSS", "INNER"}:
        return False
    node = join.this
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        return not _one_row(ctes.get(node.name.lower()) if not node.args.get("db") else None)
    return isinstance(node, exp.Subquery) and not _one_row(node.unnest()) and not _correlated(node)


def _one_row(query: exp.Expr | None) -> bool:
    """Whether a query returns one row at most."""
    if not isinstance(query, exp.Select):
        return False
    limit = query.args.get("limit")
    single = isinstance(limit, exp.Limit) and limit.expression.name == "1"
    total = not query.args.get("group") and any(e.find(exp.AggFunc) and not e.find(exp.Window) for e in query.selects)
    return single or total or query.args.get("from_") is None


def _correlated(subquery: exp.Subquery) -> bool:
    """Whether a subquery speaks of tables beside it, as behind LATERAL."""
    own = {table.alias_or_name.lower() for table in subquery.find_all(exp.Table)}
    return any(column.table and column.table.lower() not in own for column in subquery.find_all(exp.Column))


def _linked(select: exp.Select, alias: str) -> bool:
    """Whether the WHERE compares columns of the joined table with another's; in doubt it does."""
    where = select.args.get("where")
    for node in where.find_all(exp.Predicate) if where else ():
        tables = {column.table.lower() for column in node.find_all(exp.Column)}
        many = len(list(node.find_all(exp.Column))) > 1
        if many and (len(tables) > 1 or tables == {""}) and (alias in tables or "" in tables):
            return True
    return False
