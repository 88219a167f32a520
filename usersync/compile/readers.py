"""Calls of the functions that read files: which files, and which options."""

from __future__ import annotations

from sqlglot import exp

FILE_FUNCTIONS = frozenset(
    {
        "read_csv",
        "read_csv_auto",
        "read_parquet",
        "parquet_scan",
        "read_json",
        "read_json_auto",
        "read_ndjson",
        "read_ndjson_auto",
    }
)
_OPTION = (exp.EQ, exp.PropertyEQ)


def paths_of(function: exp.Func) -> list[exp.Expr | None]:
    """What a reader is given as files, as it was written."""
    given = function.expressions if isinstance(function, exp.Anonymous | exp.ReadParquet) else [function.this]
    first = given[0] if given else None
    return list(first.expressions) if isinstance(first, exp.Array) else [first]


def files_read(function: exp.Func) -> list[str]:
    """The paths that a reader of files is given; none for all other functions."""
    if reader_name(function) not in FILE_FUNCTIONS:
        return []
    return [path.name for path in paths_of(function) if path is not None]


def file_path(table: exp.Table) -> str | None:
    """The path that a table of a files connection names, by itself or first in a call; None where there is none."""
    if isinstance(table.this, exp.Identifier):
        written = ".".join(part for part in (table.catalog, table.db, table.name) if part)
        return written if "." in written or "/" in written else None
    return next(iter(files_read(table.this)), None) if isinstance(table.this, exp.Func) else None


_NAMES: dict[type[exp.Expr], str] = {exp.ExplodingGenerateSeries: "generate_series", exp.JSONTable: "json_table"}
"""Where sqlglot's own name is another than that of SQL."""


def reader_name(function: exp.Func) -> str:
    """A function's name in lower case."""
    if type(function) in _NAMES:
        return _NAMES[type(function)]
    return (function.name if isinstance(function, exp.Anonymous) else function.sql_name()).lower()


def option(function: exp.Func, name: str) -> exp.Expr | None:
    """The value of a reader's option; None where it is not given."""
    return next(
        (e.expression for e in function.expressions if isinstance(e, _OPTION) and e.this.name.lower() == name), None
    )


def with_option(function: exp.Func, name: str, value: exp.Expr | None, *, file: str | None = None) -> exp.Func:
    """A copy of a reader's call with one option set, or taken away for None; of one file if that is given."""
    call = function.copy()
    kept = [e for e in call.expressions if not (isinstance(e, _OPTION) and e.this.name.lower() == name)]
    if value is not None:
        kept.append(named_argument(name, value))
    call.set("expressions", kept)
    if file is not None:
        first = exp.Literal.string(file)
        if isinstance(call, exp.Anonymous | exp.ReadParquet):
            call.set("expressions", [first, *kept[1:]])
        else:
            call.set("this", first)
    return call


def named_argument(name: str, value: exp.Expr) -> exp.Expr:
    """An argument by its name."""
    return exp.PropertyEQ(this=exp.to_identifier(name), expression=value)


def is_url(path: str) -> bool:
    """Whether a path is an address rather than a file of this machine."""
    return "://" in path


def writing_option(function: exp.Expr) -> str | None:
    """An option of a reader of CSV that makes it write the rows that it cannot read to tables."""
    options = (node.this.name.lower() for node in function.find_all(exp.EQ, exp.PropertyEQ))
    return next((name for name in options if name == "store_rejects" or name.startswith("rejects_")), None)
