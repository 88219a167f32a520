"""How long texts become in templates: known before they are made."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from jinja2 import Environment
from jinja2.nodes import EvalContext
from jinja2.runtime import Context

LENGTH = 1_000_000
"""How long a text may become, in characters; how many digits a number may have, at most."""
GROWING = ("center", "indent", "join", "replace", "format", "string", "list", "tojson")
"""Filters whose text may be much longer than what they are given."""
_WIDTH = re.compile(
    r"%(?:\([^()]*\))?[-+ #0]*(?:[0-9]{0,6}\.)?([0-9]{7,18})"  # of `%` and the filter
    r"|\{[^{}]*:[^{}]*?([0-9]{7,18})"  # of the method
)
_GIVEN_WIDTH = re.compile(r"%[-+ #0]*[0-9.]*\*|\{[^{}]*:[^{}]*\{")


class BoundError(Exception):
    """A template that goes on for too long, or grows too large."""


def check_length(length: int) -> None:
    """Refuses a text, or a number of so many digits.

    Raises:
        BoundError: it is too long.
    """
    if length > LENGTH:
        raise BoundError(f"a text or number in it becomes longer than {LENGTH:,}")


def size(value: Any) -> int:
    """How long the text of a value is at least."""
    match value:
        case str():
            return len(value)
        case list() | tuple():
            return len(value) + sum(len(item) for item in value if isinstance(item, str))
    return 1


def grown(name: str, value: Any, *args: Any) -> int:
    """How long a text may become, roughly.

    Args:
        name: Of a method of texts, or of a filter.
        value: What it is called on.
        args: What it is given.
    """
    match name, value, args:
        case "join", str(), [list() | tuple() as items]:
            return size(items) + len(items) * len(value)
        case "join", list() | tuple(), [str() as between, *_]:
            return size(value) + len(value) * len(between)
        case "replace", str(), [str() as old, str() as new, *_]:
            return len(value) + value.count(old) * len(new)
        case (("center" | "indent" | "ljust" | "rjust" | "zfill" | "expandtabs"), str(), _):
            return max([len(value), *(arg for arg in args if isinstance(arg, int))])
        case "format", str(), _:
            widths = [int(width) for found in _WIDTH.findall(value) for width in found if width]
            given = [abs(arg) for arg in args if isinstance(arg, int)] if _GIVEN_WIDTH.search(value) else []
            return max([*widths, *given, *map(size, args)], default=0)
    return size(value)


def growing(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that makes no longer texts than are bearable."""

    @wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        value, *rest = (arg for arg in args if not isinstance(arg, EvalContext | Environment | Context))
        check_length(grown(name, value, *rest, *kwargs.values()))
        return function(*args, **kwargs)

    return bounded
