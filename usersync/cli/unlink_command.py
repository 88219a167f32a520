"""`usersync unlink`."""

from __future__ import annotations

from typing import Any

import click

from usersync.cli.console import Console
from usersync.cli.deciding import decision_options, run
from usersync.cli.options import global_options


@click.command("unlink")
@decision_options
@global_options
@click.pass_obj
def command(console: Console, /, **options: Any) -> None:
    """Decide that two identities are two persons, and write it to models/overrides.csv.

    A and B are each a user_id, a value such as email=ada@example.com, or an identity such as crm_customers:42; of a
    user the oldest identity is written. Two identities of one user must be named as such. From the next build on the
    two are never one user, whatever would join them. To undo it, delete the line.

    \b
    usersync unlink crm_customers:42 app_users:7 --why "father and son"
    """
    run(console, "unlink", **options)
