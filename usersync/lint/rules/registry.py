"""Where rules register: by their code."""

from __future__ import annotations

from collections.abc import Callable

from usersync.diagnostics import Level
from usersync.lint.rule import Check, Rule

REGISTERED: dict[str, Rule] = {}
"""Rules by their codes, in the order in which their modules are read."""


def rule(code: str, name: str, level: Level = Level.ERROR, *, needs_sources: bool = False) -> Callable[[Check], Check]:
    """Registers a check under its code and name.

    Args:
        code: `US` and three digits.
        name: In lower case, with hyphens.
        level: How bad a finding is.
        needs_sources: Whether it is silent where `models/sources` has nothing recorded.
    """

    def register(check: Check) -> Check:
        REGISTERED[code] = Rule(code, name, level, check, needs_sources)
        return check

    return register
