"""JSON text to values, strictly: no member twice, no value of another kind than the one that belongs there."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from usersync.diagnostics import ConfigError
from usersync.exchange.problems import Problem, member
from usersync.exchange.types import Number


class Members(dict[str, Any]):
    """A JSON object, and which of its members were written twice."""

    repeated: tuple[str, ...] = ()


def read_json(data: bytes, shown: str) -> Any:
    """The value of a JSON text; fractions are decimals.

    Raises:
        ConfigError: it is no JSON.
    """
    try:
        return json.loads(
            data.decode("utf-8-sig"), parse_float=Decimal, object_pairs_hook=_members, parse_constant=_no_constant
        )
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown} is not UTF-8: {error.reason} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ConfigError(f"{shown}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise ConfigError(f"{shown}: JSON nested too deeply") from None
    except (ValueError, ArithmeticError) as error:
        raise ConfigError(f"{shown}: not JSON: {error}") from None


def _members(pairs: list[tuple[str, Any]]) -> Members:
    found = Members(pairs)
    names = [name for name, _ in pairs]
    found.repeated = tuple(sorted({name for name in names if names.count(name) > 1})) if len(found) < len(pairs) else ()
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def bad_text(text: str) -> str | None:
    """Why a text cannot be stored: it holds NUL, or half a character."""
    if "\0" in text:
        return "holds NUL"
    return "is not valid UTF-8" if any(0xD800 <= ord(char) <= 0xDFFF for char in text) else None


class Values:
    """Takes values out of JSON by kind, and keeps what is wrong."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, path: str, message: str, hint: str | None = None) -> None:
        """Keeps a problem."""
        self.problems.append(Problem(path, message, hint))

    def members(self, value: Any, path: str) -> Members | None:
        """An object, or None where there is none."""
        if value is None:
            return None
        if not isinstance(value, Members):
            self.wrong(path, f"must be an object, not {_kind(value)}")
            return None
        for name in value.repeated:
            self.wrong(member(path, name), "is written twice")
        return value

    def text(self, members: Members, name: str, path: str) -> str:
        """A string; empty where it is missing."""
        value = members.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.wrong(member(path, name), f"must be a string, not {_kind(value)}")
            return ""
        if problem := bad_text(value):
            self.wrong(member(path, name), problem)
            return ""
        return value

    def boolean(self, members: Members, name: str, path: str) -> bool:
        """True or false; false where it is missing."""
        value = members.get(name)
        if value is not None and not isinstance(value, bool):
            self.wrong(member(path, name), f"must be true or false, not {_kind(value)}")
        return value is True

    def texts(self, members: Members, name: str, path: str) -> tuple[str, ...] | None:
        """A list of strings, or None where it is missing."""
        value = members.get(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong(member(path, name), "must be a list of strings")
            return None
        for index, item in enumerate(value):
            if problem := bad_text(item):
                self.wrong(f"{member(path, name)}[{index}]", problem)
        return tuple(value)

    def count(self, members: Members, name: str, path: str, least: int, most: int) -> int | None:
        """A whole number within bounds, or None where it is missing."""
        if name not in members:
            return None
        value = members[name]
        if type(value) is not int or not least <= value <= most:
            self.wrong(member(path, name), f"must be a whole number from {least} to {most}")
            return None
        return value

    def number(self, members: Members, name: str, path: str) -> Number | None:
        """A number, or None where it is missing."""
        value = members.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | Decimal)):
            self.wrong(member(path, name), f"must be a number, not {_kind(value)}")
            return None
        if isinstance(value, Decimal) and value and abs(value.adjusted()) > 308:
            self.wrong(member(path, name), "is out of range")
            return None
        return value


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a truth value"
        case str():
            return "a string"
        case dict():
            return "an object"
        case list():
            return "a list"
    return "a number"
