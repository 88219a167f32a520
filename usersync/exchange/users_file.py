"""models/users.sql with more properties; all other text stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token

from usersync.exchange.columns import column_sql, property_type, type_sql
from usersync.exchange.names import name
from usersync.exchange.templates import blanked, template_text
from usersync.exchange.types import WireProperty

NEW = """{{# What a user is: properties and their types. Say in users() which of them are identifiers. #}}
{{{{ users() }}}}

create table users (
{columns}
);
"""


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a struct lacks."""

    parent: str
    """The struct's path."""
    prop: WireProperty


def new_users(columns: Sequence[WireProperty]) -> str:
    """A users.sql of these properties."""
    return NEW.format(columns="\n".join(_lines(columns)))


def _lines(columns: Sequence[WireProperty]) -> list[str]:
    lines = []
    for index, column in enumerate(columns):
        sql, comment = column_sql(column, nulls=True)
        comma = "," if index < len(columns) - 1 else ""
        lines.append(template_text(f"    {sql}{comma}{f'  -- {comment}' if comment else ''}"))
    return lines


def extended(text: str, columns: Sequence[WireProperty], fields: Sequence[Field]) -> str | None:
    """A users.sql with more properties and fields; None where its DDL is not plain enough to be found."""
    for field in fields:
        changed = _with_field(text, field)
        if changed is None:
            return None
        text = changed
    return _with_columns(text, columns) if columns else text


def _body(text: str) -> tuple[list[Token], int, int] | None:
    """The tokens of a template's SQL, and which of them open and close the list of properties."""
    try:
        tokens = sqlglot.tokenize(blanked(text), read="postgres")
    except SqlglotError:
        return None
    words = [token.text.lower() for token in tokens]
    if words[:2] != ["create", "table"] or "(" not in words:
        return None
    opening = words.index("(")
    closing = _closing(tokens, opening)
    return (tokens, opening, closing) if words[opening - 1] == "users" and closing else None


def _closing(tokens: Sequence[Token], opening: int) -> int | None:
    depth = 0
    for index in range(opening, len(tokens)):
        depth += (tokens[index].text == "(") - (tokens[index].text == ")")
        if depth == 0:
            return index
    return None


def _with_columns(text: str, columns: Sequence[WireProperty]) -> str | None:
    found = _body(text)
    if found is None:
        return None
    tokens, _, closing = found
    last, end = tokens[closing - 1], tokens[closing].start
    comma = "" if last.text == "(" else ","
    line = text.rfind("\n", 0, end) + 1
    added = "\n".join(_lines(columns)) + "\n"
    if line > last.end and not text[line:end].strip():
        end = line
    else:
        added = "\n" + added
    return text[: last.end + 1] + comma + text[last.end + 1 : end] + added + text[end:]


def _with_field(text: str, field: Field) -> str | None:
    found = _body(text)
    if found is None:
        return None
    tokens, opening, _ = found
    for part in field.parent.split("."):
        inner = _struct(tokens, opening, part)
        if inner is None:
            return None
        opening = inner
    closing = _closing(tokens, opening)
    if closing is None:
        return None
    at = tokens[closing - 1].end + 1
    return f"{text[:at]}, {name(field.prop.name)} {type_sql(property_type(field.prop.type))}{text[at:]}"


def _struct(tokens: Sequence[Token], opening: int, wanted: str) -> int | None:
    """The parenthesis that opens the struct of a name, within another parenthesis."""
    depth = 0
    for index in range(opening, (_closing(tokens, opening) or len(tokens)) - 1):
        depth += (tokens[index].text == "(") - (tokens[index].text == ")")
        starts = depth == 1 and tokens[index].text in {"(", ","}
        words = [token.text for token in tokens[index + 1 : index + 4]]
        if starts and len(words) == 3 and words[0] == wanted and (words[1].lower(), words[2]) == ("struct", "("):
            return index + 3
    return None
