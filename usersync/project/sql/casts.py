"""Types that DuckDB has not: sqlglot takes any word in the place of a type for one."""

from __future__ import annotations

import re

from sqlglot import exp

from usersync.project.sql.errors import Misplaced
from usersync.project.sql.nodes import Nodes

_MORE = frozenset({"guid", "integral", "oid", "type", "uint8", "uint16", "uint32", "uint64", "varint"})
"""DuckDB's names of types that sqlglot does not know."""


def unknown_type(nodes: Nodes[exp.Expr], text: str) -> Misplaced | None:
    """The first type in SQL of DuckDB's that it does not know. One of a schema may be anything.

    Args:
        nodes: As parsed.
        text: What they were parsed from.
    """
    for kind in nodes.of(exp.DataType):
        name = str(kind.args.get("kind") or "")
        if kind.this is not exp.DType.USERDEFINED or not name or "." in name or name.lower() in _MORE:
            continue
        word = rf'"?({re.escape(name)})\b'
        # Where it is cast to first of all: the word may be a name elsewhere.
        found = re.search(rf"(?:::|\bas)\s*{word}", text, re.IGNORECASE) or re.search(word, text, re.IGNORECASE)
        start, end = found.span(1) if found else (0, 1)
        return Misplaced(start, end - start, f"DuckDB has no type {name!r}")
    return None
