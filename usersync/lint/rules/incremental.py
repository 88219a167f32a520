"""Rules of incremental pipelines: the cursor and its comparison."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sqlglot import exp

from usersync.compile.cursor import comparison_of
from usersync.compile.pipeline import Compiled
from usersync.compile.placeholders import is_placeholder
from usersync.compile.query import Query
from usersync.diagnostics import Diagnostic, Edit, Level
from usersync.lint.queries import at_offset, edit, offsets, problem
from usersync.lint.rule import Checked
from usersync.lint.rules.registry import rule
from usersync.project.model import Pipeline
from usersync.project.recorded import RecordedTable


@rule("US301", "needs-updated-at")
def needs_updated_at(checked: Checked) -> Iterable[Diagnostic]:
    """An incremental pipeline needs the column that tells when a row changed.

    Bad: `config(incremental = true)`
    Good: `config(incremental = true, updated_at = 'updated_at')`
    """
    return (*checked.found.get("US301", ()), *checked.known.get("US301", ()))


@rule("US302", "placeholder-missing")
def placeholder_missing(checked: Checked) -> Iterable[Diagnostic]:
    """Without the cursor an incremental query reads everything each time.

    Bad: `config(incremental = true, …)` over `select id, updated_at from customers`
    Good: `select id, updated_at from customers where updated_at >= ${updated_at}`
    """
    return checked.found.get("US302", ())


@rule("US303", "format-missing-or-wrong")
def format_missing_or_wrong(checked: Checked) -> Iterable[Diagnostic]:
    """Update times of text and json columns need a format, of known directives; others take none.

    Bad: `config(updated_at = 'changed', updated_at_format = '%Q')`
    Good: `config(updated_at = 'changed', updated_at_format = '%d/%m/%Y %H:%M')`
    """
    return (*checked.found.get("US303", ()), *checked.known.get("US303", ()))


@rule("US304", "strict-greater-than", Level.WARNING)
def strict_greater_than(checked: Checked) -> Iterator[Diagnostic]:
    """Rows that change in the same instant as the newest one read would be lost: `>=` reads those again, which is free.

    Bad: `where updated_at > ${updated_at}`
    Good: `where updated_at >= ${updated_at}`
    """
    for compiled, query in checked.queries:
        if compiled.model.lookback:
            continue
        for comparison, _ in _comparisons(query):
            after = isinstance(comparison, exp.LT) and _asks(comparison.this)
            if after or (isinstance(comparison, exp.GT) and _asks(comparison.expression)):
                yield _strict(query, comparison, "<" if after else ">")


def _strict(query: Query, comparison: exp.Expr, sign: str) -> Diagnostic:
    at, fix = _operator(query, comparison, sign)
    message = f"{sign} leaves out rows that change in the instant of the newest one read"
    where = at_offset(query, at) if at is not None else query.location(comparison)
    return Diagnostic("US304", message, where, f"write {sign}=", Level.WARNING, fix)


def _operator(query: Query, comparison: exp.Expr, sign: str) -> tuple[int | None, tuple[Edit, ...]]:
    """The offset of a comparison's operator in the rendered SQL, and what makes it let equals through."""
    left, right = offsets(comparison.this), offsets(comparison.expression)
    if left is None or right is None:
        return None, ()
    between = query.rendered.sql[left[1] : right[0]]
    if between.count(sign) != 1 or re.search(r"--|/\*|['\"]", between):
        return None, ()
    at = left[1] + between.index(sign)
    return at, edit(query, at, at + 1, f"{sign}=")


def _comparisons(query: Query) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """Comparisons with the cursor, and what is compared with it."""
    for column in query.placeholders:
        comparison = comparison_of(column)
        if isinstance(comparison, exp.Between):
            yield comparison, comparison.this
        elif isinstance(comparison, exp.Binary):
            yield comparison, comparison.expression if _asks(comparison.this) else comparison.this


def _asks(node: exp.Expr) -> bool:
    """Whether an operand is made of the cursor."""
    return any(is_placeholder(part) for part in node.find_all(exp.Column))


@rule("US305", "cursor-on-expression", Level.WARNING)
def cursor_on_expression(checked: Checked) -> Iterator[Diagnostic]:
    """A source finds changed rows by an index on the column; what is computed of it, it computes for every row.

    Bad: `where date(updated_at) >= ${updated_at}`
    Good: `where updated_at >= ${updated_at}`
    """
    for compiled, query in checked.queries:
        if checked.connection_type(compiled) == "files":
            continue  # Files have no indexes, and their texts may need a cast.
        for _, operand in _comparisons(query):
            inner = operand.unnest()
            if table := _without_index(checked, compiled, query, inner):
                message = f"no index of {table.shown} begins with {inner.name}: every read looks at all its rows"
                hint = f"ask for one: create index on {table.shown} ({inner.name})"
                yield problem(query, operand, "US305", message, hint, level=Level.WARNING)
            if not isinstance(inner, exp.Column) and inner.find(exp.Column):
                message = "the cursor is compared with an expression: no index can find the rows that changed"
                hint = "compare the column itself, and convert the cursor instead"
                yield problem(query, operand, "US305", message, hint, level=Level.WARNING)


def _without_index(checked: Checked, compiled: Compiled, query: Query, column: exp.Expr) -> RecordedTable | None:
    """The recorded table of a server that has no index to find a column's values by."""
    view = checked.sources.view(compiled, query)
    if view is None or view.connection.type not in {"postgres", "mysql", "sqlite"}:
        return None
    select = column.find_ancestor(exp.Select)
    found = view.trace(select, column) if select else None
    unseen = found is None or found.table.view or found.table.found_by(found.column.name)
    return None if found is None or unseen else found.table


@rule("US306", "format-not-sortable")
def format_not_sortable(checked: Checked) -> Iterator[Diagnostic]:
    """Texts are compared sign by sign: only where the year comes first does the later time compare as greater.

    Bad: `updated_at_format = '%d/%m/%Y'` over `where changed >= ${updated_at}`
    Good: `where strptime(changed, '%d/%m/%Y') >= strptime(${updated_at}, '%d/%m/%Y')`
    """
    for compiled, query in checked.queries:
        model = compiled.model
        if model.updated_at_format and not sortable(model.updated_at_format) and _compares_texts(query):
            hint = (
                "sort by year, month, day, with all digits: '%Y-%m-%d'; or compare times, with strptime on both sides"
            )
            yield _unsortable(model, hint)


def _unsortable(model: Pipeline, hint: str) -> Diagnostic:
    message = f"texts in the format {model.updated_at_format!r} do not sort as the times that they mean"
    length = len(model.updated_at_format or "")
    return model.problem("US306", message, "updated_at_format", hint=hint, length=length)


def _compares_texts(query: Query) -> bool:
    """Whether the cursor as it stands meets a column as it stands."""
    return any(
        isinstance(operand.unnest(), exp.Column) and any(is_placeholder(side.unnest()) for side in _sides(comparison))
        for comparison, operand in _comparisons(query)
        if not isinstance(comparison, exp.EQ | exp.NEQ)
    )


def _sides(comparison: exp.Expr) -> list[exp.Expr]:
    if isinstance(comparison, exp.Between):
        return [comparison.args["low"], comparison.args["high"]]
    return [comparison.this, comparison.expression]


# Directives of a fixed number of digits, from the greatest unit to the smallest; `%j` is a day of the year.
_UNITS = {"Y": 0, "m": 1, "j": 1, "d": 2, "H": 3, "M": 4, "S": 5, "f": 6}
_LONG = {"F": "Ymd", "x": "Ymd", "T": "HMS", "X": "HMS", "c": "YmdHMS"}


def sortable(form: str) -> bool:
    """Whether texts of a format sort as the times that they mean. A zone at the end is taken to be always the same."""
    if form in {"ISO8601", "%s"}:
        return True
    directives = [found for found in re.findall(r"%(-?.)", form) if found != "%"]
    while directives and directives[-1] in {"z", "Z"}:
        directives.pop()
    spelled = [unit for directive in directives for unit in _LONG.get(directive, [directive])]
    order = [_UNITS.get(unit, -1) for unit in spelled]
    return bool(order) and order[0] == 0 and order == sorted(set(order)) and -1 not in order
