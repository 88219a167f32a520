"""The cursor in a query: a typed literal where there is one, all rows where there is none."""

from __future__ import annotations

from sqlglot import exp

from usersync.compile.placeholders import is_placeholder
from usersync.compile.source_types import Family, source_type

_COMPARISONS = (
    exp.EQ,
    exp.NEQ,
    exp.GT,
    exp.GTE,
    exp.LT,
    exp.LTE,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.Between,
)

# Of a null operand these make null, so a comparison with them would let no row through.
_NULL_STRICT = (
    exp.Paren,
    exp.Cast,
    exp.TryCast,
    exp.Add,
    exp.Sub,
    exp.AtTimeZone,
    exp.Date,
    exp.Timestamp,
    exp.TsOrDsToDate,
    exp.DateAdd,
    exp.DateSub,
    exp.TimestampAdd,
    exp.TimestampSub,
    exp.TimestampTrunc,
    exp.DateTrunc,
)


def bind_cursor(tree: exp.Query, literal: exp.Expr | None) -> exp.Query:
    """A copy of the query with every placeholder replaced.

    With a literal each placeholder becomes it. Without one a comparison or BETWEEN with the placeholder as an
    operand lets every row through, `… is null` is true, and anywhere else the placeholder is NULL.
    """
    bound = tree.copy()
    for column in list(bound.find_all(exp.Column)):
        if not is_placeholder(column):
            continue
        place = column.parent if isinstance(column.parent, exp.Paren) else column
        if literal is not None:
            place.replace(literal.copy())
            continue
        predicate = comparison_of(column)
        if predicate is not None and predicate is not bound:
            predicate.replace(exp.Boolean(this=_lets_through(predicate)))
        elif _attached(column, bound):
            place.replace(exp.Null())
    return bound


def comparison_of(column: exp.Expr) -> exp.Expr | None:
    """The comparison, BETWEEN or IS NULL that a placeholder is an operand of, casts and arithmetic aside."""
    node: exp.Expr = column
    while isinstance(node.parent, _NULL_STRICT):
        node = node.parent
    parent = node.parent
    if isinstance(parent, _COMPARISONS):
        return parent
    if isinstance(parent, exp.Is) and isinstance(parent.expression, exp.Null):
        return parent
    return None


def _lets_through(predicate: exp.Expr) -> bool:
    """TRUE, or FALSE for a comparison under NOT: either way the row passes."""
    if isinstance(predicate, exp.Is):
        return True
    negations, node = 0, predicate.parent
    while isinstance(node, exp.Not | exp.Paren | exp.And | exp.Or):
        negations += isinstance(node, exp.Not)
        node = node.parent
    return negations % 2 == 0


def _attached(node: exp.Expr, root: exp.Expr) -> bool:
    """Whether a node still hangs in the tree: a predicate with two placeholders is replaced once."""
    return node.root() is root


def cursor_literal(value: str, column_type: str) -> exp.Expr:
    """The cursor as a literal of the update column's type, so that the source can use its index.

    Args:
        value: The stored cursor: UTC `YYYY-MM-DD HH:MM:SS[.ffffff]`, or for text columns the text as read.
        column_type: DuckDB's name of the column's type.
    """
    text = exp.Literal.string
    match source_type(column_type).family:
        case Family.INSTANT:
            return exp.cast(text(f"{value}+00:00"), "timestamptz")
        case Family.DATE:
            return exp.cast(text(value[:10]), "date")
        case Family.TIMESTAMP:
            return exp.cast(text(value), "timestamp")
        case Family.JSON:
            return exp.cast(text(value), "json")
    return text(value)
