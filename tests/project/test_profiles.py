"""`profiles.yml`: where it is looked for, what it may say, and that its secrets stay in it."""

import json
from pathlib import Path

import pytest

from tests.marks import marked, place
from tests.support import Workspace
from usersync.diagnostics import ConfigError, Diagnostic
from usersync.project.model import Profile
from usersync.project.profiles.load import load_profile

HEAD = "acme:\n  target: dev\n  outputs:\n    dev:\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def load(root: Path, text: str, *, lenient: bool = False) -> Profile:
    (root / "profiles.yml").write_text(text, encoding="utf-8")
    profile = load_profile(root, lenient=lenient)
    assert profile is not None
    return profile


def connections(*lines: str) -> str:
    return HEAD + "      connections:\n" + "".join(f"        {line}\n" for line in lines)


def refused(root: Path, text: str) -> Diagnostic:
    """The one problem of a file."""
    with pytest.raises(ConfigError) as caught:
        load(root, text)
    [problem] = caught.value.diagnostics
    return problem


# --- Where it is looked for ---


def profile_named(folder: Path, name: str, file: str = "profiles.yml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / file).write_text(f"{name}: {{outputs: {{dev: {{warehouse: {{path: w.duckdb}}}}}}}}")
    return folder


def found(root: Path, profiles_dir: Path | None = None) -> str | None:
    profile = load_profile(root, profiles_dir=profiles_dir)
    return profile.name if profile else None


def test_each_place_is_tried_in_turn(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(root) is None
    profile_named(root, "example", "profiles.example.yml")
    assert found(root) == "example"
    profile_named(Path.home() / ".usersync", "home")
    assert found(root) == "home"
    profile_named(root, "project")
    assert found(root) == "project"
    monkeypatch.setenv("USERSYNC_PROFILES_DIR", str(profile_named(tmp_path / "variable", "variable")))
    assert found(root) == "variable"
    assert found(root, profile_named(tmp_path / "option", "option")) == "option"


def test_a_named_folder_without_the_file_is_an_error(root: Path, tmp_path: Path) -> None:
    profile_named(root, "project")
    with pytest.raises(ConfigError, match=r"there is no profiles\.yml in"):
        load_profile(root, profiles_dir=tmp_path)


def test_the_example_in_a_named_folder_is_not_used(root: Path) -> None:
    profile_named(root, "example", "profiles.example.yml")
    with pytest.raises(ConfigError):
        load_profile(root, profiles_dir=root)


# --- Profile and target ---

TWO = """
first: {target: b, outputs: {a: {warehouse: {path: a.db}}, b: {warehouse: {path: b.db}}}}
second: {outputs: {c: {warehouse: {path: c.db}}, d: {warehouse: {path: d.db}}}}
"""


@pytest.mark.parametrize(
    ("profile", "target", "expected"),
    [
        (None, None, ("first", "b")),
        (None, "a", ("first", "a")),
        ("second", None, ("second", "c")),
        ("second", "d", ("second", "d")),
    ],
)
def test_the_first_profile_and_its_target_are_the_default(
    root: Path, profile: str | None, target: str | None, expected: tuple[str, str]
) -> None:
    (root / "profiles.yml").write_text(TWO)
    loaded = load_profile(root, profile=profile, target=target)
    assert loaded is not None
    assert (loaded.name, loaded.target) == expected
    assert loaded.warehouse["path"] == f"{expected[1]}.db"


@pytest.mark.parametrize(
    ("profile", "target", "message", "hint"),
    [
        ("frist", None, "there is no profile 'frist'", "did you mean 'first'?"),
        (None, "prod", "there is no target 'prod'", "known: a, b"),
    ],
)
def test_an_unknown_profile_or_target_names_those_there_are(
    root: Path, profile: str | None, target: str | None, message: str, hint: str
) -> None:
    (root / "profiles.yml").write_text(TWO)
    with pytest.raises(ConfigError) as caught:
        load_profile(root, profile=profile, target=target)
    [problem] = caught.value.diagnostics
    assert (problem.message, problem.hint) == (message, hint)


# --- Options ---


def test_every_type_of_connection_is_read(root: Path) -> None:
    profile = load(
        root,
        connections(
            "pg: {type: postgres, host: h, port: '5433', database: d, user: u, password: p, sslmode: require}",
            "my: {type: mariadb, database: d, ssl_mode: required}",
            "lite: {type: sqlite, path: data/app.db}",
            "duck: {type: duckdb, path: data/dwh.duckdb}",
            "lake: {type: files, path: data/, union_by_name: true}",
        ),
    )
    assert [c.type for c in profile.connections.values()] == ["postgres", "mysql", "sqlite", "duckdb", "files"]
    assert profile.connections["pg"].options["port"] == 5433
    assert profile.connections["lake"].root == root


def test_a_target_needs_no_warehouse_and_no_connections(root: Path) -> None:
    profile = load(root, HEAD + "      connections:\n")
    assert profile.warehouse == {"type": "duckdb", "path": "target/warehouse.duckdb"}
    assert profile.connections == {}


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("crm: {type: »postgrs, database: d}", "unknown type 'postgrs'", "did you mean 'postgres'?"),
        ("crm: {type: »oracle, database: d}", "unknown type 'oracle'", "duckdb, files, mysql, postgres, sqlite"),
        ("crm: »{database: d}", "there is no key 'type'", None),
        ("crm: »{type: postgres}", "needs 'database'", None),
        ("crm: »{type: files}", "needs 'path'", None),
        ("crm: {type: postgres, database: d, »pasword: p}", "no option 'pasword'", "did you mean 'password'?"),
        ("crm: {type: files, path: p, »host: h}", "no option 'host'", None),
        ("crm: {type: postgres, database: d, port: »abc}", "port must be a whole number", None),
        ("crm: {type: postgres, database: d, connect_timeout: »-1}", "must be a whole number", None),
        ("crm: {type: postgres, database: »12}", "database must be a non-empty string", None),
        ("crm: {type: files, path: »''}", "path must be a non-empty string", None),
        ("crm: {type: postgres, database: »null}", "database", None),
        ("crm: {type: files, path: »~}", "path", None),
        ("crm: {type: duckdb, path: »[a]}", "path must be a non-empty string", None),
        ("crm: »7", "connection 'crm' must be a mapping", None),
        ("»1crm: {type: files, path: p}", "cannot be a connection's name", "letters, digits and underscores"),
        ("»my crm: {type: files, path: p}", "cannot be a connection's name", "letters, digits and underscores"),
        ("»warehouse: {type: files, path: p}", "cannot be a connection's name", None),
        ("»Stage: {type: files, path: p}", "cannot be a connection's name", None),
    ],
)
def test_a_wrong_connection_is_placed(root: Path, line: str, message: str, hint: str | None) -> None:
    text, expected = marked(connections(line))
    problem = refused(root, text)
    assert place(problem.location) == expected
    assert message in problem.message
    assert hint is None or hint in str(problem.hint)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("»", "the file is empty"),
        ("»# nothing\n", "the file is empty"),
        ("»- acme", "the file must be a mapping"),
        ("acme: »7", "there is no key 'outputs'"),
        ("acme: {outputs: »dev}", "outputs must be a mapping"),
        ("acme: {outputs: {dev: »[a]}}", "target 'dev' must be a mapping"),
        ("acme: {target: prod, outputs: »{dev: {}}}", "there is no target 'prod'"),
        ("acme: {outputs: {dev: {»conections: {}}}}", "no option 'conections'"),
        ("acme: {outputs: {dev: {warehouse: {»paht: x}}}}", "no option 'paht'"),
        ("acme: {outputs: {dev: {warehouse: »{type: spark}}}}", "warehouse type 'spark' is not known"),
        ("acme: {outputs: {dev: {warehouse: {path: »7}}}}", "path must be a non-empty string"),
        ("acme: {»traget: dev, outputs: {dev: {warehouse: {path: x}}}}", "traget"),
    ],
)
def test_a_wrong_file_is_placed(root: Path, text: str, message: str) -> None:
    written, expected = marked(text)
    problem = refused(root, written)
    assert place(problem.location) == expected
    assert message in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "acme: [",
        "acme: {outputs: {dev",
        "acme:\n\t- x",
        "acme: 'x",
        "acme: *unknown",
        "acme: !!python/object/apply:os.system [ls]",
        "acme: {outputs: {dev: {warehouse: {path: 2024-13-45}}}}",
        "acme: !!int x",
        "acme: !!binary '*'",
        "acme: {outputs: {? [a] : b}}",
        "a: 1\n---\nb: 2",
        "\x00",
        "\x07: 1",
    ],
)
def test_broken_yaml_is_an_error_with_a_place(root: Path, text: str) -> None:
    problem = refused(root, text)
    assert problem.location is not None
    assert problem.location.file == "profiles.yml"
    assert not any(word in problem.message for word in ("Node(", "_Entry(", "object at"))


def test_a_file_that_is_not_utf8_is_an_error(root: Path) -> None:
    (root / "profiles.yml").write_bytes(b"acme: \xff")
    with pytest.raises(ConfigError, match=r"profiles\.yml:1:7: the file is not UTF-8"):
        load_profile(root)


def test_a_byte_order_mark_does_not_move_what_is_not_utf8(root: Path) -> None:
    (root / "profiles.yml").write_bytes(b"\xef\xbb\xbf# \xc3\xa9\xc3\xa9\r\nacme: \xff")
    with pytest.raises(ConfigError, match=r"profiles\.yml:2:7: the file is not UTF-8"):
        load_profile(root)


# --- Environment variables ---


def test_environment_variables_are_filled_in(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_HOST", "db.example")
    line = """crm: {type: postgres, host: "{{ env_var('CRM_HOST') }}", port: "{{ env_var('CRM_PORT', '5433') }}",
               database: "a{{ env_var('CRM_DB', '_b') }}"}"""
    options = load(root, connections(line)).connections["crm"].options
    assert options == {"host": "db.example", "port": 5433, "database": "a_b"}


def test_a_missing_variable_is_named_with_its_place(root: Path) -> None:
    text, expected = marked(connections("crm: {type: postgres, database: d, user: »\"{{ env_var('CRM_USER') }}\"}"))
    problem = refused(root, text)
    assert place(problem.location) == expected
    assert problem.message == "environment variable CRM_USER is not set"
    assert "env_var('CRM_USER', '…')" in str(problem.hint)


def test_lint_may_go_without_variables(root: Path) -> None:
    line = "crm: {type: postgres, database: d, user: \"{{ env_var('U') }}\", port: \"{{ env_var('P') }}\"}"
    profile = load(root, connections(line), lenient=True)
    assert profile.connections["crm"].type == "postgres"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("\"{{ env_vra('X') }}\"", "'env_vra' is undefined"),
        ('"{{ env_var( }}"', "template: unexpected"),
        ("\"{{ ''.__class__.__mro__ }}\"", "unsafe"),
        ("\"{{ env_var.__globals__['os'].environ }}\"", "unsafe"),
        ('"{{ 1 / 0 }}"', "template: division by zero"),
        ("\"{% for x in range(9) %}{{ env_var('HOME')[x] }}{% endfor %\"", "template:"),
    ],
)
def test_a_broken_template_is_placed(root: Path, value: str, message: str) -> None:
    text, expected = marked(connections(f"crm: {{type: postgres, database: d, user: »{value}}}"))
    problem = refused(root, text)
    assert place(problem.location) == expected
    assert message in problem.message


@pytest.mark.parametrize("line", ["password: {{ env_var('P') }}", "host: {{ env_var('H', 'localhost') }}"])
def test_braces_without_quotes_are_explained(root: Path, line: str) -> None:
    block = ["crm:", "  type: postgres", "  database: d", f"  {line}"]
    problem = refused(root, connections(*block))
    assert place(problem.location)[0] == 9
    assert "quote" in str(problem.hint)


# --- Secrets ---

SECRETS = ("hunter2-password", "t0ken-of-the-api", "s3cret-by-variable")


@pytest.fixture
def secretive(root: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("CRM_SECRET", SECRETS[2])
    return load(
        root,
        connections(
            f"a: {{type: postgres, database: d, password: {SECRETS[0]}}}",
            "b: {type: mysql, database: d, user: \"{{ env_var('API_TOKEN', 't0ken-of-the-api') }}\"}",
            "c: {type: mysql, database: d, user: \"x-{{ env_var('CRM_SECRET') }}\"}",
        ),
    )


def test_secrets_are_known(secretive: Profile) -> None:
    assert set(SECRETS) - {"t0ken-of-the-api"} <= secretive.secrets


def test_the_default_of_a_secret_variable_is_a_secret(secretive: Profile) -> None:
    assert "t0ken-of-the-api" in secretive.secrets


def test_secrets_are_in_no_text_of_a_profile(secretive: Profile) -> None:
    shown = f"{secretive!r} {secretive} {list(secretive.connections.values())!r}"
    assert "a" in shown
    assert not any(secret in shown for secret in SECRETS)


@pytest.mark.parametrize(
    "command",
    [("debug",), ("build",), ("list",), ("lint",), ("compile", "--stdout"), ("preview", "m"), ("show",)],
)
def test_no_command_shows_a_secret(workspace: Workspace, command: tuple[str, ...]) -> None:
    server = {"type": "postgres", "host": "127.0.0.1", "port": 1, "database": "d", "password": SECRETS[0]}
    workspace.profile({"crm": server})
    workspace.users()
    workspace.model("m", f"select id, email, '{SECRETS[0]}' as name from t", connection="crm", user_id="id")
    workspace.run("compile")
    outcome = workspace.run(*command)
    written = [file.read_text(errors="replace") for file in (workspace.root / "target").rglob("*") if file.is_file()]
    assert SECRETS[0] not in outcome.output + "".join(written)


@pytest.mark.parametrize(
    "lines",
    [
        ["crm:", "  type: postgres", "  database: d", f"  pasword: {SECRETS[0]}"],
        [f"crm: {{type: postgres, database: d, password: {SECRETS[0]}, port: abc}}"],
        [f"crm: {{type: postgres, database: d, password: {SECRETS[0]}, user: \"{{{{ env_var('U') }}}}\"}}"],
        [f"crm: {{type: postgres, database: d, password: {SECRETS[0]}"],
        ["crm:", "  type: postgres", f"  password: '{SECRETS[0]}"],
    ],
    ids=["misspelt", "beside a wrong value", "beside a missing variable", "unclosed brace", "unclosed quote"],
)
@pytest.mark.parametrize("form", [(), ("--log-format", "json")], ids=["text", "json"])
def test_a_diagnostic_about_the_profile_shows_no_secret(
    workspace: Workspace, lines: list[str], form: tuple[str, ...]
) -> None:
    workspace.write("profiles.yml", connections(*lines))
    workspace.users()
    outcome = workspace.run("build", *form)
    assert outcome.exit_code == 2
    assert "profiles.yml" in outcome.stderr
    assert SECRETS[0] not in outcome.output


@pytest.mark.parametrize("secret", ["0", '"', 'a"b\\c', "1", "name", "ü"])
def test_any_secret_leaves_the_artifacts_readable(workspace: Workspace, secret: str) -> None:
    unused: dict[str, object] = {"type": "postgres", "database": "d", "password": secret}
    lake: dict[str, object] = {"type": "files", "path": "."}
    workspace.profile({"lake": lake, "unused": unused})
    workspace.users()
    workspace.model("m", "select id, email from 'm.csv'", connection="lake", user_id="id")
    workspace.write("m.csv", "id,email\n1,ann@example.com\n")
    results = workspace.build()
    assert results["pipelines"][0]["read"] == 1
    manifest = json.loads((workspace.root / "target/manifest.json").read_text())
    assert manifest["pipelines"]["m"]["columns"] == ["id", "email"]


def test_connections_that_differ_in_case_only_are_refused(workspace: Workspace) -> None:
    workspace.profile({"crm": {"type": "files", "path": "."}, "CRM": {"type": "files", "path": "."}})
    workspace.users("email text")
    outcome = workspace.run("lint")
    assert (outcome.exit_code, "differ in case only" in outcome.stderr) == (2, True)
