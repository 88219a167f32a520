"""What is to be said of a resolution: decisions without effect, and more merges than the guard allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from usersync.diagnostics import Diagnostic, Level
from usersync.project.model import UserSchema
from usersync.project.overrides import OVERRIDES, Decision
from usersync.resolve.resolution import Resolution, UserCounts


def without_effect(decisions: Sequence[Decision]) -> Iterator[Diagnostic]:
    """Warnings of decisions about identities that are not there."""
    for decision in decisions:
        named = f"{decision.kind} {decision.identity} {decision.other}"
        message = f"{OVERRIDES}:{decision.line}: {named} has no effect: one of the two is not there"
        hint = "`usersync show identities` lists them"
        yield Diagnostic("overrides", message, None, hint, Level.WARNING)


def too_many_merged(users: UserSchema, counts: UserCounts, resolution: Resolution) -> Diagnostic | None:
    """Why the build is refused, when more users would be merged into others than `max_users_merged` allows."""
    if users.max_users_merged is None or counts.merged <= users.max_users_merged:
        return None
    limit = users.max_users_merged
    glue = [f"{path or 'one id in one connection:'} {value!r} ({many:,})" for path, value, many in resolution.glue()]
    message = f"{counts.merged:,} users would be merged into others, more than max_users_merged = {limit}"
    message += f"; what joins most users: {', '.join(glue)}" if glue else ""
    hint = "nothing was written; list a value that says nothing about a person in ignore_values, or raise the limit"
    return Diagnostic("guard", message, users.location("max_users_merged"), hint)
