"""Types of expressions, where they are sure."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from usersync.compile.source_types import SourceType, source_type

_TEXTS = (
    *(exp.Lower, exp.Upper, exp.Trim, exp.Substring, exp.Concat, exp.ConcatWs, exp.DPipe, exp.Replace),
    *(exp.RegexpReplace, exp.JSONExtractScalar, exp.Left, exp.Right),
)


def kind_of(node: exp.Expr, column: Callable[[exp.Column], SourceType | None]) -> SourceType | None:
    """The type of an expression where it is sure.

    Args:
        node: The expression.
        column: The type of a column.
    """
    match node:
        case exp.Column() if len(node.parts) <= 2:
            return column(node)
        case exp.Paren():
            return kind_of(node.this, column)
        case exp.Cast():
            return source_type(node.args["to"].sql(dialect="duckdb"))
        case exp.Literal() if node.is_string:
            return source_type("VARCHAR")
        case exp.Predicate() | exp.Not() | exp.Connector() | exp.Boolean():
            return source_type("BOOLEAN")
        case exp.Nullif():
            found = kind_of(node.this, column)
            return found if found and not found.natural else None
        case exp.Coalesce():
            kinds = {kind_of(part, column) for part in (node.this, *node.expressions)}
            found = kinds.pop() if len(kinds) == 1 else None
            return found if found and not found.natural else None
    return source_type("VARCHAR") if isinstance(node, _TEXTS) else None
