"""`models/users.sql`: DDL to properties, and the settings of `users()`."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp
from sqlglot.errors import SqlglotError

from usersync.diagnostics import ConfigError, Diagnostic, did_you_mean
from usersync.project.config import USERS_KEYS, checked
from usersync.project.ddl import read_ddl
from usersync.project.jinja.literals import Settings
from usersync.project.jinja.rendered import Rendered
from usersync.project.model import UserSchema, identifier_allowed
from usersync.project.properties import Reader
from usersync.project.sql.errors import parse_error
from usersync.project.types import Kind


def read_users(
    rendered: Rendered, settings: Settings | None, name: str | None = None
) -> tuple[UserSchema, list[Diagnostic]]:
    """The unified user from a rendered `users.sql`, with what is wrong in it.

    Args:
        rendered: The DDL.
        settings: Those of `users()`.
        name: What the table must be called; None for anything.

    Raises:
        ConfigError: the DDL cannot be read at all (US002).
    """
    try:
        ddl = read_ddl(rendered.sql)
    except SqlglotError as error:
        raise ConfigError(parse_error(rendered, error)) from None
    except RecursionError:
        raise ConfigError(Diagnostic("US002", "SQL: nested too deeply", rendered.location(0))) from None
    reader = Reader(rendered, ddl)
    statements = ddl.statements
    first = statements[0] if statements else None
    table = first.this if isinstance(first, exp.Create) and first.kind == "TABLE" else None
    if len(statements) != 1 or not isinstance(table, exp.Schema):
        message = "models/users.sql must be one statement: create table users (…)"
        raise ConfigError(Diagnostic("US002", message, reader.location(statements[-1] if statements else None)))
    if name is not None and table.this.name.lower() != name:
        reader.problem("US212", f"the table is called {name!r}, not {table.this.name!r}", table.this)
    properties = tuple(reader.properties(table))
    reader.unique(properties)
    if not properties and not reader.problems:
        reader.problem("US212", "users has no properties", table)
    values, problems = checked(rendered.file, settings, USERS_KEYS, "users") if settings else ({}, [])
    schema = UserSchema(
        rendered.file,
        properties,
        identifiers=tuple(values.get("identifiers", ())),
        primary_sources=values.get("primary_sources", {}),
        ignore_values={
            k: tuple(v) if isinstance(v, list) else (v,) for k, v in values.get("ignore_values", {}).items()
        },
        max_identities_per_value=values.get("max_identities_per_value"),
        max_users_merged=values.get("max_users_merged"),
        at=settings.at if settings else {},
    )
    return schema, [*reader.problems, *problems, *_settings_problems(schema)]


def _settings_problems(schema: UserSchema) -> Iterator[Diagnostic]:
    leaves = {leaf.path: leaf for leaf in schema.leaves}

    def unknown(path: str, key: str) -> Diagnostic:
        hint = did_you_mean(path, leaves)
        return Diagnostic("US203", f"users has no property {path!r}", schema.location(key), hint)

    for index, path in enumerate(schema.identifiers):
        key = f"identifiers.{index}"
        if path not in leaves:
            yield unknown(path, key)
        elif not identifier_allowed(leaves[path].type):
            message = f"{path!r} is {leaves[path].type}: an identifier is text, a whole number, uuid or inet"
            yield Diagnostic("US212", message, schema.location(key))
        elif path in schema.identifiers[:index]:
            yield Diagnostic("US212", f"identifier {path!r} is listed twice", schema.location(key))
    for setting in ("primary_sources", "ignore_values"):
        for path in getattr(schema, setting):
            if path not in leaves:
                yield unknown(path, f"{setting}.{path}:key")
            elif setting == "primary_sources" and leaves[path].type.kind is Kind.ARRAY:
                message = f"{path!r} is an array: it holds the elements of every source, so none is primary"
                yield Diagnostic("US212", message, schema.location(f"primary_sources.{path}:key"))
