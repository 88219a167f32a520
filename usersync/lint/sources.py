"""What recorded sources tell of a project's queries: tables, columns, their types, and where each column comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sqlglot import exp

from usersync.compile.conversions import conversion_exists
from usersync.compile.mapping import Mapped
from usersync.compile.pipeline import Compiled, impossible, type_problems
from usersync.compile.query import Query, is_placeholder
from usersync.compile.reach import Origin, Reach, bare_star, origins
from usersync.compile.recorded_types import recorded_type
from usersync.compile.source_types import SourceType, source_type
from usersync.compile.tables import default_schema, file_path
from usersync.diagnostics import ConfigError, Diagnostic
from usersync.lint.queries import branches
from usersync.project.load import RECORDED
from usersync.project.model import Connection, Project
from usersync.project.recorded import RecordedColumn, RecordedTable, read_recorded
from usersync.project.texts import check_readable

Tables = Mapping[tuple[str, str], RecordedTable]


@dataclass(frozen=True)
class Found:
    """A column of a recorded table that a query passes on as it is."""

    table: RecordedTable
    column: RecordedColumn
    nullable: bool
    """Whether it may be null where it arrives."""


@dataclass(frozen=True)
class Sources:
    """The recorded tables of all connections that have a file."""

    tables: Mapping[str, Tables]
    """By connection."""
    connections: Mapping[str, Connection]
    problems: tuple[Diagnostic, ...] = ()
    """What is wrong in the files."""

    def view(self, compiled: Compiled, query: Query) -> View | None:
        """A query with what is recorded of its connection; None where nothing is."""
        tables = self.tables.get(compiled.model.connection)
        if not tables:
            return None
        return View(query, self.connections[compiled.model.connection], tables)


def read_sources(project: Project) -> Sources:
    """The recorded sources of a project's connections."""
    connections = project.profile.connections if project.profile else {}
    used = {model.connection for model in project.models.values()}
    tables: dict[str, Tables] = {}
    problems: list[Diagnostic] = []
    for file in project.files.values():
        name = file.path.removeprefix(f"{RECORDED}/").removesuffix(".sql")
        if name == file.path.removesuffix(".sql"):
            continue
        try:
            check_readable(file)
            if name not in connections:
                continue
            found, wrong = read_recorded(file, connections[name].type)
        except ConfigError as error:
            problems += error.diagnostics
            continue
        problems += wrong
        if name in used:
            tables[name] = found
    return Sources(tables, connections, tuple(problems))


@dataclass(frozen=True)
class View:
    """A query over recorded tables."""

    query: Query
    connection: Connection
    tables: Tables
    _columns: dict[int, Mapping[str, RecordedColumn] | None] = field(default_factory=dict)

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

    # --- Names ---

    def names(self, query: exp.Expr) -> list[str] | None:
        """The columns that a query returns, in order; None where a star stands for what nobody knows."""
        first = next(branches(query), None)
        if first is None:
            return None
        found: list[str] = []
        for node in first.selects:
            if not node.is_star:
                found.append(node.alias_or_name)
                continue
            expanded = self.expansion(first, node)
            if expanded is None:
                return None
            found += expanded
        return found

    def expansion(self, select: exp.Select, star: exp.Expr) -> list[str] | None:
        """The columns that a star stands for, in order; None where that is not known."""
        plain = star.this if isinstance(star, exp.Column) else star
        if not bare_star(plain):
            return None
        of = star.table.lower() if isinstance(star, exp.Column) else ""
        sources = [origin for origin in origins(select) if not of or origin.alias == of]
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
        sources = origins(select)
        origin = self.reach.resolve(column, sources)
        if origin is None:
            return None
        found = self._within(origin, column.name)
        if found is None:
            return None
        nullable = (found.nullable or _may_be_missing(select, origin)) and not _required(select, column)
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
        names = [each.lower() for each in self.names(self.query.tree) or ()]
        for select in branches(self.query.tree):
            items = self._items(select) if names.count(name.lower()) == 1 else ()
            yield select, items[names.index(name.lower())] if len(items) == len(names) and items else None

    def _items(self, select: exp.Select) -> list[exp.Expr]:
        """What a SELECT returns, its stars replaced by columns; empty where one is not known."""
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


def _may_be_missing(select: exp.Select, origin: Origin) -> bool:
    """Whether an outer join may leave nothing of a table."""
    joins: list[exp.Join] = select.args.get("joins") or []
    place = next((i for i, join in enumerate(joins) if join.this is origin.node), -1)
    own = joins[place].side.upper() if place >= 0 else ""
    later = {join.side.upper() for join in joins[place + 1 :]}
    return own in {"LEFT", "FULL"} or bool(later & {"RIGHT", "FULL"})


def _required(select: exp.Select, column: exp.Column) -> bool:
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


_TEXTS = (
    *(exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Concat, exp.ConcatWs, exp.DPipe, exp.Replace),
    *(exp.RegexpReplace, exp.JSONExtractScalar, exp.Left, exp.Right),
)


def kind_of(node: exp.Expr, column: Callable[[exp.Column], SourceType | None]) -> SourceType | None:
    """The type of an expression where it is sure.

    Args:
        node: The expression.
        column: The type of a column.
    """
    match node:
        case exp.Column() if len(node.parts) <= 2:
            return column(node)
        case exp.Paren():
            return kind_of(node.this, column)
        case exp.Cast():
            return source_type(node.args["to"].sql(dialect="duckdb"))
        case exp.Literal() if node.is_string:
            return source_type("VARCHAR")
        case exp.Predicate() | exp.Not() | exp.Connector() | exp.Boolean():
            return source_type("BOOLEAN")
        case exp.Nullif():
            found = kind_of(node.this, column)
            return found if found and not found.natural else None
        case exp.Coalesce():
            kinds = {kind_of(part, column) for part in (node.this, *node.expressions)}
            found = kinds.pop() if len(kinds) == 1 else None
            return found if found and not found.natural else None
    return source_type("VARCHAR") if isinstance(node, _TEXTS) else None


def known_problems(sources: Sources, compiled: Compiled) -> Iterator[Diagnostic]:
    """What compiling finds where the source's columns and types are known: roles, mapping and conversions."""
    view = sources.view(compiled, compiled.full)
    if view is None:
        return
    if compiled.columns is None and (names := view.names(compiled.full.tree)) is not None:
        compiled, problems = compiled.with_columns(names)
        yield from problems
    types = view.types()
    yield from type_problems(compiled, types)
    for mapped, kind in mapped_types(compiled, types):
        if not conversion_exists(kind, mapped.target.type):
            yield impossible(compiled.model, mapped, kind)


def mapped_types(compiled: Compiled, types: Mapping[str, SourceType]) -> Iterator[tuple[Mapped, SourceType]]:
    """The mapped expressions whose types are known."""
    kinds = {name.lower(): kind for name, kind in types.items()}
    for mapped in compiled.mapped:
        kind = kind_of(mapped.tree, lambda c: kinds.get(c.name.lower()) if len(c.parts) == 1 else None)
        if kind is not None:
            yield mapped, kind


def completed(sources: Sources, compiled: Compiled) -> Compiled:
    """A pipeline that knows its columns, where a recorded source says what `select *` returns."""
    view = sources.view(compiled, compiled.full) if compiled.columns is None else None
    names: Sequence[str] | None = view.names(compiled.full.tree) if view else None
    return compiled.with_columns(names)[0] if names is not None else compiled
