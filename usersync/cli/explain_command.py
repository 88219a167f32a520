"""`usersync explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options

if TYPE_CHECKING:
    from usersync.report.explain.values import Comparison, Explanation


@click.command("explain")
@click.argument("user", metavar="USER")
@click.argument("other", metavar="[USER2]", required=False)
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json", "mermaid"]),
    default="text",
    help="How to print it.",
)
@global_options
@click.pass_obj
def command(console: Console, user: str, other: str | None, output: str) -> None:
    """Explain why identities are one person, and where each value comes from; or why two people are two.

    USER is a user_id of today or of the past, a value of a property, or an identity. With USER2 it tells the shortest
    chain between the two, or what keeps them apart. It is about the last build, and writes nothing.

    \b
    usersync explain email=ada@example.com                one person
    usersync explain crm_customers:42                     the person of that identity
    usersync explain crm_customers:42 shop_customers:7    these two
    """
    from usersync.report.explain.person import compare, explain

    project = console.load()
    found = compare(project, user, other) if other else explain(project, user)
    _print(console, found, output)
    if not found.current:
        console.note("users.sql, or DuckDB, has changed since the last build: this is by what that one resolved by")


def _print(console: Console, found: Explanation | Comparison, output: str) -> None:
    from usersync.report.explain.data import as_data
    from usersync.report.explain.mermaid import as_mermaid
    from usersync.report.explain.text import as_text

    match output:
        case "json":
            console.data_json(as_data(found))
        case "mermaid":
            console.data(as_mermaid(found))
        case _:
            console.data(as_text(found))
