"""The keys of `config()` and `users()`: what each may hold, checked with places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from usersync.diagnostics import Diagnostic, SourceFile, did_you_mean
from usersync.project.jinja.literals import Settings
from usersync.project.jinja.tree import extent
from usersync.project.model import NAME, Pipeline

Check = Callable[[Any], str | None]
"""Says what is wrong with a value; None when it is good."""

_DIRECTIVE = re.compile(r"%(-?.|$)", re.DOTALL)
KNOWN_DIRECTIVES = frozenset("aAwdbBmyYHIpMSfzZjUWcxXFTDRes%")
"""strftime directives that an update time's format may use."""
_INTERVAL = re.compile(
    r"\s*(\d{1,18})\s*(microsecond|millisecond|second|minute|hour|day|week|month)s?\s*\Z", re.IGNORECASE
)
_SECONDS = {
    **{"microsecond": 1e-6, "millisecond": 1e-3, "second": 1, "minute": 60, "hour": 3600},
    **{"day": 86_400, "week": 604_800, "month": 2_592_000},
}
_PERIODS = ("5m", "15m", "30m", "1h", "2h", "3h", "6h", "8h", "12h", "24h")


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "must be a non-empty string"


def _any_text(value: Any) -> str | None:
    return None if isinstance(value, str) else "must be a string"


def _boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _column(value: Any) -> str | None:
    return None if isinstance(value, str) and NAME.match(value) else "must be the name of a query column"


def _one_of(*choices: str) -> Check:
    listed = " or ".join(f"{c!r}" for c in choices)
    return lambda value: None if value in choices and isinstance(value, str) else f"must be {listed}"


def _count(value: Any) -> str | None:
    return None if type(value) is int and value >= 0 else "must be a whole number from 0"


def _positive(value: Any) -> str | None:
    return None if type(value) is int and value > 0 else "must be a whole number from 1"


def _count_or_percentage(value: Any) -> str | None:
    percentage = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", value) if isinstance(value, str) else None
    if percentage and float(percentage[1]) <= 100:
        return None
    return None if _count(value) is None else "must be a count, or a percentage such as '30%'"


def _interval(value: Any) -> str | None:
    written = _INTERVAL.match(value) if isinstance(value, str) else None
    if not written and value not in (0, None):
        return "must be an interval such as '15 minutes'"
    long = written and int(written[1]) * _SECONDS[written[2].lower()] > _SECONDS["month"] * 12 * 1000
    return "must be of 1,000 years at most" if long else None


def _format(value: Any) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= 64:
        return "must be 'ISO8601' or a strftime format of 1 to 64 characters"
    if value == "ISO8601":
        return None
    directives = [match[1].lstrip("-") for match in _DIRECTIVE.finditer(value)]
    if not directives:
        return "must be 'ISO8601' or a strftime format, with directives such as %Y-%m-%d"
    unknown = [d for d in directives if d not in KNOWN_DIRECTIVES]
    return f"has an unknown directive %{unknown[0]}" if unknown else None


def _texts(value: Any) -> str | None:
    good = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return None if good else "must be a list of strings"


def _dict(value: Any) -> str | None:
    return None if isinstance(value, dict) else "must be a dict"


def _name(value: Any) -> str | None:
    return None if isinstance(value, str) and 0 < len(value) <= 60 else "must have 1 to 60 characters"


def _schedule(value: Any) -> str | None:
    if not isinstance(value, dict) or not set(value) <= {"period", "start"}:
        return "must be a dict of 'period' and 'start'"
    if value.get("period") not in _PERIODS:
        return f"needs a period of {', '.join(_PERIODS)}"
    start = value.get("start", 0)
    return None if type(start) is int and 0 <= start < 1440 else "needs a start of 0 to 1439, the minute of the day"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a settings call: its check, and the lint code of a bad value."""

    check: Check
    code: str = "US108"


PIPELINE_KEYS: Mapping[str, Key] = {
    "kind": Key(_one_of("pipeline", "view")),
    "connection": Key(_text, "US103"),
    "user_id": Key(_column, "US206"),
    "name": Key(_name, "US101"),
    "enabled": Key(_boolean),
    "fallback_id": Key(_column),
    "write": Key(_one_of("create_or_update", "update_only")),
    "updated_at": Key(_column, "US301"),
    "updated_at_format": Key(_format, "US303"),
    "incremental": Key(_boolean),
    "lookback": Key(_interval),
    "mapping": Key(_dict),
    "function": Key(_dict),
    "account_ids": Key(_column),
    "account_name": Key(_column),
    "on_missing": Key(_one_of("delete", "keep")),
    "max_deleted": Key(_count_or_percentage),
    "max_rejected": Key(_count),
    "dialect": Key(_text),
    "pushdown": Key(_one_of("native")),
    "schedule": Key(_schedule, "US106"),
    "tags": Key(_texts),
    "description": Key(_any_text),
    "owner": Key(_any_text),
}
"""Keys of `config()`. None is the same as leaving a key out."""

USERS_KEYS: Mapping[str, Key] = {
    "identifiers": Key(_texts),
    "primary_sources": Key(_dict),
    "ignore_values": Key(_dict),
    "max_identities_per_value": Key(_positive),
    "max_users_merged": Key(_count),
}
"""Keys of `users()`."""


def checked(
    file: SourceFile, settings: Settings, known: Mapping[str, Key], function: str
) -> tuple[dict[str, Any], list[Diagnostic]]:
    """The good settings of a call, and a diagnostic for each unknown key or bad value."""
    values: dict[str, Any] = {}
    problems: list[Diagnostic] = []
    for key, literal in settings.literals.items():
        if key not in known:
            where = file.location(settings.keys[key], len(key))
            message = f"{function}() has no key {key!r}"
            problems.append(Diagnostic("US102", message, where, did_you_mean(key, known)))
        elif literal.value is None:
            continue
        elif wrong := known[key].check(literal.value):
            where = file.location(literal.offset, extent(file.text, literal.offset))
            problems.append(Diagnostic(known[key].code, f"{key} {wrong}", where))
        else:
            values[key] = literal.value
    return values, problems


def pipeline(file: SourceFile, stem: str, settings: Settings | None) -> tuple[Pipeline, list[Diagnostic]]:
    """The model of a file from its `config()`, with what is wrong in it."""
    if settings is None:
        message = f"models/{stem}.sql has no config()"
        hint = "start with {{ config(connection = '…', user_id = '…') }}"
        return Pipeline(stem, file, name=stem), [Diagnostic("US108", message, file.location(0), hint)]
    values, problems = checked(file, settings, PIPELINE_KEYS, "config")
    values["tags"] = tuple(values.get("tags", ()))
    values.setdefault("name", stem)
    if not values.get("lookback"):
        values.pop("lookback", None)
    model = Pipeline(stem, file, **values, at={"": settings.offset, **settings.at})
    if model.kind == "pipeline":
        problems += _missing(model, settings)
        problems += _mapping_problems(model)
    return model, problems


def _missing(model: Pipeline, settings: Settings) -> Iterable[Diagnostic]:
    said = {key for key, literal in settings.literals.items() if literal.value is not None}
    if "connection" not in said:
        yield model.problem(
            "US103", "config() needs a connection", "", hint="add connection = '…', a name of profiles.yml"
        )
    if "user_id" not in said:
        yield model.problem(
            "US206",
            "config() needs a user_id",
            "",
            hint="add user_id = '…', the column that identifies a row",
        )


def _mapping_problems(model: Pipeline) -> Iterable[Diagnostic]:
    if model.mapping is not None and model.function is not None:
        yield model.problem("US202", "a pipeline has a mapping or a function, not both", "function:key", length=8)
    for path, expression in (model.mapping or {}).items():
        if not all(isinstance(part, str) for part in (path, expression)):
            message = f"mapping of {path!r} must be a string of SQL, under the path of a property"
            yield model.problem("US108", message, f"mapping.{path}")
        elif not expression.strip():
            yield model.problem("US108", f"mapping of {path!r} is empty", f"mapping.{path}")
