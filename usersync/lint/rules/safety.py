"""Rules of safety: what a query may do, and what it must not leave to chance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from sqlglot import exp

from usersync.compile.pipeline import Compiled
from usersync.compile.query import Query
from usersync.compile.reach import origins
from usersync.diagnostics import Diagnostic, Edit, Level, Location
from usersync.lint.queries import branches, edit, problem
from usersync.lint.rule import Checked
from usersync.lint.rules.registry import rule
from usersync.lint.sources import completed
from usersync.project.model import NAME
from usersync.project.recorded import reserved
from usersync.project.sql.nodes import first_offset


@rule("US501", "not-read-only")
def not_read_only(checked: Checked) -> Iterable[Diagnostic]:
    """A model is one SELECT over its own connection: it changes nothing, and reaches no file or database but its own.

    Bad: `delete from customers returning id`
    Good: `select id from customers`
    """
    return (*checked.found.get("US501", ()), *checked.unused_views.get("US501", ()))


@rule("US502", "select-star", Level.WARNING)
def select_star(checked: Checked) -> Iterator[Diagnostic]:
    """With a star the source decides what a model reads: a new column may become a property, or break the model.

    Bad: `select * from customers`
    Good: `select id, email from customers`
    """
    for compiled, query in checked.queries:
        ctes = query.ctes
        for select in branches(query.tree):
            for node in select.selects:
                if node.is_star and open_star(select, node, ctes):
                    message = "the source decides which columns * stands for"
                    fix = _expanded(checked, compiled, query, select, node)
                    where = query.location(node)
                    yield Diagnostic("US502", message, where, "name the columns", Level.WARNING, fix)


def _expanded(
    checked: Checked, compiled: Compiled, query: Query, select: exp.Select, star: exp.Expr
) -> tuple[Edit, ...]:
    """The change of a star to the columns that it stands for; where nothing else depends on them, to those in use."""
    view = checked.sources.view(compiled, query)
    names = view.expansion(select, star) if view else None
    many = len(origins(select)) > 1 and not isinstance(star, exp.Column)
    if not names or many or not all(NAME.match(name) for name in names):
        return ()
    if select is query.tree and not select.args.get("distinct"):
        used = {name.lower() for name in completed(checked.sources, compiled).used_columns}
        names = [name for name in names if name.lower() in used] or names
    mark = star.this if isinstance(star, exp.Column) else star
    start, end = (first_offset(star) or (0, 0))[0], mark.meta.get("end", -1) + 1
    written = query.rendered.sql[start:end]
    if not re.fullmatch(r"(\w+\.)?\*", written):
        return ()
    said = [exp.to_identifier(name, quoted=reserved(name)).sql(dialect=query.dialect) for name in names]
    return edit(query, start, end, ", ".join(written[:-1] + name for name in said))


@rule("US504", "null-id-possible", Level.WARNING, needs_sources=True)
def null_id_possible(checked: Checked) -> Iterator[Diagnostic]:
    """A row without a user id is rejected, unless a fallback id takes its place.

    Bad: `config(user_id = 'customer_no')` where customers.customer_no may be null
    Good: `config(user_id = 'customer_no')` over `… where customer_no is not null`
    """
    for compiled in checked.compiled.values():
        view = checked.sources.view(compiled, compiled.full)
        # Files have no NOT NULL that they could promise.
        if view is None or view.connection.type == "files" or compiled.model.fallback_id:
            continue
        model = compiled.model
        found = [view.trace(select, item) for select, item in view.outputs(model.user_id) if item is not None]
        nullable = next((each for each in found if each and each.nullable and not each.table.view), None)
        if nullable:
            message = f"{nullable.table.shown}.{nullable.column.name} may be null: a row without a user id is rejected"
            hint = f"add `where {nullable.column.name} is not null`, or a fallback_id"
            length = len(model.user_id)
            yield model.problem("US504", message, "user_id", hint=hint, length=length, level=Level.WARNING)


def open_star(select: exp.Select, node: exp.Expr, ctes: Mapping[str, exp.Expr], depth: int = 0) -> bool:
    """Whether a star stands for columns of a table, and not of a query that names its own."""
    of = node.table.lower() if isinstance(node, exp.Column) else ""
    sources = [origin for origin in origins(select) if not of or origin.alias == of]
    if not sources or depth > len(ctes) + 50:
        return True
    for origin in sources:
        query = origin.query or (ctes.get(origin.node.name.lower()) if isinstance(origin.node, exp.Table) else None)
        if query is None:
            return True
        for inner in branches(query):
            if any(open_star(inner, star, ctes, depth + 1) for star in inner.selects if star.is_star):
                return True
    return False


_RANDOM = (exp.Rand, exp.Randn, exp.Uuid)
_NOW = (
    exp.CurrentTimestamp,
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentDatetime,
    exp.Localtimestamp,
    exp.Localtime,
)
_RANDOM_NAMES = frozenset({"random", "rand", "newid", "nextval", "uuidv4", "uuidv7", "setseed"})
_NOW_NAMES = frozenset(
    {
        *("now", "today", "getdate", "sysdate", "get_current_timestamp", "get_current_time", "unix_timestamp"),
        *("transaction_timestamp", "statement_timestamp", "clock_timestamp", "current_localtimestamp"),
    }
)


@rule("US503", "non-deterministic", Level.WARNING)
def non_deterministic(checked: Checked) -> Iterator[Diagnostic]:
    """What comes out different at every read is a change at every build, and rows that are left out are deleted.

    Bad: `select id, email, now() as seen_at from customers`
    Good: `select id, email, seen_at from customers`
    """
    for compiled in checked.compiled.values():
        yield from _in_mapping(compiled)
    for compiled, query in checked.queries:
        for node in query.nodes.of(*_RANDOM, *_NOW, exp.Anonymous):
            what = varying(node)
            windowed = compiled.model.incremental and what == "the time of the read" and _only_filters(node)
            if what and not windowed:
                where = _place(query, node)
                yield _varies(where, f"{what} is another at every read")
        yield from _some_rows(query)


def varying(node: exp.Expr) -> str | None:
    """What of a function is another at every read; None where nothing is."""
    name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
    if isinstance(node, _RANDOM) or name in _RANDOM_NAMES:
        return "a random value"
    return "the time of the read" if isinstance(node, _NOW) or name in _NOW_NAMES else None


def _varies(where: Location, message: str) -> Diagnostic:
    hint = "take a column of the source instead"
    return Diagnostic("US503", message, where, hint, Level.WARNING)


def _in_mapping(compiled: Compiled) -> Iterator[Diagnostic]:
    for mapped in compiled.mapped if compiled.model.mapping else ():
        for node in mapped.nodes.all:
            if what := varying(node):
                start, length = first_offset(node) or (0, 1)
                where = compiled.model.location(mapped.key, start, length)
                yield _varies(where, f"{what} is another at every read")


def _only_filters(node: exp.Expr) -> bool:
    """Whether a node says which rows are read, and is no value: an incremental run deletes none of the others."""
    return node.find_ancestor(exp.Where, exp.Join, exp.Select) is not node.find_ancestor(exp.Select)


def _some_rows(query: Query) -> Iterator[Diagnostic]:
    """LIMIT without ORDER BY, and samples."""
    for limit in query.nodes.of(exp.Limit, exp.Fetch):
        owner = limit.parent
        if owner is not None and not owner.args.get("order") and limit.find_ancestor(exp.Exists) is None:
            message = "LIMIT without ORDER BY reads other rows each time"
            yield problem(query, limit, "US503", message, "say which rows: order by …", level=Level.WARNING)
    for sample in query.nodes.of(exp.TableSample):
        message = "a sample has other rows each time"
        yield problem(query, sample, "US503", message, "filter by a value instead", level=Level.WARNING)


def _place(query: Query, node: exp.Expr) -> Location:
    """Where a function was written: some words keep no place of their own."""
    if first_offset(node) or not isinstance(node, _NOW):
        return query.location(node)
    bare = [n for n in query.tree.find_all(*_NOW, bfs=False) if first_offset(n) is None]
    words = [(start, text) for start, text in query.words if text.lower().startswith(("current_", "localtime"))]
    index = next(i for i, each in enumerate(bare) if each is node)
    if len(words) != len(bare):
        return query.location(node)
    return query.rendered.location(words[index][0], len(words[index][1]))
