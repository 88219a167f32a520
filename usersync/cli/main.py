"""The command line: parse, call the library, print. Commands load when they are called."""

from __future__ import annotations

import difflib
import gc
import importlib
import sys
import traceback
from typing import Any

import click

from usersync import __version__
from usersync.cli.console import Console
from usersync.cli.options import global_options

# What each command is for stands here too, so that `--help` loads none of them.
COMMANDS = {
    "init": "Make a working project with sample sources.",
    "build": "Read what changed, merge it, and write the users.",
    "plan": "Show what a build would do now; writes nothing.",
    "preview": "Show a pipeline's first rows, as they come and as they map.",
    "record": "Write the tables that models use to models/sources, for lint.",
    "compile": "Write the exact SQL that runs to target/compiled.",
    "lint": "Check all SQL and settings; needs no database.",
    "list": "List the pipelines.",
    "show": "Show the users that the last build made.",
    "link": "Decide that two identities are one person.",
    "unlink": "Decide that two identities are two persons.",
    "status": "Show where every pipeline stands, and its rejected rows.",
    "runs": "Show the latest builds.",
    "explain": "Explain why identities are one person, or why they are not.",
    "debug": "Check profiles, connections and warehouse.",
    "import": "Make a pipeline of a definition in JSON (Krenalis API).",
    "export": "Print a pipeline's definition in that JSON.",
    "clean": "Remove what usersync wrote to target/.",
}

EXIT_BUG = 70
EXIT_INTERRUPTED = 130


class LazyGroup(click.Group):
    """Commands by name, imported when they are called; `--help` reads the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"usersync.cli.{cmd_name}_command").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if close:
                raise click.UsageError(f"{error.format_message()} Did you mean {close[0]!r}?", ctx) from None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 finished with failures, 2 wrong call or configuration, 3 nothing selected, "
    "4 a guard refused, 5 changes present (plan), 70 a bug of ours, 130 interrupted.",
)
@click.version_option(__version__, message="usersync %(version)s")
@global_options
@click.pass_context
def cli(_: click.Context, /, **__: Any) -> None:
    """Merge user data from any database into one trustworthy table of users.

    A project is a folder of SQL: models/users.sql says what a user is, every other file in models/ is a pipeline that
    brings users from one connection, and profiles.yml says where the connections are. Start with `usersync init`.
    """


def main() -> None:
    """Runs the command line and exits: every error is caught here, and only here."""
    # Syntax trees are large and stay until the end: to look for garbage among those of 100 models takes lint a
    # twentieth of its time, and finds 2 MB.
    gc.set_threshold(2_000_000, 50, 100)
    code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


def run(args: list[str]) -> int:
    """Runs a command and returns its exit code."""
    console = Console()
    try:
        result = cli.main(args=args, prog_name="usersync", standalone_mode=False, obj=console)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        console.usage_error(error)
        return 2
    except (click.Abort, KeyboardInterrupt):
        console.note("interrupted: nothing was written")
        console.leave_now(EXIT_INTERRUPTED)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        console.leave_now(0)
        return 0
    except Exception as error:
        return _failed(console, error)


def _failed(console: Console, error: Exception) -> int:
    from usersync.diagnostics import ConfigError, UsersyncError

    if isinstance(error, UsersyncError):
        console.problems(error.diagnostics)
        return error.exit_code
    if isinstance(error, OSError) and error.filename:
        console.problems(ConfigError(f"{error.filename}: {error.strerror}").diagnostics)
        return ConfigError.exit_code
    console.note(traceback.format_exc().rstrip(), always=True)
    console.note(
        "error: this is a bug in usersync, not in your project: please report it with the lines above",
        always=True,
    )
    return EXIT_BUG


if __name__ == "__main__":
    main()
