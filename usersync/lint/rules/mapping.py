"""Rules of columns, mappings and types."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sqlglot import exp

from usersync.compile.conversions import conversion_exists
from usersync.compile.outputs import OutputColumn
from usersync.compile.pipeline import ROLES, Compiled
from usersync.compile.query import Query
from usersync.diagnostics import Diagnostic, Edit, Level, did_you_mean
from usersync.lint.conversions import conversion_may_fail as may_fail
from usersync.lint.queries import edit, mapped_place
from usersync.lint.rule import Checked
from usersync.lint.rules.registry import rule
from usersync.lint.sources import completed, mapped_types
from usersync.project.sql.nodes import first_offset


@rule("US201", "mapping-unknown-column")
def mapping_unknown_column(checked: Checked) -> Iterator[Diagnostic]:
    """A mapping computes from the columns that the query returns, a query from recorded tables and its own CTEs.

    Bad: `mapping = {'email': 'lower(mail)'}` over `select id, email from customers`
    Good: `mapping = {'email': 'lower(email)'}`
    """
    yield from checked.found.get("US201", ())
    yield from checked.known.get("US201", ())
    for compiled, query in checked.queries:
        view = checked.sources.view(compiled, query)
        if view is None and not query.nodes.of(exp.CTE, exp.Subquery):
            continue
        # What sqlglot needs to know of scopes takes a while to import.
        from usersync.lint.unknown import unknown_names

        for found in unknown_names(query, view):
            start, length = first_offset(found.name) or (0, 1)
            owner = compiled.model.connection if view and found.what == "column" else "the query"
            message = f"{owner} has no {found.what} {found.name.name!r} here"
            where = query.rendered.location(start, length)
            yield Diagnostic("US201", message, where, did_you_mean(found.name.name, found.known))


@rule("US202", "mapping-and-function")
def mapping_and_function(checked: Checked) -> Iterable[Diagnostic]:
    """A pipeline maps with expressions or with a function, not with both.

    Bad: `config(mapping = {…}, function = {…})`
    Good: `config(mapping = {…})`
    """
    return checked.found.get("US202", ())


@rule("US203", "unknown-property")
def unknown_property(checked: Checked) -> Iterable[Diagnostic]:
    """Mappings, identifiers and guards name properties of users.sql; a struct and its parts are not both mapped.

    Bad: `mapping = {'emial': 'email'}`
    Good: `mapping = {'email': 'email'}`
    """
    return (*checked.found.get("US203", ()), *checked.known.get("US203", ()))


@rule("US204", "conversion-impossible", needs_sources=True)
def conversion_impossible(checked: Checked) -> Iterable[Diagnostic]:
    """Some types can never become others, whatever the value.

    Bad: `mapping = {'active': 'created_at'}` where active is boolean
    Good: `mapping = {'active': 'created_at is not null'}`
    """
    return (*checked.found.get("US204", ()), *checked.known.get("US204", ()))


@rule("US205", "conversion-may-fail", Level.INFO, needs_sources=True)
def conversion_may_fail(checked: Checked) -> Iterator[Diagnostic]:
    """A value that does not fit its property rejects its whole row: whoever reads the model should expect that.

    Bad: `mapping = {'birth_year': 'born'}` where born is text
    Good: `mapping = {'birth_year': 'try_cast(born as smallint)'}`
    """
    for compiled in checked.compiled.values():
        view = checked.sources.view(compiled, compiled.full)
        if view is None:
            continue
        for mapped, kind in mapped_types(completed(checked.sources, compiled), view.types()):
            target = mapped.target
            if conversion_exists(kind, target.type) and may_fail(kind, target.type):
                message = f"not every {kind} is a {target.type}: a row that does not fit is rejected"
                hint = "nothing is wrong where all rows fit; try_cast(… as …) makes what does not fit null"
                where = mapped_place(compiled, mapped)
                yield Diagnostic("US205", message, where, hint, Level.INFO)


@rule("US206", "user-id-missing-or-wrong-type")
def user_id_missing(checked: Checked) -> Iterable[Diagnostic]:
    """The user id is a column of the query that holds text, whole numbers, uuids, or json of one of the first two.

    Bad: `config(user_id = 'id')` over `select customer_id from customers`
    Good: `config(user_id = 'customer_id')`
    """
    return (*checked.found.get("US206", ()), *checked.known.get("US206", ()))


@rule("US207", "account-ids-type")
def account_ids(checked: Checked) -> Iterable[Diagnostic]:
    """Accounts come from columns of the query.

    Bad: `config(account_ids = 'company')` over `select id, company_id from customers`
    Good: `config(account_ids = 'company_id')`
    """
    return (*checked.found.get("US207", ()), *checked.known.get("US207", ()))


@rule("US208", "column-name-invalid")
def column_name_invalid(checked: Checked) -> Iterable[Diagnostic]:
    """Names of columns and properties are letters, digits and underscores, so that they need no quotes anywhere.

    Bad: `select id, name as "1st-name" from customers`
    Good: `select id, name as first_name from customers`
    """
    return checked.found.get("US208", ())


@rule("US209", "duplicate-column")
def duplicate_column(checked: Checked) -> Iterable[Diagnostic]:
    """Two columns of one name, whatever the case, cannot be told apart.

    Bad: `select Email, email from customers`
    Good: `select email, backup_email from customers`
    """
    return checked.found.get("US209", ())


@rule("US210", "unused-column", Level.INFO)
def unused_column(checked: Checked) -> Iterator[Diagnostic]:
    """A column that becomes no property is noise to the reader; an old name of one may be meant.

    Bad: `select id, email, fax from customers` where nothing maps fax
    Good: `select id, email from customers`
    """
    for compiled, query in checked.queries:
        if query.columns is None or not _complete(compiled):
            continue
        used = {name.lower() for name in compiled.used_columns}
        unused = [i for i, c in enumerate(query.columns) if c.name.lower() not in used]
        if _removable(query) and len(unused) < len(query.columns):
            named = any(isinstance(query.tree.selects[i], exp.Alias) for i in unused)
            spoken = _spoken(query) if named else {}
            gone = {i for i in unused if not _mentioned(query.tree.selects[i], i, spoken)}
            spans = query.item_spans() if gone else []
            trailing = next(i for i in range(len(query.columns), -1, -1) if i - 1 not in gone)
            for index in sorted(gone):
                yield _unused(query.columns[index], _without(query, spans, trailing, index))


def _complete(compiled: Compiled) -> bool:
    """Whether all that reads columns is known: a misspelt name would make its column look unused."""
    model, known = compiled.model, {name.lower() for name in compiled.columns or ()}
    roles = {name.lower() for role in ROLES if (name := getattr(model, role))}
    mapped = model.mapping is None or len(compiled.mapped) == len(model.mapping)
    return bool(compiled.mapped) and mapped and model.function is None and roles <= known


def _removable(query: Query) -> bool:
    """Whether columns of the result can be left out and all rows stay as they are."""
    tree = query.tree
    if not isinstance(tree, exp.Select) or tree.args.get("distinct") or len(query.columns or ()) < len(tree.selects):
        return False
    parts = [part for name in ("order", "group") if (part := tree.args.get(name))]
    sorted_by = [e.this if isinstance(e, exp.Ordered) else e for part in parts for e in part.expressions]
    numbered = any(isinstance(e.unnest(), exp.Literal | exp.Var) for e in sorted_by)
    return not numbered and not any(part.args.get("all") for part in parts)


def _spoken(query: Query) -> Mapping[str, set[int | None]]:
    """The names of columns that the outermost SELECT speaks of without a table, each with the items that do."""
    items = {id(column): index for index, item in enumerate(query.tree.selects) for column in item.find_all(exp.Column)}
    spoken: dict[str, set[int | None]] = defaultdict(set)
    for column in query.nodes.of(exp.Column):
        if not column.table and column.find_ancestor(exp.Select) is query.tree:
            spoken[column.name.lower()].add(items.get(id(column)))
    return spoken


def _mentioned(item: exp.Expr, index: int, spoken: Mapping[str, set[int | None]]) -> bool:
    """Whether other parts of the query speak of a column by its alias."""
    return isinstance(item, exp.Alias) and bool(spoken.get(item.alias.lower(), set()) - {index})


def _without(query: Query, spans: Sequence[tuple[int, int]], trailing: int, index: int) -> tuple[Edit, ...]:
    """The edit that takes a column out of the SELECT, its comma too; from `trailing` on all go."""
    if not spans:
        return ()
    if index < trailing:
        return edit(query, spans[index][0], spans[index + 1][0], "")
    # Behind the last one that stays, each goes with the comma before it.
    return edit(query, spans[index - 1][1], spans[index][1], "")


def _unused(column: OutputColumn, fix: tuple[Edit, ...]) -> Diagnostic:
    message = f"column {column.name!r} is read, and used by nothing"
    hint = "map it to a property, or take it out of the SELECT"
    return Diagnostic("US210", message, column.location, hint, Level.INFO, fix)


@rule("US211", "unaliased-expression")
def unaliased_expression(checked: Checked) -> Iterable[Diagnostic]:
    """Every database invents another name for an expression without one.

    Bad: `select id, lower(email) from customers`
    Good: `select id, lower(email) as email from customers`
    """
    return checked.found.get("US211", ())


@rule("US212", "property-invalid")
def property_invalid(checked: Checked) -> Iterable[Diagnostic]:
    """Properties have a type that is known here, a column of their own, and no constraint but check.

    Bad: `create table users (email text not null, user_id bigint)`
    Good: `create table users (email text, customer_id bigint)`
    """
    return checked.found.get("US212", ())


@rule("US213", "mapping-not-scalar")
def mapping_not_scalar(checked: Checked) -> Iterable[Diagnostic]:
    """A mapping computes one value from one row: aggregates, windows, subqueries and random values belong elsewhere.

    Bad: `mapping = {'score': 'sum(points)'}`
    Good: `select id, sum(points) as score from events group by id`
    """
    return checked.found.get("US213", ())
