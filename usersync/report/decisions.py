"""`link` and `unlink`: from two texts to a line of models/overrides.csv, and what the next build makes of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb

from usersync.diagnostics import ConfigError, Diagnostic, Level, Location
from usersync.project.load import USERS
from usersync.project.model import Project
from usersync.project.overrides import OVERRIDES, Decision, Kind, append_decision, reference
from usersync.report.effect import Effect, effect
from usersync.report.people import MOST, Identity, Person, find_identity, find_person
from usersync.report.warehouse import reading


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that stands in models/overrides.csv now."""

    decision: Decision
    added: bool
    """Whether it did not stand there before."""
    overrules: int | None
    """The line of a link that does not count any more."""
    effect: Effect
    """What the next build makes of it."""


def decide(project: Project, kind: Kind, texts: tuple[str, str], *, who: str, why: str, when: str) -> Decided:
    """Adds a decision on two people to models/overrides.csv, unless it stands there already.

    Args:
        project: As loaded.
        kind: `link` or `unlink`.
        texts: Whom it is about, each as of `find_people`.
        who: Who decides.
        why: The reason.
        when: The time in UTC, as ISO 8601.

    Raises:
        ConfigError: a text names nobody or several, both name one identity, an `unlink` of the same two stands against
            a `link`, or the file is wrong.
        WarehouseError: there is no warehouse, or another process holds it.
    """
    wrong = _unreadable(project)
    if wrong or project.users is None:
        raise ConfigError(wrong)
    with reading(project) as engine:
        one, other = (find_person(engine, project.users, text) for text in texts)
        pair = _identities(engine, kind, one, other)
    wanted = Decision(kind, reference(pair[0].reference), reference(pair[1].reference), who, why, when)
    standing = {decision.kind: decision for decision in project.decisions if decision.pair == wanted.pair}
    if kind == "link" and (against := standing.get("unlink")):
        place = Location(OVERRIDES, against.line, 1)
        message = f"an unlink of {against.identity} and {against.other} stands against it"
        raise ConfigError(
            Diagnostic("overrides", message, place, "remove that line: an unlink beats a link of the same two")
        )
    overrules = standing["link"].line if kind == "unlink" and "link" in standing else None
    found = standing.get(kind)
    decisions = project.decisions if found else (*project.decisions, wanted)
    told = effect(replace(project, decisions=decisions), kind, (one, other), pair)
    kept = found or replace(wanted, line=append_decision(project.root, wanted))
    return Decided(kept, found is None, overrules, told)


def _unreadable(project: Project) -> list[Diagnostic]:
    """What is wrong with the files that a decision depends on."""
    files = {OVERRIDES, USERS}
    errors = [problem for problem in project.problems if problem.level is Level.ERROR]
    return [problem for problem in errors if problem.location is None or problem.location.file in files]


def _identities(engine: duckdb.DuckDBPyConnection, kind: Kind, one: Person, other: Person) -> tuple[Identity, Identity]:
    """The identities to write: those that the texts name, else the oldest of each."""
    both_named = bool(one.named and other.named)
    if (one.component, one.key) == (other.component, other.key) and kind == "unlink" and not both_named:
        raise _undecided(one, "they are one user: which of its identities are another person?")
    pair = _written_as(engine, one), _written_as(engine, other)
    if pair[0].pk == pair[1].pk:
        raise _undecided(one, "both name one identity: a decision is about two")
    return pair


def _undecided(person: Person, message: str) -> ConfigError:
    listed = "".join(f"\n    {identity.reference}" for identity in person.identities[:MOST])
    more = f"\n    and {len(person.identities) - MOST:,} more" if len(person.identities) > MOST else ""
    return ConfigError(message, hint=f"name two of its identities:{listed}{more}")


def _written_as(engine: duckdb.DuckDBPyConnection, person: Person) -> Identity:
    """The identity that stands for a person: the oldest one whose reference means it and no other."""
    if person.named:
        return person.named
    for identity in person.identities:
        # Under a fallback id, it may be another's user id too, which a reference would mean.
        if identity.id_kind == "user_id" or find_identity(engine, identity.pipeline, identity.identity_id) == identity:
            return identity
    raise ConfigError(
        f"no identity of {person.label} can be named", hint="their fallback ids are also user ids of others"
    )
