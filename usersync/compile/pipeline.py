"""A pipeline compiled: its parsed query and mapping, and what is wrong with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from usersync.compile.foreign import check_translation
from usersync.compile.mapping import Mapped, mapped_properties
from usersync.compile.query import Query, check_calls, parse_query
from usersync.compile.source_types import source_type
from usersync.compile.sql import DIALECT
from usersync.compile.tables import check_tables
from usersync.diagnostics import ConfigError, Diagnostic, Location, did_you_mean
from usersync.project.model import Connection, Pipeline, Project, SourceColumn, UserSchema
from usersync.project.render import render_model

ROLES = ("user_id", "fallback_id", "updated_at", "account_ids", "account_name")
"""Settings of a pipeline that name a query column."""
_MISSING_CODES = {"user_id": "US206", "fallback_id": "US206", "updated_at": "US301"}
UNKNOWN = source_type("VARCHAR")
"""The type assumed of an expression that no database was asked about."""


@dataclass(frozen=True)
class Compiled:
    """A pipeline that is ready to run."""

    model: Pipeline
    users: UserSchema
    full: Query
    """The query where `is_incremental()` is false."""
    incremental: Query
    """The query where it is true."""
    mapped: tuple[Mapped, ...]
    columns: tuple[str, ...] | None
    """What the query returns; None until a database was asked about `select *`."""
    results: tuple[SourceColumn, ...] | None = None
    """Of a native query: its columns as the server describes them; None until it was asked."""

    @property
    def used_columns(self) -> tuple[str, ...]:
        """The columns worth reading: ids, times, accounts, and those of the mapping, as the query spells them."""
        wanted = [name for role in ROLES if (name := getattr(self.model, role))]
        wanted += [name for mapped in self.mapped for name in mapped.columns]
        spelled = {name.lower(): name for name in self.columns or ()}
        return tuple(dict.fromkeys(spelled.get(name.lower(), name) for name in wanted))

    @property
    def definition_hash(self) -> str:
        """Changes exactly when the rows of the last run would come out differently: the next run is a full one."""
        model = self.model
        queries = (self.full, self.incremental)
        said = [
            # What a server runs is not DuckDB's, and may be nothing that can be said so.
            *(query.text if model.pushdown else query.tree.sql(dialect=DIALECT, comments=False) for query in queries),
            [
                *(model.connection, model.dialect, model.updated_at_format, model.incremental, model.write),
                *([model.pushdown] if model.pushdown else []),
            ],
            [getattr(model, role) for role in ROLES],
            [
                [
                    m.target.path,
                    str(m.target.type),
                    m.target.check,
                    m.tree.sql(dialect=DIALECT, comments=False),
                ]
                for m in sorted(self.mapped, key=lambda m: m.target.path)
            ],
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]

    def with_columns(self, names: Sequence[str]) -> tuple[Compiled, list[Diagnostic]]:
        """The same, knowing what the database says the query returns."""
        mapped, problems = mapped_properties(self.model, self.users, names)
        compiled = replace(self, mapped=mapped, columns=tuple(names))
        return compiled, [*problems, *_role_problems(self.model, names), *_nothing_mapped(compiled)]


def compile_pipeline(project: Project, model: Pipeline) -> tuple[Compiled | None, list[Diagnostic]]:
    """A pipeline compiled without asking any database, with all that is wrong with it."""
    problems = [*_setting_problems(model), *_pushdown_problems(project, model)]
    dialect_at = model.location("dialect", length=len(model.dialect))
    if project.users is None:
        return None, [*problems, *_query_problems(project, model, dialect_at)]
    try:
        rendered = [render_model(project, model, incremental=incremental) for incremental in (False, True)]
        full, wrong = parse_query(rendered[0], model.dialect, dialect_at)
        problems += wrong
        same = rendered[1].sql == rendered[0].sql and not wrong
        if same:
            # Written in other places it may be, so that each has its own.
            incremental = replace(full, rendered=rendered[1])
        else:
            incremental, more = parse_query(rendered[1], model.dialect, dialect_at)
            problems += [problem for problem in more if problem not in wrong]
        _reachable(project, model, *([full] if same else [full, incremental]))
    except ConfigError as error:
        return None, [*problems, *_all_of(error, project, project.users, model, dialect_at)]
    if model.incremental and not incremental.placeholders:
        hint = "add `where {column} >= ${{updated_at}}`".format(column=model.updated_at or "updated_at")
        problems.append(
            model.problem("US302", "an incremental query needs the cursor ${updated_at}", "incremental:key", hint=hint)
        )
    names = [column.name for column in full.columns] if full.columns is not None else None
    mapped, wrong = mapped_properties(model, project.users, names)
    problems += wrong
    compiled = Compiled(model, project.users, full, incremental, mapped, tuple(names) if names is not None else None)
    if names is not None:
        problems += [*_role_problems(model, names), *_nothing_mapped(compiled)]
    return compiled, problems


def _query_problems(project: Project, model: Pipeline, dialect_at: Location) -> Iterable[Diagnostic]:
    """What is wrong with a query, whatever users are."""
    found: dict[Diagnostic, None] = {}
    for incremental in (False, True):
        try:
            query = render_model(project, model, incremental=incremental)
            found |= dict.fromkeys(parse_query(query, model.dialect, dialect_at)[1])
        except ConfigError as error:
            found |= dict.fromkeys(error.diagnostics)
    return found


def _all_of(
    error: ConfigError, project: Project, users: UserSchema, model: Pipeline, dialect_at: Location
) -> Iterable[Diagnostic]:
    """Why a query cannot be read, and what is wrong beside: in its other branch, and in the mapping."""
    found = dict.fromkeys(error.diagnostics)
    try:
        parse_query(render_model(project, model, incremental=True), model.dialect, dialect_at)
    except ConfigError as other:
        found |= dict.fromkeys(other.diagnostics)
    found |= dict.fromkeys(mapped_properties(model, users, None)[1])
    return found


def _reachable(project: Project, model: Pipeline, *queries: Query) -> None:
    """Refuses tables, files and calls out of the connection's reach, where the connection is known."""
    connection = _connection(project, model)
    for query in queries:
        check_calls(query, model.dialect if model.pushdown else DIALECT)
        if model.pushdown:
            continue
        check_translation(query, model.dialect)
        if connection:
            check_tables(query.nodes.of(exp.Table), connection, query.rendered)


def _pushdown_problems(project: Project, model: Pipeline) -> list[Diagnostic]:
    if model.pushdown is None:
        return []
    from usersync.compile.handed import setting_problems

    return setting_problems(model, _connection(project, model))


def _connection(project: Project, model: Pipeline) -> Connection | None:
    return project.profile.connections.get(model.connection) if project.profile else None


def _setting_problems(model: Pipeline) -> list[Diagnostic]:
    problems = []
    if model.incremental and not model.updated_at:
        hint = "name the column that tells when a row changed: updated_at = '…'"
        problems.append(
            model.problem("US301", "incremental = true needs updated_at", "incremental:key", hint=hint, length=11)
        )
    if model.updated_at_format and not model.updated_at:
        problems.append(model.problem("US303", "updated_at_format needs updated_at", "updated_at_format:key"))
    if model.function is not None:
        hint = "map columns with SQL expressions instead"
        problems.append(
            model.problem("US202", "transformation functions are not available yet", "function:key", hint=hint)
        )
    return problems


def _role_problems(model: Pipeline, names: Sequence[str]) -> list[Diagnostic]:
    known = {name.lower() for name in names}
    return [
        model.problem(
            _MISSING_CODES.get(role, "US207"),
            f"the query returns no column {column!r}",
            role,
            hint=did_you_mean(column, names),
            length=len(column),
        )
        for role in ROLES
        if (column := getattr(model, role)) and column.lower() not in known
    ]


def _nothing_mapped(compiled: Compiled) -> list[Diagnostic]:
    if compiled.mapped or compiled.model.mapping:
        return []
    hint = "alias columns as properties, or say mapping = {'property': 'column'}"
    message = "no column of the query is named like a property, and there is no mapping"
    return [compiled.model.problem("US203", message, "", hint=hint)]
