"""What the command line says of itself, and how quickly."""

import subprocess
import sys

import pytest

from tests.support import Workspace
from usersync import __version__
from usersync.cli.main import COMMANDS, run

HEAVY = {"duckdb", "sqlglot", "jinja2", "yaml", "rich"}
GLOBAL = [
    "--project-dir",
    "--profiles-dir",
    "--profile",
    "--target",
    "--vars",
    "--quiet",
    "--log-format",
    "--no-color",
    "--help",
]


def test_help_lists_every_command_with_what_it_is_for(workspace: Workspace) -> None:
    outcome = workspace.run("--help")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    shown = " ".join(outcome.stdout.split())
    for name, about in COMMANDS.items():
        assert f"{name} {about}" in shown
    assert "Exit codes: 0 done, 1 finished with failures" in shown


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help_with_the_global_options(workspace: Workspace, command: str, flag: str) -> None:
    outcome = workspace.run(command, flag)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith(f"Usage: usersync {command} [OPTIONS]")
    assert all(option in outcome.stdout for option in GLOBAL)


def test_the_version_is_the_packages(workspace: Workspace) -> None:
    outcome = workspace.run("--version")
    assert (outcome.exit_code, outcome.stdout) == (0, f"usersync {__version__}\n")


def test_no_command_at_all_is_a_wrong_call_that_shows_the_help_once(capfd: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("Usage:") == 1
    assert "Commands:" in captured.err


def test_options_without_a_command_are_a_wrong_call(workspace: Workspace) -> None:
    outcome = workspace.run()
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "Missing command" in outcome.stderr


def imported(*args: str) -> set[str]:
    """Which of the heavy packages a call imports, in a process of its own."""
    code = f"import sys; from usersync.cli.main import run; run({list(args)!r}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return HEAVY & {name.split(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize("args", [("--help",), ("--version",), ("build", "--help"), ("bild",)])
def test_help_imports_nothing_heavy(args: tuple[str, ...]) -> None:
    assert imported(*args) == set()


def test_listing_needs_no_database_library(workspace: Workspace) -> None:
    workspace.users()
    workspace.model("m", "select id, email from t", connection="crm", user_id="id")
    assert "duckdb" not in imported("--project-dir", str(workspace.root), "list", "--format", "names")


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "usersync", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"usersync {__version__}\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("bild",), "No such command 'bild'. Did you mean 'build'?"),
        (("previw",), "Did you mean 'preview'?"),
        (("xyz",), "No such command 'xyz'."),
        (("build", "--full-refesh"), "No such option '--full-refesh'. Did you mean '--full-refresh'?"),
        (("lint", "--fromat", "json"), "'--format'"),
        (("list", "--nonsense"), "No such option '--nonsense'."),
        (("list", "--format", "jsn"), "'jsn' is not one of 'names', 'text', 'json'."),
        (("build", "--threads", "0"), "0 is not in the range x>=1."),
        (("preview",), "Missing argument 'PIPELINE'."),
        (("preview", "a", "b"), "unexpected extra argument"),
        (("preview", "a", "--limit", "0"), "0 is not in the range"),
        (("show", "people"), "'people' is none of users, identities, user_accounts"),
        (("lint", "--explain", "US31"), "there is no rule 'US31'"),
        (("--vars", "[", "list"), "--vars is not YAML"),
        (("--vars", "x", "list"), "--vars takes names and values"),
        (("--log-format", "xml", "list"), "'xml' is not one of 'text', 'json'."),
    ],
)
def test_a_wrong_call_is_2_on_stderr(workspace: Workspace, args: tuple[str, ...], said: str) -> None:
    workspace.users()
    outcome = workspace.run(*args)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert said in outcome.stderr
    assert "Traceback" not in outcome.stderr
