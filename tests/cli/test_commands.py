"""Each command: what it prints, writes and leaves alone."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tests.support import Workspace
from usersync.lint.rules import RULES

PEOPLE = "id,email,updated\n1,Ann@Example.com,2025-01-01\n2,bob@example.com,2025-01-02\n3,,2025-01-03\n"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.profile({"lake": {"type": "files", "path": "."}})
    workspace.users("email varchar(20) check (email <> 'bob@example.com'), address struct(city varchar)")
    workspace.write("people.csv", PEOPLE)
    workspace.model(
        "people",
        "select id, email, updated, 'Rome' as town from 'people.csv' where updated >= ${updated_at}",
        connection="lake",
        user_id="id",
        updated_at="updated",
        incremental=True,
        mapping={"email": "lower(email)", "address.city": "town"},
        tags=["a", "b"],
        description="All of them",
    )
    return workspace


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


# --- list ---


def test_list_prints_names(project: Workspace) -> None:
    project.model("other", "select id, email from 'people.csv'", connection="lake", user_id="id", enabled=False)
    assert project.run("list", "--format", "names").stdout == "other\npeople\n"
    assert project.run("list", "--format", "names", "-s", "tag:a").stdout == "people\n"
    assert project.run("list", "--format", "names", "--exclude", "people").stdout == "other\n"


def test_list_prints_a_table(project: Workspace) -> None:
    project.model("x", "select 1", connection="lake", user_id="id", enabled=False, write="update_only")
    head, _, *rows = project.run("list").stdout.splitlines()
    assert head.split() == ["pipeline", "connection", "reads", "tags", "path"]
    assert [row.split()[0] for row in rows] == ["people", "x"]
    assert "what changed" in rows[0]
    assert "everything, update only, disabled" in rows[1]


def test_list_prints_json(project: Workspace) -> None:
    assert json.loads(project.run("list", "--format", "json").stdout) == [
        {
            "pipeline": "people",
            "connection": "lake",
            "path": "models/people.sql",
            "enabled": True,
            "incremental": True,
            "write": "create_or_update",
            "tags": ["a", "b"],
            "description": "All of them",
        }
    ]


def test_list_goes_on_past_a_broken_model(project: Workspace) -> None:
    project.write("models/broken.sql", "{% if %}")
    outcome = project.run("list", "--format", "names")
    assert "people" in outcome.stdout.splitlines()
    assert "error: models/broken.sql:1:" in outcome.stderr


def test_a_long_list_is_not_cut_in_a_pipe(project: Workspace) -> None:
    project.model("x" * 150, "select 1", connection="lake", user_id="id", description="d" * 300)
    assert f"models/{'x' * 150}.sql" in project.run("list").stdout


# --- compile ---


def test_compile_writes_files_and_names_them(project: Workspace) -> None:
    outcome = project.run("compile")
    assert (outcome.exit_code, outcome.stdout) == (0, "")
    assert outcome.stderr == "target/compiled/people.sql\n"
    text = (project.root / "target/compiled/people.sql").read_text()
    assert "WHERE\n    TRUE" in text
    assert "updated >= CAST('2000-01-01' AS DATE)" in text
    assert "LOWER(email)" in text


def test_compile_prints_what_it_would_write(project: Workspace) -> None:
    project.run("compile")
    written = (project.root / "target/compiled/people.sql").read_text()
    (project.root / "target/compiled/people.sql").unlink()
    outcome = project.run("compile", "people", "--stdout")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, written, "")
    assert "target/compiled/people.sql" not in files(project.root)


def test_what_compile_prints_runs(project: Workspace) -> None:
    full = project.run("compile", "--stdout").stdout.split(";")[0]
    with duckdb.connect() as database:
        assert len(database.execute(full).fetchall()) == 3


@pytest.mark.parametrize(
    ("dialect", "quoted"), [("postgres", '"id"'), ("mysql", "`id`"), ("spark", "`id`"), ("tsql", "[id]")]
)
def test_compile_speaks_other_dialects(project: Workspace, dialect: str, quoted: str) -> None:
    project.profile({"db": {"type": "postgres", "database": "d"}})
    project.model("people", "select id, email from t", connection="db", user_id="id")
    outcome = project.run("compile", "--stdout", "--offline", "--dialect", dialect)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert quoted in outcome.stdout


def test_an_unknown_dialect_is_guessed(project: Workspace) -> None:
    outcome = project.run("compile", "--dialect", "postgers")
    assert outcome.exit_code == 2
    assert "did you mean 'postgres'?" in outcome.stderr


def test_compile_goes_offline_by_itself_and_says_so(project: Workspace) -> None:
    project.profile({"lake": {"type": "duckdb", "path": "none.duckdb"}})
    project.model("people", "select id, email from t", connection="lake", user_id="id")
    outcome = project.run("compile")
    assert outcome.exit_code == 0
    assert outcome.stderr.startswith("warning: connection 'lake'")
    assert project.run("compile", "--offline").stderr == "target/compiled/people.sql\n"


def test_compile_touches_no_warehouse(project: Workspace) -> None:
    project.run("compile")
    assert {path for path in files(project.root) if path.startswith("target")} == {"target/compiled/people.sql"}


# --- preview ---


def test_preview_shows_rows_as_they_come_and_as_they_map(project: Workspace) -> None:
    outcome = project.run("preview", "people")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    lines = [line.split() for line in outcome.stdout.splitlines()]
    assert ["email", "VARCHAR", "Ann@Example.com"] in lines
    assert ["email", "varchar(20)", "ann@example.com"] in lines
    assert ["address_city", "varchar", "Rome"] in lines
    assert "bob" not in outcome.stdout.lower()


def test_preview_prints_json(project: Workspace) -> None:
    found = json.loads(project.run("preview", "people", "--limit", "3", "--format", "json").stdout)
    assert list(found) == ["columns", "properties", "rows", "identities"]
    assert found["columns"]["town"] == "VARCHAR"
    assert found["properties"] == {"email": "varchar(20)", "address_city": "varchar"}
    assert [row["id"] for row in found["rows"]] == [1, 2, 3]
    assert [row["identity_id"] for row in found["identities"]] == ["1", "2", "3"]
    assert [row["rejected property"] for row in found["identities"]] == [None, "email", None]


def test_preview_of_a_disabled_pipeline_works(project: Workspace) -> None:
    project.model("off", "select id, email from 'people.csv'", connection="lake", user_id="id", enabled=False)
    assert project.run("preview", "off").exit_code == 0


def test_preview_writes_nothing(project: Workspace) -> None:
    before = files(project.root)
    project.run("preview", "people")
    assert files(project.root) == before


@pytest.mark.parametrize("name", ["peple", "PEOPLE", "users"])
def test_preview_of_what_is_no_pipeline_is_3(project: Workspace, name: str) -> None:
    outcome = project.run("preview", name)
    assert outcome.exit_code == 3
    assert "people" in outcome.stderr


# --- show ---


def test_show_prints_the_users_as_a_table(project: Workspace) -> None:
    project.build()
    head, _, *rows = project.run("show").stdout.splitlines()
    assert head.split()[:3] == ["user_id", "email", "address_city"]
    assert sum("ann@example.com" in row for row in rows) == 1


def test_show_says_how_many_there_are(project: Workspace) -> None:
    project.build()
    outcome = project.run("show", "--limit", "1")
    assert len(outcome.stdout.splitlines()) == 3
    assert outcome.stderr == "1 of 2 rows; --limit 0 shows all\n"
    assert project.run("show", "--limit", "0").stderr == ""


def test_show_prints_json_and_csv_alike(project: Workspace) -> None:
    project.build()
    found = json.loads(project.run("show", "identities", "--format", "json").stdout)
    table = list(csv.DictReader(io.StringIO(project.run("show", "identities", "--format", "csv").stdout)))
    assert [row["identity_id"] for row in found] == ["1", "3"]
    assert [{key: value or "" for key, value in row.items()} for row in found] == table


@pytest.mark.parametrize("table", ["users", "identities", "user_accounts"])
@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_show_of_an_empty_warehouse_works(project: Workspace, table: str, form: str) -> None:
    project.write("people.csv", "id,email,updated\n")
    project.model("people", "select id, email from 'people.csv'", connection="lake", user_id="id")
    project.build()
    outcome = project.run("show", table, "--format", form)
    assert outcome.exit_code == 0
    assert form != "json" or json.loads(outcome.stdout) == []


def test_show_without_a_warehouse_says_what_to_do(project: Workspace) -> None:
    outcome = project.run("show")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "`usersync build` makes it" in outcome.stderr
    assert "target/warehouse.duckdb" not in files(project.root)


# --- debug ---


def test_debug_tells_versions_and_that_all_is_well(project: Workspace) -> None:
    outcome = project.run("debug")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    assert f"duckdb {duckdb.__version__}" in outcome.stdout
    assert "profile 'test', target 'dev', from profiles.yml" in outcome.stdout
    assert "connection lake (files at .): ok" in outcome.stdout
    assert "not there yet, the first build makes it" in outcome.stdout
    assert "target" not in {path.name for path in project.root.iterdir()}


def test_debug_checks_every_connection_and_fails_with_1(project: Workspace) -> None:
    (project.root / "models/people.sql").unlink()
    project.profile(
        {
            "good": {"type": "files", "path": "."},
            "gone": {"type": "duckdb", "path": "gone.duckdb"},
            "shut": {"type": "postgres", "host": "127.0.0.1", "port": 1, "database": "d", "connect_timeout": 2},
        }
    )
    outcome = project.run("debug")
    assert outcome.exit_code == 1
    for line in ("connection good (files at .): ok", "connection gone (duckdb at gone.duckdb): failed"):
        assert line in outcome.stdout
    assert "connection shut (postgres at 127.0.0.1:1/d): failed" in outcome.stdout
    assert "there is no file" in outcome.stderr
    assert outcome.stderr.count("error:") == 2


def test_debug_says_when_the_warehouse_is_broken(project: Workspace) -> None:
    project.write("target/warehouse.duckdb", "this is no database, however long the text in it may be" * 99)
    outcome = project.run("debug")
    assert outcome.exit_code == 1
    assert "warehouse.duckdb: failed" in outcome.stdout


def test_debug_without_a_profile_is_2(project: Workspace) -> None:
    (project.root / "profiles.yml").unlink()
    outcome = project.run("debug")
    assert outcome.exit_code == 2
    assert "none found" in outcome.stdout


# --- clean ---


def test_clean_removes_what_was_written_and_keeps_the_warehouse(project: Workspace) -> None:
    project.build()
    project.run("compile")
    users = project.rows("select * from users order by all")
    outcome = project.run("clean")
    assert outcome.exit_code == 0
    assert set(outcome.stderr.splitlines()) == {
        "removed target/compiled",
        "removed target/manifest.json",
        "removed target/run_results.json",
    }
    assert {path for path in files(project.root) if path.startswith("target")} == {"target/warehouse.duckdb"}
    assert project.rows("select * from users order by all") == users
    assert project.run("clean").output == ""


def test_clean_leaves_files_of_others_in_target(project: Workspace) -> None:
    project.write("target/notes.txt", "mine")
    project.run("clean")
    assert "target/notes.txt" in files(project.root)


def test_clean_deletes_the_warehouse_when_told(project: Workspace) -> None:
    project.build()
    assert project.run("clean", "--warehouse", "-y").exit_code == 0
    assert not any("warehouse" in path for path in files(project.root))


@pytest.mark.parametrize(("answer", "kept"), [("n\n", True), ("", True), ("y\n", False)])
def test_clean_asks_before_it_deletes_the_warehouse(project: Workspace, answer: str, kept: bool) -> None:
    project.build()
    command = [sys.executable, "-m", "usersync", "--project-dir", str(project.root), "clean", "--warehouse"]
    done = subprocess.run(command, input=answer, capture_output=True, text=True, check=False, timeout=60)
    assert "Users get new ids" in done.stderr
    assert ("target/warehouse.duckdb" in files(project.root)) is kept
    assert (done.returncode == 0) is not kept


def test_clean_works_in_a_broken_project(project: Workspace) -> None:
    project.build()
    project.write("models/people.sql", "{% if %}")
    project.write("models/users.sql", "nonsense")
    assert project.run("clean").exit_code == 0
    assert "target/run_results.json" not in files(project.root)


# --- lint, briefly ---


def test_lint_explains_a_rule_without_a_project(workspace: Workspace) -> None:
    outcome = workspace.run("lint", "--explain", "US102")
    assert outcome.stdout.startswith(f"US102 {RULES['US102'].name} (error)\n\n")
    assert "Bad: `config(conection = 'crm')`" in outcome.stdout
