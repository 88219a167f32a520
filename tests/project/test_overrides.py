"""`models/overrides.csv`: what is read of it, what is wrong in it, and how a line is added."""

from __future__ import annotations

import pytest

from tests.docs.pages import REPO, all_blocks
from tests.support import Workspace
from usersync.diagnostics import Diagnostic, Level, SourceFile
from usersync.project.load import Settings, load_project
from usersync.project.overrides import HEADER, OVERRIDES, Decision, IdentityRef, append_decision, read_overrides

CRM, SHOP = IdentityRef("crm", "1"), IdentityRef("shop", "2")
DECISION = Decision("link", CRM, SHOP, "Ada", "same passport", "2026-11-21T10:00:00Z")


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """Two pipelines, and no decisions."""
    workspace.profile({"lake": {"type": "files", "path": "."}})
    workspace.users()
    for stem in ("crm", "shop"):
        workspace.model(stem, "select id, email from 'a.csv'", connection="lake", user_id="id")
    return workspace


def write(workspace: Workspace, *lines: str, header: str = HEADER) -> None:
    workspace.write("models/overrides.csv", "\n".join((header, *lines, "")))


def raw(workspace: Workspace) -> bytes:
    return (workspace.root / "models/overrides.csv").read_bytes()


def pairs(workspace: Workspace) -> list[tuple[str, str, str]]:
    project = workspace.load()
    assert project.problems == ()
    return [(d.kind, str(d.identity), str(d.other)) for d in project.decisions]


def problem(workspace: Workspace) -> Diagnostic:
    """The one thing that is wrong."""
    [found] = workspace.load().problems
    return found


def place(found: Diagnostic) -> tuple[str, int, int]:
    assert found.location is not None
    return found.location.file, found.location.line, found.location.column


# --- Reading ---


def test_without_the_file_there_are_no_decisions(project: Workspace) -> None:
    assert pairs(project) == []


def test_a_decision_is_read_whole(project: Workspace) -> None:
    write(project, "unlink,crm:1,shop:2,Ada,father and son,2026-11-21T10:00:00Z")
    [decision] = project.load().decisions
    assert decision == Decision("unlink", CRM, SHOP, "Ada", "father and son", "2026-11-21T10:00:00Z", 2)


def test_who_why_and_when_may_be_empty(project: Workspace) -> None:
    write(project, "link,crm:1,shop:2,,,")
    assert pairs(project) == [("link", "crm:1", "shop:2")]


def test_an_id_may_hold_colons(project: Workspace) -> None:
    write(project, "link,crm:urn:x:1,shop:2,,,")
    assert project.load().decisions[0].identity == IdentityRef("crm", "urn:x:1")


@pytest.mark.parametrize(
    "cell",
    ['"crm:1"', ' "crm:1" ', "  crm:1\t"],
)
def test_blanks_around_a_cell_and_quotes_are_not_part_of_it(project: Workspace, cell: str) -> None:
    write(project, f"link,{cell},shop:2,,,")
    assert pairs(project) == [("link", "crm:1", "shop:2")]


@pytest.mark.parametrize("inner", ["a, b", 'say ""hi""', " a", "two\nlines"])
def test_a_quoted_cell_holds_anything(project: Workspace, inner: str) -> None:
    write(project, f'link,"crm:{inner}",shop:2,,,', "link,crm:1,shop:2,,,")
    first, second = project.load().decisions
    assert first.identity.identity_id == inner.replace('""', '"')
    assert second.line == 3 + inner.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff{HEADER}\nlink,crm:1,shop:2,,,\n",
        f"{HEADER}\r\nlink,crm:1,shop:2,,,\r\n",
        f"\n{HEADER}\n\n,,,,,\n  \nlink,crm:1,shop:2,,,",
        f"{HEADER.title()}\nlink,crm:1,shop:2,,,\n",
    ],
    ids=["byte order mark", "CRLF", "blank lines", "other case"],
)
def test_what_spreadsheets_make_of_it_is_read(project: Workspace, text: str) -> None:
    (project.root / "models/overrides.csv").write_bytes(text.encode())
    assert pairs(project) == [("link", "crm:1", "shop:2")]


@pytest.mark.parametrize("text", ["", "\n\n", HEADER, f"{HEADER}\n"])
def test_a_file_without_decisions_has_none(project: Workspace, text: str) -> None:
    project.write("models/overrides.csv", text)
    assert pairs(project) == []


def test_a_decision_counts_once_whichever_side_is_first(project: Workspace) -> None:
    write(project, "link,crm:1,shop:2,Ada,,", "link,shop:2,crm:1,Bob,,")
    [decision] = project.load().decisions
    assert (decision.who, decision.line) == ("Ada", 2)


def test_the_example_in_the_docs_is_read() -> None:
    [example] = all_blocks("csv")
    pipelines = load_project(Settings(REPO)).pipelines
    decisions, problems = read_overrides(SourceFile(OVERRIDES, example.text), pipelines)
    assert (len(decisions), problems) == (2, [])


# --- What is wrong ---


def test_another_header_is_an_error_that_says_the_right_one(project: Workspace) -> None:
    write(project, "link,crm:1,shop:2,,,", header="decision;identity;other")
    found = problem(project)
    assert (found.level, place(found)) == (Level.ERROR, ("models/overrides.csv", 1, 1))
    assert found.hint == "it is: decision,identity,other,who,why,when"


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        ("join,crm:1,shop:2,,,", 1, "there is no decision 'join'"),
        ("link,crm1,shop:2,,,", 6, "'crm1' names no identity"),
        ("link,crm:1,  :2,,,", 14, "':2' names no identity"),
        ("link,crm:1,shop:,,,", 12, "'shop:' names no identity"),
        ("link,crm:1,crm:1,,,", 12, "crm:1 is on both sides"),
        ("link,crm:1,shop:2", 1, "3 columns where there are 6"),
        ("link,crm:1,shop:2,,a, b,", 1, "7 columns where there are 6"),
        ('link,"crm:1,shop:2,,,', 6, "the quotes do not close"),
        ('link,"crm":1,shop:2,,,', 6, "the quotes do not close"),
    ],
)
def test_a_wrong_line_is_an_error_at_its_place(project: Workspace, line: str, column: int, message: str) -> None:
    write(project, "link,crm:8,shop:8,,,", line)
    found = problem(project)
    assert (found.message, found.level) == (message, Level.ERROR)
    assert place(found) == ("models/overrides.csv", 3, column)


def test_every_wrong_line_is_told(project: Workspace) -> None:
    write(project, "join,a,b,,,", "link,crm:1,shop:2,,,", "link,crm:1")
    project_read = project.load()
    assert [place(found)[1:] for found in project_read.problems] == [(2, 1), (2, 6), (2, 8), (4, 1)]


def test_a_wrong_file_stops_a_build(project: Workspace) -> None:
    write(project, "link,crm:1")
    outcome = project.run("build")
    assert (outcome.exit_code, "models/overrides.csv:2:1" in outcome.stderr) == (2, True)


def test_bytes_that_are_no_utf_8_are_an_error(project: Workspace) -> None:
    (project.root / "models/overrides.csv").write_bytes(HEADER.encode() + b"\nlink,crm:\xff,shop:2,,,\n")
    found = problem(project)
    assert (found.level, "it is not UTF-8" in found.message) == (Level.ERROR, True)
    assert "error: models/overrides.csv:2:10: " in project.run("lint").stdout


def test_an_identity_of_an_unknown_pipeline_is_a_warning_and_still_a_decision(project: Workspace) -> None:
    write(project, "link,crm:1,shopp:2,,,")
    found = problem(project)
    assert (found.level, found.message) == (Level.WARNING, "there is no pipeline 'shopp'")
    assert (place(found)[1:], found.hint) == ((2, 12), "did you mean 'shop'?")
    assert len(project.load().decisions) == 1


def test_a_time_that_is_none_is_a_warning(project: Workspace) -> None:
    write(project, "link,crm:1,shop:2,,,yesterday")
    found = problem(project)
    assert (found.level, found.message, place(found)[1:]) == (Level.WARNING, "'yesterday' is not a time", (2, 21))


def test_a_link_that_an_unlink_beats_is_a_warning(project: Workspace) -> None:
    write(project, "unlink,shop:2,crm:1,,,", "link,crm:1,shop:2,,,")
    found = problem(project)
    assert (found.level, place(found)[1:]) == (Level.WARNING, (3, 1))
    assert found.message == "this link does not count: line 2 is an unlink of the same two"
    assert [decision.kind for decision in project.load().decisions] == ["unlink", "link"]


# --- Adding ---


def test_the_first_decision_makes_the_file(project: Workspace) -> None:
    assert append_decision(project.root, DECISION) == 2
    assert raw(project).decode() == f"{HEADER}\nlink,crm:1,shop:2,Ada,same passport,2026-11-21T10:00:00Z\n"


@pytest.mark.parametrize(
    ("before", "line"),
    [
        (b"", 2),
        (b"\xef\xbb\xbfdecision,identity,other,who,why,when\r\nlink , a:1,b:2,,,\r\n", 3),
        (b'decision,identity,other,who,why,when\n\nlink,a:1,b:2,,"x\ny",', 5),
    ],
    ids=["empty", "from a spreadsheet", "without a last newline"],
)
def test_what_stands_there_stays_byte_for_byte(project: Workspace, before: bytes, line: int) -> None:
    path = project.root / "models/overrides.csv"
    path.write_bytes(before)
    newline = b"\r\n" if b"\r\n" in before else b"\n"
    assert append_decision(project.root, DECISION) == line
    assert raw(project).startswith(before)
    assert raw(project).endswith(b"link,crm:1,shop:2,Ada,same passport,2026-11-21T10:00:00Z" + newline)
    assert raw(project).count(newline) == line
    assert project.load().decisions[-1].line == line


@pytest.mark.parametrize("text", ['a "b", c', " a ", "plain", "", "é"])
def test_what_is_added_is_read_again(project: Workspace, text: str) -> None:
    decision = Decision("unlink", IdentityRef("crm", f"{text}:1"), SHOP, text, text, "2026-11-21T10:00:00Z", 2)
    append_decision(project.root, decision)
    assert project.load().decisions == (decision,)


def test_permissions_and_links_to_the_file_stay(project: Workspace) -> None:
    shared = project.write("shared.csv", f"{HEADER}\n")
    shared.chmod(0o640)
    (project.root / "models/overrides.csv").symlink_to(shared)
    append_decision(project.root, DECISION)
    assert (project.root / "models/overrides.csv").is_symlink()
    assert (shared.read_text().count("\n"), shared.stat().st_mode & 0o777) == (2, 0o640)
    assert sorted(path.name for path in project.root.glob("*.csv*")) == ["shared.csv"]
