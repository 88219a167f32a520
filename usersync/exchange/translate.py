"""Mapping expressions of the JSON form as DuckDB SQL with the same results."""

from __future__ import annotations

import re
from dataclasses import dataclass

from usersync.compile.conversions import value_of
from usersync.compile.source_types import Family
from usersync.compile.sql import literal
from usersync.exchange import functions
from usersync.exchange.columns import property_type
from usersync.exchange.compiler import Compiler
from usersync.exchange.constants import computes, converted, plain
from usersync.exchange.grammar import Call, Concat, Constant, Node, Path, Step, parse_expression, paths
from usersync.exchange.names import name
from usersync.exchange.problems import ExpressionError
from usersync.exchange.terms import Term, as_text, call, constant_term, fits, typed
from usersync.exchange.types import JSON, STRING, WireProperty, WireType
from usersync.project.model import NAME

_RAW_IN_CONCAT = frozenset({Family.TEXT, Family.BOOLEAN, Family.INTEGER, Family.UUID})
_JSON_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ \-.@/:]*\Z")


@dataclass(frozen=True, slots=True)
class Translation:
    """An expression as SQL."""

    sql: str
    in_paths: tuple[str, ...]
    """What it reads of the columns: dotted, up to the first column that is no object."""


def translate(text: str, columns: WireType, destination: WireType) -> Translation:
    """The SQL of an expression over columns of known types, to be stored as a destination type.

    Raises:
        ExpressionError: the expression is refused.
    """
    node = parse_expression(text)
    read = tuple(dict.fromkeys(_in_path(path, columns) for path in paths(node)))
    try:
        term = _Translator(columns, bool(read)).compile(node, destination)
    except RecursionError:
        raise ExpressionError("parse", "nested too deeply") from None
    fits(term, destination, 0)
    sql = _arrow(node, columns) or _final(term, destination)
    if not read and not computes(sql):
        sql = f"stage.must(null::{property_type(destination).stored}, true)"
    return Translation(sql, read)


def _final(term: Term, destination: WireType) -> str:
    """The SQL whose value the ordinary conversion to the property makes what it should be."""
    if term.constant is not None:
        return converted(term.constant, destination) or "null"
    target = property_type(destination)
    if term.null:
        return f"null::{target.stored}"
    if value_of("x", term.source, target) is None:
        # Known only now, and only of rows that have a value: the reference fails those too.
        return f"stage.must(null::{target.stored}, {term.operand} is not null)"
    return term.sql


def _in_path(path: Path, columns: WireType) -> str:
    taken, kind = [path.column], _column(path, columns).type
    for step in path.steps:
        found = kind.property(step.name) if kind.kind == "object" else None
        if found is None:
            break
        taken.append(step.name)
        kind = found.type
    return ".".join(taken)


def _column(path: Path, columns: WireType) -> WireProperty:
    found = columns.property(path.column)
    if found is None:
        raise ExpressionError("unknown_column", f"there is no column {path.column!r}", path.offset)
    return found


class _Translator:
    """Goes down a tree with the type that each part is to become; None where any will do."""

    def __init__(self, columns: WireType, varies: bool) -> None:
        self.columns, self.varies = columns, varies

    def compile(self, node: Node, target: WireType | None) -> Term:
        match node:
            case Constant(value=value):
                return constant_term(value)
            case Path():
                return self.path(node)
            case Concat(items=items):
                return self.concat(items)
        return self.call(node, target)

    def call(self, node: Call, target: WireType | None) -> Term:
        function = functions.FUNCTIONS[node.name]
        if not function.least <= len(node.args) <= function.most:
            raise ExpressionError("type", f"{node.name}() takes {function.arity} arguments", node.offset)
        compiler = Compiler(self.compile, self.nullable, self.varies)
        return compiler.sure(node, function.compile(compiler, node, target))

    def nullable(self, node: Node) -> bool:
        """Whether a part is a path, nothing more, and may be null."""
        return isinstance(node, Path) and (bool(node.steps) or _column(node, self.columns).nullable)

    def path(self, path: Path) -> Term:
        term = typed(name(path.column), _column(path, self.columns).type, path=True)
        for step in path.steps:
            term = self.step(term, step)
        return term

    def step(self, term: Term, step: Step) -> Term:
        kind = term.type or JSON
        if step.optional and kind.kind != "json":
            raise ExpressionError("type", f"`?` is for JSON only, and this is {kind.kind}", step.offset)
        match kind.kind:
            case "object":
                return _field(term, kind, step)
            case "map" if kind.element:
                return typed(f"{term.operand}[{literal(step.name)}]", kind.element, path=True)
            case "json":
                return _json_member(term, step)
        raise ExpressionError("unknown_column", f"a value of kind {kind.kind} has no {step.name!r}", step.offset)

    def concat(self, items: tuple[Node, ...]) -> Term:
        parts: list[str | Term] = []
        for item in items:
            term = self.compile(item, STRING)
            fits(term, STRING, item.offset, ", so it cannot be joined")
            if term.null:
                continue
            if term.constant is None:
                parts.append(term)
            elif parts and isinstance(parts[-1], str):
                parts[-1] += plain(term.constant)
            else:
                parts.append(plain(term.constant))
        if all(isinstance(part, str) for part in parts):
            return constant_term("".join(str(part) for part in parts))
        return typed(call("concat", *(literal(p) if isinstance(p, str) else _joined(p) for p in parts)), STRING)


def _joined(term: Term) -> str:
    """A part of `concat`, which turns into text what it can by itself, and passes over null."""
    if term.source.family is Family.JSON:
        return call("stage.json_part", term.sql)
    return term.sql if term.source.family in _RAW_IN_CONCAT else as_text(term).sql


def _field(term: Term, kind: WireType, step: Step) -> Term:
    found = kind.property(step.name)
    if found is None:
        raise ExpressionError("unknown_column", f"there is no property {step.name!r} here", step.offset)
    return typed(f"{term.operand}.{name(step.name)}", found.type, path=True)


def _json_member(term: Term, step: Step) -> Term:
    function = "stage.json_member_if_any" if step.optional else "stage.json_member"
    return typed(call(function, term.sql, literal(step.name)), JSON, path=True)


def _arrow(node: Node, columns: WireType) -> str | None:
    """DuckDB's own way to a member of a JSON column, where no step on it fails a row; not among function arguments."""
    if not isinstance(node, Path) or not node.steps or _column(node, columns).type.kind != "json":
        return None
    if not all(step.optional and _JSON_NAME.match(step.name) for step in node.steps):
        return None
    names = (f".{step.name}" if NAME.match(step.name) else f'."{step.name}"' for step in node.steps)
    return f"{name(node.column)} -> {literal('$' + ''.join(names))}"
