"""Properties of a schema by their paths."""

from __future__ import annotations

from collections.abc import Iterator

from usersync.exchange.types import WireProperty, WireType


def walk(schema: WireType | None, path: str) -> Iterator[tuple[str, WireProperty]]:
    """Every property at every depth, with its JSON path."""
    if schema is None:
        return
    for index, prop in enumerate(schema.properties):
        where = f"{path}.properties[{index}]"
        yield where, prop
        yield from walk(prop.type, f"{where}.type")
    if schema.element:
        yield from walk(schema.element, f"{path}.elementType")


def leaves(schema: WireType | None, prefix: str = "") -> Iterator[str]:
    """The paths of properties that are no objects."""
    for prop in schema.properties if schema else ():
        path = f"{prefix}{prop.name}"
        if prop.type.kind == "object":
            yield from leaves(prop.type, f"{path}.")
        else:
            yield path


def all_paths(schema: WireType, prefix: str = "") -> Iterator[str]:
    """The paths of all properties."""
    for prop in schema.properties:
        yield f"{prefix}{prop.name}"
        yield from all_paths(prop.type, f"{prefix}{prop.name}.")


def resolve(schema: WireType, path: str) -> WireType | None:
    """The type at a path, which crosses objects only."""
    kind: WireType | None = schema
    for part in path.split("."):
        prop = kind.property(part) if kind and kind.kind == "object" else None
        kind = prop.type if prop else None
    return kind
