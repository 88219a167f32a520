"""Fixtures of SQL pairs: what an analyst writes, and what becomes of it.

    -- Notes start at the margin.
    # title: a comparison lets every row through
    select id from t where updated_at >= ${updated_at};
    select id from t where true;

A line `# key: value` is a setting of the case below it; a case with the setting `error` has no second statement.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import sqlglot

from usersync.compile.query import Query, parse_query
from usersync.project.load import Settings, load_project
from usersync.project.render import render_model

FIXTURES = Path(__file__).parent / "fixtures"
_SETTING = re.compile(r"# (\w+): (.*)\n")


@dataclass(frozen=True)
class Pair:
    """One case of a fixture file."""

    given: str
    expected: str
    settings: dict[str, str]

    @property
    def title(self) -> str:
        """What the case is about."""
        return self.settings["title"]


def read_pairs(path: str) -> list[Pair]:
    """The cases of a file below `tests/fixtures`."""
    text = (FIXTURES / path).read_text(encoding="utf-8")
    text = re.sub(r"^--.*\n", "", text, flags=re.MULTILINE)
    statements = [part.lstrip("\n") for part in re.split(r";\n", text) if part.strip()]
    pairs = []
    while statements:
        given = statements.pop(0)
        settings = dict(_SETTING.findall(given))
        expected = "" if "error" in settings else statements.pop(0)
        pairs.append(Pair(_SETTING.sub("", given), expected, settings))
    return pairs


def normal(sql: str) -> str:
    """A query in one spelling, so that fixtures may be written as people write."""
    return sqlglot.parse_one(sql, read="duckdb").sql(dialect="duckdb", comments=False)


def parsed(sql: str, dialect: str = "duckdb") -> Query:
    """A model's query as the compiler reads it; its first character is at 1:1 of `models/m.sql`."""
    model = f"{sql}\n{{{{ config(connection = 'crm', user_id = 'id') }}}}"
    files = {"models/users.sql": "create table users (email varchar)", "models/m.sql": model}
    project = load_project(Settings(FIXTURES / "none"), overlay=files)
    assert not project.problems
    return parse_query(render_model(project, project.models["m"], incremental=True), dialect)[0]


def corpus(dialect: str) -> list[str]:
    """What analysts write in a dialect."""
    text = (FIXTURES / f"dialects/{dialect}.sql").read_text(encoding="utf-8")
    return [query for query in re.split(r";[ ]*\n", text) if query.strip()]
