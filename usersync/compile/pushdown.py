"""Conditions in a server's own SQL that hold wherever those of the query do, so that the server may filter first.

The query keeps its own conditions: what is said here may let more rows through, and never fewer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from usersync.compile.constants import Constant, NotConstantError, as_literal, evaluate
from usersync.compile.readings import Comparable, Reading
from usersync.project.model import SourceColumn


@dataclass(frozen=True, slots=True)
class Known:
    """A column of the one table in question."""

    sql: str
    """Its name in the server's SQL."""
    column: SourceColumn
    reading: Reading


Find = Callable[[exp.Column], Known | None]
"""The known column that a reference means; None for those of other tables."""

_OPERATORS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
}
_MIRRORED = {"=": "=", "<>": "<>", ">": "<", ">=": "<=", "<": ">", "<=": ">="}


def implied(condition: exp.Expr, find: Find, server: str) -> str | None:
    """What a condition implies on the server; None for nothing.

    Args:
        condition: A condition of the query, in DuckDB's SQL.
        find: What its columns mean.
        server: `postgres` or `mysql`.
    """
    match condition:
        case exp.Paren():
            return implied(condition.this, find, server)
        case exp.And():
            parts = [part for side in _sides(condition) if (part := implied(side, find, server))]
            return " and ".join(parts) or None
        case exp.Or():
            either = [implied(side, find, server) for side in _sides(condition)]
            return f"({' or '.join(part for part in either if part)})" if all(either) else None
    try:
        return _Writer(find, server).atom(condition)
    except NotConstantError:
        return None


def _sides(node: exp.Expr) -> tuple[exp.Expr, exp.Expr]:
    return node.this, node.expression


@dataclass(frozen=True, slots=True)
class _Writer:
    find: Find
    server: str

    def atom(self, node: exp.Expr) -> str | None:
        """A condition with no AND or OR on top."""
        if isinstance(node, exp.Boolean):
            return None if node.this else "1 = 0"
        if isinstance(node, exp.Not) and _null_test(node.this):
            return f"{self.known(node.this.this).sql} is not null" if not _is_constant(node.this.this) else None
        return self.either_way(node) if isinstance(node, exp.Not) else self.compared(node, exact=False)

    def either_way(self, node: exp.Expr) -> str:
        """A condition that holds on the server exactly when it does in DuckDB, so that NOT may stand before it."""
        match node:
            case exp.Paren():
                return self.either_way(node.this)
            case exp.Not():
                return f"not ({self.either_way(node.this)})"
            case exp.And() | exp.Or():
                word = "and" if isinstance(node, exp.And) else "or"
                return f"({f' {word} '.join(self.either_way(side) for side in _sides(node))})"
        return self.compared(node, exact=True)

    def compared(self, node: exp.Expr, *, exact: bool) -> str:
        match node:
            case exp.Column():
                found = self.known(node)
                if found.reading.comparable is Comparable.BOOLEAN:
                    return found.sql
            case exp.Is():
                return self.tested(node)
            case exp.Between() if not node.args.get("symmetric"):
                known = self.known(node.this)
                bounds = ((">=", node.args["low"]), ("<=", node.args["high"]))
                return f"({' and '.join(self.compare(known, o, evaluate(n), exact=exact) for o, n in bounds)})"
            case exp.In() if node.expressions and not any(node.args.get(a) for a in ("query", "unnest", "field")):
                known = self.known(node.this)
                parts = [self.compare(known, "=", evaluate(value), exact=exact) for value in node.expressions]
                return f"({' or '.join(parts)})"
            case exp.Binary() if type(node) in _OPERATORS:
                operator = _OPERATORS[type(node)]
                if isinstance(node.this.unnest(), exp.Column):
                    return self.compare(self.known(node.this), operator, evaluate(node.expression), exact=exact)
                return self.compare(self.known(node.expression), _MIRRORED[operator], evaluate(node.this), exact=exact)
        raise NotConstantError

    def tested(self, node: exp.Is) -> str:
        """IS NULL and the like."""
        if _is_constant(node.this):
            if isinstance(node.expression, exp.Null):
                return "1 = 1" if evaluate(node.this) is None else "1 = 0"
            raise NotConstantError
        known = self.known(node.this)
        if isinstance(node.expression, exp.Null) and known.reading.same_nulls:
            return f"{known.sql} is null"
        if isinstance(node.expression, exp.Boolean) and known.reading.comparable is Comparable.BOOLEAN:
            return f"{known.sql} is {'true' if node.expression.this else 'false'}"
        raise NotConstantError

    def known(self, node: exp.Expr) -> Known:
        inner = node.unnest()
        found = self.find(inner) if isinstance(inner, exp.Column) else None
        if found is None:
            raise NotConstantError
        return found

    def compare(self, known: Known, operator: str, value: Constant, *, exact: bool) -> str:
        kind = known.reading.comparable
        if kind is None or (kind is Comparable.UUID and operator not in {"=", "<>"}):
            raise NotConstantError
        text = as_literal(value, known.column, kind, self.server)
        if kind is not Comparable.TEXT:
            return f"{known.sql} {operator} {text}"
        write = _postgres_text if self.server == "postgres" else _mysql_text
        return write(known, operator, str(value), text, exact=exact)


def _null_test(node: exp.Expr) -> bool:
    return isinstance(node, exp.Is) and isinstance(node.expression, exp.Null)


def _is_constant(node: exp.Expr) -> bool:
    return node.find(exp.Column) is None


def _postgres_text(known: Known, operator: str, _: str, text: str, *, exact: bool) -> str:
    """Texts compare by their bytes in collation C. What is equal so is equal in every other, and may use its index."""
    if known.column.order == "bytes" or (operator == "=" and not exact):
        return f"{known.sql} {operator} {text}"
    return f'{known.sql} collate "C" {operator} {text}'


def _mysql_text(known: Known, operator: str, value: str, text: str, *, exact: bool) -> str:
    """Texts compare by their bytes as bytes. What is equal so is equal in every collation, and may use its index."""
    bytewise = f"cast(convert({known.sql} using utf8mb4) as binary) {operator} {text}"
    if exact:
        return bytewise
    if operator == "=":
        return f"{known.sql} = {text}"
    prefix = _lower_bound(value, known.column.order or "") if operator in {">", ">="} else ""
    return f"({known.sql} >= {exp.Literal.string(prefix).sql(dialect='mysql')} and {bytewise})" if prefix else bytewise


def _lower_bound(value: str, collation: str) -> str:
    """A beginning of a text that is below all greater texts in a collation too, which may use its index for that.

    A collation fills the shorter text with blanks, so that control characters come before its end: what is greater than
    a text is greater than or equal to its beginning only where something above a blank follows there.
    """
    run = ""
    if collation.startswith(("utf8mb4", "utf8mb3", "ascii")) and collation.endswith("_bin"):
        run = value
    elif collation.startswith(("utf8mb4", "utf8mb3")) and collation.endswith("_general_ci"):
        # From the blank to @ this one is by code points, and everything above @ stays above.
        run = re.match("[ -@]*", value)[0]  # type: ignore[index]
    run = run[: len(value) - 1]
    while run and value[len(run)] <= " ":
        run = run[:-1]
    return run
