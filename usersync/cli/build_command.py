"""`usersync build`."""

from __future__ import annotations

from typing import Any

import click

from usersync.cli.console import Console
from usersync.cli.options import global_options, select_options


@click.command("build")
@select_options
@click.option("--full-refresh", is_flag=True, help="Read everything again; users keep their ids.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first pipeline that fails; nothing is written.")
@click.option("--threads", type=click.IntRange(1), default=4, show_default=True, help="Pipelines read at once.")
@click.option(
    "--allow-deletes",
    is_flag=True,
    help="Delete more identities than max_deleted, and those of removed models.",
)
@click.option("--due", is_flag=True, help="Only pipelines whose schedule asks for a run now.")
@click.option("--no-tests", is_flag=True, help="Skip the data tests in tests/*.sql.")
@click.option("--allow-empty", is_flag=True, help="Nothing selected or due is a success, not exit code 3.")
@click.option(
    "--lock-timeout",
    type=float,
    default=0,
    metavar="SECONDS",
    help="Wait for another build on the warehouse.",
)
@global_options
@click.pass_obj
def command(console: Console, /, select: tuple[str, ...], exclude: tuple[str, ...], **options: Any) -> int:
    """Read what changed in the sources, merge it, and write the users: all of it, or nothing.

    One failing pipeline does not stop the others: the build then ends with exit code 1. Results go to
    target/run_results.json.

    \b
    usersync build                     every pipeline
    usersync build -s crm_customers    one pipeline
    usersync build -s tag:daily        those with a tag
    """
    from usersync.build.pipelines import BuildOptions
    from usersync.build.run import build
    from usersync.build.selected import compile_all
    from usersync.diagnostics import NothingSelectedError
    from usersync.project.select import select as choose
    from usersync.report.artifacts import manifest, run_results, write_json
    from usersync.report.progress import watch
    from usersync.report.summary import build_summary

    allow_empty = options.pop("allow_empty")
    project = console.load()
    target = project.root / "target"
    # Of a build that ends before its results, no older ones are left to be taken for its own.
    (target / "run_results.json").unlink(missing_ok=True)
    try:
        selected = choose(project, select, exclude)
        with watch(console, list(selected)) as listener:
            outcome = build(project, selected, BuildOptions(tests=not options.pop("no_tests"), **options), listener)
    except NothingSelectedError as error:
        if not allow_empty:
            raise
        console.note(error.diagnostics[0].message)
        return 0
    write_json(target / "run_results.json", run_results(outcome.result), console.secrets)
    compiled = compile_all(project) | dict(outcome.compiled)
    write_json(target / "manifest.json", manifest(project, compiled), console.secrets)
    for pipeline in outcome.result.pipelines:
        console.problems(pipeline.diagnostics)
    console.problems([test.diagnostic for test in outcome.result.tests if test.diagnostic])
    console.problems(outcome.result.warnings)
    console.note(build_summary(outcome.result, console.style))
    return outcome.result.exit_code
