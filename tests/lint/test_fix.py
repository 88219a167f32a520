"""`--fix`, `--diff` and `--stdin-filename`."""

import json
import re
import subprocess
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import Workspace
from usersync.diagnostics import Diagnostic, Edit, Level
from usersync.lint.rewrite import Text
from usersync.lint.rule import Checked, Rule
from usersync.lint.rules import RULES

CONFIG = "{{ config(connection = 'crm', user_id = 'id') }}\n"
IDLE = CONFIG + "select id, email -- noqa: US211\nfrom customers"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.profile({"crm": {"type": "postgres", "database": "crm"}})
    workspace.users()
    workspace.write(
        "pyproject.toml", "[tool.usersync.lint]\nselect = ['US0', 'US1', 'US2', 'US9']\nignore = ['US105', 'US210']"
    )
    return workspace


@pytest.fixture
def replacing(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A rule that finds each of some texts in models, and mends it by another text."""
    replacements: dict[str, str] = {}

    def check(checked: Checked) -> Iterable[Diagnostic]:
        for path, file in checked.project.files.items():
            for old, new in replacements.items():
                for match in re.finditer(re.escape(old), file.text):
                    edits = (Edit(path, *match.span(), new),)
                    yield Diagnostic("US998", old, file.location(match.start()), None, Level.WARNING, edits)

    monkeypatch.setitem(RULES, "US998", Rule("US998", "replace", Level.WARNING, check))
    return replacements


def fixable(project: Workspace, *args: str) -> list[str]:
    return [each["code"] for each in json.loads(project.run("lint", "--format", "json", *args).stdout) if each["fix"]]


def test_fix_writes_says_what_it_did_and_leaves_nothing_to_fix(project: Workspace) -> None:
    file = project.write("models/m.sql", IDLE)
    outcome = project.run("lint", "--fix")
    assert (outcome.exit_code, outcome.stdout) == (0, "")
    assert outcome.stderr == "fixed: models/m.sql:2:21: noqa: US211 is not found here [US901]\nno findings\n"
    assert file.read_text() == IDLE.replace(" -- noqa: US211", "")
    before = file.stat().st_mtime_ns
    assert project.run("lint", "--fix").stderr == "no findings\n"
    assert file.stat().st_mtime_ns == before


COMMENTS = [
    ("select id, email -- noqa\nfrom t", "select id, email\nfrom t"),
    ("select id, email /* noqa */ from t", "select id, email  from t"),
    ("select id/* noqa */from t", "select id from t"),
    ("select id, email\n  -- noqa\nfrom t", "select id, email\nfrom t"),
    ("select id, email from t\n-- noqa", "select id, email from t\n"),
    ("select id, email -- why -- noqa: US211\nfrom t", "select id, email -- why\nfrom t"),
    ("select id, email -- noqa: US211 since 2020\nfrom t", "select id, email\nfrom t"),
    ("select id, email -- noqa: LT01, US211\nfrom t", "select id, email -- noqa: LT01\nfrom t"),
    (
        "select id, lower(email) -- noqa:US211,US209 words\nfrom t",
        "select id, lower(email) -- noqa: US211 words\nfrom t",
    ),
    (
        "{# usersync: noqa: US211, US209 #}\nselect id, lower(email) from t",
        "{# usersync: noqa: US211 #}\nselect id, lower(email) from t",
    ),
    ("{# usersync: noqa #}\nselect id, email from t", "select id, email from t"),
    ("select id, email {#- noqa -#} from t", "select id, email  from t"),
]


@pytest.mark.parametrize(("query", "mended"), COMMENTS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_only_the_comment_changes(project: Workspace, query: str, mended: str, end: str, mark: bytes) -> None:
    file = project.root / "models/m.sql"
    config = CONFIG.replace("id')", "id', mapping = {'email': 'id'})")
    file.write_bytes(mark + f"{config}{query}".replace("\n", end).encode())
    project.run("lint", "--fix")
    assert file.read_bytes() == mark + f"{config}{mended}".replace("\n", end).encode()
    assert fixable(project) == []


def test_fixes_that_touch_are_made_one_after_the_other(project: Workspace, replacing: dict[str, str]) -> None:
    replacing |= {"customers": "people", "from customers": "FROM customers"}
    file = project.write("models/m.sql", CONFIG + "select id, email from customers")
    outcome = project.run("lint", "--fix")
    assert file.read_text().endswith("select id, email FROM people")
    assert outcome.stderr.count("fixed: ") == 2


def test_a_fix_that_makes_an_error_is_not_kept_and_others_are(project: Workspace, replacing: dict[str, str]) -> None:
    replacing |= {"email": "emial frm", "customers": "people", "id,": "id ,", "select": "SELECT", "user_id": "userid"}
    file = project.write("models/m.sql", CONFIG + "select id, email from customers")
    outcome = project.run("lint", "--fix")
    assert outcome.exit_code == 0
    assert file.read_text() == CONFIG + "SELECT id , email from people"
    assert outcome.stdout.count("[US998]") == 3
    assert "emial" not in (project.root / "models/users.sql").read_text()


def test_a_rule_that_never_has_enough_ends(project: Workspace, replacing: dict[str, str]) -> None:
    replacing["x"] = "xx"
    file = project.write("models/m.sql", CONFIG + "select id, email from x")
    assert project.run("lint", "--fix").exit_code == 0
    assert file.read_text().startswith(CONFIG)


def test_only_the_files_named_change(project: Workspace) -> None:
    for stem in ("a", "b"):
        project.write(f"models/{stem}.sql", IDLE)
    project.run("lint", "--fix", str(project.root / "models/b.sql"))
    assert "noqa" in (project.root / "models/a.sql").read_text()
    assert "noqa" not in (project.root / "models/b.sql").read_text()


def test_macros_and_users_sql_are_mended_too(project: Workspace) -> None:
    project.write("macros/m.sql", "{% macro m() %}id{% endmacro %} -- noqa")
    project.write("models/users.sql", "create table users (\n  email varchar, -- noqa: US212\n  name varchar\n)")
    project.write("models/m.sql", CONFIG + "select {{ m() }}, email from t")
    project.run("lint", "--fix")
    assert (project.root / "macros/m.sql").read_text() == "{% macro m() %}id{% endmacro %}"
    assert (
        project.root / "models/users.sql"
    ).read_text() == "create table users (\n  email varchar,\n  name varchar\n)"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "\n"])
@pytest.mark.parametrize("mark", [b"", BOM_UTF8])
def test_diff_writes_nothing_and_can_be_applied(project: Workspace, end: str, last: str, mark: bytes) -> None:
    file = project.root / "models/m.sql"
    before = mark + ("{# noqa #}" + IDLE + " -- noqa" + last).replace("\n", end).encode()
    file.write_bytes(before)
    outcome = project.run("lint", "--diff", "--fail-on", "warning")
    assert outcome.exit_code == 1
    assert outcome.stderr == "3 warnings; 3 would be fixed\n"
    assert file.read_bytes() == before
    patch = subprocess.run(
        ["git", "apply", "-"], input=outcome.stdout.encode(), cwd=project.root, capture_output=True, check=False
    )
    assert patch.returncode == 0, patch.stderr
    applied = file.read_bytes()
    file.write_bytes(before)
    project.run("lint", "--fix")
    assert applied == file.read_bytes() != before


def test_diff_without_fixes_is_empty(project: Workspace) -> None:
    project.write("models/m.sql", CONFIG + "select id, email from t")
    assert project.run("lint", "--diff").stdout == ""


# --- stdin ---


def piped(project: Workspace, data: bytes, *args: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "usersync", "--project-dir", str(project.root), "lint", *args]
    return subprocess.run(command, input=data, capture_output=True, check=False, cwd=project.root)


def test_stdin_stands_for_a_file_that_need_not_exist(project: Workspace) -> None:
    project.write("models/other.sql", "{% if %}")
    done = piped(
        project, b"{{ config(connection = 'x') }}select 1", "--stdin-filename", "models/new.sql", "--format", "json"
    )
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert {each["file"] for each in found} == {"models/new.sql"}
    assert {"US103", "US206", "US211"} <= {each["code"] for each in found}
    assert not (project.root / "models/new.sql").exists()


def test_stdin_wins_over_the_file(project: Workspace) -> None:
    project.write("models/m.sql", "{% if %}")
    assert piped(project, IDLE.encode(), "--stdin-filename", "models/m.sql").returncode == 0


@pytest.mark.parametrize(
    ("path", "text", "said", "code"),
    [
        ("models/sources/crm.sql", b"create tabel t (id int)", b"error: models/sources/crm.sql:1:8: ", 1),
        ("models/overrides.csv", b"no header", b"error: models/overrides.csv:1:1: ", 1),
        ("profiles.yml", b"test: [", b"error: profiles.yml:1:8: YAML: ", 2),
    ],
)
def test_stdin_may_be_any_file_that_lint_reads(
    project: Workspace, path: str, text: bytes, said: bytes, code: int
) -> None:
    (project.root / "pyproject.toml").unlink(missing_ok=True)
    project.model("m", "select id, email from t", connection="crm", user_id="id")
    done = piped(project, text, "--stdin-filename", path)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_stdin_for_a_macro_or_users_sql(project: Workspace) -> None:
    project.write("models/m.sql", CONFIG + "select id, {{ m() }} from t")
    done = piped(project, b"{% macro m() %}{% endmacro", "--stdin-filename", "macros/m.sql")
    assert done.returncode == 1
    assert done.stdout.startswith(b"error: macros/m.sql:1:")
    done = piped(
        project, b"create table users (a nonsense)", "--stdin-filename", str(project.root / "models/users.sql")
    )
    assert done.stdout.startswith(b"error: models/users.sql:1:")


def test_fix_of_stdin_prints_the_text_and_findings_on_stderr(project: Workspace) -> None:
    text = (
        b"\xef\xbb\xbf"
        + IDLE.replace("email", "lower(email), name").replace("US211", "US209").replace("\n", "\r\n").encode()
    )
    done = piped(project, text, "--stdin-filename", "models/m.sql", "--fix")
    assert done.returncode == 1
    assert done.stdout == text.replace(b" -- noqa: US209", b"")
    assert b"[US211]" in done.stderr
    clean = (CONFIG + "select id, email from t").encode()
    assert piped(project, clean, "--stdin-filename", "models/m.sql", "--fix").stdout == clean


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--stdin-filename", "models/readme.md"), b"models/overrides.csv and profiles.yml"),
        (("--stdin-filename", "README.md"), b"is no file of this project that lint reads"),
        (("--stdin-filename", "/elsewhere/models/a.sql"), b"is no file of this project that lint reads"),
        (("--stdin-filename", "models/a.sql", "models"), b"name no others"),
    ],
)
def test_stdin_for_anything_else_is_2(project: Workspace, args: tuple[str, ...], message: bytes) -> None:
    done = piped(project, b"", *args)
    assert done.returncode == 2
    assert message in done.stderr


def test_stdin_that_is_not_utf8_is_2(project: Workspace) -> None:
    done = piped(project, b"\xff\xfe", "--stdin-filename", "models/a.sql")
    assert done.returncode == 2
    assert b"stdin is not UTF-8" in done.stderr


# --- Texts ---


def edits(text: str) -> st.SearchStrategy[list[Edit]]:
    """Edits of a text that do not touch."""

    def of(cuts: set[int]) -> list[Edit]:
        ordered = sorted(cuts)
        pairs: Iterator[tuple[int, int]] = zip(ordered[::2], ordered[1::2], strict=False)
        return [Edit("m", start, end, "new\nline") for start, end in pairs]

    return st.sets(st.integers(0, len(text)), max_size=6).map(of)


@given(st.data(), st.text(st.sampled_from("ab\n\r\ufeffé")))
def test_edits_change_the_same_characters_whatever_the_line_ends(data: st.DataObject, raw: str) -> None:
    text = Text(raw)
    made = data.draw(edits(text.normal))
    expected = text.normal
    for edit in reversed(made):
        expected = expected[: edit.start] + edit.text + expected[edit.end :]
    edited = text.edited(made)
    # A lone \r beside a new \n reads as one line end.
    if "\r" not in raw.replace("\r\n", ""):
        assert edited.normal == expected
    if not made:
        assert edited == text


@given(st.binary())
def test_a_text_is_its_bytes(data: bytes) -> None:
    try:
        text = Text.of(data)
    except UnicodeDecodeError:
        return
    assert text.data == data


def test_a_link_stays_a_link(project: Workspace, tmp_path: Path) -> None:
    real = tmp_path / "shared.txt"
    real.write_text(IDLE)
    (project.root / "models/m.sql").symlink_to(real)
    project.run("lint", "--fix")
    assert (project.root / "models/m.sql").is_symlink()
    assert "noqa" not in real.read_text()
