"""Identifiers as links: one value that an identity holds, hashed, with the mask of its stronger identifiers."""

from __future__ import annotations

from dataclasses import dataclass

from usersync.compile.sql import ident, literal
from usersync.project.model import Property, UserSchema
from usersync.project.types import Kind

SAME_ID = 255
"""The level of the rule that comes before all identifiers: one id in one connection is one person."""

MAX_IDENTIFIERS = 31
"""A link's upper half is its mask."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier of users.sql, as SQL over a relation that has the properties' columns."""

    level: int
    """0 is the strongest."""
    leaf: Property
    ignored: tuple[str, ...]
    """Values that count as null, as text."""

    @property
    def path(self) -> str:
        """The property's path."""
        return self.leaf.path

    @property
    def column(self) -> str:
        """The property's column."""
        return self.leaf.column

    @property
    def array(self) -> bool:
        """Whether any element of it is a value to match by."""
        return self.leaf.type.kind is Kind.ARRAY

    @property
    def texts(self) -> str:
        """SQL of the value as text, or of the elements as texts."""
        column = ident(self.column)
        plain = "VARCHAR[]" if self.array else "VARCHAR"
        if self.leaf.type.stored == plain:
            return column
        return f"list_transform({column}, e -> e::varchar)" if self.array else f"{column}::varchar"

    @property
    def kept(self) -> str:
        """SQL of what there is to match by: the value as text or null, or the elements as texts."""
        listed = ", ".join(literal(value) for value in self.ignored)
        if self.array:
            return f"list_filter({self.texts}, e -> e not in ({listed}))" if self.ignored else self.texts
        return f"case when {self.texts} not in ({listed}) then {self.texts} end" if self.ignored else self.texts

    @property
    def present(self) -> str:
        """SQL of whether there is anything to match by; null is no."""
        if self.array:
            return f"len({self.kept if self.ignored else ident(self.column)}) > 0"
        return f"({self.kept}) is not null"


def identifiers_of(users: UserSchema) -> tuple[Identifier, ...]:
    """The identifiers, strongest first."""
    leaves = {leaf.path: leaf for leaf in users.leaves}
    return tuple(
        Identifier(
            level,
            leaves[path],
            tuple(str(value) for value in users.ignore_values.get(path, ()) if value is not None),
        )
        for level, path in enumerate(users.identifiers)
    )


def value_hash(level: int, value: str, salt: int) -> str:
    """SQL of the hash that the value index is ordered by.

    Args:
        level: The identifier's place in the list, or `SAME_ID`.
        value: SQL of the value as text.
        salt: Raised by one whenever two values were found to have one hash.
    """
    salted = f"{literal(f'{salt}:')} || {value}" if salt else value
    return f"hash({level}::utinyint, {salted})"


def id_value(relation: str = "") -> str:
    """SQL of what two identities with one id in one connection share, as text.

    Args:
        relation: The alias of the identities' relation, where a name alone would not do.
    """
    prefix = f"{relation}." if relation else ""
    return " || chr(31) || ".join(f"{prefix}{name}" for name in ("connection", "id_kind", "identity_id"))


def stored_values(users: UserSchema) -> str:
    """SQL of what the row `e` of an identity said that users are made by."""
    columns = {leaf.path: leaf.column for leaf in users.leaves}
    names = ("connection", "id_kind", "identity_id", "_age", "_creates", *(columns[path] for path in users.identifiers))
    return f"struct_pack({', '.join(f'{ident(name)} := e.{ident(name)}' for name in names)})"
