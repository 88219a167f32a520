"""What `usersync link` and `usersync unlink` share: arguments, options, and what they print."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from usersync.cli.console import Console

if TYPE_CHECKING:
    from usersync.project.overrides import Kind
    from usersync.report.decisions import Decided

F = TypeVar("F", bound=Callable[..., Any])


def decision_options(function: F) -> F:
    """The two people, `--why`, `--who` and `--format`."""
    for decorator in reversed(
        (
            click.argument("one", metavar="A"),
            click.argument("other", metavar="B"),
            click.option("--why", default="", metavar="TEXT", help="The reason, for whoever reads the file."),
            click.option("--who", metavar="TEXT", help="Who decides [default: git's user, else the system's]."),
            click.option(
                "--format", "output", type=click.Choice(["text", "json"]), default="text", help="How to print it."
            ),
        )
    ):
        function = decorator(function)
    return function


def run(console: Console, kind: Kind, one: str, other: str, why: str, who: str | None, output: str) -> None:
    """Decides and says so."""
    from usersync.project.author import author
    from usersync.report.decisions import decide

    project = console.load()
    decided = decide(
        project,
        kind,
        (one, other),
        who=" ".join((author(project.root) if who is None else who).split()),
        why=" ".join(why.split()),
        when=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    if output == "json":
        console.data_json(_as_data(decided))
    else:
        for line in _as_text(decided):
            console.data(line)
    console.note("`usersync plan` shows everything that the next build does")


def _as_text(decided: Decided) -> list[str]:
    from usersync.project.overrides import OVERRIDES

    decision = decided.decision
    already = "" if decided.added else " stands there already"
    lines = [f"{OVERRIDES}:{decision.line}: {decision.kind} {decision.identity} {decision.other}{already}"]
    if decided.overrules:
        lines.append(f"{OVERRIDES}:{decided.overrules}: the link of the same two does not count any more")
    overruled = decided.effect.overruled
    return [*lines, decided.effect.words, *([f"overruled: {', '.join(map(str, overruled))}"] if overruled else [])]


def _as_data(decided: Decided) -> dict[str, object]:
    from dataclasses import asdict

    from usersync.project.overrides import OVERRIDES

    decision = decided.decision
    return {
        "decision": decision.kind,
        "identity": str(decision.identity),
        "other": str(decision.other),
        "who": decision.who,
        "why": decision.why,
        "when": decision.when,
        "file": OVERRIDES,
        "line": decision.line,
        "added": decided.added,
        "overrules": decided.overrules,
        "effect": decided.effect.words,
        "overruled": [asdict(piece) for piece in decided.effect.overruled],
    }
