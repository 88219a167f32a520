"""What becomes of a query: the pairs of `tests/fixtures/compile`."""

from pathlib import Path

import pytest

from tests.pairs import Pair, normal, parsed, read_pairs
from usersync.compile.cursor import bind_cursor, cursor_literal
from usersync.compile.tables import qualify_tables
from usersync.diagnostics import ConfigError
from usersync.project.model import Connection

SERVER = {"database": "shop"}
CONNECTIONS = {
    "duckdb": Connection("crm", "duckdb", {"path": "crm.duckdb"}, Path("/project")),
    "sqlite": Connection("crm", "sqlite", {"path": "crm.db"}, Path("/project")),
    "postgres": Connection("crm", "postgres", SERVER, Path("/project")),
    "sales": Connection("crm", "postgres", {**SERVER, "schema": "sales"}, Path("/project")),
    "mysql": Connection("crm", "mysql", SERVER, Path("/project")),
}


def cases(file: str) -> pytest.MarkDecorator:
    pairs = read_pairs(f"compile/{file}.sql")
    return pytest.mark.parametrize("pair", pairs, ids=[pair.title for pair in pairs])


def qualified(pair: Pair, connection: Connection) -> str:
    query = parsed(pair.given)
    return qualify_tables(query.tree, connection, query.rendered).sql(dialect="duckdb", comments=False)


def expect(pair: Pair, connection: Connection) -> None:
    """A pair of tables: what they are by their full names, or why they are refused."""
    if "error" not in pair.settings:
        assert normal(qualified(pair, connection)) == normal(pair.expected)
        return
    with pytest.raises(ConfigError) as caught:
        qualified(pair, connection)
    assert said(caught.value).startswith(pair.settings["error"])


def said(error: ConfigError) -> str:
    """A refusal as the fixtures write it."""
    [problem] = error.diagnostics
    assert problem.location is not None
    assert problem.location.file == "models/m.sql"
    return f"{problem.code} {problem.location.line}:{problem.location.column} {problem.message}"


@cases("first_run")
def test_without_a_cursor(pair: Pair) -> None:
    bound = bind_cursor(parsed(pair.given, pair.settings.get("dialect", "duckdb")).tree, None)
    assert normal(bound.sql(dialect="duckdb", comments=False)) == normal(pair.expected)


@cases("with_cursor")
def test_with_a_cursor(pair: Pair) -> None:
    literal = cursor_literal(pair.settings["cursor"], pair.settings["type"])
    bound = bind_cursor(parsed(pair.given).tree, literal)
    assert normal(bound.sql(dialect="duckdb", comments=False)) == normal(pair.expected)


@cases("refused")
def test_a_refused_query(pair: Pair) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(pair.given)
    assert said(caught.value).startswith(pair.settings["error"])


@cases("tables")
def test_tables(pair: Pair) -> None:
    expect(pair, CONNECTIONS[pair.settings["on"]])


@cases("files")
def test_files(pair: Pair) -> None:
    options = {"path": "data", "union_by_name": pair.settings.get("union_by_name") == "true"}
    expect(pair, Connection("crm", "files", options, Path("/project")))


def test_no_two_cases_of_a_file_have_one_title() -> None:
    for file in ("first_run", "with_cursor", "refused", "tables", "files"):
        titles = [pair.title for pair in read_pairs(f"compile/{file}.sql")]
        assert len(titles) == len(set(titles))
