"""A query over recorded tables: which columns a star stands for, where each column comes from, and its type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sqlglot import exp

from usersync.compile.placeholders import is_placeholder
from usersync.compile.query import Query
from usersync.compile.reach import Origin, Reach, bare_star, origins
from usersync.compile.readers import file_path
from usersync.compile.recorded_types import recorded_type
from usersync.compile.source_types import SourceType
from usersync.compile.tables import default_schema
from usersync.lint.kinds import kind_of
from usersync.lint.nulls import may_be_missing, required
from usersync.lint.queries import branches
from usersync.project.model import Connection
from usersync.project.recorded import RecordedColumn, RecordedTable

Tables = Mapping[tuple[str, str], RecordedTable]
MOST_COLUMNS = 10_000
"""Of a query of more columns the names are not known: stars over stars double them."""


@dataclass(frozen=True)
class Found:
    """A column of a recorded table that a query passes on as it is."""

    table: RecordedTable
    column: RecordedColumn
    nullable: bool
    """Whether it may be null where it arrives."""


@dataclass(frozen=True)
class View:
    """A query over recorded tables."""

    query: Query
    connection: Connection
    tables: Tables
    _columns: dict[int, Mapping[str, RecordedColumn] | None] = field(default_factory=dict)
    _origins: dict[int, list[Origin]] = field(default_factory=dict)
    _names: dict[int, list[str] | None] = field(default_factory=dict)
    _selected: dict[int, list[exp.Expr]] = field(default_factory=dict)

    @cached_property
    def reach(self) -> Reach:
        """Which table a column is of."""
        return Reach(self.columns)

    def table(self, node: exp.Expr) -> RecordedTable | None:
        """The recorded table that a node of the query names."""
        if not isinstance(node, exp.Table):
            return None
        if self.connection.type == "files":
            path = file_path(node)
            return self.tables.get(("", path.lower())) if path else None
        if not isinstance(node.this, exp.Identifier) or (not node.db and node.name.lower() in self.query.ctes):
            return None
        schema = node.db.lower()
        own = {"", self.connection.name.lower(), default_schema(self.connection).lower()}
        return self.tables.get(("" if schema in own else schema, node.name.lower()))

    def columns(self, node: exp.Expr) -> Mapping[str, RecordedColumn] | None:
        """The columns of a recorded table by their names in lower case; None where nothing is known."""
        if id(node) not in self._columns:
            table = self.table(node)
            self._columns[id(node)] = {c.name.lower(): c for c in table.columns} if table else None
        return self._columns[id(node)]

    def origins(self, select: exp.Select) -> list[Origin]:
        """What a SELECT of the query reads from."""
        if id(select) not in self._origins:
            self._origins[id(select)] = origins(select)
        return self._origins[id(select)]

    # --- Names ---

    def names(self, query: exp.Expr) -> list[str] | None:
        """The columns that a query returns, in order; None where a star stands for what nobody knows."""
        if id(query) not in self._names:
            self._names[id(query)] = self._names_of(query)
        return self._names[id(query)]

    def _names_of(self, query: exp.Expr) -> list[str] | None:
        first = next(branches(query), None)
        if first is None:
            return None
        found: list[str] = []
        for node in first.selects:
            if not node.is_star:
                found.append(node.alias_or_name)
                continue
            expanded = self.expansion(first, node)
            if expanded is None or len(found) + len(expanded) > MOST_COLUMNS:
                return None
            found += expanded
        return found

    def expansion(self, select: exp.Select, star: exp.Expr) -> list[str] | None:
        """The columns that a star stands for, in order; None where that is not known."""
        plain = star.this if isinstance(star, exp.Column) else star
        if not bare_star(plain):
            return None
        of = star.table.lower() if isinstance(star, exp.Column) else ""
        sources = [origin for origin in self.origins(select) if not of or origin.alias == of]
        parts = [self._returned(origin) for origin in sources]
        return [name for part in parts for name in part or ()] if parts and None not in parts else None

    def _returned(self, origin: Origin) -> list[str] | None:
        if origin.query is not None:
            return self.names(origin.query)
        table = self.table(origin.node)
        return [column.name for column in table.columns] if table else None

    # --- Where columns come from ---

    def trace(self, select: exp.Expr, column: exp.Expr) -> Found | None:
        """The recorded column that a column of a SELECT is, through the queries that pass it on."""
        if not isinstance(select, exp.Select) or not isinstance(column, exp.Column) or is_placeholder(column):
            return None
        sources = self.origins(select)
        origin = self.reach.resolve(column, sources)
        if origin is None:
            return None
        found = self._within(origin, column.name)
        if found is None:
            return None
        nullable = (found.nullable or may_be_missing(select, origin)) and not required(select, column)
        return Found(found.table, found.column, nullable)

    def _within(self, origin: Origin, name: str) -> Found | None:
        if origin.query is None:
            table = self.table(origin.node)
            column = table.column(name) if table else None
            return Found(table, column, column.nullable) if table and column else None
        if not isinstance(origin.query, exp.Select):
            return None
        item = _item(origin.query, name)
        return self.trace(origin.query, item) if item is not None else None

    def outputs(self, name: str) -> Iterator[tuple[exp.Select, exp.Expr | None]]:
        """What each branch of the query returns under a name, which is that of the first; None where it is not sure."""
        names = self.names(self.query.tree) or ()
        place = self._places.get(name.lower())
        for select in branches(self.query.tree):
            items = self._items(select) if place is not None else []
            yield select, items[place] if place is not None and len(items) == len(names) else None

    @cached_property
    def _places(self) -> dict[str, int]:
        """Where the query returns a name, in lower case; of those that it returns once."""
        names = [name.lower() for name in self.names(self.query.tree) or ()]
        times = Counter(names)
        return {name: place for place, name in enumerate(names) if times[name] == 1}

    def _items(self, select: exp.Select) -> list[exp.Expr]:
        """What a SELECT returns, its stars replaced by columns; empty where one is not known."""
        if id(select) not in self._selected:
            self._selected[id(select)] = self._items_of(select)
        return self._selected[id(select)]

    def _items_of(self, select: exp.Select) -> list[exp.Expr]:
        found: list[exp.Expr] = []
        for node in select.selects:
            names = self.expansion(select, node) if node.is_star else None
            if node.is_star and names is None:
                return []
            table = node.args.get("table") if isinstance(node, exp.Column) else None
            found += [exp.column(name, table=table.copy() if table else None) for name in names or ()]
            found += [] if node.is_star else [node.unalias()]
        return found

    # --- Types ---

    def types(self) -> dict[str, SourceType]:
        """The types of the query's columns that are known, by name."""
        found: dict[str, SourceType] = {}
        for name in self.names(self.query.tree) or ():
            kinds = {self.kind(select, item) if item is not None else None for select, item in self.outputs(name)}
            kind = kinds.pop() if len(kinds) == 1 else None
            if kind is not None:
                found[name] = kind
        return found

    def kind(self, select: exp.Select, node: exp.Expr) -> SourceType | None:
        """The type of an expression of a SELECT; None where it is not sure."""

        def column(node: exp.Column) -> SourceType | None:
            found = self.trace(select, node)
            return recorded_type(found.column, self.connection.type) if found else None

        return kind_of(node, column)


def _item(select: exp.Select, name: str) -> exp.Expr | None:
    """What a SELECT returns under a name: behind a star it is the column of that name."""
    named = [e for e in select.selects if not e.is_star and e.alias_or_name.lower() == name.lower()]
    if named:
        return named[0].unalias() if len(named) == 1 else None
    stars = [e for e in select.selects if e.is_star]
    if len(stars) != 1:
        return None
    table = stars[0].args.get("table") if isinstance(stars[0], exp.Column) else None
    return exp.column(name, table=table.copy() if table else None)
