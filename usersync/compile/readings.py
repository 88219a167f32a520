"""How a server's column is read so that DuckDB has its exact value; docs/sources.md lists what comes of each type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from usersync.compile.source_types import MAX_PRECISION, SourceType, loose_type, numeric_type
from usersync.project.model import SourceColumn


class Comparable(StrEnum):
    """What a column is compared with where both sides are sure to compare alike."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    INSTANT = "instant"
    UUID = "uuid"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Reading:
    """A column's SQL on the server, and DuckDB's over what arrives; both with `{}` for the column."""

    server: str = "{}"
    value: str = "{}"
    exact: SourceType | None = None
    """The type of the text as it arrives, where `value` cannot hold every value."""
    comparable: Comparable | None = None
    same_nulls: bool = True
    """Whether DuckDB sees null exactly where the server has null."""


_TEXT = Reading("{}::text")
_JSON = "coalesce(try_cast({0} as json), to_json({0}))"


def _plain(*names: str, comparable: Comparable | None = None) -> dict[str, Reading]:
    return dict.fromkeys(names, Reading(comparable=comparable))


_POSTGRES: Mapping[str, Reading] = {
    **_plain("bool", comparable=Comparable.BOOLEAN),
    **_plain("int2", "int4", "int8", comparable=Comparable.INTEGER),
    **_plain("date", comparable=Comparable.DATE),
    **_plain("timestamp", comparable=Comparable.TIMESTAMP),
    **_plain("timestamptz", comparable=Comparable.INSTANT),
    **_plain("uuid", comparable=Comparable.UUID),
    **_plain("text", "varchar", comparable=Comparable.TEXT),
    **_plain("float4", "float8", "bpchar", "bytea", "interval", "time", "timetz"),
    **dict.fromkeys(("json", "jsonb"), Reading("{}::text", _JSON)),
    "inet": Reading("abbrev({})"),
    "oid": Reading("{}::int8"),
    **dict.fromkeys(
        ("enum", "extension", "cidr", "macaddr", "macaddr8", "bit", "varbit", "xml", "name", "char"), _TEXT
    ),
    **dict.fromkeys(("tsvector", "tsquery", "jsonpath", "pg_lsn"), _TEXT),
    **dict.fromkeys(("int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"), _TEXT),
}

# DuckDB's names of the elements that arrays can hold as they are.
_ELEMENTS: Mapping[str, str] = {
    "bool": "BOOLEAN",
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "float4": "FLOAT",
    "float8": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
    "uuid": "UUID",
    "text": "VARCHAR",
    "varchar": "VARCHAR",
}


def _postgres(column: SourceColumn) -> Reading | None:
    if column.dimensions > 1:
        element = _ELEMENTS.get(column.type, "DOUBLE" if column.type == "numeric" else "VARCHAR")
        return Reading("array_to_json({})::text", f"try_cast({{}}::json as {element}{'[]' * column.dimensions})")
    if column.dimensions:
        return _postgres_array(column)
    if column.type == "money":
        return _numeric(replace(column, precision=None), "{}::numeric::text")
    return _numeric(column, "{}::text") if column.type == "numeric" else _POSTGRES.get(column.type)


def _postgres_array(column: SourceColumn) -> Reading | None:
    if column.type in _ELEMENTS:
        return Reading(f"{{}}::{column.type}[]")
    match column.type:
        case "numeric":
            kind = numeric_type(column.precision, column.scale, array=True)
            return Reading("{}::text[]", kind.computable("{0}", "try_cast"), kind)
        case "json" | "jsonb":
            return Reading("{}::text[]", "{}::json[]")
        case "inet":
            return Reading("case when {0} is not null then array(select abbrev(e) from unnest({0}) as u (e)) end")
    return Reading("{}::text[]") if column.type in _POSTGRES else None


def _numeric(column: SourceColumn, server: str) -> Reading:
    """A number read as its text, which DuckDB's decimals and doubles cannot always hold."""
    kind = numeric_type(column.precision, column.scale)
    bounded = Comparable.DECIMAL if (kind.natural or "").startswith("DECIMAL") else None
    return Reading(server, kind.computable("{0}", "try_cast"), kind, bounded, same_nulls=False)


_CHARACTERS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set")
_AS_CHARACTERS = "cast({} as char)"
_MYSQL: Mapping[str, Reading] = {
    **_plain("tinyint", "smallint", "mediumint", "int", "bigint", comparable=Comparable.INTEGER),
    **_plain("float", "double", "time", "year"),
    **_plain("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"),
    "date": Reading(_AS_CHARACTERS, "try_cast({} as date)", None, Comparable.DATE, same_nulls=False),
    **dict.fromkeys(
        ("datetime", "timestamp"),
        Reading(_AS_CHARACTERS, "try_cast({} as timestamp)", None, Comparable.TIMESTAMP, same_nulls=False),
    ),
    "json": Reading(_AS_CHARACTERS, _JSON),
    "uuid": Reading(_AS_CHARACTERS, "{}::uuid", comparable=Comparable.UUID),
    **dict.fromkeys(("inet4", "inet6"), Reading(_AS_CHARACTERS)),
}


def _mysql(column: SourceColumn) -> Reading | None:
    match column.type:
        case "decimal" if (column.precision or 0) > MAX_PRECISION:
            return _numeric(column, _AS_CHARACTERS)
        case "decimal":
            # Of an unsigned one the scanner takes a digit away.
            value = f"{{}}::decimal({column.precision}, {column.scale})"
            return Reading(_AS_CHARACTERS, value, comparable=Comparable.DECIMAL)
        case "bit" if column.precision == 1:
            return Reading()
        case "bit":
            return Reading("cast({} as unsigned)")
    if column.type in _CHARACTERS:
        # What compares by its bytes would arrive as bytes.
        server = "convert({} using utf8mb4)" if (column.order or "").endswith("_bin") else "{}"
        return Reading(server, comparable=None if column.type in {"enum", "set"} else Comparable.TEXT)
    return _MYSQL.get(column.type, Reading())


_SQLITE_TEXT = "case typeof({0}) when 'blob' then quote({0}) when 'real' then printf('%!.17g', {0}) else {0} || '' end"
# Numbers are seconds since 1970, as for the scanner.
_SQLITE_TIME = "case when typeof({0}) in ('integer', 'real') then strftime('FORM', {0}, 'unixepoch') else REST end"
_SQLITE_FORMS = {"DATE": "%Y-%m-%d", "TIMESTAMP": "%Y-%m-%d %H:%M:%f"}


def _sqlite(column: SourceColumn) -> Reading:
    """A column of a table that has misfits: as text, which is of the declared type where it can be."""
    match column.type:
        case "BLOB":
            return Reading("hex({})", "unhex({})")
        case "DATE" | "TIMESTAMP":
            server = _SQLITE_TIME.replace("FORM", _SQLITE_FORMS[column.type]).replace("REST", _SQLITE_TEXT)
        case "BIGINT" | "DOUBLE":
            server = _SQLITE_TEXT
        case _:
            return Reading(_SQLITE_TEXT)
    kind = loose_type(column.type)
    return Reading(server, kind.computable("{0}", "try_cast"), kind, same_nulls=False)


_SERVERS: Mapping[str, Callable[[SourceColumn], Reading | None]] = {
    "postgres": _postgres,
    "mysql": _mysql,
    "sqlite": _sqlite,
}


def reading(server: str, column: SourceColumn) -> Reading | None:
    """How a column is read exactly; None when only the scanner can."""
    return _SERVERS[server](column)
