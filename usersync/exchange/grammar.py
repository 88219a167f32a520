"""Mapping expressions of the JSON form, parsed: items beside each other, each a constant, a path or a call."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from usersync.exchange.problems import ExpressionError

FUNCTIONS = frozenset(
    {
        *("and", "or", "not", "eq", "ne", "if", "coalesce"),
        *("lower", "upper", "initcap", "trim", "ltrim", "rtrim", "len", "substring"),
        *("json_parse", "array", "map"),
    }
)
BLANKS = " \t\r\n"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_MAX_DEPTH = 60
_MAX_EXPONENT = 400


@dataclass(frozen=True, slots=True)
class Constant:
    """Text, a number, a truth value, or null."""

    value: str | Decimal | bool | None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """One access behind a path's column: a name, and whether a value that has no members gives null."""

    name: str
    optional: bool
    offset: int


@dataclass(frozen=True, slots=True)
class Path:
    """A column, and what to take of it."""

    column: str
    steps: tuple[Step, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Call:
    """One of the functions."""

    name: str
    args: tuple[Node, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Concat:
    """Two or more items beside each other: their texts in a row."""

    items: tuple[Node, ...]
    offset: int


Node = Constant | Path | Call | Concat


def parse_expression(text: str) -> Node:
    """The tree of an expression.

    Raises:
        ExpressionError: it does not parse.
    """
    return _Parser(text).whole()


def paths(node: Node) -> Iterator[Path]:
    """Every path in a tree."""
    match node:
        case Path():
            yield node
        case Call(args=parts) | Concat(items=parts):
            for part in parts:
                yield from paths(part)


class _Parser:
    """A recursive descent over the characters."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def whole(self) -> Node:
        node = self.expression("")
        if self.at < len(self.text):
            raise self.error(f"unexpected {self.text[self.at]!r}")
        return node

    def error(self, message: str, offset: int | None = None) -> ExpressionError:
        return ExpressionError("parse", message, self.at if offset is None else offset)

    def blanks(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in BLANKS:
            self.at += 1

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def expression(self, ends: str) -> Node:
        """Items up to one of the characters in `ends`, or the end of the text."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error("nested too deeply")
        self.blanks()
        start, items = self.at, []
        while self.peek() and self.peek() not in ends:
            items.append(self.item())
            self.blanks()
        if not items:
            raise self.error("an expression is missing here")
        self.depth -= 1
        return items[0] if len(items) == 1 else Concat(tuple(items), start)

    def item(self) -> Node:
        start, char = self.at, self.peek()
        if char in "'\"":
            return Constant(self.string(), start)
        if char in "-0123456789":
            return self.number()
        if char == ".":
            self.at += 1
            return self.path(self.name("a name follows the point"), start)
        name = self.name(f"unexpected {char!r}")
        end = self.at
        self.blanks()
        if self.peek() == "(":
            return self.call(name, start)
        self.at = end
        if name in _WORDS and self.peek() not in {".", "["}:
            return Constant(_WORDS[name], start)
        return self.path(name, start)

    def name(self, otherwise: str) -> str:
        found = _NAME.match(self.text, self.at)
        if not found:
            raise self.error(otherwise)
        self.at = found.end()
        return found[0]

    def call(self, name: str, start: int) -> Node:
        if name not in FUNCTIONS:
            raise self.error(f"there is no function {name!r}", start)
        self.at += 1
        self.blanks()
        args: list[Node] = []
        while self.peek() != ")" or args:
            args.append(self.expression(",)"))
            if self.peek() == ")":
                break
            if not self.peek():
                raise self.error(f"the parenthesis of {name}( is not closed", start)
            self.at += 1
        self.at += 1
        return Call(name, tuple(args), start)

    def path(self, column: str, start: int) -> Path:
        steps: list[Step] = []
        while self.peek() in {".", "["}:
            offset = self.at
            name = self.member() if self.peek() == "[" else self.dotted()
            optional = self.peek() == "?"
            self.at += optional
            steps.append(Step(name, optional, offset))
        return Path(column, tuple(steps), start)

    def dotted(self) -> str:
        self.at += 1
        return self.name("a name follows the point")

    def member(self) -> str:
        start = self.at
        self.at += 1
        self.blanks()
        if self.peek() not in {"'", '"'}:
            raise self.error("a string stands between brackets")
        name = self.string()
        self.blanks()
        if self.peek() != "]":
            raise self.error("the bracket is not closed", start)
        self.at += 1
        return name

    def number(self) -> Constant:
        start = self.at
        found = _NUMBER.match(self.text, start)
        if not found:
            raise self.error("a minus sign stands before a number only")
        self.at = found.end()
        if _NAME.match(self.text, self.at):
            raise self.error(f"{self.peek()!r} right behind a number")
        exponent = (found[2] or "e0")[1:]
        if len(exponent) > 5 or len(found[0]) > _MAX_EXPONENT or abs(int(exponent)) > _MAX_EXPONENT:
            raise self.error("the number is too large", start)
        return Constant(Decimal(found[0]), start)

    def string(self) -> str:
        start, quote = self.at, self.peek()
        self.at += 1
        parts: list[str] = []
        while (char := self.peek()) != quote:
            if not char:
                raise self.error("the string is not closed", start)
            if char == "\0":
                raise self.error("a string holds no NUL")
            self.at += 1
            parts.append(self.escape() if char == "\\" else char)
        self.at += 1
        return "".join(parts)

    def escape(self) -> str:
        char = self.peek()
        self.at += 1
        if char in {"u", "U"}:
            return self.code_point(4 if char == "u" else 8)
        return _ESCAPES.get(char, char)

    def code_point(self, digits: int) -> str:
        found = re.compile(rf"[0-9A-Fa-f]{{{digits}}}").match(self.text, self.at)
        code = int(found[0], 16) if found else 0
        if not 0 < code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise self.error(f"a character's code has {digits} hexadecimal digits, and is not 0")
        self.at += digits
        return chr(code)
