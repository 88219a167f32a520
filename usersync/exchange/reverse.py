"""SQL of mappings as expressions of the JSON form, for the part of SQL that these can say."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from usersync.compile.sql import DIALECT
from usersync.exchange.problems import ExpressionError
from usersync.exchange.translate import translate
from usersync.exchange.types import WireType
from usersync.project.model import NAME

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_STAGE = {
    "trim": "trim",
    "ltrim": "ltrim",
    "rtrim": "rtrim",
    "upper": "upper",
    "initcap": "initcap",
    "json_parse": "json_parse",
}
_WORDS = frozenset({"true", "false", "null"})


class UnspeakableError(ValueError):
    """SQL that no expression says."""


def expression_of(sql: str, columns: WireType, destination: WireType) -> str:
    """The expression that says what SQL does.

    Raises:
        UnspeakableError: there is none.
    """
    try:
        tree = sqlglot.parse_one(sql, read=DIALECT)
        found = _Speaker(columns).say(tree)
        translated = translate(found, columns, destination)
        back = sqlglot.parse_one(translated.sql, read=DIALECT)
    except SqlglotError as error:
        raise UnspeakableError(str(error).splitlines()[0]) from None
    except ExpressionError as error:
        raise UnspeakableError(error.message) from None
    if _normal(back) != _normal(tree):
        raise UnspeakableError("an expression of the same words would do something else")
    return found


def _normal(tree: exp.Expr) -> str:
    """SQL in one spelling; white space that is trimmed and the capital of ß are the only differences let pass."""
    tree = tree.copy()
    for node in reversed(list(tree.walk())):
        plain = _plain(node)
        if plain is node:
            continue
        if node is tree:
            tree = plain
        else:
            node.replace(plain)
    return tree.sql(dialect=DIALECT, comments=False, identify=True).lower()


def _plain(node: exp.Expr) -> exp.Expr:
    if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Anonymous):
        function = node.expression
        if str(function.this).lower() in {"trim", "upper"} and len(function.expressions) == 1:
            return exp.func(str(function.this), function.expressions[0], dialect=DIALECT)
    return node.this if isinstance(node, exp.Paren) else node


def quoted(text: str) -> str:
    """Text as a string of the grammar."""
    return f"'{''.join(_ESCAPES.get(char, char) for char in text)}'"


class _Speaker:
    """Says a tree, part by part."""

    def __init__(self, columns: WireType) -> None:
        self.columns = {p.name.lower(): p.name for p in columns.properties}

    def say(self, node: exp.Expr) -> str:
        rule = next((rule for kind, rule in self.rules if isinstance(node, kind)), None)
        if rule is None:
            raise UnspeakableError(f"{node.sql(dialect=DIALECT)} has no counterpart")
        return rule(node)

    @property
    def rules(self) -> tuple[tuple[type[exp.Expr], Callable[[exp.Expr], str]], ...]:
        return (
            (exp.Paren, lambda n: self.say(n.this)),
            (exp.Column, self.column),
            (exp.Dot, self.stage),
            (exp.Literal, self.literal),
            (exp.Neg, lambda n: f"-{self.say(n.this)}"),
            (exp.Boolean, lambda n: "true" if n.this else "false"),
            (exp.Null, lambda _: "null"),
            (exp.Lower, lambda n: self.call("lower", n.this)),
            (exp.Upper, lambda n: self.call("upper", n.this)),
            (exp.Trim, self.trim),
            (exp.Coalesce, lambda n: self.call("coalesce", n.this, *n.expressions)),
            (exp.Concat, self.concat),
            (exp.Case, self.case),
            (exp.If, lambda n: self.branches(n, n.args.get("false"))),
            (exp.EQ, lambda n: self.call("eq", n.this, n.expression)),
            (exp.NEQ, lambda n: self.call("ne", n.this, n.expression)),
            (exp.And, lambda n: self.call("and", *n.flatten())),
            (exp.Or, lambda n: self.call("or", *n.flatten())),
            (exp.Not, lambda n: self.call("not", n.this)),
            (exp.Substring, self.substring),
            (exp.DPipe, self.pipes),
        )

    def call(self, name: str, *args: exp.Expr) -> str:
        return f"{name}({', '.join(self.say(arg) for arg in args)})"

    def column(self, node: exp.Expr) -> str:
        assert isinstance(node, exp.Column)
        root, *rest = (part.name for part in node.parts)
        if root.lower() not in self.columns:
            raise UnspeakableError(f"{root!r} is no column with a type on record")
        root = self.columns[root.lower()]
        steps = "".join(f".{part}" if NAME.match(part) else f"[{quoted(part)}]" for part in rest)
        return f".{root}{steps}" if root in _WORDS else f"{root}{steps}"

    def stage(self, node: exp.Expr) -> str:
        function = node.expression
        name = str(function.this).lower() if isinstance(function, exp.Anonymous) else ""
        args = function.expressions if isinstance(function, exp.Anonymous) else []
        if name in _STAGE and len(args) == 1:
            return self.call(_STAGE[name], args[0])
        if name == "json_member" and len(args) == 2 and args[1].is_string:
            key = args[1].name
            inner = self.say(args[0])
            return f"{inner}.{key}" if NAME.match(key) else f"{inner}[{quoted(key)}]"
        raise UnspeakableError(f"{node.sql(dialect=DIALECT)} has no counterpart")

    def literal(self, node: exp.Expr) -> str:
        if node.is_string:
            return quoted(node.name)
        try:
            return format(Decimal(node.name), "f")
        except InvalidOperation:
            raise UnspeakableError(f"{node.name} is no number") from None

    def trim(self, node: exp.Expr) -> str:
        if node.args.get("expression"):
            raise UnspeakableError("trim() with characters has no counterpart")
        side = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or "").upper(), "trim")
        return self.call(side, node.this)

    def concat(self, node: exp.Expr) -> str:
        return " ".join(self.say(part) for part in node.expressions)

    def pipes(self, _: exp.Expr) -> str:
        raise UnspeakableError("|| is null when one side is null, which has no counterpart: use concat()")

    def case(self, node: exp.Expr) -> str:
        branches = node.args.get("ifs") or []
        if node.this is not None or len(branches) != 1:
            raise UnspeakableError("only a case with one condition has a counterpart")
        return self.branches(branches[0], node.args.get("default"))

    def branches(self, branch: exp.Expr, default: exp.Expr | None) -> str:
        return self.call("if", branch.this, branch.args["true"], *([default] if default else []))

    def substring(self, node: exp.Expr) -> str:
        args = [node.this, node.args.get("start"), node.args.get("length")]
        return self.call("substring", *(arg for arg in args if arg is not None))
