"""`usersync export`: a pipeline's files as its definition in the JSON form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from usersync.compile.query import parse_query
from usersync.diagnostics import ConfigError, did_you_mean
from usersync.exchange.columns import said, wire_type
from usersync.exchange.decode import Members
from usersync.exchange.definition import EXTRA_KEYS, FunctionPart, PipelineDefinition, definition_json
from usersync.exchange.keep import Kept, kept_parts, mark
from usersync.exchange.problems import ExpressionError, refuse
from usersync.exchange.recorded import RecordedTable, described, read_recorded
from usersync.exchange.reverse import UnspeakableError, expression_of
from usersync.exchange.schemas import Decoder
from usersync.exchange.translate import Translation, translate
from usersync.exchange.types import WireProperty, WireType, property_json
from usersync.exchange.validate import LANGUAGES, validate
from usersync.project.load import RECORDED
from usersync.project.model import Pipeline, Project, Property
from usersync.project.render import render_model

# A definition may have such: a connection that this target lacks, and a format that no row will match.
_HARMLESS = frozenset({"US103", "US303"})

Files = Callable[[str], bytes | None]
"""A project file's bytes by its path; None where there is no such file."""


def project_files(project: Project) -> Files:
    """The files of a project's folder."""

    def read(path: str) -> bytes | None:
        file = project.root / path
        return file.read_bytes() if file.is_file() else None

    return read


def export(project: Project, model: Pipeline, files: Files) -> dict[str, Any]:
    """A pipeline's definition in the JSON form.

    Raises:
        ConfigError: the form cannot say what the pipeline does.
    """
    fatal = [p for p in project.problems if p.location is None or p.location.file == model.file.path]
    fatal = [p for p in fatal if p.code not in _HARMLESS] or ([] if project.users else list(project.problems))
    if fatal:
        raise ConfigError(fatal)
    found = Exporter(project, model, files, kept_parts(model.file.text)).definition()
    refuse(validate(found)[1], model.file.path)
    return definition_json(found)


class Exporter:
    """Derives a definition part by part, from the SQL, or from what was kept of an import while that is unchanged."""

    def __init__(self, project: Project, model: Pipeline, files: Files, kept: Kept) -> None:
        self.project, self.model, self.files, self.kept = project, model, files, kept
        self.said: dict[str, str] = {}
        self.known = self.recorded()

    def part(self, key: str, sql: str, derive: Callable[[], Any]) -> Any:
        """A part: as it was imported, if the SQL is still what was made of it."""
        kept = self.kept.get(key)
        return kept["was"] if kept and kept["of"] == mark(sql) else derive()

    def definition(self) -> PipelineDefinition:
        model = self.model
        columns = WireType("object", properties=tuple(self.known.values()))
        mapping = None if model.function is not None else self.mapping(columns)
        function = self.function() if model.function is not None else None
        in_paths, out_paths = self.used(mapping, function, columns)
        return PipelineDefinition(
            name=model.name,
            connection=self.part("connection", model.connection, lambda: model.connection),
            target="User",
            enabled=model.enabled,
            query=self.query(),
            user_id=self.spelled(model.user_id),
            updated_at=self.spelled(model.updated_at or ""),
            updated_at_format=self.part("updatedAtFormat", model.updated_at_format or "", self.time_format),
            incremental=model.incremental,
            mapping=mapping,
            function=function,
            has_transformation=True,
            in_schema=self.in_schema(in_paths),
            out_schema=self.out_schema(out_paths),
            schedule=model.schedule,
            extra=self.extra(),
        )

    def time_format(self) -> str:
        return self.model.updated_at_format or ""

    def query(self) -> str:
        model = self.model
        text = render_model(self.project, model, incremental=False).sql.strip()
        if text != render_model(self.project, model, incremental=True).sql.strip():
            message = "the query differs in incremental runs, which a definition cannot say"
            raise ConfigError(model.problem("export", message, ""))
        return str(self.part("query", text, lambda: text.removesuffix(";").rstrip()))

    def extra(self) -> dict[str, Any]:
        plain = Pipeline("", self.model.file)
        values = {key: getattr(self.model, key) for key in EXTRA_KEYS}
        changed = {key: value for key, value in values.items() if value != getattr(plain, key)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in changed.items()}

    # --- Columns ---

    def recorded(self) -> dict[str, WireProperty]:
        """The columns of the query with types on record, by name in lower case."""
        path = f"{RECORDED}/{self.model.connection}.sql"
        text = (self.files(path) or b"").decode()
        tables = read_recorded(text, path)
        found = self.described(tables)
        for table in (self.model.stem, f"{self.model.stem}_columns"):
            own = tables.get(table.lower())
            if own and own.column(self.model.user_id):
                self.said = dict(own.said)
                found |= {column.name.lower(): column for column in own.columns}
        return found

    def described(self, tables: Mapping[str, RecordedTable]) -> dict[str, WireProperty]:
        """The columns of the query as its tables tell; a query that is no SELECT has none."""
        rendered = render_model(self.project, self.model, incremental=False)
        try:
            return described(parse_query(rendered, self.model.dialect)[0], tables)
        except ConfigError:
            return {}

    def spelled(self, column: str) -> str:
        """A column's name as its type is on record."""
        found = self.known.get(column.lower())
        return found.name if found else column

    @property
    def unrecorded(self) -> str:
        """What to do where types are not known."""
        return f"write the tables that the query reads, as DDL, to {RECORDED}/{self.model.connection}.sql"

    def column(self, column: str) -> WireProperty:
        found = self.known.get(column.lower())
        if found is None:
            message = f"the type of column {column!r} is not on record"
            close = did_you_mean(column, (c.name for c in self.known.values())) if self.known else None
            raise ConfigError(self.model.problem("export", message, "", hint=close or self.unrecorded))
        return found

    def in_schema(self, paths: Iterable[str]) -> WireType:
        wanted = {self.column(path.split(".")[0]).name: None for path in paths}
        order = [c.name for c in self.known.values() if c.name in wanted]
        used = set(paths)
        columns = [self.pruned(self.column(column), used) for column in order]
        return _schema(self.kept_column("inSchema", c, f"{self.said.get(c.name)} {c.nullable}") for c in columns)

    def pruned(self, prop: WireProperty, used: set[str], prefix: str = "") -> WireProperty:
        """A property with the parts that are used only."""
        path = f"{prefix}{prop.name}"
        if prop.type.kind != "object" or path in used:
            return prop
        inner = tuple(
            self.pruned(child, used, f"{path}.")
            for child in prop.type.properties
            if any(p == f"{path}.{child.name}" or p.startswith(f"{path}.{child.name}.") for p in used)
        )
        return replace(prop, type=replace(prop.type, properties=inner))

    def kept_column(self, schema: str, prop: WireProperty, sql: str) -> WireProperty:
        was = self.part(f"{schema}.{prop.name}", f"{sql} -- {prop.description}", lambda: property_json(prop))
        decoder = Decoder()
        found = decoder.property(as_members(was), "$")
        return found if found and not decoder.problems and found.name == prop.name else prop

    # --- Transformation ---

    def mapping(self, columns: WireType) -> dict[str, str]:
        given = self.model.mapping
        if given is None:
            properties = (
                {leaf.column.lower(): leaf.path for leaf in self.project.users.leaves} if self.project.users else {}
            )
            given = {properties[name]: column.name for name, column in self.known.items() if name in properties}
        return {path: self.expression(path, sql, columns) for path, sql in given.items()}

    def expression(self, path: str, sql: str, columns: WireType) -> str:
        def derive() -> str:
            target = self.property(path)
            try:
                return expression_of(sql, columns, wire_type(target.type, target.check))
            except UnspeakableError as error:
                message = f"no expression of a definition says what maps {path!r}: {error}"
                hint = None if self.known else self.unrecorded
                raise ConfigError(self.model.problem("export", message, f"mapping.{path}", hint=hint)) from None

        return str(self.part(f"transformation.mapping.{path}", sql, derive))

    def property(self, path: str) -> Property:
        found = self.project.users.find(path) if self.project.users else None
        if found is None:
            raise ConfigError(self.model.problem("export", f"users has no property {path!r}", f"mapping.{path}:key"))
        return found

    def function(self) -> FunctionPart:
        given = self.model.function or {}
        path = str(given.get("path", ""))
        language = next((name for name, suffix in LANGUAGES.items() if path.endswith(suffix)), "")
        source = self.files(path) if path else None
        if source is None or not language:
            raise ConfigError(self.model.problem("export", f"there is no function {path!r}", "function.path"))
        return FunctionPart(
            source=source.decode("utf-8", "replace"),
            language=language,
            preserve_json=given.get("preserve_json") is True,
            in_paths=tuple(given.get("in_paths") or ()),
            out_paths=tuple(given.get("out_paths") or ()),
        )

    def used(
        self, mapping: Mapping[str, str] | None, function: FunctionPart | None, columns: WireType
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The paths that the transformation reads and makes."""
        ids = [self.column(c).name for c in (self.model.user_id, self.model.updated_at) if c]
        if function:
            return tuple(dict.fromkeys([*ids, *(function.in_paths or ())])), function.out_paths or ()
        translations = [self.translated(path, text, columns) for path, text in (mapping or {}).items()]
        read = [path for t in translations for path in t.in_paths]
        return tuple(dict.fromkeys([*ids, *read])), tuple(mapping or ())

    def translated(self, path: str, text: str, columns: WireType) -> Translation:
        target = self.property(path)
        try:
            return translate(text, columns, wire_type(target.type, target.check))
        except ExpressionError as error:
            message = f"what maps {path!r} does not fit the columns and properties of today: {error.message}"
            raise ConfigError(self.model.problem("export", message, f"mapping.{path}")) from None

    def out_schema(self, paths: Iterable[str]) -> WireType:
        used = set(paths)
        roots = {path.split(".")[0] for path in used}
        users = self.project.users
        found = [wire_property(prop) for prop in (users.properties if users else ()) if prop.path in roots]
        pruned = [self.pruned(prop, used) for prop in found]
        names = [prop.name for prop in pruned]
        order = self.part("outSchema", " ".join(names), lambda: names)
        order = order if isinstance(order, list) and sorted(map(str, order)) == sorted(names) else names
        ordered = sorted(pruned, key=lambda prop: order.index(prop.name))
        return _schema(self.kept_column("outSchema", p, self.ddl(p.name)) for p in ordered)

    def ddl(self, path: str) -> str:
        """What users.sql says of a property."""
        prop = self.property(path)
        return said(prop.type, prop.check)


def _schema(properties: Iterable[WireProperty]) -> WireType:
    return WireType("object", properties=tuple(properties))


def wire_property(prop: Property) -> WireProperty:
    """A property of users.sql in the JSON form."""
    kind = wire_type(prop.type, prop.check, read_optional=True)
    return WireProperty(prop.path, kind, read_optional=True, description=prop.description)


def as_members(value: Any) -> Any:
    """A value of JSON as the decoder takes it."""
    if isinstance(value, dict):
        return Members((key, as_members(inner)) for key, inner in value.items())
    return [as_members(item) for item in value] if isinstance(value, list) else value
