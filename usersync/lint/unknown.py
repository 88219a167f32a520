"""Columns that a query names and nothing has that it reads: no recorded table, no query of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from usersync.compile.placeholders import is_placeholder
from usersync.compile.query import Query
from usersync.compile.reach import bare_star
from usersync.lint.views import MOST_COLUMNS, View
from usersync.project.sql.expressions import free_columns
from usersync.project.sql.stumbles import understood

_PSEUDO = frozenset({"rowid", "ctid", "xmin", "xmax", "oid", "tableoid", "_rowid_", "filename"})
"""Columns that no catalog lists."""
_UNNAMED = "unnamed_subquery"
"""How the names begin that DuckDB gives to subqueries without one."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A name that means nothing where it stands."""

    name: exp.Expr
    """The identifier."""
    known: list[str]
    """The names that are there."""
    what: str = "column"


def unknown_names(query: Query, view: View | None) -> Iterator[Unknown]:
    """Names of columns, and of tables before them, that are not there. What is not sure is left out.

    Args:
        query: As parsed.
        view: With what is recorded of its connection; None where nothing is, and only its own queries tell.
    """
    try:
        with understood():
            found = [(scope, scope.selected_sources, scope.pivots) for scope in traverse_scope(query.tree)]
    except (SqlglotError, RecursionError):
        return
    scopes = {id(scope.expression): scope for scope, _, pivots in found if not pivots}
    search = _Search(query, view)
    # sqlglot's own list of a scope's columns leaves out those of HAVING and QUALIFY.
    for column in free_columns(query.nodes):
        scope = scopes.get(id(search.select_of(column)))
        if scope is not None and not is_placeholder(column) and (unknown := search.unknown(scope, column)):
            yield unknown
    for scope in scopes.values():
        if isinstance(scope.expression, exp.Select):
            yield from search.joined(scope)
            yield from search.left_out(scope)


_Around = list[tuple["_Here", Scope | None]]


class _Search:
    """What the scopes of one query have, each looked at once."""

    def __init__(self, query: Query, view: View | None) -> None:
        self.query, self.view = query, view
        # SQLite takes a name in double quotes for a text where there is no such column.
        self.texts = query.dialect == "sqlite"
        self._selects: dict[int, exp.Expr | None] = {}
        self._here: dict[int, _Here] = {}
        self._returned: dict[int, list[str] | None] = {}

    def select_of(self, column: exp.Expr) -> exp.Expr | None:
        """The SELECT that an expression stands in."""
        path: list[int] = []
        node: exp.Expr | None = column
        while node is not None and not isinstance(node, exp.Select) and id(node) not in self._selects:
            path.append(id(node))
            node = node.parent
        found = self._selects.get(id(node), node) if node is not None else None
        self._selects.update(dict.fromkeys(path, found))
        return found

    def here(self, scope: Scope) -> _Here:
        """What a scope reads."""
        if id(scope) not in self._here:
            self._here[id(scope)] = _Here(scope, self)
        return self._here[id(scope)]

    def unknown(self, scope: Scope, column: exp.Column) -> Unknown | None:
        """What is wrong with a column; None where it is there, or that is not sure."""
        if self.here(scope).has_plainly(column):
            return None
        collation = isinstance(column.parent, exp.Collate) and column.arg_key == "expression"
        if collation or column.is_star or len(column.parts) > 2 or (self.texts and column.this.args.get("quoted")):
            return None
        around = self._around(scope)
        if column.table:
            return self._unknown_of(column, around)
        return self._unless_there(column.this, around)

    def _unknown_of(self, column: exp.Column, around: _Around) -> Unknown | None:
        """What is wrong with a column that a table is named before."""
        table = column.args["table"]
        name = table.name.lower()
        named = [here for here, _ in around if name in here.names]
        if named:
            # DuckDB looks further out for a table of that name where the nearest has no such column.
            listed = [here.lower[name] for here in named]
            there = any(each is None or column.name.lower() in each | _PSEUDO for each in listed)
            # Or it is a part of a column that has the name of a table.
            there = there or any(name in (each or ()) for here, _ in around for each in here.lower.values())
            return None if there else Unknown(column.this, named[0].names[name] or [])
        if name.startswith(_UNNAMED) or any(name in here.qualifiers for here, _ in around):
            return None
        # It may be a part of a column that is a struct, or of a row.
        found = self._unless_there(table, around)
        return Unknown(table, [name for here, _ in around for name in here.names], "table") if found else None

    def _unless_there(self, name: exp.Expr, around: _Around) -> Unknown | None:
        text = name.name.lower()
        if not around[0][0].names or text in _PSEUDO or any(here.has(text, but) for here, but in around):
            return None
        here = around[0][0]
        if text in here.aliases:
            return None
        return Unknown(name, [*here.aliases.values(), *(each for here, _ in around for each in here.listed or ())])

    def _around(self, scope: Scope) -> _Around:
        """A scope, and those that its expressions may speak of, each with the one of its sources that they are in."""
        found: list[tuple[_Here, Scope | None]] = []
        around: Scope | None = scope
        inner: Scope | None = None
        while around is not None:
            found.append((self.here(around), inner))
            # A subquery may speak of what is around it, and beside it as behind LATERAL.
            inner, around = around, None if around.is_cte else around.parent
        return found

    def joined(self, scope: Scope) -> Iterator[Unknown]:
        """Names in USING that the joined table, or all before it, have not."""
        here = self.here(scope)
        before: list[str] | None = []
        for source in _parts(scope.expression):
            names = here.names.get(source.alias_or_name.lower())
            join = source.parent
            for name in join.args.get("using") or () if isinstance(join, exp.Join) else ():
                for side in (names, before):
                    if side is not None and name.name.lower() not in map(str.lower, side):
                        yield Unknown(name, side)
                        break
            before = [*before, *names] if before is not None and names is not None else None

    def left_out(self, scope: Scope) -> Iterator[Unknown]:
        """Names that a star is to leave out, replace or rename, and does not stand for."""
        for item in scope.expression.expressions:
            star = item.this if isinstance(item, exp.Column) else item
            if not isinstance(star, exp.Star) or bare_star(star):
                continue
            here = self.here(scope)
            of = item.table.lower() if isinstance(item, exp.Column) else ""
            names = here.names.get(of) if of else here.listed
            for changed in (*(star.args.get("except_") or ()), *(star.args.get("replace") or ())):
                name = changed.args["alias"] if isinstance(changed, exp.Alias) else changed
                name = name.this if isinstance(name, exp.Column) else name
                plain = isinstance(name, exp.Identifier) and names is not None
                if plain and name.name.lower() not in map(str.lower, names or ()):
                    yield Unknown(name, names or [])

    def names(self, source: exp.Expr | Scope, depth: int = 0) -> list[str] | None:
        """The columns of what a query reads; None where that is not sure."""
        if isinstance(source, exp.Table):
            columns = None if _renamed(source) or self.view is None else self.view.columns(source)
            return [column.name for column in columns.values()] if columns is not None else None
        if not isinstance(source, Scope) or depth > 100:
            return None
        if source.is_udtf:
            rows: exp.Expr = source.expression
            return _listed(rows)
        if id(source) not in self._returned:
            self._returned[id(source)] = self._names_of(source, depth)
        return self._returned[id(source)]

    def _names_of(self, scope: Scope, depth: int) -> list[str] | None:
        """The columns that a query returns, by the names that it is given."""
        whole = _whole(scope.expression).parent
        if isinstance(whole, exp.CTE) and whole.parent is not None and whole.parent.args.get("search"):
            return None  # SEARCH and CYCLE add columns.
        alias = whole.args.get("alias") if whole is not None else None
        given = [column.name for column in getattr(alias, "columns", ())]
        while isinstance(scope.expression, exp.SetOperation):
            if not scope.set_operation_scopes or scope.expression.args.get("by_name"):
                return None
            scope = scope.set_operation_scopes[0]
        if not isinstance(scope.expression, exp.Select) or scope.pivots:
            return None
        found: list[str] = []
        for node in scope.expression.selects:
            names = self._expanded(scope, node, depth) if node.is_star else _named(node)
            if names is None or len(found) + len(names) > MOST_COLUMNS:
                return None
            found += names
        rest = found[len(given) :]
        return None if "" in rest else _numbered([*given, *rest])

    def _expanded(self, scope: Scope, node: exp.Expr, depth: int) -> list[str] | None:
        if not bare_star(node.this if isinstance(node, exp.Column) else node):
            return None
        of = node.table.lower() if isinstance(node, exp.Column) else ""
        found: list[str] = []
        for name, source in _sources(scope):
            if of and name.lower() != of:
                continue
            names = self.names(source, depth + 1) if isinstance(source, exp.Table | Scope) else None
            if names is None:
                return None
            found += names
        return found


class _Here:
    """What a scope reads, by lower-case name, and what it gives names to itself."""

    def __init__(self, scope: Scope, search: _Search) -> None:
        self._select = scope.expression
        self.sources = {name.lower(): source for name, source in _sources(scope)}
        self.names = {name: search.names(source) for name, source in self.sources.items()}
        self.lower = {
            name: None if names is None else frozenset(map(str.lower, names)) for name, names in self.names.items()
        }

    def has_plainly(self, column: exp.Column) -> bool:
        """Whether a column is, or may be, one of the table that is named before it, as most are."""
        table = column.table.lower()
        listed = self.lower.get(table, frozenset())
        return listed is None or column.name.lower() in listed

    @property
    def listed(self) -> list[str] | None:
        """The columns of all that it reads; None where some are not known."""
        if None in self.names.values():
            return None
        return [name for names in self.names.values() for name in names or ()]

    def has(self, text: str, but: Scope | None) -> bool:
        """Whether a name may mean something that it reads, one source left out. A table's name means its whole row."""
        others = [name for name, source in self.sources.items() if source is not but or but is None]
        return any(text == name or self.lower[name] is None or text in (self.lower[name] or ()) for name in others)

    @cached_property
    def aliases(self) -> dict[str, str]:
        """The names that it gives, by lower case."""
        nodes = self._select.find_all(exp.Alias, exp.TableAlias)
        parts = (node.columns if isinstance(node, exp.TableAlias) else [node] for node in nodes)
        return {part.alias_or_name.lower(): part.alias_or_name for group in parts for part in group}

    @cached_property
    def qualifiers(self) -> frozenset[str]:
        """Names of schemas and databases."""
        tables = [part for part in _parts(self._select) if isinstance(part, exp.Table)]
        return frozenset(name.lower() for table in tables for name in (table.db, table.catalog) if name)


def _parts(select: exp.Expr) -> list[exp.Expr]:
    """What stands in FROM and the joins of a SELECT; where FROM comes first, they hang on its table."""
    from_ = select.args.get("from_")
    found = [*([from_.this] if from_ is not None else []), *(join.this for join in select.args.get("joins") or ())]
    for part in found:
        found += [join.this for join in part.args.get("joins") or ()]
    return found


def _sources(scope: Scope) -> Iterator[tuple[str, exp.Expr | Scope]]:
    """What a SELECT reads, by name: a table, a query, or a node that only a database knows the columns of."""
    # With columns by other names, a table is a table of its own.
    found = {name: of if _renamed(of) else source for name, (of, source) in scope.selected_sources.items()}
    yield from found.items()
    others = [*_parts(scope.expression), *(scope.expression.args.get("laterals") or ())]
    for node in others:
        # Those of semi joins are left out there, as they are no part of what is selected.
        if node.alias_or_name not in found:
            yield node.alias_or_name or f" {id(node)}", node
    # What one name means that stands there twice, only the database knows.
    named = Counter(node.alias_or_name.lower() for node in others)
    yield from ((name, exp.Null()) for name, times in named.items() if times > 1)


def _whole(query: exp.Expr) -> exp.Expr:
    """The query that one is the first part of: in itself a recursive query is known by that part."""
    while isinstance(query.parent, exp.SetOperation) and query.arg_key == "this":
        query = query.parent
    return query


def _numbered(names: list[str]) -> list[str]:
    """Names as DuckDB tells those apart that a query returns twice: `id`, `id_1`."""
    times: dict[str, int] = {}
    found = []
    for name in names:
        numbered = name
        while numbered.lower() in times:
            times[name.lower()] += 1
            numbered = f"{name}_{times[name.lower()]}"
        times[numbered.lower()] = 0
        found.append(numbered)
    return found


def _renamed(node: exp.Expr) -> bool:
    alias = node.args.get("alias") if isinstance(node, exp.Table) else None
    return bool(alias is not None and alias.columns)


def _named(node: exp.Expr) -> list[str] | None:
    """The name of what is selected, empty where only a database knows it; None where it may be more than one column."""
    inner = node.unalias()
    if isinstance(inner, exp.Columns | exp.UDTF) or isinstance(node, exp.Aliases):
        return None
    if isinstance(node, exp.Alias | exp.Column | exp.Dot):
        return [node.alias_or_name]
    return None if isinstance(node, exp.Anonymous) else [""]


def _listed(rows: exp.Expr) -> list[str] | None:
    """The columns of rows that are written out, where all of them are given names."""
    alias = rows.args.get("alias")
    if not isinstance(rows, exp.Values) or alias is None or not rows.expressions:
        return None
    width = len(rows.expressions[0].expressions) if isinstance(rows.expressions[0], exp.Tuple) else 1
    return [column.name for column in alias.columns] if len(alias.columns) == width else None
