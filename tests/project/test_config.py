"""`config()`: read from the syntax tree, never run, every part with its place."""

from pathlib import Path
from typing import Any

import pytest

from tests.marks import marked, place, summary
from tests.support import Workspace
from usersync.diagnostics import Diagnostic
from usersync.project.model import Pipeline

QUERY = "select id, email, updated_at from t where updated_at >= ${updated_at}"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.users("email varchar, name varchar, address struct(city varchar)")
    return workspace


def read(project: Workspace, text: str) -> Pipeline:
    """The pipeline of a text that has nothing wrong with it."""
    project.write("models/m.sql", text)
    loaded = project.load()
    assert loaded.problems == ()
    return loaded.pipelines["m"]


def problems(project: Workspace, text: str) -> list[Diagnostic]:
    """What is wrong with the settings of a text, rendering and compiling left out."""
    project.write("models/m.sql", text)
    return list(project.load().problems)


def config(settings: str, query: str = QUERY) -> str:
    return f"{{{{ config(connection = 'crm', user_id = 'id', {settings}) }}}}\n{query}\n"


# --- Reading ---


def test_every_setting_is_read(project: Workspace) -> None:
    written: dict[str, Any] = {
        "connection": "crm",
        "user_id": "id",
        "name": "Customers",
        "enabled": False,
        "fallback_id": "email",
        "write": "update_only",
        "updated_at": "updated_at",
        "updated_at_format": "%Y-%m-%d",
        "incremental": True,
        "lookback": "15 minutes",
        "mapping": {"email": "lower(email)"},
        "account_ids": "account",
        "account_name": "company",
        "on_missing": "keep",
        "max_deleted": "5%",
        "max_rejected": 0,
        "dialect": "postgres",
        "schedule": {"period": "15m", "start": 5},
        "tags": ["a", "b"],
        "description": "All of them",
        "owner": "ann",
    }
    listed = ", ".join(f"{key} = {value!r}" for key, value in written.items())
    model = read(project, f"{{{{ config({listed}) }}}}\n{QUERY}")
    assert {key: getattr(model, key) for key in written} == {**written, "tags": ("a", "b")}


def test_what_is_not_said_has_a_default(project: Workspace) -> None:
    model = read(project, f"{{{{ config(connection = 'crm', user_id = 'id') }}}}\n{QUERY}")
    assert (model.name, model.enabled, model.write, model.incremental) == ("m", True, "create_or_update", False)
    assert (model.on_missing, model.max_deleted, model.dialect, model.tags) == ("delete", "30%", "duckdb", ())
    assert model.mapping is None


@pytest.mark.parametrize("nothing", ["none", "None"])
def test_none_is_the_same_as_leaving_a_key_out(project: Workspace, nothing: str) -> None:
    model = read(project, config(f"name = {nothing}, mapping = {nothing}, max_rejected = {nothing}"))
    assert (model.name, model.mapping, model.max_rejected) == ("m", None, None)


@pytest.mark.parametrize(("key", "code"), [("connection", "US103"), ("user_id", "US206")])
@pytest.mark.parametrize("given", ["", "none"])
def test_connection_and_user_id_are_required(project: Workspace, key: str, code: str, given: str) -> None:
    settings = {"connection": "'crm'", "user_id": "'id'", key: given}
    listed = ", ".join(f"{name} = {value}" for name, value in settings.items() if value)
    [problem] = problems(project, f"{{{{ config({listed}) }}}}\n{QUERY}")
    assert (problem.code, problem.message) == (code, f"config() needs a {key}")


@pytest.mark.parametrize(
    "text",
    [
        "{{ config (connection='crm',user_id='id') }}",
        "{{- config(\n    connection = 'crm',\n    user_id = 'id',\n) -}}",
        '{{ config(user_id = "id", connection = "crm") }}',
        "{{ config(connection = ('crm'), user_id = 'i' 'd') }}",
        "{% if true %}{{ config(connection = 'crm', user_id = 'id') }}{% endif %}",
        "{% set _ = config(connection = 'crm', user_id = 'id') %}",
        "{# config(connection = 'old') #}{{ config(connection = 'crm', user_id = 'id') }}",
    ],
)
def test_config_is_found_however_it_is_written(project: Workspace, text: str) -> None:
    model = read(project, f"{text}\n{QUERY}")
    assert (model.connection, model.user_id) == ("crm", "id")


def test_windows_line_ends_and_a_byte_order_mark_are_read_over(project: Workspace) -> None:
    text = config("incremental = true, updated_at = 'updated_at'").replace("\n", "\r\n")
    (project.root / "models/m.sql").write_bytes(b"\xef\xbb\xbf" + text.encode())
    model = project.load().pipelines["m"]
    assert model.location("connection").column == 25
    assert "\r" not in model.file.text


def test_reading_runs_nothing(project: Workspace) -> None:
    text = config("description = boom()", "select {{ 1 / 0 }} {{ undefined() }}")
    assert [problem.code for problem in problems(project, text)] == ["US104"]
    outcome = project.run("list", "--format", "names")
    assert (outcome.exit_code, outcome.stdout) == (0, "m\n")


# --- Places ---


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("connection", "{{ config(connection = '»crm', user_id = 'id') }}"),
        ("connection:key", "{{ config(»connection = 'crm', user_id = 'id') }}"),
        ("user_id", "{{ config(\n    connection = 'crm',\n    user_id    = '»id',\n) }}"),
        ("user_id:key", "{{ config(\n    connection = 'crm',\n    »user_id    = 'id',\n) }}"),
        ("user_id:key", "{{ config(connection='crm',»user_id=('id')) }}"),
        ("name", "{{ config(connection='crm', user_id='id', name=\"»N\") }}"),
        ("name:key", "{{ config(connection='crm', user_id='id', owner='name = x', »name='N') }}"),
        ("enabled", "{{ config(connection='crm', user_id='id', enabled = »false) }}"),
        ("max_rejected", "{{ config(connection='crm', user_id='id', max_rejected = »12) }}"),
        ("tags", "{{ config(connection='crm', user_id='id', tags = »['a', 'b']) }}"),
        ("tags.1", "{{ config(connection='crm', user_id='id', tags = ['a', '»b']) }}"),
        ("schedule.start", "{{ config(connection='crm', user_id='id', schedule = {'period': '1h', 'start': »30}) }}"),
        ("mapping.email", "{{ config(connection='crm', user_id='id', mapping = {'email': '»lower(email)'}) }}"),
        ("mapping.email:key", "{{ config(connection='crm', user_id='id', mapping = {'»email': 'email'}) }}"),
        (
            "mapping.address.city",
            "é{{ config(connection='crm', user_id='id', mapping={\n'address.city':\n\t'»email'}) }}",
        ),
        ("", "{# about #}\n\n{{ »config(connection='crm', user_id='id') }}"),
    ],
)
def test_every_key_and_value_has_its_place(project: Workspace, key: str, text: str) -> None:
    written, expected = marked(text)
    assert place(read(project, f"{written}\n{QUERY}").location(key)) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "»mial",
        "lower(»mial)",
        "coalesce(email, »mial)",
        "case when id > 1\n        then »mial end",
        "'a' || »mial",
        "-- a comment\n »mial",
    ],
)
def test_a_problem_in_a_mapping_is_placed_inside_its_text(project: Workspace, expression: str) -> None:
    text, expected = marked(config(f'mapping = {{\n    "email": "{expression}",\n}}'))
    project.write("models/m.sql", text)
    [problem] = project.errors()
    assert (problem.code, place(problem.location)) == ("US201", expected)
    assert problem.hint == "did you mean 'email'?"


def test_escapes_in_a_mapping_move_no_place(project: Workspace) -> None:
    text, expected = marked(config(r"mapping = {'email': 'coalesce(\'a\', »mial)'}"))
    project.write("models/m.sql", text)
    assert summary(project.errors()) == [("US201", expected)]


def test_a_location_has_the_line_for_the_caret(project: Workspace) -> None:
    location = read(project, config("name = 'N'")).location("name", length=1)
    assert location.file == "models/m.sql"
    assert location.text == "{{ config(connection = 'crm', user_id = 'id', name = 'N') }}"
    assert location.text[location.column - 1 :][: location.length] == "N"


# --- Wrong settings ---


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ("»conection = 'crm'", "did you mean 'connection'?"),
        ("»Updated_at = 'a'", "did you mean 'updated_at'?"),
        ("»updatedat = 'a'", "did you mean 'updated_at'?"),
        ("name = 'x', »tag = ['a']", "did you mean 'tags'?"),
        ("»materialized = 'table'", None),
    ],
)
def test_an_unknown_key_is_placed_and_may_be_guessed(project: Workspace, settings: str, hint: str | None) -> None:
    text, expected = marked(config(settings))
    [problem] = problems(project, text)
    assert (problem.code, place(problem.location), problem.hint) == ("US102", expected, hint)


@pytest.mark.parametrize(
    "settings",
    [
        "name = »var('name')",
        "name = »'a' ~ 'b'",
        "name = »name",
        "enabled = »not true",
        "tags = »['a'] + ['b']",
        "tags = ['a', »x]",
        "mapping = {'email': »'email' if true else 'id'}",
        "mapping = {»key: 'email'}",
        "max_rejected = »1 + 1",
        "description = »'a' | upper",
        "enabled = »x.y",
    ],
)
def test_a_setting_that_is_no_literal_is_refused(project: Workspace, settings: str) -> None:
    text, expected = marked(config(settings))
    [problem] = problems(project, text)
    assert problem.code == "US104"
    assert place(problem.location) == expected
    assert "must be a literal" in problem.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ »config('crm') }}", "config() takes only key = literal"),
        ("{{ »config(**settings) }}", "config() takes only key = literal"),
        (
            "{{ config(connection = 'crm', user_id = 'id') }}\n{{ »config(connection = 'crm', user_id = 'id') }}",
            "config() is called twice",
        ),
    ],
)
def test_a_call_of_another_form_is_refused(project: Workspace, text: str, message: str) -> None:
    written, expected = marked(text)
    found = [problem for problem in problems(project, f"{written}\n{QUERY}") if problem.code == "US104"]
    assert [(place(problem.location), problem.message) for problem in found] == [(expected, message)]


def test_a_key_that_is_said_twice_is_placed_at_the_second(project: Workspace) -> None:
    text, expected = marked(config("owner = 'ann', »owner = 'bob'"))
    project.write("models/m.sql", text)
    [problem] = project.errors()
    assert place(problem.location) == expected
    assert "m.sql, line" not in problem.message


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ("enabled = »1", "US108"),
        ("enabled = '»yes'", "US108"),
        ("incremental = '»true'", "US108"),
        ("write = '»insert'", "US108"),
        ("on_missing = '»ignore'", "US108"),
        ("updated_at = '»1st'", "US301"),
        ("updated_at = '»a b'", "US301"),
        ("fallback_id = »1", "US108"),
        ("account_ids = »['a']", "US108"),
        ("name = '»'", "US101"),
        (f"name = '»{'x' * 61}'", "US101"),
        ("name = »1", "US101"),
        ("lookback = »15", "US108"),
        ("lookback = '»1 fortnight'", "US108"),
        ("lookback = '»-1 hour'", "US108"),
        ("lookback = '»999999 days'", "US108"),
        ("lookback = '»99999999999999999999999999 seconds'", "US108"),
        ("mapping = »['email']", "US108"),
        ("mapping = {'email': »1}", "US108"),
        ("mapping = {'email': »['email']}", "US108"),
        ("mapping = {'email': '»'}", "US108"),
        ("mapping = {'email': '» '}", "US108"),
        ("max_deleted = '»130%'", "US108"),
        ("max_deleted = »-1", "US108"),
        ("max_deleted = »1.5", "US108"),
        ("max_deleted = »true", "US108"),
        ("max_rejected = »true", "US108"),
        ("max_rejected = '»1%'", "US108"),
        ("schedule = '»1h'", "US106"),
        ("schedule = »{'period': '7m'}", "US106"),
        ("schedule = »{'start': 0}", "US106"),
        ("schedule = »{'period': '1h', 'start': 1440}", "US106"),
        ("schedule = »{'perod': '1h'}", "US106"),
        ("tags = '»sales'", "US108"),
        ("tags = »['a', 1]", "US108"),
        ("description = »1", "US108"),
        ("owner = »true", "US108"),
        ("kind = '»table'", "US108"),
        ("dialect = »1", "US108"),
    ],
)
def test_a_wrong_value_is_placed(project: Workspace, settings: str, code: str) -> None:
    text, expected = marked(config(settings))
    assert summary(problems(project, text)) == [(code, expected)]


@pytest.mark.parametrize(
    "update_format",
    ["»", "»x", "»%Q", "»%Y-%", "»%d/%m/%Y %", f"»{'%Y' * 33}", "»ISO8602"],
)
def test_an_update_format_has_1_to_64_characters_and_known_directives(project: Workspace, update_format: str) -> None:
    text, expected = marked(config(f"updated_at = 'updated_at', updated_at_format = '{update_format}'"))
    assert summary(problems(project, text)) == [("US303", expected)]


@pytest.mark.parametrize(
    "settings",
    [
        "max_deleted = 0",
        "max_deleted = '30%'",
        "max_deleted = '0.5 %'",
        "max_deleted = '100%'",
        "max_rejected = 0",
        "lookback = 0",
        "lookback = '15 minutes'",
        "lookback = '1 day'",
        f"name = '{'x' * 60}'",
        "name = 'Kunden, täglich'",
        "tags = []",
        "tags = ('a', 'b')",
        "schedule = {'period': '5m'}",
        "schedule = {'period': '24h', 'start': 1439}",
        "updated_at = 'updated_at', updated_at_format = 'ISO8601'",
        "updated_at = 'updated_at', updated_at_format = '%d/%m/%Y %H:%M:%S.%f %z'",
        "updated_at = 'updated_at', updated_at_format = '%-d.%-m.%y 100%%'",
        "mapping = {}",
    ],
)
def test_a_good_value_is_read_without_a_word(project: Workspace, settings: str) -> None:
    read(project, config(settings))


def test_an_unknown_dialect_is_placed_at_its_name(project: Workspace) -> None:
    text, expected = marked(config("dialect = '»postgers'"))
    project.write("models/m.sql", text)
    [problem] = project.errors()
    assert (problem.code, place(problem.location)) == ("US108", expected)
    assert problem.hint == "did you mean 'postgres'?"


def test_mapping_and_function_exclude_each_other(project: Workspace) -> None:
    text, expected = marked(config("mapping = {'email': 'email'}, »function = {'path': 'functions/x.py'}"))
    assert summary(problems(project, text)) == [("US202", expected)]


@pytest.mark.parametrize("text", [QUERY, "{# {{ config(connection = 'crm') }} #}\n" + QUERY, "{{ config }}\n" + QUERY])
def test_a_model_without_config_is_told_how_to_begin(project: Workspace, text: str) -> None:
    [problem] = problems(project, text)
    assert (problem.code, place(problem.location)) == ("US108", (1, 1))
    assert problem.hint is not None
    assert problem.hint.startswith("start with {{ config(")


def test_an_unknown_connection_is_placed_and_guessed(project: Workspace) -> None:
    project.profile({"crm": {"type": "files", "path": "."}})
    text, expected = marked("{{ config(connection = '»cmr', user_id = 'id') }}\n" + QUERY)
    [problem] = problems(project, text)
    assert (problem.code, place(problem.location), problem.hint) == ("US103", expected, "did you mean 'crm'?")


def test_stems_are_unique_across_folders(project: Workspace) -> None:
    for folder in ("eu", "us"):
        project.write(f"models/{folder}/crm.sql", config("name = 'x'"))
    [problem] = project.load().problems
    assert (problem.code, place(problem.location)) == ("US101", (1, 1))
    assert "models/eu/crm.sql" in problem.message


def test_a_file_that_is_not_utf8_is_named(project: Workspace) -> None:
    Path(project.root / "models/m.sql").write_bytes(config("name = 'Ren\xe9'").encode("latin-1"))
    outcome = project.run("lint")
    assert outcome.exit_code == 1
    assert "error: models/m.sql:1:58: the file cannot be read: it is not UTF-8" in outcome.stdout
