"""Global options: before and after the command, and as environment variables; what goes to which stream."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import Outcome, Workspace
from usersync.cli.main import run

PIPELINE = "select id, {{ var('mail', 'email') }} as email from 'people.csv'"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """A project that builds, with two profiles of two targets each."""
    lake = {"lake": {"type": "files", "path": "."}}
    outputs = {name: {"warehouse": {"path": f"target/{name}.duckdb"}, "connections": lake} for name in ("dev", "prod")}
    profile = {"target": "dev", "outputs": outputs}
    workspace.write("profiles.yml", json.dumps({"first": profile, "second": profile}))
    workspace.users("email varchar")
    workspace.write("people.csv", "id,email,private\n1,ann@example.com,a@b\n2,bob@example.com,\n")
    workspace.model("people", PIPELINE, connection="lake", user_id="id", description="All")
    return workspace


def call(capfd: pytest.CaptureFixture[str], *args: str) -> Outcome:
    """Runs a command without `--project-dir`."""
    code = run(list(args))
    captured = capfd.readouterr()
    return Outcome(code, captured.out, captured.err)


# --- Where options may stand ---

OPTIONS = [
    ("--target", "USERSYNC_TARGET", "prod", "target 'prod'"),
    ("-t", "USERSYNC_TARGET", "prod", "target 'prod'"),
    ("--profile", "USERSYNC_PROFILE", "second", "profile 'second'"),
]


@pytest.mark.parametrize(("option", "variable", "value", "shown"), OPTIONS)
def test_an_option_may_stand_before_or_after_the_command_or_in_the_environment(
    project: Workspace, option: str, variable: str, value: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown not in project.run("debug").stdout
    assert shown in project.run(option, value, "debug").stdout
    assert shown in project.run("debug", option, value).stdout
    monkeypatch.setenv(variable, value)
    assert shown in project.run("debug").stdout


@pytest.mark.parametrize("args", [("-t", "dev", "debug"), ("debug", "-t", "dev"), ("-t", "prod", "debug", "-t", "dev")])
def test_an_option_wins_over_its_variable_and_the_later_one_over_the_earlier(
    project: Workspace, args: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USERSYNC_TARGET", "prod")
    assert "target 'dev'" in project.run(*args).stdout


def test_the_project_is_the_working_folder_or_named(
    project: Workspace,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    names = ("list", "--format", "names")
    monkeypatch.chdir(project.root)
    assert call(capfd, *names).stdout == "people\n"
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert call(capfd, *names).exit_code == 2
    relative = os.path.relpath(project.root)
    assert call(capfd, "--project-dir", relative, *names).stdout == "people\n"
    assert call(capfd, *names, "--project-dir", str(project.root)).stdout == "people\n"
    monkeypatch.setenv("USERSYNC_PROJECT_DIR", str(project.root))
    assert call(capfd, *names).stdout == "people\n"


def test_a_project_that_is_a_file_is_a_wrong_call(project: Workspace, capfd: pytest.CaptureFixture[str]) -> None:
    outcome = call(capfd, "--project-dir", str(project.root / "people.csv"), "list")
    assert outcome.exit_code == 2
    assert "is a file" in outcome.stderr


def test_the_folder_of_profiles_may_be_named(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = project.root / "elsewhere"
    profiles.mkdir()
    (project.root / "profiles.yml").rename(profiles / "profiles.yml")
    assert project.run("debug").exit_code == 2
    assert project.run("debug", "--profiles-dir", str(profiles)).exit_code == 0
    monkeypatch.setenv("USERSYNC_PROFILES_DIR", str(profiles))
    assert project.run("debug").exit_code == 0


def test_vars_are_yaml_and_reach_templates(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "private AS email" in project.run("compile", "--stdout", "--vars", "{mail: private}").stdout
    assert "private AS email" in project.run("--vars", "mail: private", "compile", "--stdout").stdout
    monkeypatch.setenv("USERSYNC_VARS", "{mail: private}")
    assert "private AS email" in project.run("compile", "--stdout").stdout


# --- Streams ---


@pytest.mark.parametrize(
    "args",
    [
        ("build",),
        ("clean",),
        ("compile",),
        ("init", "new"),
        ("list", "-s", "nope"),
        ("preview", "nope"),
        ("build", "-t", "x"),
    ],
)
def test_what_is_no_data_goes_to_stderr(
    project: Workspace, args: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    project.build()
    outcome = project.run(*args)
    assert outcome.stdout == ""
    assert outcome.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("list",),
        ("compile", "--stdout"),
        ("show", "identities"),
        ("show", "--limit", "0"),
        ("debug",),
        ("lint", "--format", "json"),
    ],
)
def test_data_goes_to_stdout_and_quiet_leaves_it(project: Workspace, args: tuple[str, ...]) -> None:
    project.build()
    spoken, quiet = project.run(*args), project.run("-q", *args)
    assert spoken.stdout == quiet.stdout
    assert spoken.stdout
    assert quiet.stderr == ""


@pytest.mark.parametrize(
    "args",
    [("-q", "build"), ("build", "--quiet"), ("compile", "-q"), ("-q", "lint"), ("clean", "-q"), ("init", "-q", "new")],
)
def test_quiet_says_nothing(project: Workspace, args: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    outcome = project.run(*args)
    assert (outcome.exit_code, outcome.output) == (0, "")


def test_quiet_may_be_a_variable(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERSYNC_QUIET", "1")
    assert project.run("lint").output == ""
    monkeypatch.setenv("USERSYNC_QUIET", "0")
    assert project.run("lint").stderr == "no findings\n"


def test_quiet_still_says_errors(project: Workspace) -> None:
    project.model("bad", "select id, email from nope", connection="lake", user_id="id")
    outcome = project.run("-q", "build")
    assert outcome.exit_code == 2
    assert "error: models/bad.sql:2:23: " in outcome.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("build",),
        ("lint",),
        ("clean",),
        ("compile",),
        ("build", "-s", "nope"),
        ("build", "-t", "nope"),
        ("preview", "x"),
    ],
)
def test_the_log_may_be_lines_of_json(project: Workspace, args: tuple[str, ...]) -> None:
    outcome = project.run("--log-format", "json", *args)
    lines = [json.loads(line) for line in outcome.stderr.splitlines()]
    assert all({"level", "message"} <= set(line) for line in lines)
    assert outcome.stderr == project.run(*args, "--log-format", "json").stderr or args in {("build",), ("clean",)}
    levels = {line["level"] for line in lines}
    assert levels <= ({"info"} if outcome.exit_code == 0 else {"info", "error"})


def test_the_steps_of_a_build_are_in_the_log(project: Workspace) -> None:
    outcome = project.run("build", "--log-format", "json")
    lines = [json.loads(line) for line in outcome.stderr.splitlines()]
    steps = [(line.get("pipeline"), line["event"]) for line in lines if "event" in line]
    assert steps[:2] == [("people", "reading"), ("people", "read")]
    assert steps[-1] == (None, "committing")


# --- Colours ---


terminal = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo terminals")


def on_a_terminal(project: Workspace, *args: str, **variables: str) -> str:
    """What a call writes to a terminal as its stderr."""
    import pty

    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "TERM": "xterm-256color", **variables}
    command = [sys.executable, "-m", "usersync", "--project-dir", str(project.root), *args]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment) as process:
        os.close(theirs)
        parts = []
        try:
            while part := os.read(ours, 4096):
                parts.append(part)
        except OSError:  # the other end is closed
            pass
        process.wait(timeout=60)
    os.close(ours)
    return b"".join(parts).decode()


@terminal
def test_a_terminal_gets_colours(project: Workspace) -> None:
    shown = on_a_terminal(project, "build", "-s", "nope")
    assert "\x1b[" in shown
    assert "no pipeline matches" in shown


@terminal
@pytest.mark.parametrize(
    ("args", "variables"),
    [
        (("--no-color",), {}),
        ((), {"NO_COLOR": "1"}),
        ((), {"USERSYNC_NO_COLOR": "1"}),
        (("--log-format", "json"), {}),
    ],
)
def test_a_terminal_that_wants_none_gets_none(
    project: Workspace, args: tuple[str, ...], variables: dict[str, str]
) -> None:
    shown = on_a_terminal(project, *args, "build", "-s", "nope", **variables)
    assert "\x1b" not in shown
    assert "no pipeline matches" in shown


@terminal
def test_a_build_on_a_terminal_shows_its_progress_and_ends_with_the_summary(project: Workspace) -> None:
    shown = on_a_terminal(project, "build")
    assert "people" in shown
    assert "users: 2 from 2 identities" in shown
    assert "\x1b" not in on_a_terminal(project, "build", NO_COLOR="1", TERM="dumb")


def test_a_pipe_gets_neither_colours_nor_motion(project: Workspace) -> None:
    for args in (("build",), ("list",), ("debug",), ("show",), ("preview", "people"), ("build", "-s", "nope")):
        assert "\x1b" not in project.run(*args).output


def test_a_reader_that_goes_away_is_no_error(project: Workspace) -> None:
    command = f"{sys.executable} -m usersync --project-dir {project.root} list | head -n 0"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert "Traceback" not in done.stderr
    assert Path(project.root / "models").is_dir()
