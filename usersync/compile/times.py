"""Update times: from a column of any allowed type to one instant in UTC."""

from __future__ import annotations

import re

from usersync.compile.source_types import Family, SourceType
from usersync.compile.sql import literal

_EXPANDED = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%D": "%m/%d/%y", "%R": "%H:%M", "%e": "%-d"}


_TIMES = frozenset({Family.INSTANT, Family.TIMESTAMP, Family.DATE})


def allowed_update_type(kind: SourceType) -> bool:
    """Whether a type can tell when a row changed: a time, a date, text or json."""
    return kind.family in _TIMES or needs_format(kind)


def needs_format(kind: SourceType) -> bool:
    """Whether update times of a type are text, read by `updated_at_format`."""
    return kind.family in {Family.JSON, Family.TEXT}


def text_of(column: str, kind: SourceType) -> str:
    """An update time of a text or json column as text."""
    return f"json_extract_string({column}, '$')" if kind.family is Family.JSON else f"{column}::varchar"


def instant(column: str, kind: SourceType, time_format: str | None) -> str:
    """SQL of a column's instant as TIMESTAMP in UTC; NULL where it is null or does not parse."""
    if kind.family is Family.INSTANT:
        return f"({column} at time zone 'UTC')"
    if kind.loose:
        return f"try_cast({column} as timestamp)"
    if not needs_format(kind):
        return f"{column}::timestamp"
    return parsed(text_of(column, kind), time_format or "ISO8601")


def parsed(text: str, time_format: str) -> str:
    """SQL of a text's instant in UTC, by `ISO8601` or a strftime format."""
    if time_format == "ISO8601":
        return f"stage.iso8601({text})"
    if time_format == "%s":
        return f"(to_timestamp(try_cast({text} as double)) at time zone 'UTC')"
    expanded = re.sub(r"%.", lambda m: _EXPANDED.get(m[0], m[0]), time_format)
    found = f"try_strptime({text}, {literal(expanded)})"
    return f"({found}::timestamptz at time zone 'UTC')" if re.search(r"%[zZ]", expanded) else f"{found}::timestamp"
