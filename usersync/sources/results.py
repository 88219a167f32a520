"""What a server says of the result of a query that it is to run whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import duckdb
from sqlglot import exp

from usersync.compile.handed import server_query, statement, table_columns
from usersync.compile.pipeline import Compiled
from usersync.compile.sql import template
from usersync.project.model import Source, SourceColumn
from usersync.sources.catalog import postgres_column
from usersync.sources.misfits import declared

_DECIMAL = re.compile(r"DECIMAL\(\d+,(\d+)\)")
_MYSQL_TYPES = {"TIMESTAMP": "datetime", "DATE": "date"}
_TIMES = {"DATE", "TIMESTAMP"}


def with_results(engine: duckdb.DuckDBPyConnection, compiled: Compiled, source: Source) -> Compiled:
    """A pipeline that knows the columns of its native query; any other as it is. Reads no rows.

    Raises:
        duckdb.Error: the server refuses the query.
    """
    if compiled.model.pushdown is None:
        return compiled
    sql = statement(compiled.full, compiled.model, source, None)
    rows = engine.execute(f"describe from {server_query(source, sql)}").fetchall()
    described = {str(name): str(kind) for name, kind, *_ in rows}
    return replace(compiled, results=tuple(_columns(engine, compiled, source, sql, described)))


def _columns(
    engine: duckdb.DuckDBPyConnection, compiled: Compiled, source: Source, sql: str, described: Mapping[str, str]
) -> Iterator[SourceColumn]:
    kind = source.connection.type
    given = replace(source, tables=declared(engine, source)) if kind == "sqlite" else source
    found = table_columns(compiled.full.tree, list(described), given)
    rest = [name for name in described if name not in found]
    match kind:
        case "postgres":
            found |= _of_postgres(engine, source, sql, rest)
        case "mysql":
            found |= _of_mysql(engine, source, sql, {name: described[name] for name in rest})
        case _:
            # SQLite compares what is stored with the cursor: a time is the text that it is there.
            found = {n: replace(c, type="VARCHAR") if c.type in _TIMES else c for n, c in found.items()}
    for name in described:
        yield found.get(name, SourceColumn(name, "VARCHAR"))


def _of_postgres(
    engine: duckdb.DuckDBPyConnection, source: Source, sql: str, names: Sequence[str]
) -> dict[str, SourceColumn]:
    if not names:
        return {}
    asked = template("usersync.sources", "results_postgres", query=sql, names=names)
    rows = engine.execute(f"from {server_query(source, asked)}").fetchall()
    return {row[0]: postgres_column(*row) for row in rows}


def _of_mysql(
    engine: duckdb.DuckDBPyConnection, source: Source, sql: str, described: Mapping[str, str]
) -> dict[str, SourceColumn]:
    texts = _texts(engine, source, sql, [name for name, kind in described.items() if kind == "BLOB"])
    return {name: _mysql_column(name, kind, text=name in texts) for name, kind in described.items()}


def _mysql_column(name: str, kind: str, *, text: bool) -> SourceColumn:
    if decimal := _DECIMAL.fullmatch(kind):
        # The scanner may say a digit less than there are.
        return SourceColumn(name, "decimal", 38, int(decimal[1]))
    if text:
        return SourceColumn(name, "varchar", order="utf8mb4_bin")
    return SourceColumn(name, _MYSQL_TYPES.get(kind, ""))


def _texts(engine: duckdb.DuckDBPyConnection, source: Source, sql: str, names: Sequence[str]) -> set[str]:
    """Which columns of bytes are texts: those that compare by their bytes, json and uuid come as bytes too."""
    if not names:
        return set()
    columns = [exp.to_identifier(name, quoted=True).sql(dialect="mysql") for name in names]
    listed = ", ".join(f"charset(q.{column}) as {column}" for column in columns)
    asked = f"select {listed} from (select 1 as one) as d left join ({sql}) as q on false"
    row = engine.execute(f"from {server_query(source, asked)}").fetchone() or ()
    return {name for name, charset in zip(names, row, strict=True) if charset != "binary"}
