"""Rules of what a query costs its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sqlglot import exp

from usersync.compile.cursor import bind_cursor, cursor_literal
from usersync.compile.placeholders import is_placeholder
from usersync.compile.pushdown import Find, Known, implied
from usersync.compile.reach import Reach
from usersync.compile.readings import reading
from usersync.compile.recorded_types import source_column
from usersync.diagnostics import Diagnostic, Level
from usersync.lint.queries import problem
from usersync.lint.rule import Checked
from usersync.lint.rules.registry import rule
from usersync.lint.views import View
from usersync.project.recorded import RecordedColumn
from usersync.project.sql.nodes import Nodes


@rule("US601", "filter-not-pushed-down", Level.WARNING, needs_sources=True)
def filter_not_pushed_down(checked: Checked) -> Iterator[Diagnostic]:
    """A server can only leave out rows by conditions that it checks as DuckDB does; all others read the whole table.

    Bad: `where lower(status) = 'active'`
    Good: `where status in ('active', 'Active')`
    """
    for compiled, query in checked.queries:
        view = checked.sources.view(compiled, query)
        if view is None or view.connection.type not in {"postgres", "mysql"}:
            continue
        for condition in _unsaid(view, compiled.model.updated_at):
            message = "the server cannot check this condition: all rows of the table are read"
            hint = "compare a column with a constant; docs/sources.md says what a server is asked"
            yield problem(query, condition, "US601", message, hint, level=Level.WARNING)


def _unsaid(view: View, updated_at: str | None) -> Iterator[exp.Expr]:
    """Conditions of one recorded table that imply nothing on its server."""
    kind = next((k for name, k in view.types().items() if name.lower() == (updated_at or "").lower()), None)
    cursor = cursor_literal("2000-01-01 00:00:00", kind.name) if kind else None
    tree = bind_cursor(view.query.tree, cursor) if cursor else view.query.tree
    bound = View(replace(view.query, nodes=Nodes(tree)), view.connection, view.tables)
    server = view.connection.type
    reach = Reach(bound.columns)
    conditions = reach.walk(tree)
    for table in bound.query.nodes.of(exp.Table):
        find = _finder(bound.columns(table), server)
        for condition in conditions.get(id(table), ()) if find else ():
            asked = any(is_placeholder(column) for column in condition.find_all(exp.Column))
            if find and not asked and not implied(condition, find, server):
                yield condition


def _finder(columns: Mapping[str, RecordedColumn] | None, server: str) -> Find | None:
    """What a table's columns mean on its server; None where nothing is recorded of it."""
    if columns is None:
        return None

    def find(column: exp.Column) -> Known | None:
        recorded = columns.get(column.name.lower())
        described = source_column(recorded, server) if recorded else None
        how = reading(server, described) if described else None
        return Known(column.name, described, how) if described and how else None

    return find


@rule("US602", "cross-join", Level.WARNING)
def cross_join(checked: Checked) -> Iterator[Diagnostic]:
    """Every row of one table with every row of another is rarely meant, and may be more than fits anywhere.

    Bad: `select c.id, o.email from customers c, orders o`
    Good: `select c.id, o.email from customers c join orders o on o.customer_id = c.id`
    """
    for _, query in checked.queries:
        ctes = query.ctes
        for select in query.nodes.of(exp.Select):
            for join in select.args.get("joins") or ():
                if _is_cross(join, ctes) and not _linked(select, join.this.alias_or_name.lower()):
                    name = join.this.alias_or_name or "a subquery"
                    message = f"nothing joins {name} to the rest: every row of one meets every row of the other"
                    hint = "say which rows belong together: join … on …"
                    yield problem(query, join, "US602", message, hint, level=Level.WARNING)


def _is_cross(join: exp.Join, ctes: Mapping[str, exp.Expr]) -> bool:
    if not _always(join.args.get("on")) or join.args.get("using") or join.method or join.side:
        return False
    if join.kind.upper() not in {"", "CROSS", "INNER"}:
        return False
    node = join.this
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        return not _one_row(ctes.get(node.name.lower()) if not node.args.get("db") else None)
    return isinstance(node, exp.Subquery) and not _one_row(node.unnest()) and not _correlated(node)


def _always(condition: exp.Expr | None) -> bool:
    """Whether a join's condition leaves nothing out: there is none, or it speaks of no column."""
    return condition is None or not condition.find(exp.Column, exp.Subquery)


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
        columns = [column for column in node.find_all(exp.Column) if not is_placeholder(column)]
        tables = {column.table.lower() for column in columns}
        if len(columns) > 1 and (len(tables) > 1 or tables == {""}) and (alias in tables or "" in tables):
            return True
    return False
