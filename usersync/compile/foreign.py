"""Queries in another dialect that DuckDB is to run: refused where the translation would mean something else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from usersync.compile.query import Query
from usersync.compile.sql import DIALECT
from usersync.compile.tables import default_schema
from usersync.diagnostics import ConfigError, Diagnostic
from usersync.project.model import Source
from usersync.project.sql.duckdb_parser import refusal
from usersync.project.sql.stumbles import understood

_HINT = "say it in DuckDB's SQL with dialect = 'duckdb'"
_SAME_NAMES = frozenset({"make_date", "isfinite", "all"})
"""Functions that sqlglot does not know and DuckDB has alike."""


@dataclass(frozen=True, slots=True)
class _Change:
    """Something whose translation has another meaning."""

    kind: type[exp.Expr] | tuple[type[exp.Expr], ...]
    what: str
    applies: Callable[[exp.Expr], bool] = lambda _: True
    dialects: tuple[str, ...] = ()
    """Of these dialects only; empty for all."""


def _whole(node: exp.Expr) -> bool:
    """A division of numbers that may both be whole: then it is one of whole numbers in its own dialect."""
    return bool(node.args.get("typed")) and not any(_broken(side) for side in (node.this, node.expression))


_BROKEN = ("double", "float", "decimal")


def _broken(node: exp.Expr) -> bool:
    inner = node.unnest()
    if isinstance(inner, exp.Literal):
        return not inner.is_string and "." in inner.this
    return isinstance(inner, exp.Cast) and inner.to.is_type(*_BROKEN)


def _unnamed_series(node: exp.Expr) -> bool:
    """A series in FROM whose one column has the name of the table: that means the whole row in DuckDB."""
    alias = node.parent.args.get("alias") if isinstance(node.parent, exp.Table) else None
    return alias is not None and not alias.columns


def _left_over(node: exp.Expr) -> bool:
    """A format with letters that are no directives of DuckDB's."""
    spelled = node.args.get("format")
    return not isinstance(spelled, exp.Literal) or bool(re.search(r'[A-Za-z"]', re.sub("%-?.", "", spelled.name)))


def _escapes(node: exp.Expr) -> bool:
    """A pattern that may hold backslashes, which DuckDB takes for characters."""
    pattern = node.expression
    plain = isinstance(pattern, exp.Literal) and "\\" not in pattern.name
    return not plain and not isinstance(node.parent, exp.Escape)


def _from_start(node: exp.Expr) -> bool:
    """A substring from a place that is not sure to be in the text."""
    start = node.args.get("start")
    return not (isinstance(start, exp.Literal) and not start.is_string and int(start.name) > 0)


def _part(*names: str) -> Callable[[exp.Expr], bool]:
    return lambda node: str(node.this).upper() in names or node.text("unit").upper() in names


def _to(*kinds: exp.DType | str) -> Callable[[exp.Expr], bool]:
    return lambda node: isinstance(node, exp.Cast) and node.to.is_type(*kinds)


def _bare_decimal(node: exp.Expr) -> bool:
    return isinstance(node, exp.Cast) and node.to.is_type("decimal") and not node.to.expressions


_OWN_DATES = ("mysql", "bigquery")
_CHANGES = (
    _Change(exp.Div, "a division of numbers that may both be whole", _whole),
    _Change(exp.Cast, "a decimal without its digits", _bare_decimal),
    _Change((exp.TimeToStr, exp.StrToTime, exp.StrToDate), "a format with parts that DuckDB has not", _left_over),
    _Change((exp.Like, exp.ILike), "a pattern that may hold backslashes", _escapes, ("postgres", "mysql", "bigquery")),
    _Change(exp.Substring, "a substring that may begin before the text", _from_start),
    _Change(exp.ExplodingGenerateSeries, "a series without the name of its column, as in g(n),", _unnamed_series),
    _Change(exp.Parameter, "the operator @, which is abs()"),
    _Change(exp.SimilarTo, "SIMILAR TO"),
    _Change(exp.Like, "LIKE, which takes no account of case there", dialects=("sqlite",)),
    _Change(exp.Length, "the length in bytes", lambda n: bool(n.args.get("binary"))),
    _Change(exp.Cast, "a cast to whole numbers", _to(*exp.DataType.INTEGER_TYPES), ("mysql", "sqlite")),
    _Change(exp.Cast, "a cast to text", _to("text", "char", "varchar"), ("sqlite",)),
    _Change((exp.DayOfWeek, exp.Week), "the number of a weekday or week", dialects=_OWN_DATES),
    _Change(exp.Extract, "the number of a weekday or week", _part("DAYOFWEEK", "WEEK", "DOW"), _OWN_DATES),
    _Change(exp.TimestampDiff, "a difference in whole units", dialects=_OWN_DATES),
    _Change(
        exp.Cast,
        "a cast of a variant's part",
        lambda n: isinstance(n.this.unnest(), exp.JSONExtract),
        ("snowflake", "databricks"),
    ),
)


def check_translation(query: Query, dialect: str) -> None:
    """Refuses a query whose translation to DuckDB's SQL is not sure to mean the same.

    Raises:
        ConfigError: it cannot be translated, or says something that would change (US002).
    """
    if dialect == DIALECT:
        return
    written = ""
    try:
        with understood():
            changed = next(((node, what) for node in query.nodes.all for what in _changes(node, dialect)), None)
            if changed is None:
                written = query.tree.sql(dialect=DIALECT, unsupported_level=ErrorLevel.RAISE)
    except (SqlglotError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0]
        raise _refused(query, query.tree, f"{dialect} that DuckDB cannot say: {reason}") from None
    if changed is not None:
        node, what = changed
        raise _refused(query, node, f"{what} of {dialect} is not the same in DuckDB")
    _check_written(query, written, dialect)


def _check_written(query: Query, sql: str, dialect: str) -> None:
    """Refuses what was written as it came, since sqlglot knows no other words for it, and DuckDB does not read."""
    wrong = refusal(sql)
    if wrong is None:
        return
    word = sql[wrong.offset : wrong.offset + wrong.length]
    # `version as of` is one token.
    named = [offset for offset, text in query.words if text.upper().split(" ")[0] == word.upper()]
    # Where the word is written once it is the culprit, or next to it.
    where = query.rendered.location(named[0], len(word)) if len(named) == 1 else query.location(query.tree)
    message = f"{dialect} that DuckDB cannot say: {wrong.message}"
    raise ConfigError(Diagnostic("US002", message, where, _HINT))


def _changes(node: exp.Expr, dialect: str) -> Iterator[str]:
    unknown = isinstance(node, exp.Anonymous | exp.AnonymousAggFunc) and not isinstance(
        node.parent, exp.Table | exp.Hint
    )
    if unknown and node.name.lower() not in _SAME_NAMES:
        yield f"{node.name}()"
    for change in _CHANGES:
        meant = isinstance(node, change.kind) and (not change.dialects or dialect in change.dialects)
        if meant and change.applies(node):
            yield change.what


def _refused(query: Query, node: exp.Expr, message: str) -> ConfigError:
    return ConfigError(Diagnostic("US002", message, query.location(node), _HINT))


# --- Texts of MySQL ---

_COMPARING = (
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.In, exp.Between),
    *(exp.Like, exp.RegexpLike, exp.RegexpReplace, exp.RegexpExtract, exp.StrPosition, exp.Nullif, exp.Case),
    *(exp.Greatest, exp.Least, exp.Min, exp.Max, exp.Distinct, exp.Group),
)
_KEEPING = (exp.Paren, exp.Lower, exp.Upper, exp.Trim, exp.Coalesce, exp.Concat, exp.Substring, exp.Left, exp.Right)


def check_texts(query: Query, dialect: str, source: Source) -> None:
    """Refuses MySQL's comparisons of texts, which DuckDB would make by their bytes.

    Raises:
        ConfigError: a column is compared, grouped or searched by a collation (US002).
    """
    if dialect != "mysql" or source.connection.type != "mysql":
        return
    collated = _collated(query.tree, source)
    for column in compared_columns(query.tree):
        if collation := collated.get(column.name.lower()):
            message = f"{column.name!r} compares by {collation} in MySQL, by its bytes in DuckDB"
            hint = "pushdown = 'native' lets MySQL compare, dialect = 'duckdb' says that bytes are meant"
            raise ConfigError(Diagnostic("US002", message, query.location(column), hint))


def compared_columns(tree: exp.Query) -> Iterator[exp.Column]:
    """Columns that are compared, searched, grouped or made distinct: by a collation, where they are texts."""
    for node in tree.walk():
        distinct = isinstance(node, exp.Distinct) and isinstance(node.parent, exp.Select)
        compared = node.parent.expressions if distinct and node.parent else _operands(node)
        for part in compared:
            yield from _texts_of(part)


def _collated(tree: exp.Query, source: Source) -> dict[str, str]:
    """Collations of the text columns of the query's tables that do not compare by bytes, by lower-case name."""
    found = {}
    for table in tree.find_all(exp.Table):
        schema = table.db if table.db.lower() != source.connection.name.lower() else ""
        for column in source.columns(schema or default_schema(source.connection), table.name) or ():
            if column.order and not column.order.endswith("_bin") and column.type != "json":
                found[column.name.lower()] = column.order
    return found


def _operands(node: exp.Expr) -> Iterator[exp.Expr]:
    if isinstance(node, exp.Order) and node.parent is not None and node.parent.args.get("limit"):
        yield from (ordered.this for ordered in node.expressions)
    elif isinstance(node, exp.Window):
        yield from node.args.get("partition_by") or ()
    elif isinstance(node, _COMPARING):
        yield from (value for value in node.iter_expressions())


def _texts_of(node: exp.Expr) -> Iterator[exp.Column]:
    """Columns that are compared with a node: itself, or what functions of text make of it."""
    if isinstance(node, exp.Column):
        yield node
    elif isinstance(node, _KEEPING):
        for inner in node.iter_expressions():
            yield from _texts_of(inner)
