"""Rules of what identifies a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from sqlglot import exp

from usersync.compile.mapping import Mapped, bare_column
from usersync.compile.pipeline import Compiled
from usersync.compile.query import Query
from usersync.diagnostics import Diagnostic, Edit, Level, Location
from usersync.lint.queries import branches, edit, mapped_place, renderings
from usersync.lint.rule import Checked
from usersync.lint.rules.registry import rule
from usersync.project.model import UserSchema
from usersync.project.types import Kind, PropertyType


@rule("US401", "identifier-never-produced")
def identifier_never_produced(checked: Checked) -> Iterator[Diagnostic]:
    """An identifier that no pipeline fills never matches anyone: a pipeline was forgotten, or a name is misspelt.

    Bad: `identifiers = ['email', 'phone']` where no pipeline maps phone
    Good: `identifiers = ['email']`
    """
    users, pipelines = checked.project.users, checked.project.pipelines
    known = [compiled for stem in pipelines if (compiled := checked.compiled.get(stem)) and _knows_all(compiled)]
    if users is None or not pipelines or len(known) < len(pipelines):
        return
    made = {leaf.path for compiled in known for mapped in compiled.mapped for leaf in mapped.target.leaves}
    for index, path in enumerate(users.identifiers):
        if path in users.paths and path not in made:
            where = _identifier_at(users, index, path)
            hint = "map it in a pipeline, or take it out of identifiers"
            yield Diagnostic("US401", f"no pipeline produces the identifier {path!r}", where, hint)


def _knows_all(compiled: Compiled) -> bool:
    """Whether all properties that a pipeline fills are known, mistakes aside."""
    model = compiled.model
    if model.mapping is None:
        return compiled.columns is not None and model.function is None
    return len(compiled.mapped) == len(model.mapping)


def _identifier_at(users: UserSchema, index: int, path: str) -> Location:
    return users.file.location(users.at.get(f"identifiers.{index}", 0), len(path))


_MAIL = re.compile(r"mail", re.IGNORECASE)
_PHONE = re.compile(r"phone|mobile|(^|_)(tel|cell|fax|msisdn)(_|$)", re.IGNORECASE)
_CASES = (exp.Lower, exp.Upper)
_DIGITS = (exp.RegexpReplace, exp.RegexpExtract, exp.Replace, exp.Translate, exp.Anonymous)


@rule("US402", "identifier-not-normalised", Level.WARNING)
def identifier_not_normalised(checked: Checked) -> Iterator[Diagnostic]:
    """Values match when they are equal to the letter: `Ann@Example.com` and `ann@example.com ` would be two persons.

    Bad: `mapping = {'email': 'email'}`
    Good: `mapping = {'email': 'lower(trim(email))'}`
    """
    for compiled in checked.compiled.values():
        for mapped in compiled.mapped:
            if mapped.target.path not in compiled.users.identifiers or mapped.target.type.kind is not Kind.VARCHAR:
                continue
            if _MAIL.search(mapped.target.path) and not _does(compiled, mapped, (*_CASES, exp.Anonymous)):
                yield _unequal_mail(compiled, mapped)
            elif _PHONE.search(mapped.target.path) and not _does(compiled, mapped, _DIGITS):
                written = mapped.tree.sql(dialect="duckdb")
                hint = f"keep + and digits only: regexp_replace({written}, '[^0-9+]', '', 'g')"
                message = f"{mapped.target.path!r} identifies a person, and is written in many ways"
                yield Diagnostic("US402", message, mapped_place(compiled, mapped), hint, Level.WARNING)


def _unequal_mail(compiled: Compiled, mapped: Mapped) -> Diagnostic:
    written = (compiled.model.mapping or {}).get(mapped.target.path, mapped.tree.sql(dialect="duckdb"))
    better = f"lower({written})" if mapped.tree.find(exp.Trim) else f"lower(trim({written}))"
    message = f"{mapped.target.path!r} identifies a person, and upper case or blanks make another of it"
    fix = _in_mapping(compiled, mapped, better) if mapped.key else _in_select(compiled, mapped)
    where = mapped_place(compiled, mapped)
    return Diagnostic("US402", message, where, f"write {better}", Level.WARNING, fix)


def _does(compiled: Compiled, mapped: Mapped, kinds: tuple[type[exp.Expr], ...]) -> bool:
    """Whether an expression, or the query for a column that it reads, applies one of some functions; in doubt yes."""
    if mapped.tree.find(*kinds):
        return True
    wanted = {name.lower() for name in mapped.columns}
    for query in renderings(compiled):
        named = [e for e in query.nodes.of(exp.Alias) if e.alias.lower() in wanted]
        if any(each.find(*kinds) for each in named) or _from_query(query, wanted):
            return True
    return False


def _from_query(query: Query, wanted: set[str]) -> bool:
    """Whether columns come from a query that does not name them: another place may have made them."""
    stars = any(e.is_star for select in query.nodes.of(exp.Select) for e in select.selects)
    return stars and not any(e.alias_or_name.lower() in wanted for s in branches(query.tree) for e in s.selects)


def _in_mapping(compiled: Compiled, mapped: Mapped, better: str) -> tuple[Edit, ...]:
    """The change of a mapping, where its text stands in the file as it is."""
    model, written = compiled.model, (compiled.model.mapping or {})[mapped.target.path]
    start = model.at.get(mapped.key, 0)
    end = start + len(written)
    around = model.file.text[start - 1 : start], model.file.text[end : end + 1]
    same = model.file.text[start:end] == written and around in {("'", "'"), ('"', '"')}
    return (Edit(model.file.path, start, end, better),) if same and "\\" not in written else ()


def _in_select(compiled: Compiled, mapped: Mapped) -> tuple[Edit, ...]:
    """The change of the SELECT, where it passes a column on."""
    name = (bare_column(mapped.tree) or "").lower()
    found: tuple[Edit, ...] = ()
    for query in renderings(compiled):
        items = [e for s in branches(query.tree) for e in s.selects if e.alias_or_name.lower() == name]
        column = items[0].unalias() if len(items) == 1 else None
        span = _column_span(query, column)
        if span is None or column is None:
            return ()
        text = query.rendered.sql[slice(*span)]
        alias = "" if isinstance(items[0], exp.Alias) else f" as {text.rpartition('.')[2]}"
        fix = edit(query, *span, f"lower(trim({text})){alias}")
        if not fix:
            return ()
        found = (*found, *fix)
    return tuple(dict.fromkeys(found))


def _column_span(query: Query, column: exp.Expr | None) -> tuple[int, int] | None:
    """Where a column of one or two words stands in the rendered SQL."""
    if not isinstance(column, exp.Column) or len(column.parts) > 2:
        return None
    places = [(part.meta["start"], part.meta["end"] + 1) for part in column.parts if "start" in part.meta]
    if len(places) < len(column.parts):
        return None
    start, end = places[0][0], places[-1][1]
    written = query.rendered.sql[start:end]
    return (start, end) if re.fullmatch(r'["`]?\w+["`]?(\.["`]?\w+["`]?)?', written) else None


_FEW_VALUES = frozenset({Kind.ENUM, Kind.YEAR, Kind.TINYINT, Kind.UTINYINT, Kind.SMALLINT, Kind.USMALLINT, Kind.INET})
_SHARED = re.compile(
    r"((first|last|full|middle|given|family|sur|nick)_?)?name|gender|sex|title|salutation|age|city|town|country|"
    r"region|state|province|zip|postcode|postal_code|language|locale|currency|company|job|"
    r"birth_?(day|date|year)|date_of_birth|created_at|ip(_address)?",
    re.IGNORECASE,
)


@rule("US403", "weak-identifier", Level.WARNING)
def weak_identifier(checked: Checked) -> Iterator[Diagnostic]:
    """What many people share makes one person of them all: names, places, dates, and types of few values.

    Bad: `identifiers = ['email', 'last_name']`
    Good: `identifiers = ['email']`
    """
    users = checked.project.users
    for index, path in enumerate(users.identifiers if users else ()):
        prop = users.paths.get(path) if users else None
        why = _weakness(path, prop.type) if prop else None
        if users and why:
            where, hint = _identifier_at(users, index, path), "identify people by what is theirs alone"
            yield Diagnostic("US403", f"{path!r} identifies nobody: {why}", where, hint, Level.WARNING)


def _weakness(path: str, kind: PropertyType) -> str | None:
    if kind.kind in _FEW_VALUES:
        return f"many people share a value of type {kind.kind.value}"
    return "many people share one" if _SHARED.fullmatch(path.rpartition(".")[2]) else None


@rule("US404", "no-guard", Level.WARNING)
def no_guard(checked: Checked) -> Iterator[Diagnostic]:
    """One value that everybody has, such as `none@example.com`, would make one person of them all.

    Bad: `users(identifiers = ['email'])`
    Good: `users(identifiers = ['email'], max_identities_per_value = 100)`
    """
    users = checked.project.users
    if users and users.identifiers and users.max_identities_per_value is None and users.max_users_merged is None:
        where = users.file.location(users.at.get("identifiers:key", 0), len("identifiers"))
        hint = "add max_identities_per_value = 100: a value of more identities matches nobody"
        yield Diagnostic("US404", "nothing guards against a value that everybody has", where, hint, Level.WARNING)


@rule("US405", "unknown-override", Level.WARNING)
def unknown_override(checked: Checked) -> Iterable[Diagnostic]:
    """A decision of models/overrides.csv that names no pipeline of the project, or that does not count, has no effect.

    Bad: `link,crm_custmers:42,app_users:7,ann,same phone,` where the pipeline is crm_customers
    Good: `link,crm_customers:42,app_users:7,ann,same phone,`
    """
    return checked.found.get("US405", ())


@rule("US406", "ids-of-two-tables", Level.WARNING)
def ids_of_two_tables(checked: Checked) -> Iterator[Diagnostic]:
    """Within a connection one id is one person: ids of two tables, or of two columns, would merge strangers.

    Bad: `select id from customers` and `select id from employees` on one connection
    Good: a second connection to the same database for the employees
    """
    first: dict[str, Compiled] = {}
    for compiled in checked.compiled.values():
        model = compiled.model
        other = first.setdefault(model.connection, compiled)
        mine, theirs = _id_source(compiled), _id_source(other)
        if other is not compiled and mine and theirs and mine != theirs:
            message = (
                f"ids of connection {model.connection!r} come from {mine} here "
                f"and from {theirs} in {other.model.file.path}: equal ids would be one person"
            )
            hint = "if they are ids of different things, give one a connection of its own in profiles.yml"
            yield model.problem("US406", message, "connection", hint=hint, level=Level.WARNING)


def _id_source(compiled: Compiled) -> str | None:
    """`table.column` that the user id is read from; None where the query does not say."""
    tree = compiled.full.tree
    select = tree if isinstance(tree, exp.Select) else tree.find(exp.Select)
    origin = select.args.get("from_") if select else None
    table = origin.this if origin else None
    if select is None or not isinstance(table, exp.Table):
        return None
    name = compiled.model.user_id.lower()
    column = next((s.unalias() for s in select.selects if s.alias_or_name.lower() == name), None)
    if column is None:
        return None
    return f"{table.name}.{column.name if isinstance(column, exp.Column) else column.sql()}".lower()
