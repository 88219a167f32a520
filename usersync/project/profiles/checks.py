"""Checks of what a profiles file says, each with the place of what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from usersync.diagnostics import did_you_mean
from usersync.project.profiles.entries import Entry
from usersync.project.profiles.secrets import problem

_URL = re.compile(r"https?://[^/@\s]+/([^\s]*/)?")


def mapping(entry: Entry, what: str) -> Entry:
    """The same, being a mapping that is not empty.

    Raises:
        ConfigError: it is none.
    """
    if entry.value == {}:
        raise problem(f"{what} is empty", entry.location)
    if not isinstance(entry.value, dict):
        raise problem(f"{what} must be a mapping of names to values", entry.location)
    return entry


def child(entry: Entry, name: str, what: str) -> Entry:
    """What a mapping has under a name.

    Raises:
        ConfigError: it has nothing there.
    """
    value = entry.value if isinstance(entry.value, dict) else {}
    if name not in value:
        raise problem(f"there is no {what} {name!r}", entry.location, did_you_mean(name, value))
    found: Entry = value[name]
    return found


def known(entry: Entry, keys: tuple[str, ...], what: str) -> None:
    """Refuses a mapping with other keys.

    Raises:
        ConfigError: it has one.
    """
    for key, where in entry.keys.items():
        if key not in keys:
            raise problem(f"{what} has no option {key!r}", where, did_you_mean(key, keys))


def plain(entry: Entry) -> dict[str, Any]:
    """A mapping without the places of its values."""
    return {key: inner.value for key, inner in entry.value.items()}


def check_option(entry: Entry, key: str, check: Callable[[Any], str | None]) -> None:
    """Refuses an option whose value does not pass a check.

    Args:
        entry: The mapping that may have the option.
        key: Its name.
        check: Says of a value what is wrong with it.

    Raises:
        ConfigError: something is.
    """
    inner = entry.value.get(key)
    wrong = check(inner.value) if inner is not None and inner.value is not None else None
    if wrong and inner is not None:
        raise problem(f"{key} {wrong}", inner.location)


def not_number(value: Any, *, least: int, most: int, what: str) -> str | None:
    """Why a value is no whole number in a range."""
    text = str(value)
    fits = text.isascii() and text.isdigit() and least <= int(text) <= most
    return None if fits else f"must be a whole number{what}, from {least} to {most}"


def not_text(value: Any) -> str | None:
    """Why a value is no text."""
    return None if isinstance(value, str) and value else "must be a non-empty string"


def not_urls(value: Any) -> str | None:
    """Why a value is no list of addresses."""
    good = isinstance(value, list) and all(_URL.fullmatch(str(url.value)) for url in value)
    return (
        None if good else "must be a list of addresses such as 'https://example.com/exports/', with a slash at the end"
    )
