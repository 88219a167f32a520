"""Table names of a query, tied to its one connection: nothing else is in reach."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote

from sqlglot import exp

from usersync.compile.readers import (
    FILE_FUNCTIONS,
    is_url,
    named_argument,
    option,
    paths_of,
    reader_name,
    with_option,
    writing_option,
)
from usersync.compile.sql import DIALECT
from usersync.diagnostics import ConfigError, Diagnostic, did_you_mean
from usersync.project.jinja.rendered import Rendered
from usersync.project.model import Connection
from usersync.project.sql.nodes import locate

_TABLE_FUNCTIONS = frozenset({"unnest", "generate_series", "range", "values", "flatten"})
_READERS = {
    ".parquet": "read_parquet",
    ".pq": "read_parquet",
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".txt": "read_csv",
    ".json": "read_json",
    ".jsonl": "read_json",
    ".ndjson": "read_json",
}
_COMPRESSIONS = frozenset({".gz", ".zst", ".gzip", ".zstd"})
_LONG = {".gzip": "gzip", ".zstd": "zstd"}
"""Endings that DuckDB does not know as those of a compression."""


def qualify_tables(tree: exp.Query, connection: Connection, rendered: Rendered) -> exp.Query:
    """A copy of the query in which every table is one of the connection's, by its full name.

    Raises:
        ConfigError: a table, file or table function out of the connection's reach (US501), or an unknown file type.
    """
    bound = tree.copy()
    _each(list(bound.find_all(exp.Table)), connection, rendered, bind=True)
    return bound


def check_tables(tables: Iterable[exp.Table], connection: Connection, rendered: Rendered) -> None:
    """Raises what `qualify_tables` would of the tables of a query, and spares its copy: they stay as they are."""
    _each(tables, connection, rendered, bind=False)


def _each(tables: Iterable[exp.Table], connection: Connection, rendered: Rendered, *, bind: bool) -> None:
    for table in tables:
        if isinstance(table.this, exp.Func | exp.Anonymous):
            _check_function(table, connection, rendered, bind)
        elif not isinstance(table.this, exp.Identifier):
            _refuse(f"{table.sql(dialect=DIALECT)} is no table", table, rendered)
        elif not is_cte(table):
            if connection.type == "files":
                _read_file(table, connection, rendered, bind)
            else:
                _qualify(table, connection, rendered, bind)


def retype_json(tree: exp.Query, json_columns: Mapping[str, Collection[str]]) -> exp.Query:
    """A copy of a qualified query that reads columns as json where the scanner would call them text.

    Args:
        tree: The query, its tables by their full names.
        json_columns: Columns by `schema.table`, in lower case.
    """
    bound = tree.copy()
    for table in list(bound.find_all(exp.Table)):
        columns = json_columns.get(f"{table.db}.{table.name}".lower())
        if not columns or not table.catalog:
            continue
        alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name, quoted=True))
        casts = [exp.alias_(exp.cast(exp.column(c, quoted=True), "json"), c, quoted=True) for c in sorted(columns)]
        bare = exp.Table(this=table.this.copy(), db=table.args["db"].copy(), catalog=table.args["catalog"].copy())
        typed = exp.select(exp.Star(replace=casts)).from_(bare)
        table.replace(exp.Subquery(this=typed, alias=alias.copy(), joins=table.args.get("joins")))
    return bound


def headed(tree: exp.Query, head: str) -> exp.Query:
    """A query whose statements to a MySQL server begin with `head`, or have it as a hint; changed in place."""
    calls = [call for call in tree.find_all(exp.Anonymous) if call.name.lower() == "mysql_query"]
    for call in calls if head else ():
        sql = call.expressions[1]
        sql.replace(exp.Literal.string(with_head(sql.this, head)))
    return tree


def with_head(sql: str, head: str) -> str:
    """A statement that begins with `head`, or has it as a hint of its SELECT."""
    if not head.startswith("/*+"):
        return head + sql
    return re.sub(r"^\s*select\b", lambda found: f"{found[0]} {head}", sql, flags=re.IGNORECASE)


def _refuse(message: str, node: exp.Expr, rendered: Rendered, hint: str | None = None) -> None:
    raise ConfigError(Diagnostic("US501", message, locate(rendered, node), hint))


def is_cte(table: exp.Table) -> bool:
    """Whether a table name means a CTE in scope: one before it in the same WITH, or one of an enclosing query."""
    if table.args.get("db"):
        return False
    name, node = table.name.lower(), table.parent
    inside: exp.Expr = table
    while node is not None:
        if isinstance(node, exp.With) and isinstance(inside, exp.CTE):
            names = [cte.alias.lower() for cte in node.expressions]
            reach = inside.index + (1 if node.recursive else 0) if inside.index is not None else 0
            if name in names[:reach]:
                return True
            # The WITH's owner lists this very CTE among the later ones: go past it.
            inside, node = node.parent or node, (node.parent.parent if node.parent else None)
            continue
        with_ = node.args.get("with_")
        if isinstance(with_, exp.With) and name in [cte.alias.lower() for cte in with_.expressions]:
            return True
        inside, node = node, node.parent
    return False


def _check_function(table: exp.Table, connection: Connection, rendered: Rendered, bind: bool) -> None:
    function = table.this
    name = reader_name(function)
    if name in _TABLE_FUNCTIONS:
        return
    if connection.type != "files":
        hint = "only a connection of type files reads files" if name in FILE_FUNCTIONS else None
        _refuse(f"the table function {name}() is not allowed", table, rendered, hint)
    if name not in FILE_FUNCTIONS and not isinstance(function, exp.ReadCSV | exp.ReadParquet):
        _refuse(
            f"the table function {name}() is not allowed",
            table,
            rendered,
            did_you_mean(name, FILE_FUNCTIONS),
        )
    if writing := writing_option(function):
        _refuse(f"{name}() cannot be told to write: {writing}", table, rendered)
    for path in paths_of(function):
        if not (isinstance(path, exp.Literal) and path.is_string):
            _refuse(f"{name}() takes the path of a file as a string", table, rendered)
            continue
        inside = _inside(path.this, connection, path, rendered)
        if bind:
            path.replace(exp.Literal.string(inside))
    named = any(option(function, name) for name in ("union_by_name", "columns"))
    if bind and connection.options.get("union_by_name") and not named:
        function.replace(with_option(function, "union_by_name", exp.true()))


def _qualify(table: exp.Table, connection: Connection, rendered: Rendered, bind: bool) -> None:
    catalog, schema = table.catalog, table.db
    if not catalog and schema.lower() == connection.name.lower():
        catalog, schema = connection.name, ""
    own = {connection.name.lower(), str(connection.options.get("database", "")).lower()}
    if catalog and catalog.lower() not in own:
        hint = "a pipeline reads one connection: write one pipeline for each"
        _refuse(f"{catalog}.{schema}.{table.name} is not in connection {connection.name!r}", table, rendered, hint)
    if not bind:
        return
    table.set("catalog", exp.to_identifier(connection.name, quoted=True))
    table.set("db", exp.to_identifier(schema or default_schema(connection), quoted=True))
    table.set("this", exp.to_identifier(table.name, quoted=True))


def default_schema(connection: Connection) -> str:
    """The schema of a table named without one."""
    match connection.type:
        case "postgres":
            return str(connection.options.get("schema", "public"))
        case "mysql":
            return str(connection.options["database"])
    return "main"


def _read_file(table: exp.Table, connection: Connection, rendered: Rendered, bind: bool) -> None:
    """`from 'contacts/*.parquet'` becomes the reader of that kind of file, with the path in the connection's folder."""
    written = ".".join(part for part in (table.catalog, table.db, table.name) if part)
    path = _inside(written, connection, table, rendered)
    pure = PurePosixPath(written)
    suffix = PurePosixPath(pure.stem).suffix if pure.suffix.lower() in _COMPRESSIONS else pure.suffix
    reader = _READERS.get(suffix.lower())
    if reader is None:
        hint = f"known: {', '.join(_READERS)}, also .gz and .zst; or call read_csv('…', …) with options"
        raise ConfigError(
            Diagnostic("US501", f"{written!r} is not a kind of file known here", locate(rendered, table), hint)
        )
    if not bind:
        return
    options: list[exp.Expr] = [exp.Literal.string(path)]
    if suffix != pure.suffix and pure.suffix.lower() in _LONG:
        options.append(named_argument("compression", exp.Literal.string(_LONG[pure.suffix.lower()])))
    if connection.options.get("union_by_name"):
        options.append(named_argument("union_by_name", exp.true()))
    alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(pure.name.split(".")[0], quoted=True))
    function = exp.Anonymous(this=reader, expressions=options)
    table.replace(
        exp.Table(this=function, alias=alias.copy(), joins=table.args.get("joins"), sample=table.args.get("sample"))
    )


def _inside(written: str, connection: Connection, node: exp.Expr, rendered: Rendered) -> str:
    """The absolute path of a file named in a query.

    Raises:
        ConfigError: it leads out of the connection's folder (US501).
    """
    climbs = ".." in unquote(written).replace("\\", "/").split("/")
    if is_url(written) and not climbs and written.startswith(tuple(connection.options.get("urls", ()))):
        return written
    if is_url(written) or climbs or written.startswith(("/", "~", "\\")):
        hint = f"paths start in the folder of connection {connection.name!r}"
        _refuse(f"{written!r} leads out of connection {connection.name!r}", node, rendered, hint)
    if not written:
        _refuse("'' is not the path of a file", node, rendered)
    if "\0" in written:
        _refuse(f"{written!r} is not the path of a file", node, rendered)
    return (connection.place / written).as_posix()
