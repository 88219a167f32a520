"""Rules about comments that silence others."""

from __future__ import annotations

from collections.abc import Iterable

from usersync.diagnostics import Diagnostic, Level
from usersync.lint.rule import Checked
from usersync.lint.rules.registry import rule


@rule("US901", "unused-noqa", Level.WARNING)
def unused_noqa(checked: Checked) -> Iterable[Diagnostic]:
    """A comment that silences nothing hides the next mistake on its line.

    Bad: `select id, email -- noqa: US211`
    Good: `select id, email`
    """
    # Found when all others are: see usersync/lint/run.py.
    return checked.found.get("US901", ())
