"""What a target of a profiles file may say: the options of its warehouse and of its connections."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from usersync.diagnostics import did_you_mean
from usersync.project.model import NAME, Connection
from usersync.project.profiles.checks import check_option, child, known, mapping, not_number, not_text, not_urls, plain
from usersync.project.profiles.entries import Entry
from usersync.project.profiles.secrets import problem

_NETWORK = ("host", "port", "database", "user", "password", "connect_timeout", "statement_timeout", "retries")
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "postgres": (*_NETWORK, "schema", "sslmode"),
    "mysql": (*_NETWORK, "ssl_mode"),
    "sqlite": ("path",),
    "duckdb": ("path",),
    "files": ("path", "union_by_name", "urls"),
}
"""Connection types and their options."""
_REQUIRED = {
    "postgres": ("database",),
    "mysql": ("database",),
    "sqlite": ("path",),
    "duckdb": ("path",),
    "files": ("path",),
}
_TEXTS = ("host", "database", "path", "schema")
_ALIASES = {"postgresql": "postgres", "mariadb": "mysql"}
_WAREHOUSE = ("type", "path", "memory_limit", "threads", "temp_directory")
RESERVED_CONNECTIONS = frozenset({"warehouse", "stage", "usersync", "temp", "system", "memory", "main"})

_NUMBERS = {
    "port": (1, 65_535, ""),
    "connect_timeout": (1, 3_600, " of seconds"),
    "statement_timeout": (1, 86_400, " of seconds"),
    "retries": (0, 20, ""),
}
"""Options that are whole numbers: the least and the greatest, and what they count."""


def warehouse(output: Entry) -> Mapping[str, Any]:
    """The options of a target's warehouse.

    Raises:
        ConfigError: they are wrong.
    """
    if "warehouse" not in output.value:
        return {"type": "duckdb", "path": "target/warehouse.duckdb"}
    entry = mapping(output.value["warehouse"], "warehouse")
    known(entry, _WAREHOUSE, "warehouse")
    options = plain(entry)
    if options.setdefault("type", "duckdb") != "duckdb":
        raise problem(f"warehouse type {options['type']!r} is not known", entry.location, "known: duckdb")
    options.setdefault("path", "target/warehouse.duckdb")
    check_option(entry, "path", not_text)
    return options


def connections(output: Entry, root: Path, *, lenient: bool) -> dict[str, Connection]:
    """A target's connections by name.

    Args:
        output: The target.
        root: The project's folder, in which paths begin.
        lenient: Whether required options may be empty.

    Raises:
        ConfigError: one of them is wrong.
    """
    return {name: _connection(name, entry, root, lenient) for name, entry in _named(output)}


def _named(output: Entry) -> list[tuple[str, Entry]]:
    entry = output.value.get("connections")
    if entry is None or entry.value is None or entry.value == {}:
        return []
    seen: dict[str, str] = {}
    for name, where in mapping(entry, "connections").keys.items():
        if name.lower() in RESERVED_CONNECTIONS:
            raise problem(f"{name!r} cannot be a connection's name", where, "usersync uses that name itself")
        if not NAME.match(name):
            raise problem(f"{name!r} cannot be a connection's name", where, "use letters, digits and underscores")
        if name.lower() in seen:
            raise problem(f"connections {seen[name.lower()]!r} and {name!r} differ in case only", where)
        seen[name.lower()] = name
    return list(entry.value.items())


def _connection(name: str, entry: Entry, root: Path, lenient: bool) -> Connection:
    mapping(entry, f"connection {name!r}")
    kind = _kind(name, entry)
    known(entry, ("type", *OPTIONS[kind]), f"connection {name!r} of type {kind}")
    missing = f"connection {name!r} of type {kind} needs "
    for key in _REQUIRED[kind]:
        if key not in entry.value:
            raise problem(f"{missing}{key!r}", entry.location)
    options = _options(entry)
    for key in _REQUIRED[kind]:
        if key not in options and not lenient:
            raise problem(f"{missing}{key!r}", entry.value[key].location)
        options.setdefault(key, "unset")
    return Connection(name, kind, options, root)


def _kind(name: str, entry: Entry) -> str:
    kind = str(child(entry, "type", "key").value)
    kind = _ALIASES.get(kind, kind)
    if kind not in OPTIONS:
        hint = did_you_mean(kind, OPTIONS) or f"known: {', '.join(OPTIONS)}"
        raise problem(f"connection {name!r} has an unknown type {kind!r}", entry.value["type"].location, hint)
    return kind


def _options(entry: Entry) -> dict[str, Any]:
    """The options that a connection gives, each checked."""
    for key, (least, most, what) in _NUMBERS.items():
        check_option(entry, key, partial(not_number, least=least, most=most, what=what))
    for key in _TEXTS:
        check_option(entry, key, not_text)
    check_option(entry, "urls", not_urls)
    options = {key: value for key, value in plain(entry).items() if key != "type" and value is not None}
    if "urls" in options:
        options["urls"] = tuple(url.value for url in options["urls"])
    return {key: int(value) if key in _NUMBERS else value for key, value in options.items()}
