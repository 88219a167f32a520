"""What makes a definition valid: the rules in their order; the first that is broken is told, with all its places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from usersync.diagnostics import did_you_mean
from usersync.exchange.definition import FunctionPart, PipelineDefinition
from usersync.exchange.paths import all_paths, leaves, resolve, walk
from usersync.exchange.problems import ExpressionError, Problem, member
from usersync.exchange.translate import Translation, translate
from usersync.exchange.types import WireType
from usersync.project.model import NAME, RESERVED

_PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
_ID_KINDS = ("string", "int", "uuid", "json")
_TIME_KINDS = ("string", "json", "datetime", "date")
_WITH_FORMAT = ("string", "json")
LANGUAGES: Mapping[str, str] = {"JavaScript": ".js", "Python": ".py"}
_MAPPING, _FUNCTION = "$.transformation.mapping", "$.transformation.function"

Problems = Iterator[Problem]


def validate(found: PipelineDefinition) -> tuple[dict[str, Translation], list[Problem]]:
    """The translated mapping of a definition, and the first rule that it breaks."""
    for rule in _RULES:
        if problems := list(rule(found)):
            return {}, problems
    translations, problems = _translated(found)
    if problems:
        return {}, problems
    for late in _LATE_RULES:
        if problems := list(late(found, translations)):
            return {}, problems
    return translations, []


# --- Rules, in their order ---


def _schemas(found: PipelineDefinition) -> Problems:
    for key, schema in (("inSchema", found.in_schema), ("outSchema", found.out_schema)):
        if schema is None:
            yield Problem(f"$.{key}", "is missing")
        elif schema.kind != "object":
            yield Problem(f"$.{key}.kind", f"must be 'object', not {schema.kind!r}")


def _name(found: PipelineDefinition) -> Problems:
    yield from _length("$.name", found.name, 60)


def _length(path: str, text: str, most: int) -> Problems:
    if not text:
        yield Problem(path, "is missing or empty")
    elif len(text) > most:
        yield Problem(path, f"has {len(text)} characters; at most {most} are allowed")


def _transformation(found: PipelineDefinition) -> Problems:
    if found.mapping is not None and found.function is not None:
        yield Problem("$.transformation", "has a mapping and a function: it is one of them")
    elif found.mapping is not None:
        yield from _mapping(found.mapping, found.out_schema)
    elif found.function is not None:
        yield from _function(found.function, found)


def _mapping(mapping: Mapping[str, str], schema: WireType | None) -> Problems:
    if not mapping:
        yield Problem(_MAPPING, "is empty: at least one property must be mapped")
    for path in mapping:
        where = member(_MAPPING, path)
        yield from _path(where, path, schema, "outSchema")
        yield from (
            Problem(where, f"{parent!r} is mapped too: one holds the other")
            for parent in mapping
            if path.startswith(f"{parent}.")
        )


def _path(where: str, path: str, schema: WireType | None, shown: str) -> Problems:
    if not _PATH.match(path):
        yield Problem(where, f"{path!r} is no path of names and points")
    elif schema and resolve(schema, path) is None:
        yield Problem(where, f"{shown} has no property {path!r}", did_you_mean(path, all_paths(schema)))


def _function(function: FunctionPart, found: PipelineDefinition) -> Problems:
    yield from _length(f"{_FUNCTION}.source", function.source, 50_000)
    if function.language not in LANGUAGES:
        yield Problem(f"{_FUNCTION}.language", f"must be {' or '.join(map(repr, LANGUAGES))}")
    yield from _paths(f"{_FUNCTION}.inPaths", function.in_paths, found.in_schema, "inSchema")
    yield from _paths(f"{_FUNCTION}.outPaths", function.out_paths, found.out_schema, "outSchema")


def _paths(where: str, paths: tuple[str, ...] | None, schema: WireType | None, shown: str) -> Problems:
    if not paths:
        yield Problem(where, "must list at least one path")
    for index, path in enumerate(paths or ()):
        yield from _path(f"{where}[{index}]", path, schema, shown)
        if path in (paths or ())[:index]:
            yield Problem(f"{where}[{index}]", f"{path!r} is listed twice")
        if any(path.startswith(f"{parent}.") for parent in paths or ()):
            yield Problem(f"{where}[{index}]", f"a parent of {path!r} is listed too")


def _column_names(found: PipelineDefinition) -> Problems:
    if not found.user_id:
        yield Problem("$.userIDColumn", "is missing or empty")
    for key, column in (("userIDColumn", found.user_id), ("updatedAtColumn", found.updated_at)):
        if column and not NAME.match(column):
            yield Problem(f"$.{key}", f"{column!r} is no valid name")
        elif column:
            yield from _length(f"$.{key}", column, 1024)


def _update_format(found: PipelineDefinition) -> Problems:
    written = found.updated_at_format
    if not written:
        return
    if not found.updated_at:
        yield Problem("$.updatedAtFormat", "is for an updatedAtColumn, and there is none")
    elif len(written) > 64:
        yield Problem("$.updatedAtFormat", f"has {len(written)} characters; at most 64 are allowed")
    elif written != "ISO8601" and "%" not in written:
        yield Problem("$.updatedAtFormat", f"must be 'ISO8601' or a strftime format, not {written!r}")


def _incremental(found: PipelineDefinition) -> Problems:
    if found.incremental and not found.updated_at:
        yield Problem("$.incremental", "needs an updatedAtColumn")


def _attributes(found: PipelineDefinition) -> Problems:
    flags = ("prefilled", "create_required", "update_required")
    names = {"prefilled": "prefilled", "create_required": "createRequired", "update_required": "updateRequired"}
    for where, prop in walk(found.in_schema, "$.inSchema"):
        for flag in (f for f in flags if getattr(prop, f)):
            yield Problem(f"{where}.{names[flag]}", "is not for columns of a query")
        if prop.read_optional:
            yield Problem(f"{where}.readOptional", "is not for columns of a query")
    for where, prop in walk(found.out_schema, "$.outSchema"):
        for flag in (f for f in flags if getattr(prop, f)):
            yield Problem(f"{where}.{names[flag]}", "is not for properties of a user")
        if prop.nullable:
            yield Problem(f"{where}.nullable", "is not for properties of a user")
        if not prop.read_optional:
            yield Problem(f"{where}.readOptional", "must be true: every property of a user may be missing")


def _properties(found: PipelineDefinition) -> Problems:
    """Properties that a user can have."""
    columns: dict[str, str] = {}
    for where, prop in walk(found.out_schema, "$.outSchema"):
        kind = prop.type.element
        if kind and kind.kind in {"array", "object", "map"}:
            yield Problem(f"{where}.type.elementType", f"a user has no {prop.type.kind} of {kind.kind}s")
    for index, prop in enumerate(found.out_schema.properties if found.out_schema else ()):
        if prop.name.startswith("_"):
            yield Problem(f"$.outSchema.properties[{index}].name", "a user's property does not start with `_`")
    for leaf in leaves(found.out_schema):
        column = leaf.replace(".", "_").lower()
        if column in columns:
            yield Problem("$.outSchema", f"{columns[column]!r} and {leaf!r} would share the column {column!r}")
        columns[column] = leaf


def _reserved(found: PipelineDefinition) -> Problems:
    for leaf in leaves(found.out_schema):
        column = leaf.replace(".", "_").lower()
        if column in RESERVED:
            hint = "rename the property in outSchema and in the transformation"
            yield Problem("$.outSchema", f"usersync's own tables have a column {column!r}: {leaf!r} is taken", hint)


def _query(found: PipelineDefinition) -> Problems:
    yield from _length("$.query", found.query, 1000)


def _foreign(found: PipelineDefinition) -> Problems:
    for key in found.foreign:
        yield Problem(f"$.{key}", "is not for a pipeline that imports users from a database")


def _columns(found: PipelineDefinition) -> Problems:
    yield from _column("userIDColumn", found.user_id, found.in_schema, _ID_KINDS)
    if not found.updated_at:
        return
    yield from _column("updatedAtColumn", found.updated_at, found.in_schema, _TIME_KINDS)
    column = found.in_schema.property(found.updated_at) if found.in_schema else None
    kind = column.type.kind if column else ""
    if kind in _WITH_FORMAT and not found.updated_at_format:
        yield Problem("$.updatedAtFormat", f"is missing: updatedAtColumn {found.updated_at!r} is {kind}")
    elif kind in _TIME_KINDS and kind not in _WITH_FORMAT and found.updated_at_format:
        yield Problem("$.updatedAtFormat", f"is for string and json: updatedAtColumn {found.updated_at!r} is {kind}")


def _column(key: str, column: str, schema: WireType | None, kinds: Iterable[str]) -> Problems:
    found = schema.property(column) if schema else None
    known = [p.name for p in schema.properties] if schema else []
    if found is None:
        yield Problem(f"$.{key}", f"inSchema has no property {column!r}", did_you_mean(column, known))
    elif found.type.kind not in kinds:
        yield Problem(f"$.{key}", f"{column!r} is {found.type.kind}: it must be one of {', '.join(kinds)}")


def _required(found: PipelineDefinition) -> Problems:
    if found.mapping is None and found.function is None:
        yield Problem("$.transformation", "is missing: a mapping or a function")


_RULES: tuple[Callable[[PipelineDefinition], Problems], ...] = (
    _schemas,
    _name,
    _transformation,
    _column_names,
    _update_format,
    _incremental,
    _attributes,
    _properties,
    _query,
    _foreign,
    _columns,
    _required,
    _reserved,
)


def _translated(found: PipelineDefinition) -> tuple[dict[str, Translation], list[Problem]]:
    translations: dict[str, Translation] = {}
    problems = []
    for path, text in (found.mapping or {}).items():
        target = resolve(found.out_schema, path) if found.out_schema else None
        if found.in_schema is None or target is None:
            continue
        try:
            translations[path] = translate(text, found.in_schema, target)
        except ExpressionError as error:
            problems.append(Problem(member(_MAPPING, path), f"{error.message} (character {error.offset + 1})"))
    return translations, problems


def _uses_input(found: PipelineDefinition, translations: Mapping[str, Translation]) -> Problems:
    if found.mapping is not None and not any(t.in_paths for t in translations.values()):
        yield Problem(_MAPPING, "uses no column: at least one expression must")


def _unused(found: PipelineDefinition, translations: Mapping[str, Translation]) -> Problems:
    used = {found.user_id, found.updated_at} | {path for t in translations.values() for path in t.in_paths}
    made = set(translations)
    if found.function:
        used |= set(found.function.in_paths or ())
        made |= set(found.function.out_paths or ())
    for key, schema, paths in (("inSchema", found.in_schema, used), ("outSchema", found.out_schema, made)):
        for leaf in leaves(schema):
            if not any(leaf == path or leaf.startswith(f"{path}.") for path in paths):
                yield Problem(f"$.{key}", f"the property {leaf!r} is not used")


_LATE_RULES = (_uses_input, _unused)
