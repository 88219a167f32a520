"""What sqlglot's trees show of words that it read as something else: names that are none, and halves of clauses.

As in `usersync/project/sql/grammar.py`, only what the servers themselves refuse: tests ask them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token
from sqlglot.tokenizer_core import TokenType as T

from usersync.project.sql.errors import Misplaced
from usersync.project.sql.nodes import Nodes, first_offset
from usersync.project.sql.words import NAMING, NO_BARE_LABELS, RESERVED, STRICT, UNITS

_NAMELESS = (exp.Paren, exp.Tuple, exp.Binary, exp.Unary, exp.Func, exp.Array, exp.Order, exp.Where, exp.Interval)
"""What holds values that have no names of their own."""


def misread(nodes: Nodes[exp.Expr], tokens: Sequence[Token], dialect: str) -> Misplaced | None:
    """The first part of a tree that its database would not have read.

    Args:
        nodes: Those of one statement.
        tokens: What it was parsed from.
        dialect: sqlglot's name of its dialect, not DuckDB.
    """
    return next(_Reading(tokens, dialect).wrong(nodes), None)


class _Reading:
    """The nodes of a tree, with the tokens that it was read from."""

    def __init__(self, tokens: Sequence[Token], dialect: str) -> None:
        self.tokens, self.dialect = tokens, dialect
        self.places = {token.start: index for index, token in enumerate(tokens)}
        self.rules = {**_ANYWHERE, **(_STRICTLY if dialect in STRICT else {}), **_OWN.get(dialect, {})}

    def wrong(self, nodes: Nodes[exp.Expr]) -> Iterator[Misplaced]:
        """All that is wrong; what comes behind the first may be its doing."""
        seen: Counter[type[exp.Expr]] = Counter()
        frames = 0
        for node in nodes.all:
            kind = type(node)
            seen[kind] += 1
            if (rule := self.rules.get(kind)) and (found := rule(self, node)):
                yield found
            frames += kind is exp.WindowSpec and bool(node.args.get("end"))
        if self.dialect in STRICT and (ranges := seen[exp.Between] + frames):
            yield from self.half_ranges(ranges, seen[exp.And])

    def half_ranges(self, ranges: int, conjunctions: int) -> Iterator[Misplaced]:
        """BETWEENs without AND, and the other way round: sqlglot reads both."""
        kinds = Counter(token.token_type for token in self.tokens)
        if kinds[T.AND] + kinds[T.DAMP] < conjunctions + ranges:
            yield self.word("BETWEEN", "a BETWEEN has no AND")
        if kinds[T.BETWEEN] < ranges:
            yield self.word("AND", "a BETWEEN is missing before it")

    def index(self, name: exp.Expr | None) -> int | None:
        """Which token a name is."""
        return self.places.get(name.meta.get("start", -1)) if name is not None else None

    def word(self, word: str, message: str) -> Misplaced:
        """What is wrong with a word whose node has no place."""
        token = next((each for each in self.tokens if each.text.upper() == word.upper()), self.tokens[0])
        return Misplaced.token(token, message)

    def alias(self, alias: exp.Expr) -> Misplaced | None:
        """A name in the middle of an expression: `cast` is misspelt, or a bracket is missing."""
        parent, name = alias.parent, alias.args.get("alias")
        if not isinstance(parent, _NAMELESS) or isinstance(parent, exp.Struct | exp.Unnest):
            return None
        call = parent.name if isinstance(parent, exp.Anonymous) else parent.key
        if call.upper() in NAMING or self.dialect == "clickhouse" or alias.find_ancestor(exp.Pivot):
            return None
        at = name if isinstance(name, exp.Identifier) else alias
        return _at(at, "a name is given in the middle of an expression")

    def window(self, window: exp.Expr) -> Misplaced | None:
        """A window that is named and not defined in its SELECT."""
        name, select = window.args.get("alias"), window.find_ancestor(exp.Select)
        # `max(x) keep (dense_rank last order by y)` of Oracle names none.
        if not isinstance(name, exp.Identifier) or select is None or window.args.get("over") == "KEEP":
            return None
        known = {each.name.lower() for each in select.args.get("windows") or ()}
        return None if name.name.lower() in known else _at(name, f"there is no window {name.name!r}")

    def identifier(self, name: exp.Expr) -> Misplaced | None:
        """A word that the dialect does not take for a name where it stands."""
        word = name.name.upper()
        label = self.dialect == "postgres" and isinstance(name.parent, exp.Alias)
        index = self.index(name)
        if word not in (NO_BARE_LABELS if label else RESERVED[self.dialect]) or name.args.get("quoted"):
            return None
        if index is None or self.tokens[index].text.upper() != word or isinstance(name.parent, exp.IndexTableHint):
            return None
        before = self.tokens[index - 1] if index else None
        if before is not None and before.token_type is T.DOT:
            apart = before.end + 1 < self.tokens[index].start
            named = self.dialect == "postgres" or (self.dialect == "mysql" and not apart)
        else:
            named = label and before is not None and before.token_type is T.ALIAS
        return None if named else _at(name, f"unexpected {name.name!r}: a word of SQL, no name without quotes")

    def frame(self, spec: exp.Expr) -> Misplaced | None:
        """A frame that says `3` or `unbounded`, and not in which direction."""
        ends = ((spec.args.get(name), spec.args.get(f"{name}_side")) for name in ("start", "end"))
        half = any(end and end != "CURRENT ROW" and not side for end, side in ends)
        return self.word(str(spec.args.get("kind")), "this frame lacks a PRECEDING or FOLLOWING") if half else None

    def cte(self, cte: exp.Expr) -> Misplaced | None:
        """A query of WITH whose name stands before it without AS."""
        alias = cte.args.get("alias")
        index = self.index(alias.this) if isinstance(alias, exp.TableAlias) else None
        if index is None:
            return None
        following = index + 1
        if self.tokens[following].token_type is T.L_PAREN:
            while self.tokens[following].token_type is not T.R_PAREN:
                following += 1
            following += 1
        token = self.tokens[following]
        return (
            None if token.token_type is T.ALIAS else Misplaced.token(token, f"unexpected {token.text!r}: AS is missing")
        )

    def renamed(self, alias: exp.Expr) -> Misplaced | None:
        """Other names for columns in FROM, where there are none: SQLite has none, MySQL those of queries only."""
        of, columns = alias.parent, alias.args.get("columns") or ()
        plain = isinstance(of, exp.Table) and isinstance(of.this, exp.Identifier)
        typed = [column.this for column in columns if isinstance(column, exp.ColumnDef)]
        if (
            columns
            and self.dialect != "postgres"
            and (plain or (self.dialect == "sqlite" and isinstance(of, exp.Table | exp.Subquery)))
        ):
            return _at(columns[0], "columns of a table are not given other names")
        # Only those of functions have types.
        if typed and (plain or isinstance(of, exp.CTE | exp.Subquery)):
            return _at(typed[0], f"a comma is missing behind {typed[0].name!r}")
        return None

    def fetch(self, fetch: exp.Expr) -> Misplaced | None:
        """A FETCH of which ROWS ONLY, or ROWS WITH TIES, is not all there."""
        said = {token.text.upper() for token in self.tokens}
        if said & {"ONLY", "TIES"} and said & {"ROW", "ROWS"} and fetch.args.get("direction"):
            return None
        return self.word("FETCH", "FETCH is not complete: fetch first 10 rows only")

    def subscript(self, bracket: exp.Expr) -> Misplaced | None:
        """More than one number in brackets, as of an array whose ARRAY is misspelt."""
        several = len(bracket.expressions) > 1
        return _at(bracket, "a part of an array has one number, or two with a colon") if several else None

    def rows(self, rows: exp.Expr) -> Misplaced | None:
        """A query in FROM without a name."""
        query = isinstance(rows.this, exp.Select | exp.SetOperation) and isinstance(rows.parent, exp.From | exp.Join)
        return _at(rows, "a query in FROM needs a name") if query and not rows.alias else None

    def count(self, count: exp.Expr) -> Misplaced | None:
        """A count of nothing, or of several values."""
        odd = count.args.get("this") is None or count.expressions
        return _at(count, "count() is of one value, of distinct ones or of a star") if odd else None

    def unit(self, interval: exp.Expr) -> Misplaced | None:
        """An interval in a unit that there is not."""
        unit = interval.args.get("unit")
        if not isinstance(unit, exp.Var) or unit.name.upper().removeprefix("SQL_TSI_") in UNITS:
            return None
        return self.word(unit.name, f"there is no unit {unit.name.lower()!r}")


_Rules = Mapping[type[exp.Expr], Callable[[_Reading, exp.Expr], Misplaced | None]]
_ANYWHERE: _Rules = {exp.Alias: _Reading.alias, exp.Window: _Reading.window}
_STRICTLY: _Rules = {
    exp.Identifier: _Reading.identifier,
    exp.WindowSpec: _Reading.frame,
    exp.CTE: _Reading.cte,
    exp.TableAlias: _Reading.renamed,
    exp.Fetch: _Reading.fetch,
}
_OWN: Mapping[str, _Rules] = {
    "postgres": {exp.Bracket: _Reading.subscript},
    "mysql": {
        exp.Subquery: _Reading.rows,
        exp.Count: _Reading.count,
        **dict.fromkeys((exp.Interval, exp.DateAdd, exp.DateSub), _Reading.unit),
    },
}
"""What is looked at of which nodes: of all dialects, of strict ones, of one."""


def _at(node: exp.Expr, message: str) -> Misplaced:
    start, length = first_offset(node) or (0, 1)
    return Misplaced(start, length, message)
