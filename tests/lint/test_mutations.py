"""Whatever a file says, lint answers with findings: no traceback, no exit code of a bug."""

import json
import shutil
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jinja2 import Environment, TemplateSyntaxError

from tests.support import Outcome, Workspace

REPO = Path(__file__).parents[2]
MODELS = sorted((REPO / "models").glob("*.sql"))
FILES = {path.relative_to(REPO).as_posix(): path.read_text("utf-8") for path in MODELS}
FILES["profiles.yml"] = (REPO / "profiles.example.yml").read_text("utf-8")
FILES["macros/normalise.sql"] = (REPO / "macros/normalise.sql").read_text("utf-8")
SIGNS = "{}()[]'\"`$%#;:,.-*/\\|&!?<>=~^@_0aZé\t\n\0"
WORDS = ["{{", "}}", "{%", "%}", "{#", "#}", "--", "/*", "*/", "''", "${", "${updated_at}", "$1", "none", "true"]
MORE_WORDS = ["select ", "from ", " as ", "1e999", "2024-13-45", "!!int ", "&a "]
PIECES = st.one_of(st.sampled_from([*SIGNS, *WORDS, *MORE_WORDS]), st.text(min_size=1, max_size=3))


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, str]:
    """A file of the repo's own project with one to four small wounds."""
    name = draw(st.sampled_from(sorted(FILES)))
    text = FILES[name]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        match draw(st.sampled_from(["cut", "delete", "insert", "replace"])):
            case "cut":
                text = text[:at]
            case "delete":
                text = text[:at] + text[at + draw(st.integers(1, 30)) :]
            case "insert":
                text = text[:at] + draw(PIECES) + text[at:]
            case _:
                text = text[:at] + draw(PIECES) + text[at + 1 :]
    return name, text


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("mutated")
    for name in ("models", "macros"):
        shutil.copytree(REPO / name, root / name)
    return Workspace(root)


def cut(name: str, after: str) -> tuple[str, str]:
    """A file that ends behind some text."""
    return name, FILES[name][: FILES[name].index(after) + len(after)]


def linted(project: Workspace, name: str, data: bytes, *args: str) -> Outcome:
    """What lint says of the repo's own project with one file in place of its own."""
    for path, original in FILES.items():
        (project.root / path).write_bytes(data if path == name else original.encode())
    outcome = project.run("lint", *args)
    assert outcome.exit_code in {0, 1, 2}, outcome.output
    assert "Traceback" not in outcome.output
    return outcome


@pytest.fixture(autouse=True)
def reached(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """No network and no database: an attempt fails, and is not forgotten where something swallows the error."""
    reached: list[str] = []

    def refusing(name: str) -> Callable[..., NoReturn]:
        def refuse(*_: object, **__: object) -> NoReturn:
            reached.append(name)
            raise AssertionError(f"lint reached for {name}")

        return refuse

    # DuckDB's parser alone, `extract_statements`, is asked; what would run a statement is not.
    for module, names in (
        (socket, ("socket", "create_connection", "getaddrinfo")),
        (duckdb, ("connect", "execute", "sql", "query", "read_csv", "install_extension", "load_extension")),
        (sqlite3, ("connect",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, refusing(f"{module.__name__}.{name}"))
    yield reached
    assert reached == []


def test_the_guard_notices_what_is_reached_for(reached: list[str]) -> None:
    for reach in (lambda: socket.create_connection(("localhost", 1)), duckdb.connect, lambda: sqlite3.connect("x")):
        with pytest.raises(AssertionError):
            reach()
    assert reached == ["socket.create_connection", "duckdb.connect", "sqlite3.connect"]
    reached.clear()


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mutation=mutations())
@example(mutation=cut("profiles.yml", "app:\n          type: files\n          path:"))
@example(mutation=cut("profiles.yml", "type: files"))
@example(mutation=cut("models/app_users.sql", "from read_json("))
@example(mutation=cut("models/crm_customers.sql", "select"))
@example(mutation=cut("models/users.sql", "create table users ("))
@example(mutation=("models/newsletter_subscribers.sql", ""))
@example(mutation=("models/users.sql", "\0"))
def test_a_mutated_project_is_linted_without_a_traceback(project: Workspace, mutation: tuple[str, str]) -> None:
    name, text = mutation
    outcome = linted(project, name, text.encode("utf-8", "surrogatepass"))
    if name.endswith(".sql") and not is_jinja(text):
        assert outcome.exit_code in {1, 2}
        assert f"error: {name}" in outcome.output


def is_jinja(text: str) -> bool:
    """Whether Jinja itself can read a template."""
    try:
        Environment().parse(text)
    except TemplateSyntaxError:
        return False
    return True


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mutation=mutations(), format=st.sampled_from(["json", "sarif", "github", "gitlab", "junit"]))
def test_formats_and_diffs_print_whatever_is_found(project: Workspace, mutation: tuple[str, str], format: str) -> None:
    name, text = mutation
    outcome = linted(project, name, text.encode("utf-8", "surrogatepass"), "--format", format)
    outcome.stdout.encode("utf-8")
    if format in {"json", "sarif", "gitlab"} and outcome.exit_code != 2:
        json.loads(outcome.stdout)
    if format == "junit" and outcome.exit_code != 2:
        ElementTree.fromstring(outcome.stdout)
    linted(project, name, text.encode("utf-8", "surrogatepass"), "--diff")


@pytest.mark.parametrize("name", sorted(name for name in FILES if name.endswith(".sql")))
def test_a_file_that_ends_inside_brackets_is_an_error(project: Workspace, name: str) -> None:
    text = FILES[name]
    brackets = [at for at, char in enumerate(text) if char in "({"]
    for end in brackets[:: max(1, len(brackets) // 6)]:
        outcome = linted(project, name, text[: end + 1].encode())
        assert outcome.exit_code in {1, 2}, text[: end + 1]
        assert "error: " in outcome.output


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"{{ config(", b"'", b"{% raw %}", b"{{ 1 // 0 }}", b"\x01d0:0\x02"])
def test_what_is_no_such_file_at_all_is_an_error(project: Workspace, name: str, data: bytes) -> None:
    outcome = linted(project, name, data)
    assert outcome.exit_code in {1, 2}
    assert "error: " in outcome.output
