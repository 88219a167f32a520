"""`usersync import`: a definition in the JSON form as files of a project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError

from usersync.compile.foreign import compared_columns
from usersync.diagnostics import ConfigError, Diagnostic, did_you_mean
from usersync.exchange.columns import column_sql, lost, property_type, type_sql
from usersync.exchange.decode import read_json
from usersync.exchange.definition import PipelineDefinition, decode_definition
from usersync.exchange.keep import Kept, block
from usersync.exchange.names import file_name
from usersync.exchange.problems import Problem, refuse
from usersync.exchange.recorded import appended, read_recorded, table_sql
from usersync.exchange.recorder import Recorder
from usersync.exchange.schemas import Decoder
from usersync.exchange.templates import config_call, template_text
from usersync.exchange.translate import Translation
from usersync.exchange.types import WireProperty
from usersync.exchange.users_file import Field, extended, new_users
from usersync.exchange.validate import LANGUAGES, validate
from usersync.project.load import MODELS, RECORDED, USERS, Settings, load_project
from usersync.project.model import NAME, Profile, Project
from usersync.project.sql.reading import parse_one

_DIALECTS = {"postgres": "postgres", "mysql": "mysql"}
_MANY_ROWS = str(2**63 - 1)


@dataclass(frozen=True, slots=True)
class Imported:
    """The files that an import writes, and what a person should know of them."""

    stem: str
    files: Mapping[str, bytes]
    """New contents by path, relative to the project."""
    notes: tuple[str, ...] = ()
    problems: tuple[Diagnostic, ...] = ()
    """What lint has to say of the model: the definition was valid, and still may not run."""

    def write(self, root: Path) -> None:
        """Writes the files."""
        for path, content in self.files.items():
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def read_definition(data: bytes, shown: str) -> tuple[PipelineDefinition, dict[str, Translation]]:
    """A valid definition, and its mapping as SQL.

    Raises:
        ConfigError: it is not valid, at which JSON path.
    """
    decoder = Decoder()
    try:
        found = decode_definition(read_json(data, shown), decoder)
        refuse(decoder.problems, shown)
        if found is None:
            raise ConfigError(f"{shown}: $: must be an object")
        translations, problems = validate(found)
    except RecursionError:
        raise ConfigError(f"{shown}: nested too deeply") from None
    refuse(problems, shown)
    return found, translations


def plan_import(settings: Settings, data: bytes, shown: str, connection: str | None = None) -> Imported:
    """What an import would write; nothing is written here.

    Args:
        settings: The project.
        data: The definition.
        shown: What to call it in messages.
        connection: The connection it reads, if not the one that it names.

    Raises:
        ConfigError: the definition is not valid, or does not fit the project.
    """
    found, translations = read_definition(data, shown)
    project = _project(settings)
    name = _connection(found, connection, project.profile, shown)
    return _Importer(settings, project, found, translations, name).plan()


def _project(settings: Settings) -> Project:
    """The project, which may be an empty folder."""
    exists = (settings.project_dir / MODELS).is_dir()
    project = load_project(settings, lenient=True, overlay=None if exists else {USERS: new_users(())})
    if (settings.project_dir / USERS).is_file() and project.users is None:
        raise ConfigError([p for p in project.problems if p.location is None or p.location.file == USERS])
    return project


def _connection(found: PipelineDefinition, given: str | None, profile: Profile | None, shown: str) -> str:
    name = given or found.connection
    where = "--connection" if given else "$.connection"
    hint = "say which connection of profiles.yml it is: --connection NAME"
    if name is None or name == "":
        refuse([Problem(where, "is missing", hint)], shown)
    known = profile.connections if profile else {}
    if not isinstance(name, str) or (not known and not NAME.match(name)):
        refuse([Problem(where, f"{name!r} is an id, not the name of a connection", hint)], shown)
    if known and name not in known:
        message = f"there is no connection {name!r} in {profile.file if profile else 'profiles.yml'}"
        refuse([Problem(where, message, did_you_mean(str(name), known) or hint)], shown)
    return str(name)


def _compared(query: str, dialect: str) -> set[str]:
    """Names, in lower case, of the columns that a query compares; none where it does not parse, as lint will tell."""
    sql = re.sub(r"\$\{\w+\}|\$LAST_SYNC_TIMESTAMP", "null", query, flags=re.IGNORECASE)
    try:
        tree = parse_one(sql, dialect)
    except (SqlglotError, RecursionError):
        return set()
    return {column.name.lower() for column in compared_columns(tree)} if isinstance(tree, exp.Query) else set()


class _Importer:
    """Makes the files of one definition."""

    def __init__(
        self,
        settings: Settings,
        project: Project,
        found: PipelineDefinition,
        translations: Mapping[str, Translation],
        connection: str,
    ) -> None:
        self.settings, self.project, self.found = settings, project, found
        self.translations, self.connection = translations, connection
        self.root = settings.project_dir
        self.stem = self.free_name(file_name(found.name))
        self.notes: list[str] = []

    def plan(self) -> Imported:
        files = {f"{MODELS}/{self.stem}.sql": self.model(), **self.users(), **self.recorded(), **self.function()}
        path = f"{MODELS}/{self.stem}.sql"
        kept = self.kept({name: content.encode() for name, content in files.items()})
        if kept:
            files[path] += block(kept)
        self.notes += [note for p in self.properties() for note in lost(p.type, p.name)]
        written = {name: content.encode() for name, content in files.items()}
        return Imported(self.stem, written, tuple(self.notes), self.problems(files))

    # --- Names ---

    def free_name(self, wanted: str) -> str:
        taken = {stem.lower() for stem in self.project.models} | {"users"}
        taken |= {file.stem.lower() for file in (self.root / "functions").glob("*")}
        candidates = (wanted if number == 1 else f"{wanted}_{number}" for number in range(1, len(taken) + 3))
        return next(name for name in candidates if name not in taken)

    # --- The model ---

    def model(self) -> str:
        # `${limit}` is for previews; here a preview limits by itself.
        query = self.found.query.replace("${limit}", _MANY_ROWS)
        return f"{config_call(self.config())}\n\n{template_text(query)}\n"

    def config(self) -> dict[str, Any]:
        found = self.found
        said: dict[str, Any] = {
            "connection": self.connection,
            "name": found.name if found.name != self.stem else None,
            "user_id": found.user_id,
            "enabled": None if found.enabled else False,
            "updated_at": found.updated_at or None,
            "updated_at_format": found.updated_at_format or None,
            "incremental": found.incremental or None,
            "dialect": self.dialect(),
            "pushdown": self.pushdown(),
            **found.extra,
            "schedule": dict(found.schedule) if found.schedule else None,
        }
        if found.function is not None:
            said["function"] = {
                "path": self.function_path(),
                "in_paths": list(found.function.in_paths or ()),
                "out_paths": list(found.function.out_paths or ()),
                "preserve_json": found.function.preserve_json,
            }
        else:
            said["mapping"] = {path: translation.sql for path, translation in self.translations.items()}
        return {key: value for key, value in said.items() if value is not None}

    def dialect(self) -> str | None:
        profile = self.project.profile
        connection = profile.connections.get(self.connection) if profile else None
        return _DIALECTS.get(connection.type) if connection else None

    def pushdown(self) -> str | None:
        """`native` where MySQL compares what may be texts: only there their collations count, as they did."""
        if self.dialect() != "mysql" or "dialect" in self.found.extra:
            return None
        schema = self.found.in_schema
        kinds = {p.name.lower(): p.type.kind for p in schema.properties} if schema else {}
        compared = _compared(self.found.query, "mysql")
        return "native" if any(kinds.get(name, "string") == "string" for name in compared) else None

    def function_path(self) -> str:
        language = self.found.function.language if self.found.function else ""
        return f"functions/{self.stem}{LANGUAGES[language]}"

    def function(self) -> dict[str, str]:
        return {self.function_path(): self.found.function.source} if self.found.function else {}

    # --- The user ---

    def properties(self) -> tuple[WireProperty, ...]:
        return self.found.out_schema.properties if self.found.out_schema else ()

    def users(self) -> dict[str, str]:
        schema = self.project.users
        if not (self.root / USERS).is_file() or schema is None:
            return {USERS: new_users(self.properties())}
        columns = [p for p in self.properties() if schema.find(p.name) is None]
        fields = [field for p in self.properties() for field in self.missing(p, p.name)]
        self.no_clash(columns)
        if not columns and not fields:
            return {}
        text = (self.root / USERS).read_bytes().decode()
        body = text.removeprefix("\ufeff")
        changed = extended(body, columns, fields)
        if changed is None:
            wanted = ", ".join([column_sql(c, nulls=True)[0] for c in columns] + [f.prop.name for f in fields])
            raise ConfigError(f"{USERS} is written in a way that cannot be extended: add to it yourself: {wanted}")
        return {USERS: text[: len(text) - len(body)] + changed}

    def missing(self, prop: WireProperty, path: str) -> Iterator[Field]:
        """Fields that existing structs lack; a note where an existing property is of another type."""
        existing = self.project.users.find(path) if self.project.users else None
        if existing is None:
            return
        if prop.type.kind == "object" and existing.children:
            for child in prop.type.properties:
                below = f"{path}.{child.name}"
                if self.project.users and self.project.users.find(below) is None:
                    yield Field(path, child)
                else:
                    yield from self.missing(child, below)
        elif existing.type != property_type(prop.type):
            self.notes.append(
                f"{path} stays {type_sql(existing.type)} in {USERS}; the definition says "
                f"{type_sql(property_type(prop.type))}"
            )

    def no_clash(self, columns: list[WireProperty]) -> None:
        taken = {leaf.column.lower(): leaf.path for leaf in (self.project.users.leaves if self.project.users else ())}
        refuse(
            [
                Problem("$.outSchema", f"{p.name!r} would share a column with {taken[p.name.lower()]!r} of {USERS}")
                for p in columns
                if p.name.lower() in taken
            ]
        )

    # --- The source ---

    def recorded(self) -> dict[str, str]:
        path = f"{RECORDED}/{self.connection}.sql"
        file = self.root / path
        text = file.read_bytes().decode("utf-8-sig") if file.is_file() else ""
        tables = read_recorded(text, path)
        table = self.stem if self.stem not in tables else f"{self.stem}_columns"
        columns = self.found.in_schema.properties if self.found.in_schema else ()
        return {path: appended(text, table_sql(table, columns, f"{MODELS}/{self.stem}.sql"))}

    # --- What SQL cannot give back ---

    def overlaid(self, files: Mapping[str, str]) -> Project:
        own = {path: text for path, text in files.items() if path.startswith(f"{MODELS}/")}
        return load_project(self.settings, lenient=True, overlay={k: v for k, v in own.items() if RECORDED not in k})

    def kept(self, files: Mapping[str, bytes]) -> Kept:
        project = self.overlaid({path: content.decode() for path, content in files.items()})

        def read(path: str) -> bytes | None:
            return files.get(path)

        return Recorder(project, self.stem, read, self.found).record()

    def problems(self, files: Mapping[str, str]) -> tuple[Diagnostic, ...]:
        """What is wrong with the model as written, were it built now."""
        from usersync.compile.pipeline import compile_pipeline

        project = self.overlaid(files)
        own = [p for p in project.problems if p.location and p.location.file == f"{MODELS}/{self.stem}.sql"]
        _, found = compile_pipeline(project, project.models[self.stem])
        return (*own, *found)
