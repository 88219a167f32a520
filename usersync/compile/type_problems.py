"""What the types of columns and expressions make impossible, where they are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from usersync.compile.conversions import conversion_exists
from usersync.compile.mapping import Mapped
from usersync.compile.pipeline import Compiled
from usersync.compile.source_types import Family, SourceType
from usersync.compile.times import allowed_update_type, needs_format
from usersync.diagnostics import Diagnostic
from usersync.project.model import Pipeline

_ID_FAMILIES = frozenset({Family.TEXT, Family.BYTES, Family.INTEGER, Family.UUID, Family.JSON})


def type_problems(compiled: Compiled, types: Mapping[str, SourceType]) -> list[Diagnostic]:
    """What the types of the query's columns make impossible.

    Args:
        compiled: The pipeline.
        types: By column name.
    """
    found = {name.lower(): kind for name, kind in types.items()}
    model = compiled.model
    return [*_id_problems(model, found), *_time_problems(model, found.get((model.updated_at or "").lower()))]


def _id_problems(model: Pipeline, types: Mapping[str, SourceType]) -> Iterator[Diagnostic]:
    hint = "an id is text, a whole number, uuid, or json holding one: cast it in the query"
    for role in ("user_id", "fallback_id"):
        kind = types.get((getattr(model, role) or "").lower())
        if kind and kind.family not in _ID_FAMILIES:
            yield model.problem("US206", f"{role} {getattr(model, role)!r} is {kind}", role, hint=hint)


def _time_problems(model: Pipeline, kind: SourceType | None) -> Iterator[Diagnostic]:
    """What is wrong with the update time, whose column is of some type."""
    if kind is None:
        return
    said = f"updated_at {model.updated_at!r} is {kind}"
    if not allowed_update_type(kind):
        hint = "an update time is a timestamp, a date, text or json"
        yield model.problem("US301", said, "updated_at", hint=hint)
    elif needs_format(kind) and not model.updated_at_format:
        hint = "add updated_at_format = 'ISO8601', or a strftime format"
        yield model.problem("US303", f"{said}: its format is needed", "updated_at", hint=hint)
    elif model.updated_at_format and not needs_format(kind):
        hint = f"{model.updated_at!r} is {kind}: leave the format out"
        message = "updated_at_format is for text and json columns"
        yield model.problem("US303", message, "updated_at_format", hint=hint)


def conversion_problems(compiled: Compiled, expressions: Sequence[SourceType]) -> list[Diagnostic]:
    """The mapped expressions whose type can never become their property's.

    Args:
        compiled: The pipeline.
        expressions: The type of each mapped expression, in order.
    """
    return [
        impossible(compiled.model, mapped, kind)
        for mapped, kind in zip(compiled.mapped, expressions, strict=True)
        if not conversion_exists(kind, mapped.target.type)
    ]


def impossible(model: Pipeline, mapped: Mapped, kind: SourceType) -> Diagnostic:
    """The diagnostic of a conversion that can never work (US204)."""
    message = f"{kind} can never become {mapped.target.type}: property {mapped.target.path!r}"
    hint = "cast it in the mapping or in the query to what you mean; docs/conversions.md lists what converts"
    return model.problem("US204", message, mapped.key, hint=hint)
