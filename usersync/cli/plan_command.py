"""`usersync plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options, select_options

if TYPE_CHECKING:
    from usersync.report.plan.values import Plan

EXIT_CHANGES = 5


@click.command("plan")
@select_options
@click.option("--full-refresh", is_flag=True, help="As if everything were read again.")
@click.option("--threads", type=click.IntRange(1), default=4, show_default=True, help="Pipelines read at once.")
@click.option(
    "--allow-deletes",
    is_flag=True,
    help="As if more identities than max_deleted might go, and those of removed models.",
)
@click.option("--due", is_flag=True, help="Only pipelines whose schedule asks for a run now.")
@click.option("--allow-empty", is_flag=True, help="Nothing selected or due is a success, not exit code 3.")
@click.option(
    "--lock-timeout",
    type=float,
    default=0,
    metavar="SECONDS",
    help="Wait for a build on the warehouse.",
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    help="How many users of each change, and rejected rows of each reason.",
)
@click.option(
    "--format",
    "output",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    help="How to print it; markdown is a comment for a pull request.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit 5 when a build would change something.")
@global_options
@click.pass_obj
def command(
    console: Console,
    /,
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    output: str,
    limit: int,
    detailed_exitcode: bool,
    allow_empty: bool,
    **options: Any,
) -> int:
    """Show what a build would do now: which users come, change, become one, come apart or go, and why.

    Sources are read as a build reads them, and nothing is written. Data tests are not run. Exit codes are those of the
    build: 1 when a pipeline would fail, 4 when a guard would refuse.

    \b
    usersync plan                                   every pipeline
    usersync plan --limit 50 -s crm_customers       more of each, of one pipeline
    usersync plan --format markdown > comment.md    for a pull request
    """
    from usersync.build.pipelines import BuildOptions
    from usersync.diagnostics import NothingSelectedError
    from usersync.project.select import select as choose
    from usersync.report.plan.read import plan
    from usersync.report.progress import watch

    project = console.load()
    try:
        selected = choose(project, select, exclude)
        with watch(console, list(selected), "plan") as listener:
            found = plan(project, selected, BuildOptions(**options), listener, limit=limit)
    except NothingSelectedError as error:
        if not allow_empty:
            raise
        console.note(error.diagnostics[0].message)
        return 0
    _print(console, found, output)
    for pipeline in found.pipelines:
        console.problems(pipeline.result.diagnostics)
    console.problems(found.warnings)
    if found.refused:
        console.problems([found.refused])
    return found.exit_code or (EXIT_CHANGES if detailed_exitcode and found.changes else 0)


def _print(console: Console, found: Plan, output: str) -> None:
    from usersync.report.plan.data import as_data
    from usersync.report.plan.markdown import as_markdown
    from usersync.report.plan.text import as_text

    match output:
        case "json":
            console.data_json(as_data(found))
        case "markdown":
            console.data(as_markdown(found))
        case _:
            console.data(as_text(found, console.style_data))
