"""Whom a text names: the person of today, how a past id became that one's, and which identities are meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

import duckdb

from usersync.compile.sql import ident, literal, template
from usersync.diagnostics import ConfigError
from usersync.project.model import Property, UserSchema
from usersync.project.types import Kind
from usersync.report.explain.values import Change, Subject
from usersync.report.people import Person, find_person
from usersync.resolve.ids import user_id_of
from usersync.warehouse.store import rows

PACKAGE = "usersync.report.explain"

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def find(engine: duckdb.DuckDBPyConnection, users: UserSchema, text: str) -> tuple[Person, Subject]:
    """The one person whom a text names, and what is to be said of the name.

    Args:
        engine: With a warehouse attached.
        users: The unified user.
        text: A user id, of the past too; `property=value`; or `pipeline:identity_id`.

    Raises:
        ConfigError: it names nobody, several people, someone who is gone, or a property that there is not.
    """
    user_id = _user_id(text)
    try:
        person = find_person(engine, users, text)
    except ConfigError:
        if user_id and (trail := tuple(_trail(engine, user_id))):
            story = "; ".join(f"{_told(change)} by run {change.run_id} at {change.at}" for change in trail)
            raise ConfigError(f"the user {user_id} is gone: {story}", hint="a user id is never used again") from None
        raise
    past = tuple(_trail(engine, user_id, person.user_id)) if user_id else ()
    return person, Subject(person.user_id, past, len(person.identities), person.identities[0].reference)


def _told(change: Change) -> str:
    return f"merged into {change.became}" if change.became else change.change


def _user_id(text: str) -> str | None:
    text = text.strip().lower()
    return text if _UUID.fullmatch(text) else None


def _trail(engine: duckdb.DuckDBPyConnection, user_id: str, today: str | None = None) -> Iterator[Change]:
    """What became of a past user id, up to a user of today or to its end."""
    todo: str | None = user_id
    while todo and todo != today and (found := rows(engine, template(PACKAGE, "became", user_id=todo))):
        change = Change(*found[0])
        yield change
        todo = change.became


def named_property(users: UserSchema, text: str) -> Property | None:
    """The property of a text that names a person by a value."""
    path, equals, _ = text.partition("=")
    return next((leaf for leaf in users.leaves if equals and leaf.path == path.strip()), None)


def meant(users: UserSchema, text: str, person: Person) -> str:
    """SQL of whether a loaded identity of the person is one that the text names: it has the value, or had the id."""
    if person.named:
        return f"_pk = {person.named.pk}"
    if leaf := named_property(users, text):
        column, value = ident(leaf.column), literal(text.partition("=")[2])
        texts = f"{column}::varchar[]" if leaf.type.kind is Kind.ARRAY else f"[{column}::varchar]"
        return f"list_contains({texts}, {value})"
    made = user_id_of("s.seed", "e._age")
    had_id = f"asof join usersync.id_seeds as s on s.first_age <= e._age where {made} = {literal(_user_id(text))}"
    return f"_pk in (select e._pk from temp.explained as e {had_id})"
