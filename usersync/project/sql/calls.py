"""The functions that SQL of a project may call: those that make a value of values. All others are refused."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from sqlglot import exp

_FOLDER = "callable"
_OWN = "stage"
"""The database of our own functions, which `usersync import` writes into mappings."""

_UNTYPED = (exp.Anonymous, exp.AnonymousAggFunc)
# What sqlglot knows by a class of its own, and is no function of values.
_REFUSED = (exp.NextValueFor, exp.ReadCSV, exp.ReadParquet)


@cache
def callable_names(dialect: str) -> frozenset[str]:
    """Names of the functions that a query may call, in lower case.

    Args:
        dialect: Of the database that runs the query: `duckdb`, `postgres`, `mysql` or `sqlite`.
    """
    text = (files(__package__) / _FOLDER / f"{dialect}.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def refused_calls(calls: Iterable[exp.Func], dialect: str = "duckdb") -> Iterator[tuple[exp.Expr, str, str | None]]:
    """Calls of an expression or query that are refused: the node, the function's name, and a hint if there is one.

    In DuckDB's SQL those in the place of a table are not among them.

    Args:
        calls: All calls in it.
        dialect: Of the database that runs it: `duckdb`, `postgres`, `mysql` or `sqlite`.
    """
    for node in calls:
        # What a hint says is for the planner of a server.
        if isinstance(node.parent, exp.Hint) or _quantifies(node):
            continue
        if dialect == "duckdb" and isinstance(node.parent, exp.Table) and node.arg_key == "this":
            continue
        if isinstance(node, _REFUSED):
            yield node, node.sql_name().lower(), None
        elif schema := _schema(node):
            if schema != _OWN:
                yield node, f"{schema}.{node.name}", "functions are called by their names alone"
        elif isinstance(node, exp.Anonymous | exp.AnonymousAggFunc) and node.name.lower() not in callable_names(
            dialect
        ):
            yield node, node.name, _near(node.name, dialect)


def _quantifies(node: exp.Expr) -> bool:
    """Whether it is ALL or SOME of an array behind a comparison, which sqlglot takes for a function."""
    return isinstance(node.parent, exp.Binary) and node.name.lower() in {"all", "some"} and node.arg_key == "expression"


def _near(name: str, dialect: str) -> str | None:
    """A hint at a misspelt name; none for what merely looks alike."""
    close = difflib.get_close_matches(name.lower(), callable_names(dialect), n=1, cutoff=0.8)
    return f"did you mean {close[0]!r}?" if close else None


def _schema(node: exp.Func) -> str | None:
    """What a function's name is qualified with, which may be a database with functions of its own."""
    if not isinstance(node.parent, exp.Dot) or node.arg_key != "expression":
        return None
    left = node.parent.this
    parts = list(left.flatten()) if isinstance(left, exp.Dot) else [left]
    names = [part.name for part in parts if isinstance(part, exp.Identifier | exp.Column)]
    return ".".join(names).lower() if len(names) == len(parts) else None
