"""The types of the JSON form: what a schema says of a column or property, read strictly and written back."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Number = int | Decimal

KINDS = frozenset(
    {
        *("string", "boolean", "int", "float", "decimal", "uuid", "json", "ip"),
        *("datetime", "date", "time", "year"),
        *("array", "object", "map"),
    }
)
SCALARS = KINDS - {"array", "object", "map"}


@dataclass(frozen=True, slots=True)
class WireType:
    """A type with its options; those of other kinds stay at their defaults."""

    kind: str
    max_length: int | None = None
    max_bytes: int | None = None
    values: tuple[str, ...] = ()
    pattern: str | None = None
    bit_size: int = 0
    unsigned: bool = False
    real: bool = False
    precision: int = 0
    scale: int = 0
    minimum: Number | None = None
    maximum: Number | None = None
    element: WireType | None = None
    min_elements: int | None = None
    max_elements: int | None = None
    unique: bool = False
    properties: tuple[WireProperty, ...] = ()

    def property(self, name: str) -> WireProperty | None:
        """The property of an object type; names are compared exactly."""
        return next((p for p in self.properties if p.name == name), None)


@dataclass(frozen=True, slots=True)
class WireProperty:
    """A property of an object type, or a column."""

    name: str
    type: WireType
    prefilled: str = ""
    create_required: bool = False
    update_required: bool = False
    read_optional: bool = False
    nullable: bool = False
    description: str = ""


STRING = WireType("string")
BOOLEAN = WireType("boolean")
INT32 = WireType("int", bit_size=32)
JSON = WireType("json")
NUMBER = WireType("decimal", precision=76, scale=37)
"""The type of a number in an expression."""

OPTIONS: dict[str, str] = {
    "maxLength": "max_length",
    "maxBytes": "max_bytes",
    "values": "values",
    "pattern": "pattern",
    "bitSize": "bit_size",
    "unsigned": "unsigned",
    "real": "real",
    "precision": "precision",
    "scale": "scale",
    "minimum": "minimum",
    "maximum": "maximum",
    "elementType": "element",
    "minElements": "min_elements",
    "maxElements": "max_elements",
    "uniqueElements": "unique",
    "properties": "properties",
}
"""Members of a type, and the fields that hold them."""
OPTIONS_OF: dict[str, tuple[str, ...]] = {
    "string": ("maxLength", "maxBytes", "values", "pattern"),
    "int": ("bitSize", "unsigned", "minimum", "maximum"),
    "float": ("bitSize", "real", "minimum", "maximum"),
    "decimal": ("precision", "scale", "minimum", "maximum"),
    "array": ("elementType", "minElements", "maxElements", "uniqueElements"),
    "map": ("elementType",),
    "object": ("properties",),
}
PROPERTY_MEMBERS: dict[str, str] = {
    "name": "name",
    "type": "type",
    "prefilled": "prefilled",
    "createRequired": "create_required",
    "updateRequired": "update_required",
    "readOptional": "read_optional",
    "nullable": "nullable",
    "description": "description",
}


def type_json(kind: WireType) -> dict[str, Any]:
    """A type's JSON form, without options at their defaults."""
    found: dict[str, Any] = {"kind": kind.kind}
    for name in OPTIONS_OF.get(kind.kind, ()):
        value = getattr(kind, OPTIONS[name])
        if value is not None and value is not False and value != () and not (name == "scale" and value == 0):
            found[name] = _json(value)
    return found


def property_json(prop: WireProperty) -> dict[str, Any]:
    """A property's JSON form, without members at their defaults."""
    found: dict[str, Any] = {"name": prop.name, "type": type_json(prop.type)}
    rest = {name: getattr(prop, field) for name, field in PROPERTY_MEMBERS.items() if name not in found}
    return found | {name: value for name, value in rest.items() if value}


def schema_json(schema: WireType) -> dict[str, Any]:
    """A schema's JSON form."""
    return type_json(schema)


def _json(value: Any) -> Any:
    match value:
        case WireType():
            return type_json(value)
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case tuple():
            return [property_json(item) if isinstance(item, WireProperty) else item for item in value]
    return value


def convertible(source: WireType, target: WireType) -> bool:
    """Whether values of a type can ever become values of another: the rule that expressions are checked by."""
    if source.kind == "json" or target.kind == "json":
        return True
    match source.kind, target.kind:
        case "array", "array":
            return _elements(source, target)
        case "map", "map":
            return _elements(source, target)
        case "object", "object":
            return _common(source, target)
        case "object", "map":
            return target.element is not None and all(convertible(p.type, target.element) for p in source.properties)
        case "map", "object":
            return source.element is not None and all(convertible(source.element, p.type) for p in target.properties)
        case "string", to:
            return to in SCALARS
        case "boolean", "int":
            return target.bit_size == 8
        case "int", "boolean":
            return source.bit_size == 8
    return target.kind in _BECOMES.get(source.kind, frozenset())


_BECOMES = {
    "boolean": frozenset({"string", "boolean"}),
    "int": frozenset({"string", "int", "float", "decimal", "year"}),
    "float": frozenset({"string", "int", "float", "decimal"}),
    "decimal": frozenset({"string", "int", "float", "decimal"}),
    "datetime": frozenset({"string", "datetime", "date", "time"}),
    "date": frozenset({"string", "date", "datetime"}),
    "time": frozenset({"string", "time"}),
    "year": frozenset({"string", "int", "year"}),
    "uuid": frozenset({"string", "uuid"}),
    "ip": frozenset({"string", "ip"}),
}


def _elements(source: WireType, target: WireType) -> bool:
    return source.element is not None and target.element is not None and convertible(source.element, target.element)


def _common(source: WireType, target: WireType) -> bool:
    pairs = [(p.type, same.type) for p in source.properties if (same := target.property(p.name))]
    return bool(pairs) and all(convertible(*pair) for pair in pairs)
