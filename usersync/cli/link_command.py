"""`usersync link`."""

from __future__ import annotations

from typing import Any

import click

from usersync.cli.console import Console
from usersync.cli.deciding import decision_options, run
from usersync.cli.options import global_options


@click.command("link")
@decision_options
@global_options
@click.pass_obj
def command(console: Console, /, **options: Any) -> None:
    """Decide that two identities are one person, and write it to models/overrides.csv.

    A and B are each a user_id, a value such as email=ada@example.com, or an identity such as crm_customers:42; of a
    user the oldest identity is written. From the next build on the two are one user, unless an unlink of the same two
    says otherwise. To undo it, delete the line.

    \b
    usersync link crm_customers:42 app_users:7 --why "same passport"
    usersync link email=ada@example.com phone=+441
    """
    run(console, "link", **options)
