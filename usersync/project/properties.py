"""The properties of `users.sql`: columns of its DDL, with their types, checks and descriptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from sqlglot import exp
from sqlglot.errors import SqlglotError

from usersync.diagnostics import Diagnostic, Location, did_you_mean
from usersync.project.ddl import DIALECT as DDL_DIALECT
from usersync.project.ddl import Ddl, Written
from usersync.project.jinja.rendered import Rendered
from usersync.project.model import NAME, RESERVED, Property
from usersync.project.sql.casts import unknown_type
from usersync.project.sql.errors import broken
from usersync.project.sql.expressions import expression, free_columns, not_scalar
from usersync.project.sql.nodes import first_offset
from usersync.project.types import NESTED, Kind, PropertyType

_T = exp.DataType.Type
_KINDS = {
    **dict.fromkeys((_T.VARCHAR, _T.TEXT, _T.CHAR, _T.NVARCHAR, _T.NCHAR, _T.BPCHAR), Kind.VARCHAR),
    _T.ENUM: Kind.ENUM,
    _T.BOOLEAN: Kind.BOOLEAN,
    _T.TINYINT: Kind.TINYINT,
    _T.SMALLINT: Kind.SMALLINT,
    _T.INT: Kind.INTEGER,
    _T.BIGINT: Kind.BIGINT,
    _T.UTINYINT: Kind.UTINYINT,
    _T.USMALLINT: Kind.USMALLINT,
    _T.UINT: Kind.UINTEGER,
    _T.UBIGINT: Kind.UBIGINT,
    _T.FLOAT: Kind.REAL,
    _T.DOUBLE: Kind.DOUBLE,
    _T.DECIMAL: Kind.DECIMAL,
    **dict.fromkeys((_T.TIMESTAMP, _T.TIMESTAMPNTZ, _T.TIMESTAMPTZ, _T.DATETIME), Kind.TIMESTAMP),
    _T.DATE: Kind.DATE,
    _T.TIME: Kind.TIME,
    _T.YEAR: Kind.YEAR,
    _T.UUID: Kind.UUID,
    **dict.fromkeys((_T.JSON, _T.JSONB), Kind.JSON),
    _T.INET: Kind.INET,
}
_NAMED = tuple(kind.value for kind in Kind if kind not in NESTED)
_TYPES_HINT = f"types: {', '.join(_NAMED)}, T[], map(varchar, T), struct(…)"
_DECIMAL = "decimal takes 1 to 38 digits, and no more behind the point"


class Reader:
    """Reads one rendered `users.sql`, gathering every problem before giving up.

    A struct's problems are placed at its column, those of a check inside the check.
    """

    def __init__(self, rendered: Rendered, ddl: Ddl) -> None:
        self.rendered = rendered
        self.ddl = ddl
        self.problems: list[Diagnostic] = []

    def problem(self, code: str, message: str, at: exp.Expr | None, hint: str | None = None) -> None:
        self.problems.append(Diagnostic(code, message, self.location(at), hint))

    def location(self, node: exp.Expr | None) -> Location:
        text = self.rendered.sql
        span = first_offset(node) if node is not None else None
        return self.rendered.location(*span or (len(text) - len(text.lstrip()), 1))

    def properties(self, table: exp.Schema) -> Iterator[Property]:
        for column in table.expressions:
            if not isinstance(column, exp.ColumnDef):
                self.problem("US212", f"users holds properties only, not {_said(column)}", column)
            elif found := self.property(column, column.name, column):
                yield found

    def property(self, column: exp.ColumnDef, path: str, at: exp.Expr) -> Property | None:
        if not NAME.match(column.name) or path.startswith("_"):
            hint = "names start with a letter and hold letters, digits and underscores"
            self.problem("US208", f"property name {path!r} is not valid", at, hint)
        self.constraints(column, path, at)
        node = column.args.get("kind")
        if not isinstance(node, exp.DataType):
            self.problem("US212", f"property {path!r} has no type", at)
            return None
        struct = node.this is _T.STRUCT
        children = self.fields(node, path, at) if struct else ()
        kind = _struct(children) if struct else self.data_type(node, path, at)
        if kind is None:
            return None
        check = self.check(self.written(column), path, kind)
        return Property(path, kind, check, _description(column), self.location(at), children)

    def constraints(self, column: exp.ColumnDef, path: str, at: exp.Expr) -> None:
        for constraint in column.args.get("constraints") or ():
            if not isinstance(constraint.args.get("kind"), exp.CheckColumnConstraint):
                message = f"property {path!r}: only check (…) is known here, not {_said(constraint)}"
                hint = "every property may be null, and identifiers belong in users()"
                self.problem("US212", message, at, hint)

    def written(self, column: exp.Expr) -> Written:
        start, _ = first_offset(column.this) or (-1, 0)
        return self.ddl.written.get(start) or Written("")

    def fields(self, node: exp.DataType, path: str, at: exp.Expr) -> tuple[Property, ...]:
        columns = [field for field in node.expressions if isinstance(field, exp.ColumnDef)]
        found = [self.property(column, f"{path}.{column.name}", at) for column in columns]
        if not columns:
            self.problem("US212", f"property {path!r} is a struct without fields", at)
        return tuple(field for field in found if field)

    def check(self, written: Written, path: str, kind: PropertyType) -> str | None:
        """The conditions of a property's checks as one."""
        found = []
        for offset, text in written.checks:
            wrong = _check_problem(text, path, kind)
            if wrong is None:
                found.append(text)
            else:
                code, message, inner, length = wrong
                self.problems.append(Diagnostic(code, message, self.rendered.location(offset + inner, length)))
        return " and ".join(f"({text})" for text in found) if len(found) > 1 else next(iter(found), None)

    def data_type(self, node: exp.DataType, path: str, at: exp.Expr) -> PropertyType | None:
        match node.this:
            case _T.ARRAY if node.expressions:
                return self.nested(Kind.ARRAY, node.expressions[0], path, at)
            case _T.MAP:
                return self.map(node, path, at)
            case _T.STRUCT:
                # Inside arrays and maps a struct is part of a value: its fields are no properties.
                fields = self.fields(node, path, at)
                if any(field.check for field in fields):
                    self.problem("US212", f"property {path!r}: a field inside an array or map has no check", at)
                return _struct(fields)
        kind = _KINDS.get(node.this)
        if kind:
            return self.options(kind, node, path, at)
        self.unknown(node, path, at)
        return None

    def unknown(self, node: exp.DataType, path: str, at: exp.Expr) -> None:
        column = node.find_ancestor(exp.ColumnDef)
        written = self.written(column).type if column else ""
        # A type that other databases have is no slip of the pen.
        guess = did_you_mean(written, _NAMED) if node.this in {_T.UNKNOWN, _T.USERDEFINED} else None
        self.problem("US212", f"property {path!r} has an unknown type {written}", at, guess or _TYPES_HINT)

    def nested(self, kind: Kind, inner: exp.Expr, path: str, at: exp.Expr) -> PropertyType | None:
        element = self.data_type(inner, path, at) if isinstance(inner, exp.DataType) else None
        return PropertyType(kind, element=element) if element else None

    def map(self, node: exp.DataType, path: str, at: exp.Expr) -> PropertyType | None:
        key, *values = node.expressions or (None,)
        text = isinstance(key, exp.DataType) and _KINDS.get(key.this) is Kind.VARCHAR and not key.expressions
        if len(values) != 1 or not text:
            self.problem("US212", f"property {path!r}: a map has text as keys, and one type of values", at)
            return None
        return self.nested(Kind.MAP, values[0], path, at)

    def options(self, kind: Kind, node: exp.DataType, path: str, at: exp.Expr) -> PropertyType | None:
        """A type with its options, where they are right."""
        found: PropertyType | str
        if kind is Kind.ENUM:
            found = _enum(node.expressions)
        else:
            numbers = [p.name for p in node.expressions if isinstance(p, exp.DataTypeParam)]
            whole = all(n.isdecimal() and len(n) < 10 for n in numbers)
            found = _sized(kind, [int(n) for n in numbers]) if whole else f"{kind} takes whole numbers"
        if isinstance(found, PropertyType):
            return found
        self.problem("US212", f"property {path!r}: {found}", at)
        return None

    def unique(self, properties: tuple[Property, ...]) -> None:
        """No two leaves may share a warehouse column, nor take one of the warehouse's own."""
        seen: dict[str, str] = {}
        for leaf in (leaf for prop in properties for leaf in prop.leaves):
            column = leaf.column.lower()
            if column in RESERVED:
                hint = f"the users and identities tables have a column {column!r} of their own: choose another name"
                self.problems.append(Diagnostic("US212", f"property name {leaf.path!r} is taken", leaf.location, hint))
            elif column in seen:
                message = f"properties {seen[column]!r} and {leaf.path!r} would share the column {column!r}"
                self.problems.append(Diagnostic("US212", message, leaf.location))
            seen[column] = leaf.path


def _said(node: exp.Expr) -> str:
    return node.sql(dialect=DDL_DIALECT)


def _enum(listed: Sequence[exp.Expr]) -> PropertyType | str:
    """An enum, or what is wrong with it."""
    values = tuple(value.name for value in listed if isinstance(value, exp.Literal) and value.is_string)
    if not values or len(values) < len(listed):
        return "an enum lists its values as strings"
    twice, times = Counter(values).most_common(1)[0]
    return PropertyType(Kind.ENUM, values=values) if times == 1 else f"the enum lists {twice!r} twice"


_NUMBERS = {Kind.DECIMAL: 2, Kind.VARCHAR: 1}
"""How many numbers a type takes at most."""


def _sized(kind: Kind, numbers: list[int]) -> PropertyType | str:
    """A type with its numbers, or what is wrong with them."""
    if len(numbers) > _NUMBERS.get(kind, len(numbers)):
        return f"{kind} takes {_NUMBERS[kind]} number{'s' * (_NUMBERS[kind] > 1)} at most"
    if kind is Kind.DECIMAL:
        precision, scale = (*numbers, *((0,) if numbers else (18, 3)))[:2]
        good = 1 <= precision <= 38 and scale <= precision
        return PropertyType(kind, precision=precision, scale=scale) if good else _DECIMAL
    if kind is Kind.VARCHAR and numbers:
        return PropertyType(kind, length=numbers[0]) if numbers[0] else "a length is at least 1"
    return PropertyType(kind)


def _struct(fields: tuple[Property, ...]) -> PropertyType | None:
    if not fields:
        return None
    return PropertyType(Kind.STRUCT, fields=tuple((field.path.rpartition(".")[2], field.type) for field in fields))


def _description(column: exp.ColumnDef) -> str:
    # Behind a check a comment is the check's.
    checks = [constraint.args.get("kind") for constraint in column.args.get("constraints") or ()]
    comments = [comment for node in (column, *checks) if node for comment in node.comments or ()]
    return " ".join(comment.strip() for comment in comments)


def _check_problem(text: str, path: str, kind: PropertyType) -> tuple[str, str, int, int] | None:
    """Code, message, offset and length of what keeps a check from being a condition on its own property."""
    try:
        nodes = expression(text, "duckdb")
    except SqlglotError as error:
        return "US002", *broken(text, error)
    refused = not_scalar(nodes)
    if refused:
        node, what = refused
        return "US212", f"check of property {path!r}: {what} is not allowed", *(first_offset(node) or (0, 1))
    if isinstance(nodes.tree, exp.Literal):
        return "US212", f"check of property {path!r}: {nodes.tree.sql()} is no condition", 0, len(text)
    if unknown := unknown_type(nodes, text):
        return "US212", f"check of property {path!r}: {unknown.message}", unknown.offset, unknown.length
    for column in free_columns(nodes):
        if not _names(column, path, kind):
            message = f"check of property {path!r} may name that property only, not {column.sql()}"
            return "US212", message, *(first_offset(column) or (0, 1))
    return None


def _names(column: exp.Column, path: str, kind: PropertyType) -> bool:
    """Whether a name in a check means the property itself, or something in it where it is a struct."""
    parts = [part.name.lower() for part in column.parts]
    for own in (path.lower().split("."), path.lower().split(".")[-1:]):
        if parts == own or (kind.kind is Kind.STRUCT and parts[: len(own)] == own):
            return True
    return False
