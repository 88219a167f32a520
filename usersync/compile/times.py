"""Update times: from a column of any allowed type to one instant in UTC."""

from __future__ import annotations

import re

from usersync.compile.conversions import is_text
from usersync.compile.sql import literal

_EXPANDED = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%D": "%m/%d/%y", "%R": "%H:%M", "%e": "%-d"}


def allowed_update_type(source_type: str) -> bool:
    """Whether a DuckDB type can tell when a row changed: a time, a date, text or json."""
    return source_type.startswith("TIMESTAMP") or source_type in {"DATE", "JSON"} or is_text(source_type)


def needs_format(source_type: str) -> bool:
    """Whether update times of a type are text, read by `updated_at_format`."""
    return source_type == "JSON" or is_text(source_type)


def text_of(column: str, source_type: str) -> str:
    """An update time of a text or json column as text."""
    return f"json_extract_string({column}, '$')" if source_type == "JSON" else f"{column}::varchar"


def instant(column: str, source_type: str, time_format: str | None) -> str:
    """SQL of a column's instant as TIMESTAMP in UTC; NULL where it is null or does not parse."""
    if source_type == "TIMESTAMP WITH TIME ZONE":
        return f"({column} at time zone 'UTC')"
    if not needs_format(source_type):
        return f"{column}::timestamp"
    return parsed(text_of(column, source_type), time_format or "ISO8601")


def parsed(text: str, time_format: str) -> str:
    """SQL of a text's instant in UTC, by `ISO8601` or a strftime format."""
    if time_format == "ISO8601":
        return f"stage.iso8601({text})"
    if time_format == "%s":
        return f"(to_timestamp(try_cast({text} as double)) at time zone 'UTC')"
    expanded = re.sub(r"%.", lambda m: _EXPANDED.get(m[0], m[0]), time_format)
    found = f"try_strptime({text}, {literal(expanded)})"
    return f"({found}::timestamptz at time zone 'UTC')" if re.search(r"%[zZ]", expanded) else f"{found}::timestamp"
