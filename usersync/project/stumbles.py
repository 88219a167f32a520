"""Where sqlglot itself stumbles: over functions with arguments that it does not expect it fails with any error.

Some calls it cannot read, such as `date_add()` of MySQL. Others it reads and cannot write, such as `datetime(1)`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlglot import exp
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError

from usersync.project.syntax import first_offset, scalar

_UNKNOWN = "a function may have the wrong number of arguments"


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


def expression(text: str, dialect: str) -> exp.Expr:
    """The tree of an expression, as `scalar` reads it, that can be written again.

    Raises:
        SqlglotError: it cannot be read or written.
        RecursionError: it is nested too deeply.
    """
    with understood():
        tree = scalar(text, dialect)
    check_written(tree, text, dialect)
    return tree


def check_written(tree: exp.Expr, text: str, dialect: str) -> None:
    """Refuses SQL with a call that sqlglot cannot write.

    Args:
        tree: As parsed.
        text: What it was parsed from.
        dialect: To write in.

    Raises:
        ParseError: a call has other arguments than sqlglot expects.
        RecursionError: it is nested too deeply.
    """
    # Writing a call writes those in it; all else of a query is of no danger, and takes longer.
    outermost = (call for call in tree.find_all(exp.Func) if call.find_ancestor(exp.Func) is None)
    if any(_stumbles(call, dialect) for call in outermost):
        inner = next(call for call in reversed(list(tree.find_all(exp.Func))) if _stumbles(call, dialect))
        raise _not_known(inner, text)


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
