"""What a source says of a query: its columns and types, and those of the expressions over them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
from sqlglot import exp

from usersync.compile.extraction import extraction
from usersync.compile.foreign import check_texts
from usersync.compile.mapping import Mapped, bare_column, computed
from usersync.compile.pipeline import Compiled
from usersync.compile.source_types import SourceType, source_type
from usersync.compile.sql import DIALECT, ident
from usersync.compile.type_problems import conversion_problems, type_problems
from usersync.diagnostics import ConfigError, Diagnostic, SourceError, did_you_mean
from usersync.project.model import NAME, Source
from usersync.sources.attach import source_error
from usersync.sources.catalog import with_schemas
from usersync.sources.engine import reason_of
from usersync.sources.files import check_files
from usersync.sources.results import with_results
from usersync.sources.views import check_views


@dataclass(frozen=True)
class Inspected:
    """A pipeline with types as the source has them now, by DuckDB's names."""

    compiled: Compiled
    source: Source
    """Where it reads, with all that the source says of the tables in use."""
    types: Mapping[str, SourceType]
    """Of the query's columns, by name."""
    expressions: tuple[SourceType, ...]
    """Of the mapped expressions, in order."""

    @property
    def used_types(self) -> dict[str, SourceType]:
        """Of the columns that are read."""
        return {name: self.types[name] for name in self.compiled.used_columns}


def inspect(engine: duckdb.DuckDBPyConnection, compiled: Compiled, source: Source) -> Inspected:
    """Asks the source for the types of a pipeline's query; reads no rows.

    Raises:
        SourceError: the source cannot say.
        ConfigError: the query or mapping does not fit what the source has.
    """
    check_files(engine, compiled, source)
    check_views(engine, compiled, source)
    source = _with_schemas(engine, compiled, source)
    if compiled.model.pushdown is None:
        for query in (compiled.full, compiled.incremental):
            check_texts(query, compiled.model.dialect, source)
    compiled = _with_results(engine, compiled, source)
    described = describe_columns(engine, compiled, source)
    compiled, problems = compiled.with_columns(list(described))
    problems += _bad_names(compiled, described)
    problems += type_problems(compiled, described)
    if problems:
        raise ConfigError(problems)
    expressions = expression_types(engine, compiled, described)
    if problems := conversion_problems(compiled, expressions):
        raise ConfigError(problems)
    return Inspected(compiled, source, described, expressions)


def _with_schemas(engine: duckdb.DuckDBPyConnection, compiled: Compiled, source: Source) -> Source:
    try:
        return with_schemas(engine, with_schemas(engine, source, compiled.full.tree), compiled.incremental.tree)
    except duckdb.Error as error:
        raise source_error(source.connection, error, stage="its tables cannot be listed") from None


def _with_results(engine: duckdb.DuckDBPyConnection, compiled: Compiled, source: Source) -> Compiled:
    try:
        return with_results(engine, compiled, source)
    except duckdb.Error as error:
        raise _query_error(compiled, source, error) from None


def describe_columns(engine: duckdb.DuckDBPyConnection, compiled: Compiled, source: Source) -> dict[str, SourceType]:
    """The columns that a pipeline's query returns, with their types, in order."""
    everything = replace(compiled, columns=None)
    sql, exact = extraction(everything, source, None, incremental=False)
    try:
        rows = engine.execute(f"describe {sql}").fetchall()
    except duckdb.Error as error:
        raise _query_error(compiled, source, error) from None
    known = {name.lower(): kind for name, kind in exact.items()}
    return {str(name): known.get(str(name).lower(), source_type(str(kind))) for name, kind, *_ in rows}


def _query_error(compiled: Compiled, source: Source, error: duckdb.Error) -> SourceError:
    """Why the source refuses a query, at the column or table that it does not know where it says which."""
    problem = source_error(source.connection, error, stage="the query fails").diagnostics[0]
    named = _UNKNOWN_NAME.search(str(error))
    if named is None:
        return SourceError(problem)
    what, name = next((what, name) for what, name in named.groupdict().items() if name)
    kind = exp.Column if what == "column" else exp.Table
    nodes = compiled.full.tree.find_all(kind)
    node = next((n for n in nodes if (n.text("db") if what == "schema" else n.name).lower() == name.lower()), None)
    candidates = _CANDIDATES.search(str(error))
    known = [word.strip(' "').rsplit(".", 1)[-1].strip('"') for word in candidates[1].split(",")] if candidates else []
    return SourceError(
        replace(
            problem,
            message=f"connection {source.connection.name!r} has no {what} {name!r} here",
            location=compiled.full.location(node) if node else None,
            hint=did_you_mean(name, known) or problem.hint,
        )
    )


_UNKNOWN_NAME = re.compile(
    r'Referenced column "(?P<column>[^"]+)" not found'
    r'|Table with name .+ does not exist because schema "(?P<schema>[^"]+)"'
    r"|Table with name (?P<table>\S+) does not exist"
)
_CANDIDATES = re.compile(r"(?:Candidate bindings: |Did you mean )([^\n?!]+)")


def _bad_names(compiled: Compiled, described: Mapping[str, SourceType]) -> list[Diagnostic]:
    """Names that only the database knows, of a `select *`."""
    if compiled.full.columns is not None:
        return []
    return [
        compiled.model.problem(
            "US208", f"column name {name!r} is not valid", "", hint="select it by name, with an alias"
        )
        for name in described
        if not NAME.match(name)
    ]


def expression_types(
    engine: duckdb.DuckDBPyConnection, compiled: Compiled, types: Mapping[str, SourceType]
) -> tuple[SourceType, ...]:
    """The type of each mapped expression, by binding it against columns of the right types.

    Raises:
        ConfigError: an expression does not bind (US201), at its place in `config()`.
    """
    if not compiled.mapped:
        return ()
    # Those that no expression reads may have a type that cannot be written, such as a row's.
    read = {name.lower() for mapped in compiled.mapped for name in mapped.columns}
    columns = ", ".join(f"null::{k.name} as {ident(name)}" for name, k in types.items() if name.lower() in read)
    kinds = {name.lower(): kind for name, kind in types.items()}
    trees = [computed(m.tree, kinds) for m in compiled.mapped]
    listed = ", ".join(f"({tree.sql(dialect=DIALECT)}) as c{i}" for i, tree in enumerate(trees))
    try:
        rows = engine.execute(f"describe select {listed} from (select {columns or 1})").fetchall()
    except duckdb.Error:
        raise ConfigError(_unbindable(engine, compiled, trees, columns)) from None
    return tuple(_expression_type(tree, kinds, str(row[1])) for tree, row in zip(trees, rows, strict=True))


def _expression_type(tree: exp.Expr, kinds: Mapping[str, SourceType], described: str) -> SourceType:
    if isinstance(tree, exp.Null):
        # DuckDB takes a bare null for a number; here it fits every property.
        return source_type('"NULL"')
    kind = kinds.get((bare_column(tree) or "").lower())
    return kind if kind and kind.natural else source_type(described)


def _unbindable(
    engine: duckdb.DuckDBPyConnection, compiled: Compiled, trees: Sequence[exp.Expr], columns: str
) -> list[Diagnostic]:
    problems = []
    for mapped, tree in zip(compiled.mapped, trees, strict=True):
        try:
            engine.execute(f"describe select {tree.sql(dialect=DIALECT)} from (select {columns or 1})")
        except duckdb.Error as error:
            problems.append(_expression_problem(compiled, mapped, error))
    return problems


def _expression_problem(compiled: Compiled, mapped: Mapped, error: duckdb.Error) -> Diagnostic:
    hint = "mapping expressions are DuckDB SQL over the query's columns"
    return compiled.model.problem(
        "US201", f"mapping of {mapped.target.path!r}: {reason_of(error)}", mapped.key, hint=hint
    )
