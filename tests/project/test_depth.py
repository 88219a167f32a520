"""SQL that is nested too deeply for its reader: an error with its place, soon, and never the end of the process."""

import subprocess
import sys
from itertools import product

import pytest
from sqlglot.dialects.dialect import Dialect

from tests.support import Workspace
from usersync.project.sql.depth import check_depth
from usersync.project.sql.errors import MisplacedError
from usersync.project.sql.reading import parse_one

DIALECTS = ["duckdb", "postgres", "mysql", "sqlite"]
MANY = 100_000
ENDS_THE_PROCESS = {
    "types": "select cast(1 as " + "struct(a " * MANY,
    "types in angles": "select cast(1 as " + "array<" * MANY,
    "tables": "select 1 from " + "(" * MANY + "t" + ")" * MANY,
    "subqueries": "select 1 from " + "(select * from " * MANY + "t" + ")" * MANY,
    "joins": "select 1 from a " + "join b " * MANY,
    "joins of joins": "select 1 from " + "(a join " * MANY,
    "words of joins": "select 1 from " + "natural join " * MANY,
    "from": "select " + "from " * MANY,
    "summarize": "select 1 from " + "summarize " * MANY,
}
TAKES_FOR_EVER = {
    "joins": "select 1 from a " + "join b " * 40,
    "outer joins": "select 1 from a " + "left join b " * 40,
    "calls that may be types": "select " + "date(" * 40 + "a" + ")" * 40,
    "types": "select cast(1 as " + "decimal(" * 40 + "1" + ")" * 40 + ")",
}
BRACKETS = {
    "arrays": "select " + "array[" * 40 + "1" + "]" * 40,
    "subscripts": "select a" + "[1]" * 3000,
}
IN_BOUNDS = {
    "brackets": "select " + "(" * 100 + "a" + ")" * 100,
    "calls": "select " + "lower(" * 100 + "a" + ")" * 100,
    "calls that may be types": "select " + "date(" * 10 + "a" + ")" * 10 + ", date(b)" * 100,
    "types side by side": "select " + ", ".join(["cast(a as decimal(10, 2))"] * 500),
    "types in angles side by side": "select " + ", ".join(["cast(a as array<int>)"] * 500),
    "comparisons of types' names": "select " + ", ".join(["map < a as b"] * 500),
    "joins": "select 1 from a " + "join b on a.x = b.x " * 500,
    "joins of joins": "select 1 from a " + "join b " * 10 + "on true " * 10,
    "joins without conditions": "select 1 from a " + "cross join b natural join c natural left join d " * 300,
    "subqueries side by side": "select 1 from " + ", ".join(["(select 1 from a join b) as c"] * 100),
    "signs": "select " + "- " * 100 + "1",
}


def test_a_reader_that_would_end_the_process_is_not_asked(workspace: Workspace) -> None:
    """In a process of its own, so that a failure is one."""
    workspace.profile({"crm": {"type": "sqlite", "path": "crm.db"}})
    workspace.users("ref text check (" + "cast(1 as struct(a " * MANY + ")")
    for number, sql in enumerate(ENDS_THE_PROCESS.values()):
        workspace.model(f"m{number}", sql, connection="crm", user_id="id", mapping={"ref": "id"})
    workspace.model("mapped", "select id from t", connection="crm", user_id="id", mapping={"ref": "array<" * MANY})
    command = [sys.executable, "-m", "usersync", "lint", "--format", "json"]
    done = subprocess.run(command, check=False, cwd=workspace.root, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    wrong = {
        file for file in workspace.root.glob("models/*.sql") if f'"{file.relative_to(workspace.root)}"' in done.stdout
    }
    assert len(wrong) == len(ENDS_THE_PROCESS) + 2


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        *product(TAKES_FOR_EVER.values(), DIALECTS),
        # In SQLite they are the quotes of names.
        *product(BRACKETS.values(), ["duckdb", "postgres", "mysql"]),
    ],
)
def test_what_would_be_read_for_ever_is_refused_in_its_place(sql: str, dialect: str) -> None:
    with pytest.raises(MisplacedError) as raised:
        parse_one(sql, dialect)
    found = raised.value.found
    assert found.message in {"nested too deeply", "too many joins without a condition"}
    assert sql[found.offset : found.offset + found.length] in {"(", "[", "join"}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("sql", IN_BOUNDS.values(), ids=IN_BOUNDS)
def test_what_people_write_is_read(sql: str, dialect: str) -> None:
    reader = Dialect.get_or_raise(dialect)
    check_depth(reader.tokenize(sql), reader)
