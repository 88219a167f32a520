"""`usersync show`."""

from __future__ import annotations

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options


@click.command("show")
@click.argument("table_name", metavar="[users|identities|user_accounts]", default="users", required=False)
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True, help="How many rows; 0 for all.")
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    help="How to print them.",
)
@global_options
@click.pass_obj
def command(console: Console, table_name: str, limit: int, output: str) -> None:
    """Show the users that the last build made, or the identities or accounts behind them. Writes nothing."""
    from usersync.report.tables import table
    from usersync.report.warehouse import TABLES, read_table

    if table_name not in TABLES:
        raise click.BadParameter(f"{table_name!r} is none of {', '.join(TABLES)}", param_hint="table")
    project = console.load()
    found = read_table(project, table_name, limit or None)
    if output == "json":
        console.data_json([dict(zip(found.columns, row, strict=True)) for row in found.rows])
    elif output == "csv":
        console.data(_csv(found.columns, found.rows))
    else:
        import sys

        console.data(table(found.columns, found.rows, terminal=sys.stdout.isatty()))
        if found.total > len(found.rows):
            console.note(f"{len(found.rows):,} of {found.total:,} rows; --limit 0 shows all")


def _csv(columns: list[str], rows: list[tuple[object, ...]]) -> str:
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")
