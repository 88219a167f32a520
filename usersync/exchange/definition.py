"""A pipeline's definition in its JSON form, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from usersync.exchange.decode import Members
from usersync.exchange.problems import member
from usersync.exchange.schemas import Decoder
from usersync.exchange.types import WireType, schema_json

FOREIGN = (
    *("filter", "path", "sheet", "format", "compression", "orderBy", "formatSettings"),
    *("tableName", "tableKey", "exportMode", "matching", "updateOnDuplicates", "requiredConsents"),
)
"""Members of other kinds of pipeline: refused where they say anything."""
EXTRA = "usersync"
"""The member that holds settings of ours; other readers pass over it."""


@dataclass(frozen=True, slots=True)
class FunctionPart:
    """A transformation function."""

    source: str
    language: str
    preserve_json: bool
    in_paths: tuple[str, ...] | None
    out_paths: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class PipelineDefinition:
    """A definition, decoded and not yet validated. Texts that are missing are empty."""

    name: str
    connection: str | int | None
    target: str
    enabled: bool
    query: str
    user_id: str
    updated_at: str
    updated_at_format: str
    incremental: bool
    mapping: Mapping[str, str] | None
    function: FunctionPart | None
    has_transformation: bool
    in_schema: WireType | None
    out_schema: WireType | None
    foreign: tuple[str, ...] = ()
    """Members given that belong to other kinds of pipeline."""
    schedule: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def decode_definition(value: Any, decoder: Decoder) -> PipelineDefinition | None:
    """The definition of a JSON value; what is wrong is kept by the decoder."""
    members = decoder.members(value, "$")
    if members is None:
        if value is None:
            decoder.wrong("$", "must be an object, not null")
        return None
    transformation = decoder.members(members.get("transformation"), "$.transformation")
    return PipelineDefinition(
        name=decoder.text(members, "name", "$"),
        connection=_connection(members, decoder),
        target=_target(members, decoder),
        enabled=decoder.boolean(members, "enabled", "$"),
        query=decoder.text(members, "query", "$"),
        user_id=decoder.text(members, "userIDColumn", "$"),
        updated_at=decoder.text(members, "updatedAtColumn", "$"),
        updated_at_format=decoder.text(members, "updatedAtFormat", "$"),
        incremental=decoder.boolean(members, "incremental", "$"),
        mapping=_mapping(transformation, decoder) if transformation else None,
        function=_function(transformation, decoder) if transformation else None,
        has_transformation=transformation is not None,
        in_schema=decoder.schema(members.get("inSchema"), "$.inSchema"),
        out_schema=decoder.schema(members.get("outSchema"), "$.outSchema"),
        foreign=tuple(key for key in FOREIGN if _said(members.get(key))),
        schedule=_schedule(members),
        extra=_extra(members, decoder),
    )


def _said(value: Any) -> bool:
    return value is not None and value is not False and value != ""


def _connection(members: Members, decoder: Decoder) -> str | int | None:
    value = members.get("connection")
    if value is not None and (isinstance(value, bool) or not isinstance(value, str | int)):
        decoder.wrong("$.connection", "must be an id or the name of a connection")
        return None
    return value


def _target(members: Members, decoder: Decoder) -> str:
    target = decoder.text(members, "target", "$")
    if target != "User" and not (target == "" and decoder.problems):
        message = f"{target!r} is not known here: it must be 'User'" if target else "is missing: it must be 'User'"
        decoder.wrong("$.target", message)
    return target


def _mapping(transformation: Members, decoder: Decoder) -> Mapping[str, str] | None:
    path = "$.transformation.mapping"
    members = decoder.members(transformation.get("mapping"), path)
    if members is None:
        return None
    return {key: decoder.text(members, key, path) for key in members}


def _function(transformation: Members, decoder: Decoder) -> FunctionPart | None:
    path = "$.transformation.function"
    members = decoder.members(transformation.get("function"), path)
    if members is None:
        return None
    return FunctionPart(
        source=decoder.text(members, "source", path),
        language=decoder.text(members, "language", path),
        preserve_json=decoder.boolean(members, "preserveJSON", path),
        in_paths=decoder.texts(members, "inPaths", path),
        out_paths=decoder.texts(members, "outPaths", path),
    )


def _schedule(members: Members) -> Mapping[str, Any] | None:
    """The schedule that a definition read from the API tells; one that makes no sense is passed over, as there."""
    from usersync.project.config import PIPELINE_KEYS

    schedule = {"period": members.get("schedulePeriod")}
    if members.get("scheduleStart") is not None:
        schedule["start"] = members["scheduleStart"]
    return schedule if PIPELINE_KEYS["schedule"].check(schedule) is None else None


def _extra(members: Members, decoder: Decoder) -> Mapping[str, Any]:
    from usersync.project.config import PIPELINE_KEYS

    extra: Mapping[str, Any] = decoder.members(members.get(EXTRA), f"$.{EXTRA}") or {}
    for key, value in extra.items():
        where = member(f"$.{EXTRA}", key)
        if key not in EXTRA_KEYS:
            decoder.wrong(where, f"is no setting that a definition carries; they are {', '.join(EXTRA_KEYS)}")
        elif wrong := PIPELINE_KEYS[key].check(value):
            decoder.wrong(where, wrong)
    return dict(extra)


EXTRA_KEYS = (
    *("fallback_id", "write", "lookback", "account_ids", "account_name", "on_missing", "max_deleted", "max_rejected"),
    *("dialect", "pushdown", "tags", "description", "owner"),
)
"""Settings of config() that the JSON form has no member for."""


def definition_json(found: PipelineDefinition) -> dict[str, Any]:
    """The JSON form of a definition, without members at their defaults."""
    transformation: dict[str, Any] = {}
    if found.mapping is not None:
        transformation["mapping"] = dict(found.mapping)
    if found.function is not None:
        transformation["function"] = _function_json(found.function)
    said: dict[str, Any] = {
        "name": found.name,
        "connection": found.connection,
        "target": found.target,
        "enabled": found.enabled,
        "query": found.query,
        "userIDColumn": found.user_id,
        "updatedAtColumn": found.updated_at,
        "updatedAtFormat": found.updated_at_format,
        "incremental": found.incremental,
        "transformation": transformation,
        "inSchema": schema_json(found.in_schema) if found.in_schema else None,
        "outSchema": schema_json(found.out_schema) if found.out_schema else None,
        "schedulePeriod": (found.schedule or {}).get("period"),
        "scheduleStart": (found.schedule or {}).get("start"),
        EXTRA: dict(found.extra),
    }
    return {
        key: value
        for key, value in said.items()
        if value not in (None, "", False, {}) or (value == 0 and value is not False)
    }


def _function_json(function: FunctionPart) -> dict[str, Any]:
    found: dict[str, Any] = {"source": function.source, "language": function.language}
    if function.preserve_json:
        found["preserveJSON"] = True
    return found | {"inPaths": list(function.in_paths or ()), "outPaths": list(function.out_paths or ())}
