"""How columns become properties: expressions parsed, checked, and tied to the query's columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from usersync.compile.query import first_offset
from usersync.diagnostics import Diagnostic, SourceFile, did_you_mean
from usersync.project.model import Pipeline, Property, UserSchema
from usersync.project.schema import parse_error
from usersync.project.templates import Rendered, Segment

_NOT_SCALAR: Mapping[type[exp.Expr], str] = {
    exp.Query: "a subquery",
    exp.AggFunc: "an aggregate",
    exp.Window: "a window function",
    exp.Star: "a star",
    exp.Parameter: "a parameter",
    exp.Placeholder: "a parameter",
    exp.Command: "a statement",
    exp.DDL: "a statement",
    exp.DML: "a statement",
    exp.Rand: "a random value",
    exp.Uuid: "a random value",
}


@dataclass(frozen=True)
class Mapped:
    """One property and the expression that makes it."""

    target: Property
    tree: exp.Expr
    key: str
    """The setting where it was written, for places."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Query columns that the expression reads, as written."""
        return tuple(dict.fromkeys(_root(column) for column in self.tree.find_all(exp.Column)))


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
        tree, wrong = _expression(model, path, text, columns)
        problems += wrong
        if tree is not None and path in known:
            mapped.append(Mapped(known[path], tree, f"mapping.{path}"))
    return tuple(mapped), [*problems, *_overlaps(model, mapped)]


def _by_name(users: UserSchema, columns: Sequence[str] | None) -> tuple[Mapped, ...]:
    targets = {leaf.column.lower(): leaf for leaf in users.leaves}
    targets |= {prop.path.lower(): prop for prop in users.properties}
    return tuple(
        Mapped(targets[name.lower()], exp.column(name, quoted=True), "")
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
) -> tuple[exp.Expr | None, list[Diagnostic]]:
    key = f"mapping.{path}"
    try:
        # The expression is read as the one column of a SELECT, so a second one is a syntax error.
        tree = sqlglot.parse_one(text, read="duckdb")
        tokens = sqlglot.tokenize(text, read="duckdb")
    except SqlglotError as error:
        source = SourceFile(model.file.path, text)
        found = parse_error(Rendered(text, source, lambda: (text, [Segment(0, source, 0, True)])), error)
        inner = source.offset(found.location.line, found.location.column) if found.location else 0
        return None, [model.problem("US002", found.message, key, inner=min(inner, len(text) - 1))]
    except RecursionError:
        return None, [model.problem("US002", "SQL: nested too deeply", key)]
    if any(token.text == ";" for token in tokens) or isinstance(tree, exp.Alias):
        return None, [model.problem("US002", "a mapping is one SQL expression, without a name of its own", key)]
    problems = [_at(model, key, node, "US213", _refusal(what)) for node, what in _not_scalar(tree)]
    if not problems and columns is not None:
        problems = _unknown_columns(model, key, tree, columns)
    return (None if problems else tree), problems


def _not_scalar(tree: exp.Expr) -> list[tuple[exp.Expr, str]]:
    found = []
    for node in tree.walk():
        what = next((word for kind, word in _NOT_SCALAR.items() if isinstance(node, kind)), None)
        if what:
            found.append((node, what))
    return found[:1]


def _refusal(what: str) -> tuple[str, str]:
    hint = "compute it in the query and map its column" if what != "a star" else "name the column"
    return f"a mapping computes one value from one row: {what} is not allowed", hint


def _at(model: Pipeline, key: str, node: exp.Expr, code: str, words: tuple[str, str | None]) -> Diagnostic:
    start, length = first_offset(node) or (0, 1)
    return model.problem(code, words[0], key, hint=words[1], inner=start, length=length)


def _unknown_columns(model: Pipeline, key: str, tree: exp.Expr, columns: Sequence[str]) -> list[Diagnostic]:
    known = {name.lower() for name in columns}
    bound = {name.name.lower() for part in tree.find_all(exp.Lambda) for name in part.expressions}
    return [
        _at(
            model,
            key,
            column,
            "US201",
            (f"the query returns no column {_root(column)!r}", did_you_mean(_root(column), columns)),
        )
        for column in tree.find_all(exp.Column)
        if _root(column).lower() not in known | bound
    ]
