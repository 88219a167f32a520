"""The SELECT that reads the columns in use from a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlglot import exp

from usersync.compile.cursor import bind_cursor
from usersync.compile.pipeline import Compiled
from usersync.compile.source_types import SourceType
from usersync.compile.sql import DIALECT
from usersync.compile.tables import headed, qualify_tables, retype_json
from usersync.project.model import Source

if TYPE_CHECKING:
    from usersync.compile.native import Native


def extraction_sql(compiled: Compiled, source: Source, cursor: exp.Expr | None, *, incremental: bool) -> str:
    """The SELECT that reads the columns in use from the source.

    Args:
        compiled: The pipeline.
        source: Its connection.
        cursor: The cursor's literal; None reads everything.
        incremental: Which rendering of the template to use.
    """
    return extraction(compiled, source, cursor, incremental=incremental)[0]


def extraction(
    compiled: Compiled, source: Source, cursor: exp.Expr | None, *, incremental: bool
) -> tuple[str, Mapping[str, SourceType]]:
    """The SELECT of `extraction_sql`, and the types of the columns that come as exact text."""
    from usersync.compile.native import read_natively

    query = compiled.incremental if incremental else compiled.full
    if compiled.model.pushdown:
        from usersync.compile.handed import rows_of, statement

        wanted = compiled.used_columns if compiled.columns else None
        return rows_of(
            compiled.model, source, statement(query, compiled.model, source, cursor), compiled.results, wanted
        )
    tree = qualify_tables(bind_cursor(query.tree, cursor), source.connection, query.rendered)
    used = compiled.used_columns if compiled.columns else None
    native = read_natively(tree, source, used)
    rows = headed(retype_json(native.tree, source.json_columns), source.statement_head).subquery("source")
    columns = _read_columns(native, used)
    sql = exp.select(*columns).from_(rows).sql(dialect=DIALECT, pretty=True, comments=False)
    return sql, native.exact


def _read_columns(native: Native, used: Sequence[str] | None) -> list[exp.Expr]:
    from usersync.compile.native import exact_name

    texts = {
        name.lower(): exp.alias_(exp.column(exact_name(name), quoted=True), name, quoted=True) for name in native.exact
    }
    if used is not None:
        return [texts.get(name.lower()) or exp.column(name, quoted=True) for name in used]
    hidden = [exp.to_identifier(exact_name(name), quoted=True) for name in native.exact]
    return [exp.Star(except_=hidden, replace=list(texts.values()))] if texts else [exp.Star()]
