"""Constants in conditions as Python values, and as literals of a server's own SQL."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from sqlglot import exp

from usersync.compile.readings import Comparable
from usersync.project.model import SourceColumn

Constant = Decimal | bool | str | date | datetime | UUID | None
"""A value that needs no row; a time with zone is in UTC, None is null."""


class NotConstantError(Exception):
    """It depends on a row, or is of no kind known here."""


_NUMBER = re.compile(r"-?\d{1,38}(\.\d{1,38})?")
_WHOLE = re.compile(r"-?\d{1,18}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d(:\d\d)?)?)?")
_T = exp.DataType.Type
_INSTANTS = (_T.TIMESTAMPTZ, _T.TIMESTAMPLTZ)
_TIMESTAMPS = (_T.TIMESTAMP, _T.TIMESTAMPNTZ)
_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400, "WEEK": 604800}


def evaluate(node: exp.Expr | None) -> Constant:
    """The value of an expression without columns.

    Raises:
        NotConstantError: it has none that is sure to be DuckDB's.
    """
    match node:
        case exp.Paren():
            return evaluate(node.this)
        case exp.Null():
            return None
        case exp.Boolean():
            return bool(node.this)
        case exp.Literal() if node.is_string:
            return str(node.this)
        case exp.Literal() if _NUMBER.fullmatch(node.this):
            return Decimal(node.this)
        case exp.Neg():
            value = evaluate(node.this)
            if isinstance(value, Decimal):
                return -value
        case exp.Cast():
            return _cast(evaluate(node.this), node.to.this)
        case exp.Add() | exp.Sub():
            return _moved(evaluate(node.this), node)
        case exp.Coalesce():
            values = (evaluate(part) for part in (node.this, *node.expressions))
            return next((value for value in values if value is not None), None)
    raise NotConstantError


def _cast(value: Constant, kind: object) -> Constant:
    if value is None:
        return None
    if kind in _INSTANTS and isinstance(value, str | date):
        return _instant(value)
    if kind in _TIMESTAMPS and isinstance(value, str | date):
        return _timestamp(value)
    if kind is _T.DATE and isinstance(value, str) and _DAY.fullmatch(value):
        return _parsed(value).date()
    if kind is _T.UUID and isinstance(value, str):
        return _uuid(value)
    if kind in (_T.VARCHAR, _T.TEXT) and isinstance(value, str):
        return value
    if kind in (_T.INT, _T.BIGINT) and isinstance(value, Decimal) and value == int(value):
        return value
    raise NotConstantError


def _moved(value: Constant, node: exp.Binary) -> datetime:
    """A time plus or minus an interval of a fixed length."""
    interval = node.expression
    unit = interval.text("unit").upper().removesuffix("S") if isinstance(interval, exp.Interval) else ""
    if not isinstance(value, date) or unit not in _SECONDS or not isinstance(interval.this, exp.Literal):
        raise NotConstantError
    if not re.fullmatch(r"\d{1,9}", interval.this.this):
        raise NotConstantError
    step = timedelta(seconds=int(interval.this.this) * _SECONDS[unit])
    with suppress(OverflowError):
        return _wide(value) + step if isinstance(node, exp.Add) else _wide(value) - step
    raise NotConstantError


def _wide(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)


def _parsed(text: str) -> datetime:
    if _TIME.fullmatch(text):
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    raise NotConstantError


def _timestamp(value: str | date) -> datetime:
    """As a time without zone; what has a zone is UTC's time then, as the engine's session is in UTC."""
    found = _parsed(value) if isinstance(value, str) else _wide(value)
    if isinstance(value, str) and found.tzinfo:
        raise NotConstantError
    return _in_utc(found).replace(tzinfo=None)


def _instant(value: str | date) -> datetime:
    return _in_utc(_parsed(value) if isinstance(value, str) else _wide(value))


def _in_utc(value: datetime) -> datetime:
    with suppress(OverflowError):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    raise NotConstantError


def _uuid(text: str) -> UUID:
    with suppress(ValueError):
        return UUID(text)
    raise NotConstantError


def as_literal(value: Constant, column: SourceColumn, kind: Comparable, server: str) -> str:
    """A constant in the server's SQL, as what a column of such a kind compares with.

    Raises:
        NotConstantError: the two may compare otherwise than in DuckDB.
    """
    match kind, value:
        case Comparable.BOOLEAN, bool():
            return "true" if value else "false"
        case Comparable.INTEGER | Comparable.DECIMAL, Decimal():
            return _number(value, column, kind)
        case Comparable.INTEGER, str() if _WHOLE.fullmatch(value):
            return value
        case Comparable.UUID, UUID() | str():
            text = str(value if isinstance(value, UUID) else _uuid(value))
            return f"uuid '{text}'" if server == "postgres" else f"'{text}'"
        case Comparable.DATE, str() if not _DAY.fullmatch(value):
            raise NotConstantError
        case Comparable.DATE | Comparable.TIMESTAMP, str() | date():
            found = _timestamp(value)
            day = kind is Comparable.DATE and found.time() == time()
            return f"date '{found.date()}'" if day else f"timestamp '{found.isoformat(' ')}'"
        case Comparable.INSTANT, str() | date():
            return f"timestamptz '{_instant(value).isoformat(' ')}'"
        case Comparable.TEXT, str():
            return _text(value, column, server)
    raise NotConstantError


def _number(value: Decimal, column: SourceColumn, kind: Comparable) -> str:
    """A number, if DuckDB has a decimal for it and the column together."""
    _, digits, exponent = value.as_tuple()
    scale = max(0, -int(exponent))
    whole, fraction = (20, 0) if kind is Comparable.INTEGER else ((column.precision or 0) - column.scale, column.scale)
    if max(whole, len(digits) - scale) + max(fraction, scale) > 38:
        raise NotConstantError
    return format(value, "f")


def _text(value: str, column: SourceColumn, server: str) -> str:
    # Servers may be set to read backslashes in other ways; and not every character set has every character.
    if "\\" in value or "\0" in value or column.order is None:
        raise NotConstantError
    if server == "mysql" and not value.isascii() and not column.order.startswith("utf8mb4"):
        raise NotConstantError
    return exp.Literal.string(value).sql(dialect=server)
