"""What an import has to keep beside the SQL, so that an export gives the same definition back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from usersync.diagnostics import ConfigError
from usersync.exchange.columns import check_of, property_type, said
from usersync.exchange.definition import PipelineDefinition
from usersync.exchange.exporting import Exporter, Files
from usersync.exchange.keep import Kept, mark
from usersync.exchange.types import property_json
from usersync.project.model import Project


class Recorder(Exporter):
    """Exports what was just imported, and keeps each part that would come out otherwise."""

    def __init__(self, project: Project, stem: str, files: Files, wanted: PipelineDefinition) -> None:
        self.found: dict[str, dict[str, Any]] = {}
        self.wanted = wanted
        super().__init__(project, project.models[stem], files, {})

    def record(self) -> Kept:
        """The parts that the files do not give back."""
        with contextlib.suppress(ConfigError):
            self.definition()
        return self.found

    def part(self, key: str, sql: str, derive: Callable[[], Any]) -> Any:
        wanted = self.original(key)
        try:
            derived = derive()
        except ConfigError:
            derived = None
        if wanted is not None and derived != wanted and self.fitting(key, sql):
            self.found[key] = {"was": wanted, "of": mark(sql)}
            return wanted
        return derived

    def original(self, key: str) -> Any:
        """A part as the definition has it."""
        group, _, rest = key.partition(".")
        match group:
            case "connection":
                return self.wanted.connection
            case "query":
                return self.wanted.query
            case "updatedAtFormat":
                return self.wanted.updated_at_format
            case "transformation":
                return (self.wanted.mapping or {}).get(rest.partition(".")[2])
        schema = self.wanted.out_schema if group == "outSchema" else self.wanted.in_schema
        if not rest:
            return [p.name for p in schema.properties] if schema else None
        prop = schema.property(rest) if schema else None
        return property_json(prop) if prop else None

    def fitting(self, key: str, sql: str) -> bool:
        """Whether a property of users.sql is what the definition says; one that is not is exported as it is."""
        group, _, rest = key.partition(".")
        prop = self.wanted.out_schema.property(rest) if self.wanted.out_schema and rest else None
        if group != "outSchema" or prop is None:
            return True
        return sql.startswith(said(property_type(prop.type), check_of(prop.name, prop.type)))
