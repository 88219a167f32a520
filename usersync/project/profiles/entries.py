"""The YAML of a profiles file as values with their places, its templates rendered: `env_var()` is all they know."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import Any

import yaml
from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from usersync.diagnostics import Location, SourceFile
from usersync.project.profiles.secrets import SECRET, Secrets, problem


@dataclass(frozen=True, slots=True)
class Entry:
    """A YAML value with its place; mappings hold entries."""

    value: Any
    location: Location
    keys: dict[str, Location] = field(default_factory=dict)


def read_entries(file: SourceFile, *, lenient: bool) -> tuple[Entry, Secrets]:
    """All that a profiles file says, and the secrets in it.

    Args:
        file: The file.
        lenient: Whether unset environment variables are empty.

    Raises:
        ConfigError: it is no YAML, or one of its templates is wrong.
    """
    reader = _Reader(file, lenient)
    try:
        node = yaml.compose(file.text, Loader=yaml.SafeLoader)
        if node is None:
            raise problem("the file is empty", file.location(0), "see `usersync init` for a working example")
        return reader.entry(node), reader.secrets
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = file.location(mark.index) if mark else file.location(0)
        # What it quotes may be part of a password; a single character may not.
        message = re.sub(r" '[^']{2,}'", "", error.problem or error.context or "broken")
        raise problem(f"YAML: {message}", where, _brace_hint(where)) from None
    except yaml.YAMLError as error:
        raise problem(f"YAML: {error}", file.location(0)) from None
    except RecursionError:
        raise problem("YAML: nested too deeply", file.location(0)) from None


class _MissingEnvError(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass
class _Reader:
    file: SourceFile
    lenient: bool
    secrets: Secrets = field(default_factory=Secrets)

    def entry(self, node: yaml.Node, name: str = "") -> Entry:
        location = self.file.location(node.start_mark.index)
        match node:
            case yaml.MappingNode():
                keys = self.keys(node)
                pairs = {key.value: self.entry(value, key.value) for key, value in node.value}
                return Entry(pairs, location, keys)
            case yaml.SequenceNode():
                return Entry([self.entry(item, name) for item in node.value], location)
        return Entry(self.scalar(node, name, location), location)

    def keys(self, node: yaml.MappingNode) -> dict[str, Location]:
        found: dict[str, Location] = {}
        for key, _ in node.value:
            where = self.file.location(key.start_mark.index)
            if not isinstance(key, yaml.ScalarNode):
                raise problem("YAML: a key must be a name", where, _brace_hint(where))
            if key.value in found:
                raise problem(f"YAML: {key.value!r} is said twice", where)
            found[key.value] = self.file.location(key.start_mark.index, len(key.value))
        self.secrets.words |= found.keys()
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
        if rendered and secret:
            self.secrets.values.add(rendered)
        elif rendered and rendered == value:
            self.secrets.words.add(rendered)
        return rendered

    def rendered(self, text: str, location: Location) -> str:
        if "{" not in text:
            return text
        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
        environment.globals = {"env_var": self.env_var}
        try:
            return environment.from_string(text).render()
        except _MissingEnvError as error:
            hint = f"set it, or give a default: env_var({error.name!r}, '…')"
            raise problem(f"environment variable {error.name} is not set", location, hint) from None
        except TemplateError as error:
            raise problem(f"template: {error.message}", location, "only env_var() is known here") from None
        except Exception as error:  # a template may raise anything
            raise problem(f"template: {error}", location) from None

    def env_var(self, name: str, default: str | None = None) -> str:
        value = os.environ.get(name, default)
        if value is None:
            if not self.lenient:
                raise _MissingEnvError(name)
            return ""
        if SECRET.search(name) and value:
            self.secrets.values.add(value)
        return value


def _constructed(node: yaml.Node, location: Location) -> Any:
    try:
        return yaml.SafeLoader("").construct_object(node)
    except yaml.YAMLError:
        raise
    except Exception:  # PyYAML lets anything through: a month 13, an int that is none
        # Without the value, which may be a password.
        kind = node.tag.rpartition(":")[2]
        raise problem(f"YAML: this is no {kind}", location, "quote it if it is text") from None


def _brace_hint(where: Location) -> str | None:
    return "quote values that start with a brace: \"{{ env_var('NAME') }}\"" if "{{" in where.text else None
