"""What sqlglot reads and no database does: words that cannot stand side by side, in dialects that have no parser here.

sqlglot drops a comma too many, takes a join without a condition for a comma, and makes a name of whatever stands in
the place of one. DuckDB's SQL is judged by DuckDB; for others here is only what is wrong everywhere, and in `STRICT`
dialects what their own servers refuse. What shows in trees alone is in `usersync/project/sql/misread.py`, and what is
left is for the database to refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token
from sqlglot.tokenizer_core import TokenType as T

from usersync.project.sql.errors import Misplaced, MisplacedError
from usersync.project.sql.misread import misread
from usersync.project.sql.neighbours import wrong_behind, wrong_itself
from usersync.project.sql.nodes import Nodes
from usersync.project.sql.pending import Pending
from usersync.project.sql.strict import clash
from usersync.project.sql.tokens import CLOSERS, INFIX, OPENERS, Tokens
from usersync.project.sql.words import STRICT

_QUIET = frozenset({T.COMMA, T.DOT, T.ALIAS}) | CLOSERS | INFIX
"""Behind a name these are never wrong."""
_NO_NAMES = OPENERS | CLOSERS | {T.COMMA, T.STAR, T.DOT}
"""What is no name even where any word is one."""


def check(sql: str, tokens: Sequence[Token], statements: Iterable[Nodes[exp.Expr]], dialect: str) -> None:
    """Refuses SQL that the database of its dialect would not read.

    Args:
        sql: The text.
        tokens: Its tokens.
        statements: Its trees, with their nodes.
        dialect: sqlglot's name of its dialect, not DuckDB.

    Raises:
        MisplacedError: there is something wrong.
    """
    check_words(sql, tokens, dialect)
    for nodes in statements:
        if found := misread(nodes, tokens, dialect):
            raise MisplacedError(found)


def check_nul(sql: str, tokens: Sequence[Token]) -> None:
    """Refuses a NUL that is not in a quoted name: those have rules of their own.

    Raises:
        MisplacedError: there is one.
    """
    if "\0" not in sql:
        return
    names = [range(t.start, t.end + 1) for t in tokens if t.token_type is T.IDENTIFIER]
    for at, char in enumerate(sql):
        if char == "\0" and not any(at in name for name in names):
            raise MisplacedError(Misplaced(at, 1, "a NUL character"))


def check_words(sql: str, tokens: Sequence[Token], dialect: str) -> None:
    """Refuses SQL in which a word cannot follow the one before it, or a bracket or a join is not complete.

    Raises:
        MisplacedError: there is such a word.
    """
    # A pattern of rows is written as one of texts: `(a b+)`.
    if dialect not in STRICT and any(token.token_type is T.MATCH_RECOGNIZE for token in tokens):
        return
    if found := next(_wrong(Tokens(sql, tokens, dialect)), None):
        raise MisplacedError(found)


def _wrong(tokens: Tokens) -> Iterator[Misplaced]:
    """All that is misplaced, in order; what comes behind the first may be its doing."""
    if tokens.strict and tokens.kinds[0] in {T.ALIAS, T.FROM}:
        yield tokens.unexpected(0)
    pending = Pending(tokens)
    for index, here in enumerate(tokens.kinds[:-1]):
        after = tokens.kinds[index + 1]
        # Half of all words, and wrong in no place.
        if (here is T.VAR and after in _QUIET) or (here is T.DOT and after is T.VAR):
            continue
        if found := pending.brackets(index) or pending.joins(index):
            yield found
        if tokens.before(index) in tokens.before_names and here not in _NO_NAMES:
            continue
        if wrong_itself(tokens, index):
            yield tokens.unexpected(index)
        if wrong_behind(tokens, index):
            yield tokens.unexpected(index + 1)
        if tokens.strict:
            yield from pending.branches(index)
            if clash(tokens, index):
                yield tokens.unexpected(index + 1)
    yield from pending.left()
