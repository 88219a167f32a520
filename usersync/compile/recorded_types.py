"""The types of recorded columns: as the server calls them, and as they arrive."""

from __future__ import annotations

import re
from collections.abc import Mapping

from usersync.compile.readings import reading
from usersync.compile.source_types import Family, SourceType, source_type
from usersync.project.model import SourceColumn
from usersync.project.recorded import RecordedColumn

_PARAMETERS = re.compile(r"\(\s*(\d+)\s*(?:,\s*(-?\d+)\s*)?\)")

# How texts compare is not recorded: neither of these compares by bytes, and both have every character.
_USUAL_ORDER = {"postgres": "words", "mysql": "utf8mb4_general_ci"}
# Postgres' own names of types behind those that SQL spells.
_POSTGRES: Mapping[str, str] = {
    **{"integer": "int4", "int": "int4", "serial": "int4", "bigint": "int8", "bigserial": "int8", "smallint": "int2"},
    **{"character varying": "varchar", "character": "bpchar", "char": "bpchar", '"char"': "char", "decimal": "numeric"},
    **{"timestamp without time zone": "timestamp", "timestamp with time zone": "timestamptz"},
    **{"time without time zone": "time", "time with time zone": "timetz", "bit varying": "varbit"},
    **{"double precision": "float8", "real": "float4", "boolean": "bool"},
}
_FROM_POSTGRES: Mapping[str, str] = {
    **{"bool": "BOOLEAN", "int2": "SMALLINT", "int4": "INTEGER", "int8": "BIGINT", "oid": "BIGINT"},
    **{"float4": "FLOAT", "float8": "DOUBLE", "date": "DATE", "time": "TIME", "timetz": "TIMETZ"},
    **{"timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE", "interval": "INTERVAL"},
    **{"uuid": "UUID", "json": "JSON", "jsonb": "JSON", "bytea": "BLOB"},
}
_FROM_MYSQL: Mapping[str, str] = {
    **{"tinyint": "TINYINT", "smallint": "SMALLINT", "mediumint": "INTEGER", "int": "INTEGER", "bigint": "BIGINT"},
    **{"float": "FLOAT", "double": "DOUBLE", "date": "DATE", "datetime": "TIMESTAMP", "timestamp": "TIMESTAMP"},
    **{"json": "JSON", "uuid": "UUID", "year": "INTEGER", "bit": "BLOB"},
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "BLOB"),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"), "VARCHAR"),
}


def source_column(column: RecordedColumn, kind: str) -> SourceColumn | None:
    """A column as the server describes it; None where nothing is known of its type, or of how it is read.

    Args:
        column: As recorded.
        kind: The connection's type.
    """
    if kind not in {"postgres", "mysql"}:
        return None
    found = _PARAMETERS.search(column.type)
    precision = int(found[1]) if found else None
    scale = int(found[2] or 0) if found else 0
    if kind == "mysql":
        name = re.split(r"[\s(]", column.type.strip().lower(), maxsplit=1)[0]
        default = 10 if name == "decimal" else 1 if name == "bit" else None
        return SourceColumn(column.name, name, precision or default, scale, order=_USUAL_ORDER[kind])
    bare = re.sub(r"\s+", " ", re.sub(r"\([^)]*\)", "", column.type)).strip()
    element = bare.rstrip("[]").strip()
    dimensions = bare.count("[]")
    lowered = element if element.startswith('"') else element.lower()
    name = _POSTGRES.get(lowered, lowered)
    known = reading("postgres", SourceColumn(column.name, name)) is not None
    # A type of the database's own: an enum, a domain, one of an extension. It arrives as text.
    return SourceColumn(
        column.name, name if known else "extension", precision, scale, dimensions, order=_USUAL_ORDER[kind]
    )


def recorded_type(column: RecordedColumn, kind: str) -> SourceType | None:
    """The type in which a recorded column arrives; None where only the source knows.

    Args:
        column: As recorded.
        kind: The connection's type.
    """
    match kind:
        case "duckdb" | "files":
            found = source_type(column.type.upper() if "'" not in column.type else column.type)
            return found if found.family is not Family.OTHER else None
        case "sqlite":
            name = _sqlite(column.type.upper())
            return source_type(name) if name else None
    described = source_column(column, kind)
    return _of_server(described, column.type, kind) if described else None


def _of_server(column: SourceColumn, written: str, kind: str) -> SourceType | None:
    how = reading(kind, column)
    if how is None or column.type == "extension":
        return None
    if how.exact:
        return how.exact
    if kind == "postgres":
        name = _FROM_POSTGRES.get(column.type, "VARCHAR")
        return source_type(name + "[]" * column.dimensions)
    if column.type == "decimal":
        return source_type(f"DECIMAL({column.precision},{column.scale})")
    if column.type == "bit" and column.precision == 1:
        return source_type("BOOLEAN")
    name = "UBIGINT" if column.type == "bit" else _FROM_MYSQL.get(column.type, "")
    unsigned = "unsigned" in written.lower() and source_type(name).family is Family.INTEGER
    return source_type(f"U{name}" if unsigned else name) if name else None


def _sqlite(declared: str) -> str | None:
    """What the scanner makes of a declared type; None where that is not sure."""
    if "INT" in declared:
        return "BIGINT"
    if any(word in declared for word in ("CHAR", "CLOB", "TEXT")):
        return "VARCHAR"
    if any(word in declared for word in ("REAL", "FLOA", "DOUB")):
        return "DOUBLE"
    return {"DATE": "DATE", "TIMESTAMP": "TIMESTAMP", "DATETIME": "TIMESTAMP", "BLOB": "BLOB"}.get(declared)
