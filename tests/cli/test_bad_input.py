"""Bad input: an exit code, a place and a hint, never a traceback, and a warehouse as it was before."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import pytest

from tests.marks import marked
from tests.support import Outcome, Workspace, pipeline_of

GOOD = "{{ config(connection = 'dwh', user_id = 'id') }}\nselect id, email from t\n"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    """A project that builds: one pipeline over a table of a DuckDB file."""
    connections: dict[str, dict[str, object]] = {
        "dwh": {"type": "duckdb", "path": "dwh.duckdb"},
        "lake": {"type": "files", "path": "."},
    }
    workspace.profile(connections)
    workspace.users("email varchar(254), name varchar")
    workspace.write("models/people.sql", GOOD)
    with duckdb.connect(str(workspace.root / "dwh.duckdb")) as database:
        database.execute("create table t (id int, email varchar)")
        database.execute("insert into t values (1, 'ann@example.com'), (2, 'bob@example.com')")
        database.execute('create table odd (id int, email varchar, "1st-name" varchar)')
        database.execute("create table nobody (id int, email varchar)")
    return workspace


@dataclass(frozen=True)
class Bad:
    """A bad file, with a mark where the problem is."""

    title: str
    text: str
    """Of the file; None of it means that there is no such file."""
    exit_code: int
    said: str
    hint: str = ""
    file: str = "models/people.sql"

    @property
    def marked(self) -> tuple[str, str]:
        """The file's text, and where its problem is reported."""
        text, (line, column) = marked(self.text)
        return text, f"error: {self.file}:{line}:{column}: "


def sql(query: str) -> str:
    return GOOD.splitlines()[0] + f"\n{query}\n"


CASES = [
    Bad("broken YAML", "test:\n  target: dev\n  outputs: »]\n", 2, "YAML: ", file="profiles.yml"),
    Bad("YAML that is no profile", "»[1, 2]", 2, "must be a mapping", file="profiles.yml"),
    Bad("broken Jinja", sql("select id, email {% »iff x %} from t"), 2, "unknown tag 'iff'"),
    Bad("an undefined name", sql("select id, email from t where u > {{ »updated }}"), 2, "undefined", "did you mean"),
    Bad("broken SQL", sql("select id, email\nform »t"), 2, "SQL: unexpected"),
    Bad("a query that ends too early", sql("select id, email from t »where"), 2, "incomplete SQL near 'where'"),
    Bad("no query", sql("-- later") + "»", 2, "the model has no query", "write the SELECT"),
    Bad("two statements", sql("select id, email from t;\n»select id from t"), 2, "this is a second statement"),
    Bad("insert", sql("»insert into t values (1, 'x')"), 2, "INSERT is refused"),
    Bad("attach", sql("»attach 'other.duckdb' as other"), 2, "ATTACH is refused"),
    Bad("copy", sql("»copy t to 'out.csv'"), 2, "COPY is refused"),
    Bad(
        "another database",
        sql("select id, email from »other.main.t"),
        2,
        "is not in connection 'dwh'",
        "one connection",
    ),
    Bad("an unknown connection", GOOD.replace("'dwh'", "'»dhw'"), 2, "no connection 'dhw'", "did you mean 'dwh'?"),
    Bad("an unknown setting", GOOD.replace("user_id", "»usr_id = 1, user_id"), 2, "no key 'usr_id'", "'user_id'"),
    Bad("a column named 1st-name", sql('select id, email, »email as "1st-name" from t'), 2, "'1st-name'", "alias"),
    Bad("columns Email and email", sql("select id, Email, »email from t"), 2, "'email' is selected twice"),
    Bad("a mapping of no column", GOOD.replace("'id')", "'id', mapping = {'email': '»mail'})"), 2, "'mail'", "'email'"),
    Bad(
        "a mapping to no property", GOOD.replace("'id')", "'id', mapping = {'»mail': 'email'})"), 2, "'mail'", "'email'"
    ),
    Bad("a user id that is no column", GOOD.replace("= 'id'", "= '»uid'"), 2, "no column 'uid'", "'id'"),
    Bad("broken DDL", "create table users (email varchar(254), »,", 2, "SQL: ", file="models/users.sql"),
    Bad("an unknown type", "create table users (\n  »email emial\n)", 2, "unknown type", file="models/users.sql"),
    Bad("a missing column", sql("select id, »emial as email from t"), 1, "no column 'emial'", "did you mean 'email'?"),
    Bad("a missing table", sql("select id, email\nfrom »tt"), 1, "no table 'tt'", "did you mean 't'?"),
]


def state(project: Workspace) -> list[object]:
    """What a build may change."""
    queries = ("select * from users", "select * from identities", "from usersync.cursors", "from usersync.user_changes")
    return [sorted(map(str, project.rows(query))) for query in queries]


def check(outcome: Outcome, bad: Bad, start: str) -> None:
    assert outcome.exit_code == bad.exit_code, outcome.output
    assert "Traceback" not in outcome.output
    line = next((line for line in outcome.stderr.splitlines() if line.startswith(start)), None)
    assert line is not None, outcome.stderr
    assert bad.said in line
    assert not bad.hint or any("hint:" in line and bad.hint in line for line in outcome.stderr.splitlines())


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.title)
def test_bad_input_is_placed_and_nothing_is_written(project: Workspace, bad: Bad) -> None:
    text, start = bad.marked
    project.write(bad.file, text)
    check(project.run("build"), bad, start)
    warehouse = project.root / "target/warehouse.duckdb"
    assert bad.exit_code == 1 or not warehouse.exists()
    assert not warehouse.exists() or project.rows("from users") == []


@pytest.mark.parametrize("bad", CASES, ids=lambda bad: bad.title)
def test_bad_input_leaves_the_users_of_the_last_build(project: Workspace, bad: Bad) -> None:
    project.build()
    before = state(project)
    text, start = bad.marked
    project.write(bad.file, text)
    check(project.run("build"), bad, start)
    assert state(project) == before


@pytest.mark.parametrize("bad", [case for case in CASES if case.exit_code == 1], ids=lambda bad: bad.title)
def test_what_only_the_source_knows_is_placed_by_preview_and_compile_too(project: Workspace, bad: Bad) -> None:
    project.write(bad.file, bad.marked[0])
    for command in ("preview", "compile"):
        outcome = project.run(command, "people")
        assert "Traceback" not in outcome.output
        assert bad.said in outcome.stderr


def test_a_broken_template_is_not_taken_for_a_missing_pipeline(project: Workspace) -> None:
    project.write("models/people.sql", sql("select id, email {% iff x %} from t"))
    for args in (("build",), ("build", "-s", "people"), ("preview", "people"), ("compile", "people")):
        outcome = project.run(*args)
        assert outcome.exit_code == 2, (args, outcome.output)
        assert "unknown tag 'iff'" in outcome.stderr


def test_a_broken_template_does_not_stop_the_selected_others(project: Workspace) -> None:
    project.write("models/broken.sql", sql("select id, email {% iff x %} from t"))
    project.build("-s", "people")
    assert len(project.rows("from users")) == 2


def test_no_models_folder_is_no_project(project: Workspace) -> None:
    (project.root / "models").rename(project.root / "model")
    outcome = project.run("build")
    assert outcome.exit_code == 2
    assert "no folder models/" in outcome.stderr
    assert "usersync init" in outcome.stderr
    assert not (project.root / "target").exists()


def test_no_models_selects_nothing(project: Workspace) -> None:
    (project.root / "models/people.sql").unlink()
    outcome = project.run("build")
    assert outcome.exit_code == 3
    assert "there are no pipelines in models/" in outcome.stderr
    assert not (project.root / "target").exists()
    assert project.run("build", "--allow-empty").exit_code == 0


def test_no_users_sql_says_what_it_is_for(project: Workspace) -> None:
    (project.root / "models/users.sql").unlink()
    outcome = project.run("build")
    assert outcome.exit_code == 2
    assert "there is no models/users.sql" in outcome.stderr
    assert "hint: it says what a user is: create table users" in outcome.stderr
    assert not (project.root / "target").exists()


def test_no_profile_says_so(project: Workspace) -> None:
    (project.root / "profiles.yml").unlink()
    outcome = project.run("build")
    assert outcome.exit_code == 2
    assert "there is no profiles.yml" in outcome.stderr
    assert "hint:" in outcome.stderr


@pytest.mark.parametrize("query", ["select id, email from t where false", "select id, email from nobody"])
def test_a_query_without_rows_is_a_build_without_users(project: Workspace, query: str) -> None:
    project.write("models/people.sql", sql(query))
    people = pipeline_of(project.build(), "people")
    assert (people["outcome"], people["read"], people["inserted"]) == ("success", 0, 0)
    assert project.rows("from users") == []
    assert project.run("preview", "people").stdout.startswith("the query returns no rows")


def test_an_empty_read_does_not_delete_everybody(project: Workspace) -> None:
    project.build()
    before = state(project)[:2]
    project.write("models/people.sql", sql("select id, email from t where false"))
    outcome = project.run("build")
    assert outcome.exit_code == 4
    assert "--allow-deletes" in outcome.stderr
    assert state(project)[:2] == before


@pytest.mark.parametrize("command", [("build",), ("preview", "people"), ("compile", "people")])
def test_a_bad_column_name_that_only_the_source_knows_is_refused(project: Workspace, command: tuple[str, ...]) -> None:
    project.write("models/people.sql", sql("select * from odd"))
    assert project.run("lint").exit_code == 0
    outcome = project.run(*command)
    assert outcome.exit_code in {1, 2}
    assert "column name '1st-name' is not valid [US208]" in outcome.stderr
    assert "Traceback" not in outcome.output


def test_a_missing_file_of_a_source_is_named(project: Workspace) -> None:
    project.write(
        "models/people.sql", "{{ config(connection = 'lake', user_id = 'id') }}\nselect id, email from 'none.csv'"
    )
    outcome = project.run("build")
    assert outcome.exit_code == 1
    assert "none.csv" in outcome.stderr
    assert "error: models/people.sql:" in outcome.stderr


def test_a_source_that_is_no_database_is_named(project: Workspace) -> None:
    project.write("dwh.duckdb", "no database at all, only some text that is long enough to be read " * 100)
    outcome = project.run("build")
    assert outcome.exit_code == 1
    assert "connection 'dwh' (duckdb at dwh.duckdb): cannot connect" in outcome.stderr


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_server_that_does_not_answer_is_named(project: Workspace, kind: str) -> None:
    server = {"type": kind, "host": "127.0.0.1", "port": 1, "database": "d", "user": "ann", "password": "hunter2"}
    project.profile({"dwh": {**server, "connect_timeout": 2}})
    outcome = project.run("build")
    assert outcome.exit_code == 1
    assert f"connection 'dwh' ({kind} at 127.0.0.1:1/d): cannot connect" in outcome.stderr
    assert "hint: is the server running, and are host and port in profiles.yml right?" in outcome.stderr
    assert "hunter2" not in outcome.output
    assert project.rows("from users") == []


def test_one_bad_pipeline_leaves_the_others_whole(project: Workspace) -> None:
    project.write("models/bad.sql", sql("select id, emial as email from t"))
    results = project.build(expect=1)
    assert (pipeline_of(results, "bad")["outcome"], pipeline_of(results, "people")["outcome"]) == ("failed", "success")
    assert len(project.rows("from users")) == 2


# --- The warehouse ---


@pytest.mark.parametrize("path", ["notes.txt/warehouse.duckdb", "folder", "notes.txt"])
def test_a_warehouse_that_cannot_be_written_is_named(project: Workspace, path: str) -> None:
    project.write("notes.txt", "not a database, but text of some length " * 200)
    (project.root / "folder").mkdir()
    project.profile({"dwh": {"type": "duckdb", "path": "dwh.duckdb"}}, path=path)
    outcome = project.run("build")
    assert outcome.exit_code == 1
    assert outcome.stderr.count("error:") == 1
    assert f"cannot open the warehouse {project.root / path}" in outcome.stderr
    assert "hint: the warehouse's path is in profiles.yml" in outcome.stderr
    assert (project.root / "notes.txt").read_text().startswith("not a database")


def test_results_that_cannot_be_written_are_no_traceback(project: Workspace) -> None:
    project.profile({"dwh": {"type": "duckdb", "path": "dwh.duckdb"}}, path="warehouse.duckdb")
    project.write("target", "a file where a folder should be")
    for command in ("build", "compile"):
        outcome = project.run(command)
        assert outcome.exit_code in {1, 2}
        assert "Traceback" not in outcome.output


@contextlib.contextmanager
def held(project: Workspace) -> Iterator[int]:
    """The warehouse, open for writing in another process."""
    path = str(project.root / "target/warehouse.duckdb")
    code = f"import duckdb; connection = duckdb.connect({path!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        yield process.pid
        process.communicate("\n", timeout=60)


def test_a_warehouse_that_another_process_holds_is_left_alone(project: Workspace) -> None:
    project.build()
    before = state(project)
    with held(project) as pid:
        for command in (("build",), ("show",)):
            outcome = project.run(*command)
            assert outcome.exit_code == 1
            assert f"is held by another process (PID {pid})" in outcome.stderr
        assert project.run("debug").exit_code == 1
        assert project.run("lint").exit_code == 0
        assert project.run("preview", "people").exit_code == 0
    assert state(project) == before
    project.build()


def test_a_build_waits_for_the_warehouse_as_long_as_it_may(project: Workspace) -> None:
    project.build()
    with held(project):
        started = time.monotonic()
        outcome = project.run("build", "--lock-timeout", "0.5")
        waited = time.monotonic() - started
    assert outcome.exit_code == 1
    assert 0.5 <= waited < 10
    assert "waiting: the warehouse is held by" in outcome.stderr


def test_a_build_that_waited_goes_on(project: Workspace) -> None:
    project.build()
    path = str(project.root / "target/warehouse.duckdb")
    code = f"import duckdb, time; c = duckdb.connect({path!r}); print('open', flush=True); time.sleep(0.5); c.close()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        assert pipeline_of(project.build("--lock-timeout", "30"), "people")["unchanged"] == 2
