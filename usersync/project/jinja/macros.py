"""The macros of a project."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from jinja2 import nodes

from usersync.diagnostics import ConfigError, Diagnostic, SourceFile
from usersync.project.jinja.tree import parse


@dataclass(frozen=True)
class Library:
    """The macros of a project, by name, each from one file of `macros/`."""

    files: tuple[SourceFile, ...] = ()

    @cached_property
    def owners(self) -> dict[str, SourceFile]:
        """Which file defines a macro."""
        found: dict[str, SourceFile] = {}
        for file in self.files:
            for macro in parse(file).find_all(nodes.Macro):
                if macro.name in found:
                    message = f"macro {macro.name!r} is also defined in {found[macro.name].path}"
                    raise ConfigError(Diagnostic("US001", message, file.location(macro.lineno)))
                found[macro.name] = file
        return found
