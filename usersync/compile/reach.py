"""What a query does with its tables: where their columns come from, and which conditions bind them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from sqlglot import exp

_FILTERS_ONLY = frozenset({"with_", "expressions", "from_", "joins", "where", "order", "kind", "hint"})
"""Parts of a SELECT that neither merge rows nor count them: conditions may pass through it."""
_KEEPS_ROWS = _FILTERS_ONLY | {"limit", "offset", "qualify"}
_ROW_BOUND = ("sample", "laterals", "pivots", "match", "connect", "prewhere")


@dataclass(frozen=True)
class Origin:
    """Something that a SELECT reads from: a table of the source, a query, or anything else."""

    alias: str
    node: exp.Expr
    query: exp.Expr | None
    """The query of a subquery or CTE."""
    filtered: bool
    """Whether a WHERE on it may be applied before the joins."""


def plain(select: exp.Expr | None) -> bool:
    """Whether every row of a query is one row of what it reads, and rows are independent of each other."""
    return keeps_rows(select, _FILTERS_ONLY) and not any(e.find(exp.Window) for e in select.expressions)


def keeps_rows(select: exp.Expr | None, parts: frozenset[str] = _KEEPS_ROWS) -> TypeGuard[exp.Select]:
    """Whether every row of a query is one row of what it reads."""
    return isinstance(select, exp.Select) and {key for key, value in select.args.items() if value} <= parts


def origins(select: exp.Select) -> list[Origin]:
    """What a SELECT reads from, in order; empty where joins are of a kind unknown here."""
    from_ = select.args.get("from_")
    joins: list[exp.Join] = select.args.get("joins") or []
    if from_ is None or any(select.args.get(part) for part in _ROW_BOUND):
        return []
    sides = {(join.side.upper(), join.kind.upper()) for join in joins}
    if any(join.method for join in joins) or not sides <= _JOINS:
        return []
    outer = any(side in {"RIGHT", "FULL"} for side, _ in sides)
    inner = [(join.this, not outer and not join.side and join.kind.upper() in {"", "INNER", "CROSS"}) for join in joins]
    return [_origin(select, node, filtered) for node, filtered in [(from_.this, not outer), *inner]]


_JOINS = {
    *(("", kind) for kind in ("", "INNER", "CROSS", "SEMI", "ANTI")),
    *((side, kind) for side in ("LEFT", "RIGHT", "FULL") for kind in ("", "OUTER", "SEMI", "ANTI")),
}


def _origin(select: exp.Select, node: exp.Expr, filtered: bool) -> Origin:
    alias = node.alias_or_name.lower()
    renamed = isinstance(node.args.get("alias"), exp.TableAlias) and node.args["alias"].columns
    query: exp.Expr | None = None
    if isinstance(node, exp.Subquery) and not renamed and not node.args.get("joins") and not node.args.get("sample"):
        query = node.unnest()
    elif isinstance(node, exp.Table) and not node.args.get("db") and not renamed:
        query = _cte(select, node)
    return Origin(alias, node, query, filtered and not node.args.get("joins") and not renamed)


def _cte(select: exp.Expr, table: exp.Table) -> exp.Expr | None:
    """The query of the CTE that a name means, if nothing else reads it."""
    name = table.name.lower()
    scope: exp.Expr | None = select
    while scope is not None:
        with_ = scope.args.get("with_")
        for cte in with_.expressions if isinstance(with_, exp.With) and not with_.recursive else ():
            if cte.alias.lower() == name:
                uses = [t for t in select.root().find_all(exp.Table) if t.name.lower() == name and not t.db]
                return cte.this if len(uses) == 1 and not cte.args["alias"].columns else None
        scope = scope.parent
    return None


@dataclass
class Reach:
    """Conditions by table, as the query implies them."""

    columns: Callable[[exp.Expr], Mapping[str, object] | None]
    """The columns of a table's node, in lower case; None for other nodes."""
    found: dict[int, list[exp.Expr]] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def walk(self, tree: exp.Expr) -> dict[int, list[exp.Expr]]:
        """The conditions of every table of a query, by the id of its node; columns are those of the table."""
        for select in tree.find_all(exp.Select, bfs=True):
            if id(select) not in self._seen:
                self._descend(select, [])
        return self.found

    def _descend(self, select: exp.Select, inherited: Iterable[exp.Expr]) -> None:
        self._seen.add(id(select))
        conditions = [*_conjuncts(select.args.get("where")), *inherited]
        sources = origins(select)
        for origin in sources:
            bound = [c for c in conditions if origin.filtered and self._binds(c, origin, sources)]
            if origin.query is None:
                self.found[id(origin.node)] = bound
            elif isinstance(origin.query, exp.Select):
                through = [c for b in bound if plain(origin.query) and (c := _through(b, origin.query)) is not None]
                self._descend(origin.query, through)

    def _binds(self, condition: exp.Expr, origin: Origin, sources: list[Origin]) -> bool:
        columns = list(condition.find_all(exp.Column))
        if not columns or condition.find(exp.Query, exp.Window, exp.AggFunc):
            return False
        return all(self.resolve(column, sources) is origin for column in columns)

    def resolve(self, column: exp.Column, sources: list[Origin]) -> Origin | None:
        """Which source a column is of; None where that is not sure."""
        if column.args.get("db"):
            return None
        if column.table:
            named = [origin for origin in sources if origin.alias == column.table.lower()]
            return named[0] if len(named) == 1 and self._has(named[0], column.name) is not False else None
        having = [origin for origin in sources if self._has(origin, column.name)]
        return having[0] if len(having) == 1 else None

    def _has(self, origin: Origin, name: str) -> bool | None:
        """Whether a source has a column; None where only the database knows."""
        if origin.query is None:
            columns = self.columns(origin.node)
            return None if columns is None else name.lower() in columns
        return self._returns(origin.query, name)

    def _returns(self, query: exp.Expr, name: str) -> bool | None:
        if not isinstance(query, exp.Select):
            return None
        if any(e.alias_or_name.lower() == name.lower() for e in query.expressions if not e.is_star):
            return True
        starred = [e for e in query.expressions if e.is_star]
        found = [self._has(origin, name) for origin in origins(query)] if starred else []
        if not all(map(bare_star, starred)):
            return None
        return any(found) if True in found or None not in found else None


def _conjuncts(where: exp.Expr | None) -> list[exp.Expr]:
    if where is None:
        return []
    return list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]


def bare_star(node: exp.Expr) -> bool:
    """Whether a star stands for all columns, by their own names."""
    return isinstance(node, exp.Star) and not any(node.args.get(part) for part in ("except_", "replace", "rename"))


def _through(condition: exp.Expr, query: exp.Select) -> exp.Expr | None:
    """A condition on a query's columns as one on what the query reads; None where a column is computed."""
    outputs = {e.alias_or_name.lower(): e.unalias() for e in query.expressions if not e.is_star}
    starred = any(e.is_star for e in query.expressions)
    if any(e.is_star and not bare_star(e) for e in query.expressions):
        return None
    moved = exp.paren(condition)
    for column in list(moved.find_all(exp.Column)):
        made = outputs.get(column.name.lower())
        if made is None and starred:
            column.replace(exp.column(column.this.copy()))
        elif isinstance(made, exp.Column) and not made.is_star:
            column.replace(made.copy())
        else:
            return None
    return moved
