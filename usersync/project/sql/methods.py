"""DuckDB's calls behind a value, `email.lower()`, as the calls of functions that they are: `lower(email)`."""

from __future__ import annotations

import re

from sqlglot import exp

from usersync.project.sql.calls import callable_names
from usersync.project.sql.stumbles import understood

_WRITTEN = re.compile(r"\.\s*\w+\s*\(")
_SCHEMAS = frozenset({"main", "temp", "stage", "system", "pg_catalog", "information_schema"})
"""What stands before a function rather than being given to it."""


def with_plain_calls(tree: exp.Expr, sql: str) -> exp.Expr:
    """A tree in which the calls of functions of values behind a value are plain ones; changed in place.

    Args:
        tree: As sqlglot parsed it.
        sql: What it was parsed from.

    Raises:
        SqlglotError: a call has other arguments than sqlglot expects.
    """
    if not _WRITTEN.search(sql):
        return tree
    with understood():
        return _plain(tree)


def _plain(tree: exp.Expr) -> exp.Expr:
    # From the inside out: `email.trim().lower()` is a call of a call.
    for dot in reversed(list(tree.find_all(exp.Dot))):
        call = _call(dot)
        if call is None:
            continue
        if dot is tree:
            tree = call
        else:
            dot.replace(call)
    return tree


def _call(dot: exp.Dot) -> exp.Expr | None:
    """The plain call that a call behind a value is; None where it is none."""
    called = dot.expression
    if not isinstance(called, exp.Anonymous) or called.name.lower() not in callable_names("duckdb"):
        return None
    value = _value(dot.this)
    if value is None:
        return None
    given = [value, *called.expressions]
    if called.name.lower() == "trim" and len(given) <= 2:
        return exp.Trim(this=value, expression=given[1] if len(given) > 1 else None)
    try:
        return exp.func(called.name, *given, copy=False, dialect="duckdb")
    except ValueError:
        # Those with a syntax of their own, and those with other arguments than sqlglot expects.
        return exp.Anonymous(this=called.this, expressions=given)


def _value(left: exp.Expr) -> exp.Expr | None:
    """What stands before the dot of a call: names are those of a column, with its table before it."""
    parts = list(left.flatten()) if isinstance(left, exp.Dot) else [left]
    if all(isinstance(part, exp.Identifier) for part in parts):
        if len(parts) > 4 or (len(parts) == 1 and parts[0].name.lower() in _SCHEMAS):
            return None
        return exp.Column(**dict(zip(("this", "table", "db", "catalog"), reversed(parts), strict=False)))
    if isinstance(left, exp.Paren) and isinstance(left.this, exp.Identifier):
        left.set("this", exp.Column(this=left.this))
    return left
