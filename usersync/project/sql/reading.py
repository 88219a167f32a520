"""SQL as trees: sqlglot, in bounds, and failing with errors of the SQL alone."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError
from sqlglot.tokenizer_core import Token

from usersync.project.sql.depth import check_depth
from usersync.project.sql.stumbles import understood


def parse(
    tokens: Sequence[Token], sql: str, dialect: Dialect, into: type[exp.Expr] | None = None
) -> list[exp.Expr | None]:
    """The statements of a text; None where one is empty.

    Args:
        tokens: Those of the text.
        sql: The text.
        dialect: What it is read as.
        into: What each statement must be, where it is not any.

    Raises:
        SqlglotError: it does not parse.
        RecursionError: it is nested too deeply.
    """
    check_depth(tokens, dialect)
    with understood():
        parser = dialect.parser()
        return list(parser.parse_into(into, list(tokens), sql) if into else parser.parse(list(tokens), sql))


def parse_one(sql: str, dialect: str, into: type[exp.Expr] | None = None) -> exp.Expr:
    """The statement of a text; a block where there are several.

    Raises:
        SqlglotError: it does not parse, or there is none.
        RecursionError: it is nested too deeply.
    """
    reader = Dialect.get_or_raise(dialect)
    trees = parse(reader.tokenize(sql), sql, reader, into)
    if not trees or trees[0] is None:
        raise ParseError("there is no SQL")
    return trees[0] if len(trees) == 1 else exp.Block(expressions=trees)
