"""How columns become properties: expressions parsed, checked, and tied to the query's columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from usersync.compile.source_types import SourceType
from usersync.compile.sql import DIALECT
from usersync.diagnostics import Diagnostic, did_you_mean
from usersync.project.model import Pipeline, Property, UserSchema
from usersync.project.sql.casts import unknown_type
from usersync.project.sql.errors import broken
from usersync.project.sql.expressions import expression, free_columns, not_scalar
from usersync.project.sql.nodes import Nodes, first_offset

_ONE_EXPRESSION = "a mapping is one SQL expression, without a name of its own"


@dataclass(frozen=True)
class Mapped:
    """One property and the expression that makes it."""

    target: Property
    nodes: Nodes[exp.Expr]
    key: str
    """The setting where it was written, for places."""

    @property
    def tree(self) -> exp.Expr:
        """The expression."""
        return self.nodes.tree

    @property
    def columns(self) -> tuple[str, ...]:
        """Query columns that the expression reads, as written."""
        return tuple(dict.fromkeys(_root(column) for column in self.nodes.of(exp.Column)))


# What cannot fail for a row; everything else is tried, at some cost.
_SAFE = (
    exp.Column,
    exp.Identifier,
    exp.Literal,
    exp.Null,
    exp.Boolean,
    exp.Paren,
    exp.Lower,
    exp.Upper,
    exp.Trim,
    exp.Length,
    exp.Concat,
    exp.ConcatWs,
    exp.DPipe,
    exp.Coalesce,
    exp.Nullif,
    exp.Case,
    exp.If,
    exp.Predicate,
    exp.Connector,
    exp.Not,
    exp.TryCast,
    exp.DataType,
    exp.DataTypeParam,
)


def may_fail(tree: exp.Expr) -> bool:
    """Whether an expression can raise an error for some row, as a cast can."""
    return not all(isinstance(node, _SAFE) for node in tree.walk())


def _root(column: exp.Column) -> str:
    """`address.city` reads the column `address`."""
    return column.parts[0].name


def bare_column(tree: exp.Expr) -> str | None:
    """The column that an expression is, and nothing more."""
    inner = tree.unnest()
    return inner.name if isinstance(inner, exp.Column) and len(inner.parts) == 1 else None


def computed(tree: exp.Expr, types: Mapping[str, SourceType]) -> exp.Expr:
    """An expression in which columns that come as exact text are the numbers that they stand for.

    Args:
        tree: The expression; one that is a bare column stays as it is, for the conversion to read exactly.
        types: The types of the columns, by their names in lower case.
    """
    if bare_column(tree):
        return tree
    found = tree.copy()
    for column in list(found.find_all(exp.Column)):
        kind = types.get(_root(column).lower())
        if kind and kind.natural and not isinstance(column.parent, exp.Is):
            number = kind.computable(column.sql(dialect=DIALECT), "cast")
            column.replace(sqlglot.parse_one(number, read=DIALECT))
    return found


def mapped_properties(
    model: Pipeline, users: UserSchema, columns: Sequence[str] | None
) -> tuple[tuple[Mapped, ...], list[Diagnostic]]:
    """The mapping of a pipeline, and what is wrong with it.

    Args:
        model: The pipeline.
        users: The unified user.
        columns: Names that the query returns; None when only the database can tell.
    """
    if model.mapping is None:
        return _by_name(users, columns), []
    mapped: list[Mapped] = []
    problems: list[Diagnostic] = []
    known = users.paths
    for path, text in model.mapping.items():
        if not isinstance(text, str) or not isinstance(path, str) or not text.strip():
            continue
        if path not in known:
            message, key = f"users has no property {path!r}", f"mapping.{path}:key"
            problems.append(model.problem("US203", message, key, hint=did_you_mean(path, known), length=len(path)))
        nodes, wrong = _expression(model, path, text, columns)
        problems += wrong
        if nodes is not None and path in known:
            mapped.append(Mapped(known[path], nodes, f"mapping.{path}"))
    return tuple(mapped), [*problems, *_overlaps(model, mapped)]


def _by_name(users: UserSchema, columns: Sequence[str] | None) -> tuple[Mapped, ...]:
    targets = {leaf.column.lower(): leaf for leaf in users.leaves}
    targets |= {prop.path.lower(): prop for prop in users.properties}
    return tuple(
        Mapped(targets[name.lower()], Nodes(exp.column(name, quoted=True)), "")
        for name in columns or ()
        if name.lower() in targets
    )


def _overlaps(model: Pipeline, mapped: Iterable[Mapped]) -> list[Diagnostic]:
    paths = [m.target.path for m in mapped]
    return [
        model.problem(
            "US203",
            f"{parent!r} and {path!r} cannot both be mapped: one holds the other",
            f"mapping.{path}:key",
        )
        for path in paths
        for parent in paths
        if path.startswith(f"{parent}.")
    ]


def _expression(
    model: Pipeline, path: str, text: str, columns: Sequence[str] | None
) -> tuple[Nodes[exp.Expr] | None, list[Diagnostic]]:
    key = f"mapping.{path}"
    try:
        if ";" in text and any(t.token_type is TokenType.SEMICOLON for t in sqlglot.tokenize(text, read=DIALECT)):
            return None, [model.problem("US002", _ONE_EXPRESSION, key)]
        nodes = expression(text, DIALECT)
    except SqlglotError as error:
        message, inner, length = broken(text, error)
        return None, [model.problem("US002", message, key, inner=min(inner, len(text) - 1), length=length)]
    except RecursionError:
        return None, [model.problem("US002", "SQL: nested too deeply", key)]
    if isinstance(nodes.tree, exp.Alias):
        return None, [model.problem("US002", _ONE_EXPRESSION, key)]
    if refused := not_scalar(nodes):
        node, what = refused
        return None, [_at(model, key, node, "US213", _refusal(what))]
    problems = _unknown_columns(model, key, nodes, columns) if columns is not None else []
    if unknown := unknown_type(nodes, text):
        problems.append(model.problem("US003", unknown.message, key, inner=unknown.offset, length=unknown.length))
    return (None if problems else nodes), problems


def _refusal(what: str) -> tuple[str, str]:
    hint = "compute it in the query and map its column" if what != "a star" else "name the column"
    return f"a mapping computes one value from one row: {what} is not allowed", hint


def _at(model: Pipeline, key: str, node: exp.Expr, code: str, words: tuple[str, str | None]) -> Diagnostic:
    start, length = first_offset(node) or (0, 1)
    return model.problem(code, words[0], key, hint=words[1], inner=start, length=length)


def _unknown_columns(model: Pipeline, key: str, nodes: Nodes[exp.Expr], columns: Sequence[str]) -> list[Diagnostic]:
    known = {name.lower() for name in columns}
    return [
        _at(
            model,
            key,
            column,
            "US201",
            (f"the query returns no column {_root(column)!r}", did_you_mean(_root(column), columns)),
        )
        for column in free_columns(nodes)
        if _root(column).lower() not in known
    ]
