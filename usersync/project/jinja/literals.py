"""The settings calls of a model, `config(...)` and `users(...)`: read from the syntax tree, never run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from usersync.diagnostics import Diagnostic, SourceFile
from usersync.project.jinja.code import SETTINGS
from usersync.project.jinja.tree import calls, extent, key_offset


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal as written: its value, and the offset of its first character (of text: behind the quote)."""

    value: Any
    offset: int
    items: tuple[Literal, ...] = ()
    """Of a list or tuple."""
    pairs: tuple[tuple[Literal, Literal], ...] = ()
    """Of a dict."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a settings call says, with the offset of every key and value.

    Offsets are by dotted key: `mapping.email` is the text of that expression, `mapping.email:key` its key.
    """

    offset: int
    literals: dict[str, Literal] = field(default_factory=dict)
    keys: dict[str, int] = field(default_factory=dict)

    @property
    def at(self) -> dict[str, int]:
        """Every offset by its dotted key."""
        found = {f"{key}:key": offset for key, offset in self.keys.items()}
        for key, literal in self.literals.items():
            found.update(_offsets(key, literal))
        return found


class _NotLiteralError(ValueError):
    """An expression that would have to be run to know its value."""

    message = "must be a literal: it is read without running the template"
    hint: str | None = "write the value itself; expressions and variables belong in the query"

    def __init__(self, offset: int) -> None:
        super().__init__(self.message)
        self.offset = offset


class _SaidTwiceError(_NotLiteralError):
    message = "has a key twice"
    hint = None


def read_settings(file: SourceFile, function: str) -> tuple[Settings | None, list[Diagnostic]]:
    """The one call of `function` in a template, and what is wrong with it; None where there is none.

    Raises:
        ConfigError: the template is not valid Jinja (US001).
    """
    found = calls(file, function)
    problems = [
        _misplaced(file, other, call, function) for other in SETTINGS - {function} for call in calls(file, other)
    ]
    if not found:
        return None, problems
    call, offset = found[0], found[0].node.lineno
    problems += [
        Diagnostic("US104", f"{function}() is called twice", file.location(again.node.lineno, len(function)))
        for again in found[1:]
    ]
    if call.args or call.dyn_args or call.dyn_kwargs:
        message = f"{function}() takes only key = literal"
        problems.append(Diagnostic("US104", message, file.location(offset, len(function))))
    settings = Settings(offset)
    for keyword in call.kwargs:
        try:
            literal = _literal(file, keyword.value)
        except _NotLiteralError as error:
            message = f"{function}({keyword.key} = …) {error.message}"
            where = file.location(error.offset, extent(file.text, error.offset))
            problems.append(Diagnostic("US104", message, where, error.hint))
            continue
        settings.literals[keyword.key] = literal
        settings.keys[keyword.key] = key_offset(file, keyword.key, keyword.value.lineno)
    return settings, problems


def _misplaced(file: SourceFile, name: str, call: nodes.Call, function: str) -> Diagnostic:
    """Settings of another kind of file, which would be passed over."""
    hint = f"the settings of this file are those of {function}()"
    return Diagnostic("US102", f"{name}() has no place here", file.location(call.node.lineno, len(name)), hint)


def _literal(file: SourceFile, node: nodes.Node) -> Literal:
    match node:
        case nodes.Const(value=str() as value):
            return Literal(value, _inside_quotes(file, node.lineno))
        case nodes.Const(value=value):
            return Literal(value, node.lineno)
        case nodes.Neg(node=nodes.Const(value=int() | float() as value)):
            return Literal(-value, node.lineno)
        case nodes.List(items=parts) | nodes.Tuple(items=parts):
            items = tuple(_literal(file, part) for part in parts)
            return Literal([item.value for item in items], node.lineno, items=items)
        case nodes.Dict(items=entries):
            pairs = tuple((_literal(file, pair.key), _literal(file, pair.value)) for pair in entries)
            return Literal(_dict(pairs), node.lineno, pairs=pairs)
    raise _NotLiteralError(node.lineno)


def _dict(pairs: Iterable[tuple[Literal, Literal]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if isinstance(key.value, list | dict):
            raise _NotLiteralError(key.offset)
        if key.value in found:
            raise _SaidTwiceError(key.offset)
        found[key.value] = value.value
    return found


def _inside_quotes(file: SourceFile, offset: int) -> int:
    return offset + 1 if file.text[offset : offset + 1] in {"'", '"'} else offset


# As Python reads them, and so Jinja.
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|[0-7]{1,3}|[\\'\"abfnrtv])")
# Between two of its characters: the end of a line, or of one string before the next.
_NOTHING = re.compile(r"\\\n")
_JOINT = re.compile(r"""['"]\s*(['"])""")


def character_offset(text: str, start: int, index: int) -> int:
    """Where the index-th character of a string literal stands, whose first is at `start`: escapes are longer."""
    at, quote = start, text[start - 1 : start]
    while True:
        joint = _JOINT.match(text, at) if text[at : at + 1] == quote else None
        if joint:
            at, quote = joint.end(), joint[1]
        elif nothing := _NOTHING.match(text, at):
            at = nothing.end()
        elif index == 0:
            return at
        else:
            escape = _ESCAPE.match(text, at)
            at, index = escape.end() if escape else at + 1, index - 1


def _offsets(key: str, literal: Literal) -> dict[str, int]:
    found = {key: literal.offset}
    for name, value in literal.pairs:
        found[f"{key}.{name.value}:key"] = name.offset
        found.update(_offsets(f"{key}.{name.value}", value))
    for index, item in enumerate(literal.items):
        found.update(_offsets(f"{key}.{index}", item))
    return found
