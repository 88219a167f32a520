"""Parts of a translated expression: SQL with its types, and how one type becomes another inside of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from usersync.compile.conversions import value_of
from usersync.compile.scalars import Value as ConvertedValue
from usersync.compile.source_types import Family, SourceType, source_type
from usersync.exchange.columns import bare, column_type, property_type
from usersync.exchange.constants import Value, constant_sql, converted, type_of
from usersync.exchange.problems import ExpressionError
from usersync.exchange.types import STRING, WireType, convertible

_TEXT = source_type("VARCHAR")
_NULL = SourceType(Family.NULL, '"NULL"')
_MAX_SQL = 60_000

# To text these always come to something, so that no row fails by it.
_TO_TEXT = frozenset(
    {
        *(Family.TEXT, Family.BOOLEAN, Family.INTEGER, Family.FLOAT, Family.DECIMAL, Family.UUID),
        *(Family.TIME, Family.DATE, Family.TIMESTAMP),
    }
)


@dataclass(frozen=True)
class Term:
    """A translated part."""

    sql: str
    type: WireType | None
    """The type of its values; None of the null constant."""
    source: SourceType
    """The type that DuckDB gives `sql`."""
    constant: Value | None = None
    checked: bool = True
    """Whether its type is held against where it goes; if not, any place takes it and the row shows."""
    path: bool = False
    """Whether it is a column or a member of one, and nothing more."""
    atom: bool = True
    """Whether it can stand beside an operator without parentheses."""

    @property
    def null(self) -> bool:
        """Whether it is the null constant."""
        return self.type is None

    @property
    def is_constant(self) -> bool:
        """Whether no row changes it."""
        return self.null or self.constant is not None

    @property
    def operand(self) -> str:
        """Its SQL as an operand."""
        return self.sql if self.atom else f"({self.sql})"


NULL = Term("null", None, _NULL)


def constant_term(value: Value | None) -> Term:
    """The term of a constant."""
    if value is None:
        return NULL
    sql, source = constant_sql(value)
    return Term(sql, type_of(value), source, value)


def typed(sql: str, kind: WireType, *, checked: bool = True, atom: bool = True, path: bool = False) -> Term:
    """A term whose SQL has the type that DuckDB gives such values."""
    if len(sql) > _MAX_SQL:
        raise ExpressionError("type", "the expression is too large once it is SQL")
    return Term(sql, kind, column_type(kind), checked=checked, atom=atom, path=path)


def fits(term: Term, target: WireType, offset: int, what: str = "") -> None:
    """Refuses a term that can never become a type.

    Raises:
        ExpressionError: it cannot.
    """
    if term.type is None:
        return
    if term.constant is not None:
        if converted(term.constant, target) is None:
            raise ExpressionError("type", f"{term.sql} is no {describe(target)}{what}", offset)
    elif term.checked and not convertible(term.type, target):
        raise ExpressionError("type", f"{describe(term.type)} never becomes {describe(target)}{what}", offset)


def become(term: Term, target: WireType) -> Term:
    """A term as a type; where a value of a row does not become it, the row fails. Fitting terms only."""
    target = bare(target)
    if term.type is None:
        return typed(f"null::{property_type(target).stored}", target)
    if term.constant is not None:
        sql = converted(term.constant, target)
        return typed(sql or "null", target)
    if bare(term.type) == target and term.source == column_type(target):
        return replace(term, type=target, checked=True)
    given = zoneless(term)
    found = conversion(term, target)
    if found is None:
        stored = property_type(target).stored
        return typed(f"stage.must(null::{stored}, {given} is not null)", target)
    if _always(term, target):
        return typed(found.value, target, atom=False)
    present = found.present.removeprefix(f"{given} is not null and ")
    return typed(f"stage.must({found.value}, {present})", target)


def conversion(term: Term, target: WireType) -> ConvertedValue | None:
    """The conversion of a term to a type; None when there can be none."""
    given = zoneless(term)
    found = value_of(given, term.source, property_type(bare(target)))
    if found is None:
        return None
    # sqlglot would make an arrow of it, which is a lambda among the arguments of a function.
    sql = found.value.replace(" json_extract(", " main.json_extract(").replace("(json_extract(", "(main.json_extract(")
    if term.source == _TEXT:
        sql = sql.replace(f"({given}::varchar", f"({given}")
    return replace(found, value=sql)


def zoneless(term: Term) -> str:
    """A term's operand; a time is brought to UTC, since its column may have a zone that the schema does not tell."""
    return f"{term.operand}::timestamp" if term.source.family is Family.TIMESTAMP and term.path else term.operand


def as_text(term: Term) -> Term:
    """A term as text."""
    return become(term, STRING)


def as_json(term: Term) -> str:
    """A term as what `json_array` and `json_object` take: what they encode as they should stays as it is."""
    plain = {Family.TEXT, Family.BOOLEAN, Family.INTEGER, Family.JSON, Family.UUID}
    if term.type is None or term.source.family in plain or term.constant is not None:
        return term.sql
    return become(term, WireType("json")).sql


def _always(term: Term, target: WireType) -> bool:
    """Whether values that are not null never become null."""
    families = {"string": _TO_TEXT, "json": _TO_TEXT - {Family.FLOAT}}.get(target.kind, frozenset())
    return term.source.family in families


def keeps_null(term: Term, target: WireType) -> bool:
    """Whether a term is null as a type exactly when it is null as it stands."""
    if term.is_constant or (term.type and bare(term.type) == bare(target)):
        return True
    return _always(term, target) or term.source.family not in {Family.TEXT, Family.JSON}


def describe(kind: WireType) -> str:
    """A type in a word, for messages."""
    match kind.kind:
        case "int" | "float":
            return f"{'unsigned ' if kind.unsigned else ''}{kind.kind}({kind.bit_size})"
        case "array" | "map" if kind.element:
            return f"{kind.kind}({describe(kind.element)})"
    return kind.kind


def call(function: str, *args: str) -> str:
    """A function call as SQL."""
    return f"{function}({', '.join(args)})"
