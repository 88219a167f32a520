"""`models/users.sql`: DDL to properties, and the settings of `users()`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from usersync.diagnostics import ConfigError, Diagnostic, Location, did_you_mean
from usersync.project.config import USERS_KEYS, checked
from usersync.project.literals import Settings
from usersync.project.model import NAME, RESERVED, Property, UserSchema, identifier_allowed
from usersync.project.templates import Rendered
from usersync.project.types import NESTED, Kind, PropertyType

# Postgres' grammar keeps lengths and reads DuckDB's nested types; DuckDB's own drops `(254)`.
class _DDL(Postgres):
    class Tokenizer(Postgres.Tokenizer):
        # Without these they are no types inside a struct.
        KEYWORDS = {  # noqa: RUF012
            **Postgres.Tokenizer.KEYWORDS,
            "UTINYINT": TokenType.UTINYINT,
            "USMALLINT": TokenType.USMALLINT,
            "UINTEGER": TokenType.UINT,
            "UBIGINT": TokenType.UBIGINT,
            "YEAR": TokenType.YEAR,
        }


_DDL_DIALECT = _DDL

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
_NAMED = {kind.value: kind for kind in Kind if kind not in NESTED}


class _Reader:
    """Reads one rendered `users.sql`, gathering every problem before giving up."""

    def __init__(self, rendered: Rendered) -> None:
        self.rendered = rendered
        self.problems: list[Diagnostic] = []

    def problem(self, code: str, message: str, at: exp.Expr | None, hint: str | None = None) -> None:
        self.problems.append(Diagnostic(code, message, self.location(at), hint))

    def location(self, node: exp.Expr | None) -> Location:
        for part in node.walk() if node is not None else ():
            if "start" in part.meta:
                start = part.meta["start"]
                return self.rendered.location(start, part.meta["end"] - start + 1)
        text = self.rendered.sql
        return self.rendered.location(len(text) - len(text.lstrip()))

    def properties(self, table: exp.Schema, tokens: list[Token]) -> Iterator[Property]:
        checks = _checks(self.rendered.sql, tokens)
        for column in table.expressions:
            if not isinstance(column, exp.ColumnDef):
                self.problem("US212", f"users holds properties only, not {column.sql()}", column)
                continue
            name = column.name
            if not NAME.match(name) or name.startswith("_"):
                hint = "names start with a letter and hold letters, digits and underscores"
                self.problem("US208", f"property name {name!r} is not valid", column, hint)
            for constraint in column.args.get("constraints") or ():
                if not isinstance(constraint.args.get("kind"), exp.CheckColumnConstraint):
                    message = f"property {name!r}: only check (…) is known here, not {constraint.sql()}"
                    self.problem(
                        "US212",
                        message,
                        column,
                        "every property may be null, and identifiers belong in users()",
                    )
            kind = self.type(column, name)
            if kind:
                description = " ".join(comment.strip() for comment in column.comments or ())
                start = column.this.meta.get("start", -1)
                yield self.property(name, kind, column, checks.get(start), description)

    def property(
        self,
        path: str,
        kind: PropertyType,
        at: exp.Expr,
        check: str | None = None,
        description: str = "",
    ) -> Property:
        children = tuple(self.property(f"{path}.{name}", inner, at) for name, inner in kind.fields)
        return Property(path, kind, check, description, self.location(at), children)

    def type(self, column: exp.Expr, path: str) -> PropertyType | None:
        data_type = column.args.get("kind")
        if not isinstance(data_type, exp.DataType):
            self.problem("US212", f"property {path!r} has no type", column)
            return None
        return self.data_type(data_type, path, column)

    def data_type(self, node: exp.DataType, path: str, at: exp.Expr) -> PropertyType | None:
        match node.this:
            case _T.ARRAY:
                return self.nested(Kind.ARRAY, node.expressions[0], path, at)
            case _T.MAP if len(node.expressions) == 2:
                return self.nested(Kind.MAP, node.expressions[1], path, at)
            case _T.STRUCT | _T.OBJECT:
                return self.struct(node, path, at)
        kind = _KINDS.get(node.this) or _NAMED.get(str(node.args.get("kind") or "").lower())
        if kind is None:
            written = node.sql(dialect=_DDL_DIALECT).lower()
            hint = did_you_mean(written, _NAMED) or f"types: {', '.join(_NAMED)}, T[], map(varchar, T), struct(…)"
            self.problem("US212", f"property {path!r} has an unknown type {written}", at, hint)
            return None
        return self.options(kind, node, path, at)

    def nested(self, kind: Kind, inner: exp.Expr, path: str, at: exp.Expr) -> PropertyType | None:
        element = self.data_type(inner, path, at) if isinstance(inner, exp.DataType) else None
        return PropertyType(kind, element=element) if element else None

    def struct(self, node: exp.DataType, path: str, at: exp.Expr) -> PropertyType | None:
        fields = []
        for field in node.expressions:
            if not NAME.match(field.name):
                self.problem("US208", f"property name {path}.{field.name} is not valid", at)
            inner = self.type(field, f"{path}.{field.name}")
            if inner:
                fields.append((field.name, inner))
        if not node.expressions:
            self.problem("US212", f"property {path!r} is a struct without fields", at)
        return PropertyType(Kind.STRUCT, fields=tuple(fields)) if fields else None

    def options(self, kind: Kind, node: exp.DataType, path: str, at: exp.Expr) -> PropertyType | None:
        numbers = [p.name for p in node.expressions if isinstance(p, exp.DataTypeParam)]
        if kind is Kind.ENUM:
            values = tuple(v.name for v in node.expressions if isinstance(v, exp.Literal) and v.is_string)
            if not values or len(values) != len(node.expressions):
                self.problem("US212", f"property {path!r}: an enum lists its values as strings", at)
            return PropertyType(kind, values=values)
        if any(not n.isdigit() for n in numbers):
            self.problem("US212", f"property {path!r}: {node.sql(dialect=_DDL_DIALECT)} needs whole numbers", at)
            return None
        if kind is Kind.DECIMAL:
            precision, scale = (*map(int, numbers), *((18, 3) if not numbers else (0,)))[:2]
            if not (1 <= precision <= 38 and scale <= precision):
                self.problem(
                    "US212",
                    f"property {path!r}: decimal takes 1 to 38 digits, and no more behind the point",
                    at,
                )
                return None
            return PropertyType(kind, precision=precision, scale=scale)
        if kind is Kind.VARCHAR and numbers:
            if int(numbers[0]) == 0:
                self.problem("US212", f"property {path!r}: a length is at least 1", at)
            return PropertyType(kind, length=int(numbers[0]))
        return PropertyType(kind)

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


def _checks(sql: str, tokens: list[Token]) -> dict[int, str]:
    """The text of each top-level `check (…)`, by the offset of its column's name."""
    found: dict[int, str] = {}
    depth, column, fresh = 0, -1, False
    opened: tuple[int, int] | None = None
    for index, token in enumerate(tokens):
        if token.token_type is TokenType.L_PAREN:
            depth += 1
            fresh = depth == 1
            if depth == 2 and tokens[index - 1].text.lower() == "check":
                opened = (depth, token.end + 1)
            continue
        if fresh and depth == 1:
            column, fresh = token.start, False
        if token.token_type is TokenType.R_PAREN:
            if opened and opened[0] == depth:
                found[column] = sql[opened[1] : token.start].strip()
                opened = None
            depth -= 1
        elif token.token_type is TokenType.COMMA and depth == 1:
            fresh = True
    return found


def parse_error(rendered: Rendered, error: SqlglotError) -> Diagnostic:
    """sqlglot's error as a diagnostic at its place in the template (US002)."""
    sql = rendered.sql
    if isinstance(error, ParseError) and error.errors:
        first: dict[str, Any] = error.errors[0]
        description = str(first.get("description") or "syntax error").replace(
            "Invalid expression / Unexpected token", ""
        )
        near = str(first.get("highlight") or "").strip()
        lines = sql.split("\n")
        line = min(max(int(first.get("line") or 1), 1), len(lines))
        # sqlglot's column is that of the token's last character.
        column = max(1, int(first.get("col") or 1) - len(near) + 1)
        offset = sum(len(text) + 1 for text in lines[: line - 1]) + column - 1
        message = f"unexpected {near!r}" if near and not description else (description or "the query ends too early")
        if "missing for" in message:
            message = f"incomplete SQL near {near!r}" if near else "incomplete SQL"
        return Diagnostic("US002", f"SQL: {message}", rendered.location(min(offset, len(sql)), max(1, len(near))))
    where = rendered.location(_unclosed(sql))
    return Diagnostic("US002", "SQL: a string, name or comment is not closed", where)


_QUOTED = re.compile(r"""--[^\n]*|'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|/\*.*?\*/""", re.DOTALL)
_OPENING = re.compile(r"""['"`]|/\*""")


def _unclosed(sql: str) -> int:
    """The offset of the first quote or comment that nothing closes."""
    rest = _QUOTED.sub(lambda match: " " * len(match[0]), sql)
    found = _OPENING.search(rest)
    return found.start() if found else 0


def read_users(rendered: Rendered, settings: Settings | None) -> tuple[UserSchema, list[Diagnostic]]:
    """The unified user from a rendered `users.sql`, with what is wrong in it.

    Raises:
        ConfigError: the DDL cannot be read at all (US002).
    """
    reader = _Reader(rendered)
    try:
        statements = [s for s in sqlglot.parse(rendered.sql, read=_DDL_DIALECT) if s is not None]
        tokens = list(sqlglot.tokenize(rendered.sql, read=_DDL_DIALECT))
    except SqlglotError as error:
        raise ConfigError(parse_error(rendered, error)) from None
    first = statements[0] if statements else None
    table = first.this if isinstance(first, exp.Create) and first.kind == "TABLE" else None
    if len(statements) != 1 or not isinstance(table, exp.Schema):
        message = "models/users.sql must be one statement: create table users (…)"
        raise ConfigError(Diagnostic("US002", message, reader.location(statements[-1] if statements else None)))
    properties = tuple(reader.properties(table, tokens))
    reader.unique(properties)
    if not properties and not reader.problems:
        reader.problem("US212", "users has no properties", table)
    values, problems = checked(rendered.file, settings, USERS_KEYS, "users") if settings else ({}, [])
    schema = UserSchema(
        rendered.file,
        properties,
        identifiers=tuple(values.get("identifiers", ())),
        primary_sources=values.get("primary_sources", {}),
        ignore_values={
            k: tuple(v) if isinstance(v, list) else (v,) for k, v in values.get("ignore_values", {}).items()
        },
        max_identities_per_value=values.get("max_identities_per_value"),
        max_users_merged=values.get("max_users_merged"),
        at=settings.at if settings else {},
    )
    return schema, [*reader.problems, *problems, *_settings_problems(schema)]


def _settings_problems(schema: UserSchema) -> Iterator[Diagnostic]:
    leaves = {leaf.path: leaf for leaf in schema.leaves}

    def unknown(path: str, key: str) -> Diagnostic:
        hint = did_you_mean(path, leaves)
        return Diagnostic("US203", f"users has no property {path!r}", schema.location(key), hint)

    for index, path in enumerate(schema.identifiers):
        key = f"identifiers.{index}"
        if path not in leaves:
            yield unknown(path, key)
        elif not identifier_allowed(leaves[path].type):
            message = f"{path!r} is {leaves[path].type}: an identifier is text, a whole number, uuid or inet"
            yield Diagnostic("US212", message, schema.location(key))
        elif path in schema.identifiers[:index]:
            yield Diagnostic("US212", f"identifier {path!r} is listed twice", schema.location(key))
    for setting in ("primary_sources", "ignore_values"):
        for path in getattr(schema, setting):
            if path not in leaves:
                yield unknown(path, f"{setting}.{path}:key")
            elif setting == "primary_sources" and leaves[path].type.kind is Kind.ARRAY:
                message = f"{path!r} is an array: it holds the elements of every source, so none is primary"
                yield Diagnostic("US212", message, schema.location(f"primary_sources.{path}:key"))
