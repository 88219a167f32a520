"""Where sqlglot itself stumbles: over functions with arguments that it does not expect it fails with any error.

Some calls it cannot read, such as `date_add()` of MySQL. Others it reads and cannot write, such as `datetime(1)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError
from sqlglot.helper import ensure_list

from usersync.project.sql.nodes import Nodes, first_offset

_SURE = frozenset(
    {
        *(
            exp.And,
            exp.Or,
            exp.Case,
            exp.If,
            exp.Cast,
            exp.TryCast,
            exp.Coalesce,
            exp.Nullif,
            exp.Exists,
            exp.Anonymous,
        ),
        *(exp.Lower, exp.Upper, exp.Trim, exp.Concat, exp.Replace, exp.Length, exp.Round, exp.Abs),
        *(exp.Count, exp.Sum, exp.Min, exp.Max, exp.Avg, exp.RowNumber, exp.CurrentTimestamp),
    }
)
"""What most queries call and is always written; to write everything would take lint a tenth of its time."""
_UNKNOWN = "incomplete SQL, or a function with the wrong number of arguments"

_written: set[tuple[object, ...]] = set()
"""What calls were like that sqlglot wrote in this process."""


@contextmanager
def understood() -> Iterator[None]:
    """Makes whatever sqlglot fails with an error of the SQL that it reads or writes.

    Raises:
        ParseError: it failed, and not by saying so.
        SqlglotError: as sqlglot says.
        RecursionError: the SQL is nested too deeply.
    """
    try:
        yield
    except (SqlglotError, RecursionError):
        raise
    except Exception:  # in the midst of building a node it may be any
        raise ParseError(_UNKNOWN, [{"description": _UNKNOWN}]) from None


def check_written(nodes: Nodes[exp.Expr], text: str, dialect: str) -> None:
    """Refuses SQL with a call that sqlglot cannot write.

    Args:
        nodes: As parsed.
        text: What it was parsed from.
        dialect: To write in.

    Raises:
        ParseError: a call has other arguments than sqlglot expects.
        RecursionError: it is nested too deeply.
    """
    # From the inside out, so that it is the call itself that is told, and not what it stands in.
    for call in reversed([call for call in nodes.of(exp.Func) if type(call) not in _SURE]):
        shape = (dialect, type(call), *((name, *map(_shown, ensure_list(of))) for name, of in call.args.items()))
        if shape in _written:
            continue
        if _stumbles(call, dialect):
            raise _not_known(call, text)
        _written.add(shape)


def _shown(argument: object) -> object:
    """What of an argument may matter to how its call is written: those in it are looked at before."""
    if isinstance(argument, exp.Literal | exp.Var):
        return type(argument), argument.args.get("is_string"), argument.this
    return type(argument) if isinstance(argument, exp.Expr) else argument


def _not_known(call: exp.Func, text: str) -> ParseError:
    start, length = first_offset(call) or (0, 1)
    message = f"{call.sql_name().lower()}() is not known with these arguments"
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start) + length - 1
    place = {"line": line, "col": column, "highlight": text[start : start + length]}
    return ParseError(message, [{"description": message, **place}])


def _stumbles(call: exp.Expr, dialect: str) -> bool:
    try:
        call.sql(dialect=dialect, unsupported_level=ErrorLevel.IGNORE)
    except RecursionError:
        raise
    except Exception:  # of whatever node lacks what is asked of it
        return True
    return False
