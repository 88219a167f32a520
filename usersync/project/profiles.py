"""`profiles.yml`: connections and warehouse of a target, with `env_var()` as the only way to a secret."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from usersync.diagnostics import ConfigError, Diagnostic, Location, SourceFile, did_you_mean
from usersync.project.model import NAME, Connection, Profile
from usersync.project.texts import decode

SECRET = re.compile(r"pass|pwd|secret|token|credential|private|api_?key|access_?key", re.IGNORECASE)
"""Names whose values no output may show, and that templates may not ask for."""

_SHORTEST_SECRET = 5
"""Shorter ones cannot be told from ordinary words and numbers in what is shown."""

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
_ALIASES = {"postgresql": "postgres", "mariadb": "mysql"}
_WAREHOUSE = ("type", "path", "memory_limit", "threads", "temp_directory")
RESERVED_CONNECTIONS = frozenset({"warehouse", "stage", "usersync", "temp", "system", "memory", "main"})

FILE_NAME = "profiles.yml"
EXAMPLE_NAME = "profiles.example.yml"


@dataclass(frozen=True, slots=True)
class _Entry:
    """A YAML value with its place; mappings hold entries."""

    value: Any
    location: Location
    keys: dict[str, Location] = field(default_factory=dict)


class _MissingEnvError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass
class _Reader:
    file: SourceFile
    lenient: bool
    secrets: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    """Keys, and values of options that are no secrets."""

    def entry(self, node: yaml.Node, name: str = "") -> _Entry:
        location = self.file.location(node.start_mark.index)
        match node:
            case yaml.MappingNode():
                keys = self.keys(node)
                pairs = {key.value: self.entry(value, key.value) for key, value in node.value}
                return _Entry(pairs, location, keys)
            case yaml.SequenceNode():
                return _Entry([self.entry(item, name) for item in node.value], location)
        return _Entry(self.scalar(node, name, location), location)

    def keys(self, node: yaml.MappingNode) -> dict[str, Location]:
        found: dict[str, Location] = {}
        for key, _ in node.value:
            where = self.file.location(key.start_mark.index)
            if not isinstance(key, yaml.ScalarNode):
                raise _bad("YAML: a key must be a name", where, _brace_hint(where))
            if key.value in found:
                raise _bad(f"YAML: {key.value!r} is said twice", where)
            found[key.value] = self.file.location(key.start_mark.index, len(key.value))
        self.words |= found.keys()
        return found

    def scalar(self, node: yaml.Node, name: str, location: Location) -> Any:
        secret = bool(SECRET.search(name))
        value = _constructed(node, location)
        if secret and value is not None:
            # As written: 0123 is a password, not a number.
            value = str(node.value)
        if not isinstance(value, str):
            return value
        rendered = self.rendered(value, location) or (None if self.lenient else "")
        if rendered:
            (self.secrets if secret else self.words if rendered == value else set()).add(rendered)
        return rendered

    @property
    def hidden(self) -> frozenset[str]:
        """The secrets that no output may show; what the file also says openly is none."""
        return frozenset(s for s in self.secrets - self.words if len(s) >= _SHORTEST_SECRET)

    def rendered(self, text: str, location: Location) -> str:
        if "{" not in text:
            return text
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
        environment.globals = {"env_var": self.env_var}
        try:
            return environment.from_string(text).render()
        except _MissingEnvError as error:
            hint = f"set it, or give a default: env_var({error.name!r}, '…')"
            raise _bad(f"environment variable {error.name} is not set", location, hint) from None
        except TemplateError as error:
            raise _bad(f"template: {error.message}", location, "only env_var() is known here") from None
        except Exception as error:  # a template may raise anything
            raise _bad(f"template: {error}", location) from None

    def env_var(self, name: str, default: str | None = None) -> str:
        value = os.environ.get(name, default)
        if value is None:
            if not self.lenient:
                raise _MissingEnvError(name)
            return ""
        if SECRET.search(name) and value:
            self.secrets.add(value)
        return value


def _constructed(node: yaml.Node, location: Location) -> Any:
    try:
        return yaml.SafeLoader("").construct_object(node)
    except yaml.YAMLError:
        raise
    except Exception:  # PyYAML lets anything through: a month 13, an int that is none
        # Without the value, which may be a password.
        kind = node.tag.rpartition(":")[2]
        raise _bad(f"YAML: this is no {kind}", location, "quote it if it is text") from None


def _brace_hint(where: Location) -> str | None:
    return "quote values that start with a brace: \"{{ env_var('NAME') }}\"" if "{{" in where.text else None


def _bad(message: str, location: Location | None, hint: str | None = None) -> ConfigError:
    # The line itself may hold a password.
    return ConfigError(Diagnostic("profile", message, location and replace(location, text=""), hint))


def find_profiles(project_dir: Path, profiles_dir: Path | None) -> Path | None:
    """The profiles file in force; None where there is none at all.

    Raises:
        ConfigError: a folder was named and holds none.
    """
    named = profiles_dir or os.environ.get("USERSYNC_PROFILES_DIR")
    if named:
        path = Path(named) / FILE_NAME
        if not path.is_file():
            raise ConfigError(
                f"there is no {FILE_NAME} in {named}", hint="--profiles-dir names the folder that holds it"
            )
        return path
    candidates = (
        project_dir / FILE_NAME,
        Path("~/.usersync").expanduser() / FILE_NAME,
        project_dir / EXAMPLE_NAME,
    )
    return next((path for path in candidates if path.is_file()), None)


def load_profile(
    project_dir: Path,
    *,
    profiles_dir: Path | None = None,
    profile: str | None = None,
    target: str | None = None,
    lenient: bool = False,
    overlay: Mapping[str, str] | None = None,
) -> Profile | None:
    """The chosen target; None where no profiles file exists.

    `lenient` is for lint: unset environment variables are empty, since nothing will be connected.

    Raises:
        ConfigError: the file is broken, or names no such profile or target.
    """
    path = find_profiles(project_dir, profiles_dir)
    if path is None:
        return None
    shown = _shown(path, project_dir)
    given = (overlay or {}).get(shown)
    file = _read(shown, path) if given is None else _text(shown, given.encode("utf-8", "surrogatepass"))
    reader = _Reader(file, lenient)
    profiles = _mapping(_document(file, reader), "the file")
    name = profile or next(iter(profiles.value))
    outputs_entry = _child(profiles, name, "profile")
    _known(outputs_entry, ("target", "outputs"), "a profile")
    outputs = _mapping(_child(outputs_entry, "outputs", "key"), "outputs")
    default = outputs_entry.value.get("target")
    chosen = target or (str(default.value) if default and default.value else next(iter(outputs.value)))
    output = _mapping(_child(outputs, chosen, "target"), f"target {chosen!r}")
    _known(output, ("warehouse", "connections"), "a target")
    return Profile(
        name,
        chosen,
        file.path,
        _warehouse(output),
        {name: _connection(name, entry, project_dir, lenient) for name, entry in _connections(output)},
        reader.hidden,
    )


def _read(shown: str, path: Path) -> SourceFile:
    try:
        return _text(shown, path.read_bytes())
    except OSError as error:
        where = SourceFile(shown, "").location(0)
        raise _bad(f"the file cannot be read: {(error.strerror or '').lower()}", where) from None


def _text(shown: str, data: bytes) -> SourceFile:
    text, wrong = decode(data)
    file = SourceFile(shown, text)
    if wrong:
        offset, reason = wrong
        raise _bad(f"the file is not UTF-8 ({reason})", file.location(offset), "save it as UTF-8")
    return file


def _shown(path: Path, project_dir: Path) -> str:
    return path.relative_to(project_dir).as_posix() if path.is_relative_to(project_dir) else str(path)


def _document(file: SourceFile, reader: _Reader) -> _Entry:
    try:
        node = yaml.compose(file.text, Loader=yaml.SafeLoader)
        if node is None:
            raise _bad("the file is empty", file.location(0), "see `usersync init` for a working example")
        return reader.entry(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = file.location(mark.index) if mark else file.location(0)
        # What it quotes may be part of a password; a single character may not.
        message = re.sub(r" '[^']{2,}'", "", error.problem or error.context or "broken")
        raise _bad(f"YAML: {message}", where, _brace_hint(where)) from None
    except yaml.YAMLError as error:
        raise _bad(f"YAML: {error}", file.location(0)) from None
    except RecursionError:
        raise _bad("YAML: nested too deeply", file.location(0)) from None


def _mapping(entry: _Entry, what: str) -> _Entry:
    if entry.value == {}:
        raise _bad(f"{what} is empty", entry.location)
    if not isinstance(entry.value, dict):
        raise _bad(f"{what} must be a mapping of names to values", entry.location)
    return entry


def _child(entry: _Entry, name: str, what: str) -> _Entry:
    value = entry.value if isinstance(entry.value, dict) else {}
    if name not in value:
        raise _bad(f"there is no {what} {name!r}", entry.location, did_you_mean(name, value))
    found: _Entry = value[name]
    return found


def _known(entry: _Entry, keys: tuple[str, ...], what: str) -> None:
    for key, where in entry.keys.items():
        if key not in keys:
            raise _bad(f"{what} has no option {key!r}", where, did_you_mean(key, keys))


def _plain(entry: _Entry) -> dict[str, Any]:
    return {key: inner.value for key, inner in entry.value.items()}


def _warehouse(output: _Entry) -> Mapping[str, Any]:
    if "warehouse" not in output.value:
        return {"type": "duckdb", "path": "target/warehouse.duckdb"}
    entry = _mapping(output.value["warehouse"], "warehouse")
    _known(entry, _WAREHOUSE, "warehouse")
    options = _plain(entry)
    if options.setdefault("type", "duckdb") != "duckdb":
        raise _bad(f"warehouse type {options['type']!r} is not known", entry.location, "known: duckdb")
    options.setdefault("path", "target/warehouse.duckdb")
    _each(entry, "path", _text_option)
    return options


def _connections(output: _Entry) -> list[tuple[str, _Entry]]:
    entry = output.value.get("connections")
    if entry is None or entry.value is None or entry.value == {}:
        return []
    seen: dict[str, str] = {}
    for name, where in _mapping(entry, "connections").keys.items():
        if name.lower() in RESERVED_CONNECTIONS:
            raise _bad(f"{name!r} cannot be a connection's name", where, "usersync uses that name itself")
        if not NAME.match(name):
            raise _bad(f"{name!r} cannot be a connection's name", where, "use letters, digits and underscores")
        if name.lower() in seen:
            raise _bad(f"connections {seen[name.lower()]!r} and {name!r} differ in case only", where)
        seen[name.lower()] = name
    return list(entry.value.items())


def _connection(name: str, entry: _Entry, root: Path, lenient: bool) -> Connection:
    _mapping(entry, f"connection {name!r}")
    kind = str(_child(entry, "type", "key").value)
    kind = _ALIASES.get(kind, kind)
    if kind not in OPTIONS:
        hint = did_you_mean(kind, OPTIONS) or f"known: {', '.join(OPTIONS)}"
        raise _bad(f"connection {name!r} has an unknown type {kind!r}", entry.value["type"].location, hint)
    _known(entry, ("type", *OPTIONS[kind]), f"connection {name!r} of type {kind}")
    for key in _REQUIRED[kind]:
        if key not in entry.value:
            raise _bad(f"connection {name!r} of type {kind} needs {key!r}", entry.location)
    for key, (least, most, what) in _NUMBERS.items():
        _each(entry, key, partial(_number_option, least=least, most=most, what=what))
    for key in ("host", "database", "path", "schema"):
        _each(entry, key, _text_option)
    _each(entry, "urls", _urls_option)
    options = {key: value for key, value in _plain(entry).items() if key != "type" and value is not None}
    if "urls" in options:
        options["urls"] = tuple(url.value for url in options["urls"])
    for key in _REQUIRED[kind]:
        if key not in options and not lenient:
            raise _bad(f"connection {name!r} of type {kind} needs {key!r}", entry.value[key].location)
        options.setdefault(key, "unset")
    return Connection(name, kind, {k: int(v) if k in _NUMBERS else v for k, v in options.items()}, root)


_NUMBERS = {
    "port": (1, 65_535, ""),
    "connect_timeout": (1, 3_600, " of seconds"),
    "statement_timeout": (1, 86_400, " of seconds"),
    "retries": (0, 20, ""),
}
"""Options that are whole numbers: the least and the greatest, and what they count."""


def _each(entry: _Entry, key: str, check: Callable[[Any], str | None]) -> None:
    inner = entry.value.get(key)
    wrong = check(inner.value) if inner is not None and inner.value is not None else None
    if wrong and inner is not None:
        raise _bad(f"{key} {wrong}", inner.location)


def _number_option(value: Any, *, least: int, most: int, what: str) -> str | None:
    text = str(value)
    fits = text.isascii() and text.isdigit() and least <= int(text) <= most
    return None if fits else f"must be a whole number{what}, from {least} to {most}"


def _text_option(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "must be a non-empty string"


def _urls_option(value: Any) -> str | None:
    good = isinstance(value, list) and all(_URL.fullmatch(str(url.value)) for url in value)
    return (
        None if good else "must be a list of addresses such as 'https://example.com/exports/', with a slash at the end"
    )


_URL = re.compile(r"https?://[^/@\s]+/([^\s]*/)?")
