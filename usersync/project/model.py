"""The vocabulary: what an analyst's project says, as frozen values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from usersync.diagnostics import Diagnostic, Level, Location, SourceFile
from usersync.project.jinja.literals import character_offset
from usersync.project.jinja.macros import Library
from usersync.project.jinja.tree import extent
from usersync.project.overrides import Decision
from usersync.project.types import Kind, PropertyType

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
"""Names of connections, properties and query columns."""

RESERVED = frozenset(
    {
        *("user_id", "identity_count", "created_at", "updated_at"),
        *("pipeline", "connection", "identity_id", "id_kind", "fallback_id"),
        *("account_ids", "account_name", "first_run", "last_run"),
    }
)
"""Column names that the warehouse's own tables use beside the properties."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A source database of the target. `options` are those of profiles.yml, secrets included."""

    name: str
    type: str
    options: Mapping[str, Any] = field(repr=False)
    root: Path
    """The folder that relative paths start from: the project's."""

    @property
    def place(self) -> Path:
        """What `path` of the options means, with links followed."""
        return (self.root / str(self.options["path"])).resolve()


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column of a source's table, as the source itself describes it."""

    name: str
    type: str
    """The source's own name of the type, of an array that of its elements."""
    precision: int | None = None
    """Of numbers: all digits."""
    scale: int = 0
    """Of numbers: digits after the point."""
    dimensions: int = 0
    """Of arrays."""
    order: str | None = None
    """How texts compare on the server: `bytes` as here; anything else is the server's own way."""


@dataclass(frozen=True, slots=True)
class Source:
    """An attached connection, and what it says of its tables."""

    connection: Connection
    tables: Mapping[tuple[str, str], tuple[SourceColumn, ...]] = field(default_factory=dict)
    """Columns by schema and table; none where the scanner needs no help with its types."""
    statement_head: str = ""
    """What every statement to the server begins with; a hint belongs behind its first SELECT."""
    version: str = ""
    """What a MySQL server says that it is."""
    definitions: Mapping[str, str] = field(default_factory=dict)
    """The SQL of a DuckDB file's views and macros, by their names in lower case."""

    @property
    def json_columns(self) -> dict[str, frozenset[str]]:
        """Columns that hold json though the scanner calls them text, by `schema.table`, in lower case."""
        return {
            f"{schema}.{table}".lower(): frozenset(
                c.name.lower() for c in columns if c.type in {"json", "jsonb"} and not c.dimensions
            )
            for (schema, table), columns in self.tables.items()
        }

    def columns(self, schema: str, table: str) -> tuple[SourceColumn, ...] | None:
        """The columns of a table, whose name may be in another case; None when unknown or not the only one."""
        if found := self.tables.get((schema, table)):
            return found
        key = (schema.lower(), table.lower())
        alike = [columns for (s, t), columns in self.tables.items() if (s.lower(), t.lower()) == key]
        return alike[0] if len(alike) == 1 else None


@dataclass(frozen=True, slots=True)
class Profile:
    """One target of profiles.yml: the connections and the warehouse."""

    name: str
    target: str
    file: str
    warehouse: Mapping[str, Any] = field(repr=False)
    connections: Mapping[str, Connection]
    secrets: frozenset[str] = field(repr=False, default=frozenset())
    """Every value that no output may show."""


@dataclass(frozen=True, slots=True)
class Property:
    """A property of the unified user. Those of a struct are its `children`."""

    path: str
    """Dotted: `address.city`."""
    type: PropertyType
    check: str | None = None
    """A condition in SQL over the property's own name; false rejects the row."""
    description: str = ""
    location: Location | None = None
    children: tuple[Property, ...] = ()

    @property
    def column(self) -> str:
        """The warehouse column of a leaf: `address.city` is `address_city`."""
        return self.path.replace(".", "_")

    @property
    def leaves(self) -> tuple[Property, ...]:
        """The properties that are columns of the warehouse: this one, or those below it."""
        if not self.children:
            return (self,)
        return tuple(leaf for child in self.children for leaf in child.leaves)


@dataclass(frozen=True, slots=True)
class UserSchema:
    """`models/users.sql`: the properties of a user, and how identities become users."""

    file: SourceFile
    properties: tuple[Property, ...]
    identifiers: tuple[str, ...] = ()
    """Property paths, highest priority first."""
    primary_sources: Mapping[str, str] = field(default_factory=dict)
    ignore_values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    max_identities_per_value: int | None = None
    max_users_merged: int | None = None
    at: Mapping[str, int] = field(default_factory=dict)
    """Offsets of the settings, by their dotted key."""

    @property
    def leaves(self) -> tuple[Property, ...]:
        """Every warehouse column, in the order written."""
        return tuple(leaf for prop in self.properties for leaf in prop.leaves)

    def find(self, path: str) -> Property | None:
        """The property at a dotted path, structs included."""
        return self.paths.get(path)

    @property
    def paths(self) -> dict[str, Property]:
        """Every property by its path, structs and leaves."""
        found: dict[str, Property] = {}
        todo = list(self.properties)
        while todo:
            prop = todo.pop(0)
            found[prop.path] = prop
            todo.extend(prop.children)
        return found

    def location(self, key: str) -> Location:
        """Where a setting of `users()` stands; the file's start when it has no place."""
        return self.file.location(self.at.get(key, 0))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One file in `models/`: the settings of its `config()`; the query is the file's text, rendered."""

    stem: str
    file: SourceFile
    kind: str = "pipeline"
    connection: str = ""
    user_id: str = ""
    name: str = ""
    enabled: bool = True
    fallback_id: str | None = None
    write: str = "create_or_update"
    updated_at: str | None = None
    updated_at_format: str | None = None
    incremental: bool = False
    lookback: str | None = None
    mapping: Mapping[str, str] | None = None
    function: Mapping[str, Any] | None = None
    account_ids: str | None = None
    account_name: str | None = None
    on_missing: str = "delete"
    max_deleted: int | str = "30%"
    max_rejected: int | None = None
    dialect: str = "duckdb"
    pushdown: str | None = None
    schedule: Mapping[str, Any] | None = None
    tags: tuple[str, ...] = ()
    description: str = ""
    owner: str = ""
    at: Mapping[str, int] = field(default_factory=dict)
    """Offsets of the settings, by their dotted key: `mapping.email` is the expression's own text."""

    def location(self, key: str, inner: int = 0, length: int | None = None) -> Location:
        """Where a setting stands, or the character `inner` of its text; the file's start when it has no place."""
        start = self.at.get(key, 0)
        if length is None:
            part = key.startswith("mapping.") and not key.endswith(":key")
            length = extent(self.file.text, start) if start and not part else 1
        return self.file.location(character_offset(self.file.text, start, inner) if start else start, length)

    def problem(
        self,
        code: str,
        message: str,
        key: str,
        *,
        hint: str | None = None,
        inner: int = 0,
        length: int | None = None,
        level: Level = Level.ERROR,
    ) -> Diagnostic:
        """A diagnostic at one of this pipeline's settings."""
        return Diagnostic(code, message, self.location(key, inner, length), hint, level)


@dataclass(frozen=True, slots=True)
class Project:
    """All that was read of an analyst's project, problems included."""

    root: Path
    profile: Profile | None
    users: UserSchema | None
    models: Mapping[str, Pipeline]
    """Pipelines and views by stem, in order of their files."""
    problems: tuple[Diagnostic, ...] = ()
    """What is wrong in files that belong to no model, and in settings."""
    library: Library = field(default_factory=Library)
    vars: Mapping[str, Any] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    """Those of models/overrides.csv, in its order."""
    files: Mapping[str, SourceFile] = field(default_factory=dict)
    """Every file that was read, by its path: models, users.sql, macros, recorded sources and overrides."""

    @property
    def pipelines(self) -> dict[str, Pipeline]:
        """Every model that brings users, views left out."""
        return {stem: model for stem, model in self.models.items() if model.kind == "pipeline"}


def identifier_allowed(kind: PropertyType) -> bool:
    """Whether values of a type can identify a person: text, whole numbers, uuid, inet, and arrays of those."""
    if kind.kind is Kind.ARRAY:
        return kind.element is not None and identifier_allowed(kind.element)
    if kind.kind is Kind.DECIMAL:
        return kind.scale == 0
    allowed = (Kind.VARCHAR, Kind.ENUM, Kind.UUID, Kind.INET, Kind.YEAR)
    return kind.kind in allowed or kind.kind.value.endswith("int") or kind.kind in (Kind.INTEGER, Kind.UINTEGER)
