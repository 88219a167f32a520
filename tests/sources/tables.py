"""The same table in every kind of source, and pipelines over tables of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

from tests.servers import Database, Kind
from tests.support import Workspace

Row = Sequence[object]

FILES = ("parquet", "jsonl", "csv")
KINDS = ("postgres", "mysql", "sqlite", "duckdb", *FILES)
SERVERS: dict[str, Kind] = {"postgres": "postgres", "mysql": "mysql"}
_TYPES: Mapping[str, Mapping[str, str]] = {
    "postgres": {"double": "double precision"},
    "mysql": {"text": "varchar(300)", "timestamp": "datetime(6)"},
}
FOLDER = "source"


def sources(*kinds: str) -> list[object]:
    """Parameters of the `store` fixture."""
    marks = {kind: [getattr(pytest.mark, kind)] if kind in SERVERS else [] for kind in kinds}
    return [pytest.param(kind, marks=marks[kind], id=kind) for kind in kinds]


@dataclass(frozen=True)
class Store:
    """A source database, or a folder of files, inside the project's folder."""

    kind: str
    root: Path
    database: Database | None = None
    stem: str = "it"

    @property
    def profile(self) -> dict[str, object]:
        """Its entry in profiles.yml."""
        if self.database:
            return self.database.profile
        if self.kind in FILES:
            return {"type": "files", "path": FOLDER}
        return {"type": self.kind, "path": f"{FOLDER}/{self.stem}.{self.kind}"}

    def fill(self, table: str, columns: str, rows: Sequence[Row]) -> str:
        """Makes a table anew, from columns such as `id bigint, name text`; returns what a query selects from."""
        pairs = [(name, kind) for name, _, kind in (column.partition(" ") for column in columns.split(", "))]
        types = _TYPES.get(self.kind, {})
        listed = ", ".join(f"{name} {types.get(kind, kind)}" for name, kind in pairs)
        statements = [f"drop table if exists {table}", f"create table {table} ({listed})"]
        if rows:
            values = ", ".join(f"({', '.join(map(sql_literal, row))})" for row in rows)
            escaped = values.replace("\\", "\\\\") if self.kind == "mysql" else values
            statements.append(f"insert into {table} values {escaped}")
        (self.root / FOLDER).mkdir(exist_ok=True)
        if self.kind in FILES:
            self._write_file(table, statements)
            return self._reader(table, pairs)
        self.execute("; ".join(statements))
        return table

    def execute(self, sql: str) -> None:
        """Runs statements on the source itself."""
        (self.root / FOLDER).mkdir(exist_ok=True)
        path = self.root / str(self.profile.get("path", ""))
        if self.database:
            self.database.execute(sql)
        elif self.kind == "sqlite":
            connection = sqlite3.connect(path)
            connection.executescript(sql)
            connection.close()
        else:
            with duckdb.connect(str(path)) as file:
                file.execute(sql)

    def _write_file(self, table: str, statements: Sequence[str]) -> None:
        path = self.root / FOLDER / f"{table}.{self.kind}"
        how = "format json" if self.kind == "jsonl" else f"format {self.kind}"
        with duckdb.connect() as memory:
            memory.execute("; ".join(statements))
            memory.execute(f"copy {table} to '{path}' ({how})")

    def _reader(self, table: str, pairs: Sequence[tuple[str, str]]) -> str:
        listed = ", ".join(f"{name}: '{kind}'" for name, kind in pairs)
        match self.kind:
            case "jsonl":
                return f"read_json('{table}.jsonl', columns = {{{listed}}})"
            case "csv":
                return f"read_csv('{table}.csv', header = true, columns = {{{listed}}})"
        return f"'{table}.parquet'"


def open_store(kind: str, request: pytest.FixtureRequest, root: Path) -> Store:
    """A store of a kind; servers come from their fixtures."""
    return Store(kind, root, request.getfixturevalue(kind) if kind in SERVERS else None)


def sql_literal(value: object) -> str:
    """A Python value in SQL that every database reads; lists are DuckDB's."""
    match value:
        case None:
            return "null"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case list():
            return f"[{', '.join(map(sql_literal, value))}]"
    return str(value).lower()


@dataclass
class Feeds:
    """Pipelines of a project. Each reads a table of its own name, by default on a connection of that name too."""

    workspace: Workspace
    stores: dict[str, Store] = field(default_factory=dict)
    tables: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, stem: str, columns: str, *rows: Row, connection: str = "", where: str = "", **config: object) -> None:
        """Adds a pipeline over a DuckDB table; a column `ts` is its update time, `id` its user id."""
        name = connection or stem
        self.stores.setdefault(name, Store("duckdb", self.workspace.root, stem=name))
        self.tables[stem] = (name, columns)
        self.fill(stem, *rows)
        self.model(stem, where=where, **config)
        self.workspace.profile({name: store.profile for name, store in self.stores.items()})

    def model(self, stem: str, *, where: str = "", **config: object) -> None:
        """Writes a pipeline's model, anew when it is there."""
        connection, columns = self.tables[stem]
        names = [column.split()[0] for column in columns.split(", ")]
        timed = {"updated_at": "ts"} if "ts" in names else {}
        query = f"select {', '.join(names)} from {stem} {where}"
        self.workspace.model(stem, query, **{"connection": connection, "user_id": "id", **timed, **config})

    def fill(self, stem: str, *rows: Row) -> None:
        """Replaces all rows of a pipeline's table."""
        connection, columns = self.tables[stem]
        self.stores[connection].fill(stem, columns, rows)
