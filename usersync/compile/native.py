"""Tables of servers read by one SELECT in the server's own SQL: exact values, only the columns and rows in use.

A column that DuckDB's types cannot hold comes twice: as a number under its own name, for expressions, and as text
under a second name that the query passes on to its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp

from usersync.compile.pushdown import Find, Known, implied
from usersync.compile.reach import Origin, Reach, bare_star, keeps_rows, origins, plain
from usersync.compile.readings import Reading, reading
from usersync.compile.source_types import SourceType
from usersync.compile.sql import DIALECT, ident, literal
from usersync.project.model import Source, SourceColumn

Columns = Mapping[str, SourceColumn]
"""A table's columns by their names in lower case."""


@dataclass
class _Scan:
    """A table that is read natively."""

    table: exp.Table
    schema: str
    name: str
    readings: dict[str, tuple[SourceColumn, Reading]]
    exact: set[str] = field(default_factory=set)
    """Columns whose text is wanted too."""


@dataclass(frozen=True)
class Native:
    """A query whose tables are read natively where that is possible."""

    tree: exp.Query
    exact: Mapping[str, SourceType]
    """Result columns that arrive as text, under the name `exact_name` too."""


def exact_name(column: str) -> str:
    """The second name of a column, for its exact text."""
    return f"{column} as text"


def read_natively(tree: exp.Query, source: Source, used: Sequence[str] | None) -> Native:
    """A copy of a qualified query that reads servers' tables in their own SQL.

    Args:
        tree: The query, its tables by their full names.
        source: The connection, with what it says of its tables.
        used: The result's columns that are read; None for all.
    """
    bound = tree.copy()
    known = {id(t): c for t in bound.find_all(exp.Table) if (c := _columns(t, source)) is not None}
    if not known:
        return Native(bound, {})
    _drop_unused(bound, used)
    _shorten(bound, source)
    names = _Names(bound, used, known.values())
    tables = [table for table in bound.find_all(exp.Table) if id(table) in known]
    found = [_scan(table, known[id(table)], names, source.connection.type) for table in tables]
    scans = {id(scan.table): scan for scan in found if scan is not None}
    reach = Reach(lambda node: known.get(id(node)))
    conditions = reach.walk(bound)
    exact = _Exact(reach, scans).outputs(bound)
    for key, scan in scans.items():
        scan.table.replace(_subquery(scan, conditions.get(key, []), source))
    return Native(bound, exact)


_TABLE_PARTS = frozenset({"this", "db", "catalog", "alias", "joins"})


def _columns(table: exp.Table, source: Source) -> Columns | None:
    """What is known of a table's columns; None where it is not read natively."""
    alias = table.args.get("alias")
    odd = {key for key, value in table.args.items() if value} - _TABLE_PARTS
    if odd or not table.catalog or (alias and alias.columns):
        return None
    columns = {column.name.lower(): column for column in source.columns(table.db, table.name) or ()}
    unique = len(columns) == len(source.columns(table.db, table.name) or ())
    return columns if columns and unique else None


def _drop_unused(tree: exp.Query, used: Sequence[str] | None) -> None:
    """Takes columns out of the result that nobody reads."""
    if used is None or not isinstance(tree, exp.Select) or not plain(tree):
        return
    wanted = {name.lower() for name in used}
    mentioned = {c.name.lower() for c in tree.find_all(exp.Column) if not isinstance(c.parent, exp.Select)}
    numbered = any(isinstance(o.this, exp.Literal) or o.find(exp.Var) for o in tree.find_all(exp.Ordered))
    kept = [e for e in tree.expressions if e.is_star or e.alias_or_name.lower() in wanted | mentioned]
    if kept and not numbered:
        tree.set("expressions", kept)


class _Names:
    """The names by which a query speaks of columns."""

    def __init__(self, tree: exp.Query, used: Sequence[str] | None, known: Iterable[Columns]) -> None:
        aliases = _aliases(tree)
        self._of_any, self._of_alias = _spoken(tree, aliases)
        self._of_any |= {name.lower() for name in used or ()}
        stars = [s for s in tree.find_all(exp.Star) if not isinstance(s.parent, exp.Count)]
        if stars:
            self._of_any = self._of_any.union(*self._of_alias.values())
        top = used is None and any(e.is_star for e in tree.selects)
        whole = bool(stars) and (top or _counts_whole_rows(tree) or not all(map(_plain_star, stars)))
        matched = any(join.method for join in tree.find_all(exp.Join)) or any(tree.find_all(exp.Columns))
        self._all = whole or matched or bool(self._of_any - _explained(tree, known))

    def used(self, table: exp.Table, columns: Columns) -> list[str]:
        """The columns of a table that the query may speak of; all of them in doubt."""
        alias = table.alias_or_name.lower()
        own = self._of_alias.get(alias, set())
        whole_row = alias in self._of_any and alias not in columns
        everything = self._all or whole_row or not own <= columns.keys()
        return [name for name in columns if everything or name in self._of_any | own] or [next(iter(columns))]


def _aliases(tree: exp.Query) -> set[str]:
    """Names of whatever has columns."""
    names = {alias.name.lower() for alias in tree.find_all(exp.TableAlias)}
    return names | {table.name.lower() for table in tree.find_all(exp.Table)}


def _explained(tree: exp.Query, known: Iterable[Columns]) -> set[str]:
    """Names that mean a known column, or something that the query names itself.

    Any other may be misspelled: the database is to see all columns then, to tell which are near.
    """
    own = {e.alias.lower() for e in tree.find_all(exp.Alias)} | _aliases(tree)
    own |= {c.name.lower() for alias in tree.find_all(exp.TableAlias) for c in alias.columns}
    own |= {name.name.lower() for part in tree.find_all(exp.Lambda) for name in part.expressions}
    return own.union(*known)


def _counts_whole_rows(tree: exp.Query) -> bool:
    """Whether all columns of some row count, whatever their names."""
    return (
        any(tree.find_all(exp.Distinct, exp.SetOperation, exp.Columns, exp.Pivot, exp.Exists, exp.Lateral))
        or any(part.args.get("query") for part in tree.find_all(exp.In))
        or any(group.args.get("all") for group in tree.find_all(exp.Group))
        or any(alias.columns for alias in tree.find_all(exp.TableAlias))
    )


def _spoken(tree: exp.Query, aliases: set[str]) -> tuple[set[str], dict[str, set[str]]]:
    """Names of columns: those of any table, and those of one."""
    anywhere: set[str] = set()
    by_alias: dict[str, set[str]] = {}
    for column in tree.find_all(exp.Column):
        first, *rest = [part.name.lower() for part in column.parts if not isinstance(part, exp.Star)] or [""]
        if rest and first in aliases:
            by_alias.setdefault(first, set()).add(rest[0])
        elif not column.is_star:
            anywhere.add(first)
    for join in tree.find_all(exp.Join):
        anywhere |= {name.name.lower() for name in join.args.get("using") or ()}
    return anywhere, by_alias


def _plain_star(star: exp.Star) -> bool:
    """Whether a star stands for whole columns of a result, by their own names."""
    place = star.parent if isinstance(star.parent, exp.Column) else star
    return isinstance(place.parent, exp.Select) and bare_star(star)


def _shorten(tree: exp.Query, source: Source) -> None:
    """Columns by table and name only: what takes a table's place has no schema."""
    schemas = {table.db.lower() for table in tree.find_all(exp.Table) if table.db} | {source.connection.name.lower()}
    names = {table.alias_or_name.lower() for table in tree.find_all(exp.Table)}
    for column in tree.find_all(exp.Column):
        if column.args.get("db") and column.table.lower() in names and column.args["db"].name.lower() in schemas:
            column.set("db", None)
            column.set("catalog", None)


def _scan(table: exp.Table, columns: Columns, names: _Names, server: str) -> _Scan | None:
    found = {name: (columns[name], reading(server, columns[name])) for name in names.used(table, columns)}
    readings = {name: (column, how) for name, (column, how) in found.items() if how is not None}
    return _Scan(table, table.db, table.name, readings) if len(readings) == len(found) else None


class _Exact:
    """Carries exact texts from tables to the result, through queries whose rows are those of what they read."""

    def __init__(self, reach: Reach, scans: Mapping[int, _Scan]) -> None:
        self._reach, self._scans = reach, scans

    def outputs(self, query: exp.Expr) -> dict[str, SourceType]:
        """Columns of a query that have exact texts, by name; adds the texts to it."""
        if not keeps_rows(query) or _has_odd_star(query):
            return {}
        sources = origins(query)
        below = {id(origin): self._of(origin) for origin in sources}
        found: dict[str, SourceType] = {}
        for node in list(query.expressions):
            if node.is_star:
                for exact in below.values():
                    found |= exact
            elif (kind := self._passed_on(node, sources, below)) is not None:
                column = node.unalias()
                text = exp.column(exact_name(column.name), table=column.args.get("table"), quoted=True)
                query.select(exp.alias_(text, exact_name(node.alias_or_name), quoted=True), copy=False)
                found[node.alias_or_name] = kind
        return found

    def _passed_on(
        self, node: exp.Expr, sources: list[Origin], below: Mapping[int, Mapping[str, SourceType]]
    ) -> SourceType | None:
        column = node.unalias()
        origin = self._reach.resolve(column, sources) if isinstance(column, exp.Column) else None
        exact = {name.lower(): kind for name, kind in below[id(origin)].items()} if origin else {}
        return exact.get(column.name.lower())

    def _of(self, origin: Origin) -> dict[str, SourceType]:
        if origin.query is not None:
            return self.outputs(origin.query)
        scan = self._scans.get(id(origin.node))
        if scan is None:
            return {}
        scan.exact = {name for name, (_, how) in scan.readings.items() if how.exact}
        return {column.name: how.exact for column, how in scan.readings.values() if how.exact}


def _has_odd_star(query: exp.Select) -> bool:
    """Whether stars stand for anything else than all columns of one source."""
    stars = [e for e in query.expressions if e.is_star or e.find(exp.Columns)]
    changed = any(not bare_star(star) for e in stars for star in e.find_all(exp.Star, exp.Columns))
    return changed or len(stars) > 1 or (bool(stars) and len(origins(query)) > 1)


def _subquery(scan: _Scan, conditions: Sequence[exp.Expr], source: Source) -> exp.Subquery:
    """A table's place taken by DuckDB's view of what the server returns."""
    server, values = source.connection.type, list(_values(scan))
    inner = _server_sql(scan, conditions, server)
    call = f"{server}_query({literal(source.connection.name)}, {literal(inner)})"
    query: exp.Expr = sqlglot.parse_one(f"select {', '.join(values)} from {call}", read=DIALECT)
    name = exp.to_identifier(scan.table.name, quoted=True)
    alias = scan.table.args.get("alias") or exp.TableAlias(this=name)
    return exp.Subquery(this=query, alias=alias.copy(), joins=scan.table.args.get("joins"))


def _values(scan: _Scan) -> Iterator[str]:
    for name, (column, how) in scan.readings.items():
        own = ident(column.name)
        value = how.value.format(own)
        yield own if value == own else f"{value} as {own}"
        if name in scan.exact:
            yield f"{own} as {ident(exact_name(column.name))}"


def _server_sql(scan: _Scan, conditions: Sequence[exp.Expr], server: str) -> str:
    def quoted(name: str) -> str:
        return exp.to_identifier(name, quoted=True).sql(dialect=server)

    columns = []
    for column, how in scan.readings.values():
        own = quoted(column.name)
        value = how.server.format(own)
        columns.append(own if value == own else f"{value} as {own}")
    sql = f"select {', '.join(columns)} from {quoted(scan.schema)}.{quoted(scan.name)}"
    find = _finder(scan, quoted)
    filters = [text for condition in conditions if (text := implied(condition, find, server))]
    return f"{sql} where {' and '.join(filters)}" if filters else sql


def _finder(scan: _Scan, quoted: Callable[[str], str]) -> Find:
    def find(column: exp.Column) -> Known | None:
        found = scan.readings.get(column.name.lower())
        return Known(quoted(found[0].name), *found) if found else None

    return find
