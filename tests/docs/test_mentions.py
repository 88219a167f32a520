"""Everything that a user can write or read is in the docs, and the docs mention nothing else."""

import re
from pathlib import Path

import click
import pytest

from tests.docs.generate import every_command
from tests.docs.pages import PAGES, REPO, all_blocks, headings, prose, read
from tests.support import Workspace
from usersync.cli.main import COMMANDS, EXIT_BUG, EXIT_INTERRUPTED
from usersync.cli.plan_command import EXIT_CHANGES
from usersync.compile.readers import FILE_FUNCTIONS
from usersync.compile.tables import _COMPRESSIONS, _READERS, _TABLE_FUNCTIONS
from usersync.diagnostics import UsersyncError
from usersync.lint.rules import RULES
from usersync.project.config import KNOWN_DIRECTIVES, PIPELINE_KEYS, USERS_KEYS
from usersync.project.model import RESERVED
from usersync.project.profiles.targets import _ALIASES, _WAREHOUSE, OPTIONS, RESERVED_CONNECTIONS
from usersync.project.select import METHODS
from usersync.project.types import Kind

CONFIGURATION = "docs/configuration.md"


def flags() -> set[str]:
    """Every option of every command."""
    return {
        name
        for _, command in every_command()
        for option in command.params
        if isinstance(option, click.Option)
        for name in option.opts
    } | {"--help"}


def section(page: str, start: str, end: str | None = None) -> str:
    """A page from one heading to another."""
    text = read(page)
    first = text.index(f"\n{start}\n")
    return text[first : text.index(f"\n{end}\n", first)] if end else text[first:]


def coded(text: str) -> set[str]:
    """Everything that stands in backticks."""
    return set(re.findall(r"`([^`\n]+)`", text))


def missing(names: object, text: str) -> list[str]:
    assert isinstance(names, set | frozenset | dict | tuple | list)
    return sorted(str(name) for name in names if str(name) not in coded(text))


# --- What there is, is documented ---


def test_every_command_is_mentioned() -> None:
    assert [name for name in COMMANDS if f"usersync {name}" not in prose()] == []


def test_every_flag_is_mentioned() -> None:
    text = prose()
    assert [flag for flag in flags() if not re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", text)] == []


def test_every_config_key_is_in_the_table() -> None:
    assert missing(dict(PIPELINE_KEYS), section(CONFIGURATION, "## A pipeline: config()", "### The query")) == []


def test_every_users_key_is_in_the_table() -> None:
    assert missing(dict(USERS_KEYS), section(CONFIGURATION, "### users()", "### Types")) == []


@pytest.mark.parametrize("kind", OPTIONS)
def test_every_connection_option_is_mentioned(kind: str) -> None:
    text = section(CONFIGURATION, "### Connections", "### The warehouse")
    own = next(part for part in text.split("\n**")[1:] if f"`{kind}`" in part.splitlines()[0] or f"{kind}`**" in part)
    assert missing(OPTIONS[kind], own) == []


def test_every_name_of_profiles_is_mentioned() -> None:
    text = section(CONFIGURATION, "### Connections", "### When an extension does not load")
    assert missing({*_WAREHOUSE, *_ALIASES, *RESERVED_CONNECTIONS}, text) == []


def test_every_type_is_mentioned() -> None:
    text = section(CONFIGURATION, "### Types", "## Templates")
    words = set(re.findall(r"[a-z]+", " ".join(coded(text))))
    assert {kind.value for kind in Kind} - words - {"array"} == set()


def test_every_reserved_property_name_is_mentioned() -> None:
    assert missing(RESERVED, section(CONFIGURATION, "## The user: users.sql", "### users()")) == []


def test_every_reader_of_files_is_mentioned() -> None:
    text = section(CONFIGURATION, "### The query", "### The cursor")
    named = {re.sub(r"\(.*", "", code) for code in coded(text)}
    assert (FILE_FUNCTIONS | _TABLE_FUNCTIONS | set(_READERS)) - named == set()
    assert {ending for ending in _COMPRESSIONS if len(ending) == 4} - named == set()


def test_every_directive_is_mentioned() -> None:
    text = section(CONFIGURATION, "### Update times", "## The user: users.sql")
    assert set(re.findall(r"%(.)", text)) == KNOWN_DIRECTIVES


def test_every_method_of_selection_is_mentioned() -> None:
    text = section("docs/commands.md", "## Choosing pipelines", "## Exit codes")
    assert [method for method in METHODS if f"{method}:" not in text] == []


def test_every_lint_code_is_a_heading() -> None:
    found = {words.split()[0] for _, _, words in headings(read("docs/lint.md")) if words.startswith("US")}
    assert found == set(RULES)


def test_the_exit_codes_are_those_of_the_program() -> None:
    table = section("README.md", "## Exit codes", "## In CI and cron")
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    assert documented == {0, EXIT_CHANGES, EXIT_BUG, EXIT_INTERRUPTED, *_error_codes(UsersyncError)}


def _error_codes(kind: type[UsersyncError]) -> set[int]:
    return {kind.exit_code}.union(*(_error_codes(sub) for sub in kind.__subclasses__()))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Columns of every table and view of a warehouse, but for those of properties."""
    workspace = Workspace(tmp_path_factory.mktemp("warehouse"))
    workspace.write("data/a.csv", "id,email\n1,a@example.com\n")
    workspace.profile({"lake": {"type": "files", "path": "data"}})
    workspace.users("email varchar", identifiers=["email"])
    workspace.model("a", "select id, email from 'a.csv'", connection="lake", user_id="id")
    workspace.build()
    found: dict[str, list[str]] = {}
    for schema, table, column in workspace.rows(
        "select schema_name, table_name, column_name from duckdb_columns() where not internal order by all"
    ):
        name = table if schema == "main" else f"{schema}.{table}"
        found.setdefault(name, []).extend([column] if column != "email" else [])
    return found


def test_every_table_and_column_is_documented(tables: dict[str, list[str]]) -> None:
    text = read("docs/warehouse.md")
    for name, columns in tables.items():
        if f"\n## {name}\n" in text:
            own = section("docs/warehouse.md", f"## {name}").split("\n## ")[1]
            assert missing(columns, own) == [], name
        else:
            assert f"`{name}`" in section("docs/warehouse.md", "## Inside", "## Files"), name


def test_the_documented_tables_are_there(tables: dict[str, list[str]]) -> None:
    named = {words for _, level, words in headings(read("docs/warehouse.md")) if level == 2}
    assert named - {"Inside", "Files"} <= set(tables)


# --- What is documented, is there ---


def test_the_docs_name_no_command_that_is_not_there() -> None:
    said = re.findall(r"(?:`|^|\$ |/)usersync ([a-z]+)", prose(), re.MULTILINE)
    assert set(said) <= set(COMMANDS)


def test_the_docs_name_no_flag_that_is_not_there() -> None:
    spans = [*coded(prose()), *(block.text for block in all_blocks("console", "text", "sh"))]
    said = {flag for span in spans for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", span)}
    assert said - flags() == set()


def test_the_docs_name_no_lint_code_that_is_not_there() -> None:
    assert set(re.findall(r"\bUS\d{3}\b", prose())) <= set(RULES)


@pytest.mark.parametrize("page", ["docs/how-it-works.md"])
def test_files_named_in_the_tour_are_there(page: str) -> None:
    paths = {code for code in coded(read(page)) if re.fullmatch(r"[\w/]+/[\w-]*(\.py|\.sql)?", code)}
    places = (REPO, REPO / "usersync")
    assert len(paths) > 30
    assert [path for path in paths if not any((place / path).exists() for place in places)] == []


def test_the_tour_passes_through_every_folder() -> None:
    text = read("docs/how-it-works.md")
    folders = {path.parent.name for path in (REPO / "usersync").glob("*/__init__.py")}
    assert [name for name in folders if f"`{name}/" not in text and f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", read(page)):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        linked = ((REPO / page).parent / path).resolve() if path else REPO / page
        assert linked.is_file(), target
        if anchor:
            assert anchor in anchors(linked), target


def anchors(path: Path) -> set[str]:
    """The anchors that a page's headings have on the usual forges."""
    words = [name for _, _, name in headings(path.read_text(encoding="utf-8"))]
    return {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in words}
