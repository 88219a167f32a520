"""Schemas of the JSON form, decoded: types with their options, properties with their flags."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import duckdb

from usersync.compile.sql import literal
from usersync.diagnostics import did_you_mean
from usersync.exchange.decode import Members, Values
from usersync.exchange.problems import member
from usersync.exchange.types import KINDS, OPTIONS_OF, PROPERTY_MEMBERS, Number, WireProperty, WireType
from usersync.project.model import NAME


class Decoder(Values):
    """Takes schemas out of JSON too."""

    def schema(self, value: Any, path: str) -> WireType | None:
        """A type, or None where it is missing or wrong."""
        members = self.members(value, path)
        if members is None:
            return None
        kind = self.text(members, "kind", path)
        if kind not in KINDS:
            self.wrong(f"{path}.kind", f"there is no kind {kind!r}", did_you_mean(kind, KINDS))
            return None
        self.known(members, ("kind", *OPTIONS_OF.get(kind, ())), path, f"a type of kind {kind}")
        match kind:
            case "string":
                return self.string(members, path)
            case "int" | "float" | "decimal":
                return self.numeric(kind, members, path)
            case "array" | "map":
                return self.container(kind, members, path)
            case "object":
                return self.object(members, path)
        return WireType(kind)

    def known(self, members: Members, names: Iterable[str], path: str, what: str) -> None:
        """No other members than these."""
        listed = tuple(names)
        for name in members:
            if name not in listed:
                self.wrong(member(path, name), f"{what} has no member {name!r}", did_you_mean(name, listed))

    def string(self, members: Members, path: str) -> WireType:
        values = self.texts(members, "values", path)
        pattern = self.text(members, "pattern", path)
        if values == ():
            self.wrong(f"{path}.values", "must list at least one value")
        if values and len(set(values)) < len(values):
            self.wrong(f"{path}.values", "lists a value twice")
        if values and pattern:
            self.wrong(f"{path}.pattern", "a type has values or a pattern, not both")
        if pattern and not _is_pattern(pattern):
            self.wrong(f"{path}.pattern", f"{pattern!r} is no regular expression (RE2)")
        return WireType(
            "string",
            max_length=self.count(members, "maxLength", path, 1, 2**32 - 1),
            max_bytes=self.count(members, "maxBytes", path, 1, 2**32 - 1),
            values=tuple(unicodedata.normalize("NFC", v) for v in values or ()),
            pattern=unicodedata.normalize("NFC", pattern) or None,
        )

    def numeric(self, kind: str, members: Members, path: str) -> WireType:
        least, most = self.number(members, "minimum", path), self.number(members, "maximum", path)
        bits, precision, scale = 0, 0, 0
        if kind == "decimal":
            precision = self.required(members, "precision", path, 1, 76)
            scale = self.count(members, "scale", path, 0, 37) or 0
            if precision and scale > precision:
                self.wrong(f"{path}.scale", "is more than the precision")
        else:
            sizes = (8, 16, 24, 32, 64) if kind == "int" else (32, 64)
            bits = self.required(members, "bitSize", path, 8, 64)
            if bits and bits not in sizes:
                self.wrong(f"{path}.bitSize", f"must be one of {', '.join(map(str, sizes))}")
        found = WireType(
            kind,
            bit_size=bits,
            unsigned=self.boolean(members, "unsigned", path),
            real=self.boolean(members, "real", path),
            precision=precision,
            scale=scale,
            minimum=least,
            maximum=most,
        )
        self.bounds(found, path)
        return found

    def required(self, members: Members, name: str, path: str, least: int, most: int) -> int:
        """A whole number that must be there."""
        if name not in members:
            self.wrong(member(path, name), "is missing")
        return self.count(members, name, path, least, most) or 0

    def bounds(self, kind: WireType, path: str) -> None:
        """Minimum and maximum: in order, and within the type."""
        least, most = kind.minimum, kind.maximum
        if least is not None and most is not None and least > most:
            self.wrong(f"{path}.minimum", "is more than the maximum")
        low, high = number_range(kind)
        for name, value in (("minimum", least), ("maximum", most)):
            if value is None:
                continue
            if kind.kind == "int" and not isinstance(value, int):
                self.wrong(f"{path}.{name}", "must be a whole number")
            elif low is not None and high is not None and not low <= value <= high:
                self.wrong(f"{path}.{name}", "is outside the range of the type")

    def container(self, kind: str, members: Members, path: str) -> WireType | None:
        element = self.schema(members.get("elementType"), f"{path}.elementType")
        if members.get("elementType") is None:
            self.wrong(f"{path}.elementType", "is missing")
        least = self.count(members, "minElements", path, 0, 2**31 - 1)
        most = self.count(members, "maxElements", path, 0, 2**31 - 1)
        if least is not None and most is not None and least > most:
            self.wrong(f"{path}.minElements", "is more than maxElements")
        unique = self.boolean(members, "uniqueElements", path)
        if unique and element and element.kind in {"json", "array", "map", "object"}:
            self.wrong(f"{path}.uniqueElements", f"is not for elements of kind {element.kind}")
        return (
            WireType(kind, element=element, min_elements=least, max_elements=most, unique=unique) if element else None
        )

    def object(self, members: Members, path: str) -> WireType | None:
        listed = members.get("properties")
        if not isinstance(listed, list) or not listed:
            self.wrong(f"{path}.properties", "must be a list with at least one property")
            return None
        found: list[WireProperty] = []
        for index, value in enumerate(listed):
            where = f"{path}.properties[{index}]"
            prop = self.property(value, where)
            if prop and any(other.name == prop.name for other in found):
                self.wrong(f"{where}.name", f"there are two properties {prop.name!r}")
            found += [prop] if prop else []
        return WireType("object", properties=tuple(found)) if found else None

    def property(self, value: Any, path: str) -> WireProperty | None:
        members = self.members(value, path)
        if members is None:
            if value is None:
                self.wrong(path, "must be an object")
            return None
        self.known(members, PROPERTY_MEMBERS, path, "a property")
        name = self.text(members, "name", path)
        if not NAME.match(name):
            hint = "names hold letters, digits and underscores, and start with none of the digits"
            self.wrong(f"{path}.name", f"{name!r} is no valid name", hint)
        if members.get("type") is None:
            self.wrong(f"{path}.type", "is missing")
        kind = self.schema(members.get("type"), f"{path}.type")
        flags = {
            PROPERTY_MEMBERS[flag]: self.boolean(members, flag, path)
            for flag in ("createRequired", "updateRequired", "readOptional", "nullable")
        }
        prefilled, description = self.text(members, "prefilled", path), self.text(members, "description", path)
        if kind is None:
            return None
        return WireProperty(name, kind, prefilled, description=unicodedata.normalize("NFC", description), **flags)


def number_range(kind: WireType) -> tuple[Number | None, Number | None]:
    """The least and the greatest value of a numeric type; None for floats."""
    if kind.kind == "int" and kind.bit_size:
        return (
            (0, 2**kind.bit_size - 1) if kind.unsigned else (-(2 ** (kind.bit_size - 1)), 2 ** (kind.bit_size - 1) - 1)
        )
    if kind.kind == "decimal" and kind.precision:
        most = Decimal(10) ** (kind.precision - kind.scale)
        return -most, most
    return None, None


def _is_pattern(pattern: str) -> bool:
    with duckdb.connect() as engine:
        try:
            engine.execute(f"select regexp_matches('', {literal(pattern)})")
        except duckdb.Error:
            return False
    return True
