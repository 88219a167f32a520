"""The examples in the docs work: models lint and compile, queries run, and commands print what is shown."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import PAGES, REPO, Block, all_blocks, blocks, read
from tests.support import Workspace

USERS = "create table users (email varchar(254));"
SECRETS = ("BILLING_USER", "BILLING_PASSWORD", "SHOP_PASSWORD", "CRM_USER", "CRM_PASSWORD")


@pytest.fixture
def example(workspace: Workspace) -> Workspace:
    """A copy of the repo's own project."""
    for name in ("models", "macros", "data"):
        shutil.copytree(REPO / name, workspace.root / name)
    for path in (REPO / "tests").glob("*.sql"):
        workspace.write(f"tests/{path.name}", path.read_text(encoding="utf-8"))
    workspace.write("profiles.yml", (REPO / "profiles.example.yml").read_text(encoding="utf-8"))
    return workspace


def project_files(page: str) -> list[Block]:
    """The blocks of a page that are files of a project, without those that are wrong on purpose."""
    return [block for block in blocks(page) if block.file and not block.remark and is_of_a_project(block.file)]


def is_of_a_project(path: str) -> bool:
    return path == "profiles.yml" or path.startswith(("models/", "macros/"))


@pytest.fixture
def written(request: pytest.FixtureRequest, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The project that the blocks of a page make together."""
    for name in SECRETS:
        monkeypatch.setenv(name, "x")
    workspace.write("models/users.sql", USERS)
    for block in project_files(request.param):
        workspace.write(str(block.file), block.text)
    return workspace


def pages_with_models() -> list[str]:
    return [page for page in PAGES if any(b.language == "sql" for b in project_files(page))]


@pytest.mark.parametrize("written", pages_with_models(), indirect=True)
def test_models_lint_without_warnings(written: Workspace) -> None:
    outcome = written.run("lint", "--fail-on", "warning")
    assert outcome.exit_code == 0, outcome.output


@pytest.mark.parametrize("written", pages_with_models(), indirect=True)
def test_models_compile(written: Workspace) -> None:
    outcome = written.run("compile", "--offline")
    assert outcome.exit_code == 0, outcome.output
    models = {path.stem for path in (written.root / "models").glob("*.sql")} - {"users"}
    assert {path.stem for path in (written.root / "target/compiled").iterdir()} == models


def test_every_sql_block_is_a_file_or_a_query() -> None:
    folders = ("models/", "macros/", "tests/", "warehouse/")
    loose = [str(b) for b in all_blocks("sql") if not (b.file and b.file.startswith(folders))]
    assert loose == [], "their first line says what they are: -- models/x.sql, or -- warehouse/x for a query"


@pytest.mark.parametrize("block", [b for b in all_blocks("sql") if str(b.file).startswith("warehouse/")], ids=str)
def test_queries_run_on_a_warehouse(example: Workspace, block: Block) -> None:
    example.build()
    example.rows(block.text)


@pytest.mark.parametrize("block", [b for b in all_blocks("sql") if str(b.file).startswith("tests/")], ids=str)
def test_data_tests_pass_on_the_sample_project(example: Workspace, block: Block) -> None:
    example.write(str(block.file), block.text)
    results = example.build()
    assert {test["test"]: test["failures"] for test in results["tests"]}[Path(str(block.file)).stem] == 0


@pytest.mark.parametrize("block", all_blocks("python"), ids=str)
def test_python_runs(
    example: Workspace, block: Block, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example.build()
    monkeypatch.chdir(example.root)
    exec(compile(block.text, str(block), "exec"), {})
    assert "@example." in capsys.readouterr().out


@pytest.mark.parametrize("block", all_blocks("yaml"), ids=str)
def test_yaml_is_yaml(block: Block) -> None:
    assert isinstance(yaml.safe_load(block.text), dict)


def test_the_hook_is_the_one_that_is_offered() -> None:
    [used] = [yaml.safe_load(b.text) for b in all_blocks("yaml") if b.file == ".pre-commit-config.yaml"]
    offered = yaml.safe_load(read(".pre-commit-hooks.yaml"))
    assert [hook["id"] for hook in used["repos"][0]["hooks"]] == [hook["id"] for hook in offered]


# --- What commands print ---


def pages_with_output() -> list[str]:
    return [page for page in PAGES if any(b.language == "console" for b in blocks(page))]


@pytest.mark.parametrize("page", pages_with_output())
def test_commands_print_what_the_docs_show(example: Workspace, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(example.root)
    for block in blocks(page):
        if block.language == "sql" and block.remark:
            example.write(str(block.file), block.text)
        if block.language == "console":
            command, *shown = block.text.splitlines()
            outcome = example.run(*command.removeprefix("$ usersync ").split())
            assert_shown(shown, outcome.output.splitlines())


def assert_shown(shown: list[str], printed: list[str]) -> None:
    """All lines are there, but for an ellipsis; threads may change their order, and seconds are as they are."""
    wanted, found = sorted(timeless(shown)), sorted(timeless(printed))
    if "…" in wanted:
        assert [line for line in wanted if line not in found and line != "…"] == []
    else:
        assert found == wanted


def timeless(lines: list[str]) -> Iterator[str]:
    return (re.sub(r"\d+\.\d\d( s)?$", "0.00", line).rstrip() for line in lines if line.strip())


# --- The matching rule ---

RULE = re.compile(r"^\| (.+@.+|no e-mail), (.+) \| (.+@.+|no e-mail), (.+) \| (yes|no) \|", re.MULTILINE)


def rule_rows() -> list[tuple[str, ...]]:
    return sorted({match.groups() for page in ("README.md", "docs/identity.md") for match in RULE.finditer(read(page))})


def test_there_are_examples_of_the_matching_rule() -> None:
    assert len(rule_rows()) >= 8


@pytest.mark.parametrize("row", rule_rows(), ids=" ".join)
def test_the_matching_rule_is_as_shown(workspace: Workspace, row: tuple[str, ...]) -> None:
    *cells, same = row
    values = ["" if cell.startswith("no ") else cell for cell in cells]
    people(workspace, [values[:2], values[2:]])
    assert workspace.build()["users"]["total"] == (1 if same == "yes" else 2)


def test_a_record_between_two_others_connects_them(workspace: Workspace) -> None:
    cells = re.findall(r"[abc]: ([^,|]+), ([^|]+?) \|", read("docs/identity.md"))
    people(workspace, [["" if cell.startswith("no ") else cell for cell in pair] for pair in cells])
    assert len(cells) == 3
    assert workspace.build()["users"]["total"] == 1


def people(workspace: Workspace, rows: list[list[str]]) -> None:
    """A project whose one source has these e-mails and phones."""
    lines = [",".join([str(index), *row]) for index, row in enumerate(rows)]
    workspace.write("data/people.csv", "\n".join(["id,email,phone", *lines, ""]))
    workspace.profile({"lake": {"type": "files", "path": "data"}})
    workspace.users("email varchar, phone varchar", identifiers=["email", "phone"])
    query = "select id, nullif(email, '') as email, nullif(phone, '') as phone "
    workspace.model(
        "people", f"{query} from read_csv('people.csv', all_varchar = true)", connection="lake", user_id="id"
    )
