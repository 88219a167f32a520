"""The functions of mapping expressions that make JSON."""

from __future__ import annotations

from dataclasses import replace

from usersync.compile.source_types import Family
from usersync.compile.sql import literal
from usersync.exchange.compiler import Compiler
from usersync.exchange.grammar import Call, Node
from usersync.exchange.problems import ExpressionError
from usersync.exchange.terms import Term, as_json, call, fits, typed
from usersync.exchange.types import JSON, STRING, WireType


def json_parse(compiler: Compiler, node: Call, _: WireType | None) -> Term:
    """Text, or a JSON string, as JSON. Other values fail the row."""
    term = compiler.compile(node.args[0], None)
    if term.null:
        return typed("null::json", JSON)
    if term.source.family is Family.TEXT and (term.type is None or term.type.kind == "string"):
        return typed(call("stage.json_parse", term.sql), JSON)
    if term.source.family is Family.JSON:
        text = f"stage.must(stage.json_string({term.sql}), {term.operand} is not null)"
        return typed(call("stage.json_parse", text), JSON)
    return typed(f"stage.must(null::json, {term.operand} is not null)", JSON)


def array(compiler: Compiler, node: Call, target: WireType | None) -> Term:
    """A JSON array; what it is for tells the type of its elements."""
    element = target.element if target and target.kind == "array" else None
    terms = [compiler.compile(arg, element or JSON) for arg in node.args]
    if element and element.kind != "json":
        for arg, term in zip(node.args, terms, strict=True):
            if term.null:
                raise ExpressionError("type", f"null is no {element.kind} for an element of the array", arg.offset)
            fits(term, element, arg.offset, " for an element of the array")
    made = call("json_array", *(as_json(term) for term in terms))
    return replace(typed(made, JSON), type=WireType("array", element=JSON))


def map_(compiler: Compiler, node: Call, _: WireType | None) -> Term:
    """A JSON object."""
    if len(node.args) % 2:
        raise ExpressionError("type", "map() takes keys and values in pairs", node.offset)
    keys = [_key(compiler, arg) for arg in node.args[::2]]
    if len(set(keys)) < len(keys):
        raise ExpressionError("type", "a key of map() is written twice", node.offset)
    values = [(arg, compiler.compile(arg, JSON)) for arg in node.args[1::2]]
    if not any(compiler.nullable(arg) for arg, _ in values):
        parts = [sql for key, (_, term) in zip(keys, values, strict=True) for sql in (literal(key), as_json(term))]
        made = call("json_object", *parts)
    else:
        pairs = [
            f"{{'k': {literal(key)}, 'v': {_member(compiler, *value)}}}"
            for key, value in zip(keys, values, strict=True)
        ]
        made = call("stage.json_object_of", f"[{', '.join(pairs)}]")
    return replace(typed(made, JSON), type=WireType("map", element=JSON))


def _key(compiler: Compiler, node: Node) -> str:
    term = compiler.compile(node, STRING)
    if not isinstance(term.constant, str):
        raise ExpressionError("type", "a key of map() is a constant string", node.offset)
    return term.constant


def _member(compiler: Compiler, node: Node, term: Term) -> str:
    """A value of `map` as JSON: a lone path that is null leaves its key out, anything else becomes JSON null."""
    value = term.sql if term.source.family is Family.JSON else call("to_json", as_json(term))
    return value if compiler.nullable(node) else f"coalesce({value}, 'null'::json)"
