"""`[tool.usersync.lint]` of the project's pyproject.toml: which rules run, and how bad their findings are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from usersync.diagnostics import ConfigError, Diagnostic, Level, SourceFile, did_you_mean
from usersync.lint.rules import RULES
from usersync.project.texts import read_file

FILE_NAME = "pyproject.toml"
_TABLE = "[tool.usersync.lint]"
_PREFIX = re.compile(r"US\d{0,2}")


@dataclass(frozen=True, slots=True)
class LintSettings:
    """Which findings are shown, and how bad they are."""

    select: frozenset[str] = frozenset()
    """The only rules that run; empty for all."""
    ignore: frozenset[str] = frozenset()
    levels: Mapping[str, Level] = field(default_factory=dict)
    """Of rules whose level is another than their own."""
    per_file_ignores: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Rules that do not run for the files of a glob pattern."""
    fail_on: Level = Level.ERROR
    """The exit code is 1 from this level up."""

    def runs(self, code: str, file: str | None = None) -> bool:
        """Whether a rule's findings are shown, in a file or at all."""
        if code not in RULES:
            return True
        if code in self.ignore or (self.select and code not in self.select):
            return False
        return file is None or not any(
            code in codes and _matches(file, pattern) for pattern, codes in self.per_file_ignores.items()
        )

    def applied(self, findings: Iterable[Diagnostic]) -> list[Diagnostic]:
        """The findings that are shown, with their levels."""
        shown = (f for f in findings if self.runs(f.code, f.location.file if f.location else None))
        return [replace(f, level=self.levels.get(f.code, f.level)) for f in shown]


def _matches(file: str, pattern: str) -> bool:
    """Whether a path is that of a pattern, or below the folder that it names; `*` matches slashes too."""
    return fnmatchcase(file, pattern) or file.startswith(f"{pattern.rstrip('/')}/")


def read_lint_settings(root: Path) -> LintSettings:
    """The settings of a project; without a pyproject.toml or its table all rules run at their own levels.

    Raises:
        ConfigError: the file is not TOML, or the table has a key, code or value that means nothing.
    """
    if not (root / FILE_NAME).is_file():
        return LintSettings()
    return settings_of(read_file(root, root / FILE_NAME))


def settings_of(file: SourceFile) -> LintSettings:
    """The settings of a pyproject.toml.

    Raises:
        ConfigError: as `read_lint_settings`.
    """
    table = _Table(file, ()).table("tool").table("usersync")
    table.known({"lint"})
    lint = table.table("lint")
    lint.known(_KEYS)
    return LintSettings(**{name: read(lint, key) for key, (name, read) in _KEYS.items() if key in lint.values})


@dataclass(frozen=True)
class _Table:
    """A table of a TOML file, whose values are known by their keys and placed by a search for them."""

    file: SourceFile
    path: tuple[str, ...]
    given: Mapping[str, Any] | None = None

    @property
    def values(self) -> Mapping[str, Any]:
        return _document(self.file) if self.given is None else self.given

    def table(self, key: str) -> _Table:
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(f"{key} must be a table", key)
        return _Table(self.file, (*self.path, key), value)

    def known(self, keys: Iterable[str]) -> None:
        for key in self.values:
            if key not in keys:
                raise self.wrong(f"[{'.'.join(self.path)}] has no key {key!r}", key, hint=did_you_mean(key, keys))

    def wrong(self, message: str, *words: str, hint: str | None = None) -> ConfigError:
        """An error at the last of some words that stand in this order, in the part of the file that is ours."""
        found = re.search(r"^\s*\[+\s*tool\s*\.\s*usersync\b", self.file.text, re.MULTILINE)
        start, length = (found.end(), 1) if found else (0, 1)
        for word in words:
            match = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])").search(self.file.text, start)
            start, length = (match.start(), len(word)) if match else (start, length)
        return ConfigError(Diagnostic("config", message, self.file.location(start, length), hint))

    def texts(self, key: str) -> list[str]:
        value = self.values[key]
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        raise self.wrong(f"{key} must be a list of codes, such as ['US304']", key)

    def codes(self, key: str) -> frozenset[str]:
        return frozenset(code for text in self.texts(key) for code in self.expanded(key, text))

    def expanded(self, key: str, text: str) -> list[str]:
        """A code, or those that begin with it: `US3`."""
        code = text.upper()
        found = [known for known in RULES if known == code or (_PREFIX.fullmatch(code) and known.startswith(code))]
        if not found:
            raise self.wrong(f"{key}: there is no rule {text!r}", key, text, hint=did_you_mean(code, RULES))
        return found

    def level(self, key: str) -> Level:
        value = self.values[key]
        if value in list(Level):
            return Level(value)
        hint = did_you_mean(str(value), [level.value for level in Level]) or f"levels are {', '.join(Level)}"
        raise self.wrong(f"{key}: {value!r} is no level", key, str(value), hint=hint)


def _document(file: SourceFile) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", str(error))
        offset = file.offset(int(at[1]), int(at[2])) if at and at[1] else len(file.text) if at else 0
        message = str(error)[: at.start()] if at else str(error)
        raise ConfigError(Diagnostic("config", f"TOML: {message}", file.location(offset))) from None


def _levels(table: _Table, key: str) -> dict[str, Level]:
    inner = table.table(key)
    return {code: inner.level(text) for text in inner.values for code in inner.expanded(key, text)}


def _per_file(table: _Table, key: str) -> dict[str, frozenset[str]]:
    inner = table.table(key)
    return {pattern: inner.codes(pattern) for pattern in inner.values}


_KEYS: Mapping[str, tuple[str, Callable[[_Table, str], Any]]] = {
    "select": ("select", _Table.codes),
    "ignore": ("ignore", _Table.codes),
    "levels": ("levels", _levels),
    "per-file-ignores": ("per_file_ignores", _per_file),
    "fail-on": ("fail_on", _Table.level),
}
"""Each key, the setting that it is, and how it is read."""
