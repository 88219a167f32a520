"""Rules of safety: what a query may do, and what it must not leave to chance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from usersync.compile.pipeline import Compiled
from usersync.compile.query import Query
from usersync.compile.reach import origins
from usersync.diagnostics import Diagnostic, Level, Location
from usersync.lint.queries import branches, cte_queries, problem, queries
from usersync.lint.rule import Checked
from usersync.lint.rules.registry import rule
from usersync.project.syntax import first_offset


@rule("US501", "not-read-only")
def not_read_only(checked: Checked) -> Iterable[Diagnostic]:
    """A model is one SELECT over its own connection: it changes nothing, and reaches no file or database but its own.

    Bad: `delete from customers returning id`
    Good: `select id from customers`
    """
    return checked.found.get("US501", ())


@rule("US502", "select-star", Level.WARNING)
def select_star(checked: Checked) -> Iterator[Diagnostic]:
    """With a star the source decides what a model reads: a new column may become a property, or break the model.

    Bad: `select * from customers`
    Good: `select id, email from customers`
    """
    for _, query in queries(checked):
        ctes = cte_queries(query.tree)
        for select in branches(query.tree):
            for node in select.selects:
                if node.is_star and open_star(select, node, ctes):
                    message = "the source decides which columns * stands for"
                    yield problem(query, node, "US502", message, "name the columns", level=Level.WARNING)


def open_star(select: exp.Select, node: exp.Expr, ctes: dict[str, exp.Expr], depth: int = 0) -> bool:
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
    for compiled, query in queries(checked):
        for node in query.tree.find_all(*_RANDOM, *_NOW, exp.Anonymous, bfs=False):
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
        for node in mapped.tree.walk():
            if what := varying(node):
                start, length = first_offset(node) or (0, 1)
                where = compiled.model.location(mapped.key, start, length)
                yield _varies(where, f"{what} is another at every read")


def _only_filters(node: exp.Expr) -> bool:
    """Whether a node says which rows are read, and is no value: an incremental run deletes none of the others."""
    return node.find_ancestor(exp.Where, exp.Join, exp.Select) is not node.find_ancestor(exp.Select)


def _some_rows(query: Query) -> Iterator[Diagnostic]:
    """LIMIT without ORDER BY, and samples."""
    for limit in query.tree.find_all(exp.Limit, exp.Fetch):
        owner = limit.parent
        if owner is not None and not owner.args.get("order") and limit.find_ancestor(exp.Exists) is None:
            message = "LIMIT without ORDER BY reads other rows each time"
            yield problem(query, limit, "US503", message, "say which rows: order by …", level=Level.WARNING)
    for sample in query.tree.find_all(exp.TableSample):
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
