"""What an import writes, and what an export makes of it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.cases import definition, read
from tests.support import Workspace
from usersync.exchange.decode import read_json
from usersync.exchange.definition import decode_definition, definition_json
from usersync.exchange.schemas import Decoder

BASE: dict[str, Any] = read("pipelines")["base"]
STEM = "ingest_users_from_database"
USERS = """{# Teaches: what a user is. #}
{{ users(identifiers = ['email']) }}

create table users (
    email    varchar(254),                       -- E-mail (lower case)
    address  struct(city varchar, geo struct(lat double)),
    profile  json   -- As it came
);
"""


def normal(value: object) -> dict[str, Any]:
    """A definition without what is at its default."""
    decoder = Decoder()
    found = decode_definition(read_json(json.dumps(value).encode(), "definition"), decoder)
    assert found, decoder.problems
    return definition_json(found)


def imported(workspace: Workspace, value: object, *args: str) -> str:
    """Imports a definition and returns the model's name."""
    path = workspace.write("pipeline.json", json.dumps(value))
    outcome = workspace.run("import", str(path), *args)
    assert outcome.exit_code == 0, outcome.output
    return Path(outcome.stderr.splitlines()[0]).stem


def exported(workspace: Workspace, stem: str) -> dict[str, Any]:
    outcome = workspace.run("export", stem)
    assert outcome.exit_code == 0, outcome.output
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def mapped(mapping: dict[str, str], **types: dict[str, Any]) -> dict[str, Any]:
    """The base with another mapping; types are those of properties."""
    found = copy.deepcopy(BASE)
    found["transformation"]["mapping"] = mapping
    found["outSchema"]["properties"] = [
        {"name": name, "type": types.get(name, {"kind": "string"}), "readOptional": True} for name in mapping
    ]
    return found


@pytest.mark.parametrize("case", [c for c in read("pipelines")["cases"] if c["expect"] == "ok"], ids=lambda c: c["id"])
def test_an_export_gives_the_definition_back(workspace: Workspace, case: dict[str, Any]) -> None:
    given = definition(case)
    assert normal(exported(workspace, imported(workspace, given))) == normal(given)


@pytest.mark.parametrize(
    ("query", "native"),
    [
        ("select id, email from users where email = 'a@b.c'", True),
        ("select id, max(email) as email from users group by lower(country)", True),
        ("select distinct email as id, email from users", True),
        ("select id, email from users where updated_at >= ${updated_at} and code like 'x%' limit ${limit}", True),
        ("select id, email from users where updated_at >= ${updated_at} and id > 7", False),
        ("select id, email from users", False),
        ("select from where", False),
    ],
)
def test_where_mysql_compares_texts_it_goes_on_doing_so(workspace: Workspace, query: str, native: bool) -> None:
    workspace.profile({"conn1": {"type": "mysql", "database": "d"}})
    given = mapped({"email": "email"})
    given["query"] = query
    given["inSchema"]["properties"] = [
        {"name": "id", "type": {"kind": "int", "bitSize": 32}},
        {"name": "email", "type": {"kind": "string"}},
        {"name": "updated_at", "type": {"kind": "datetime"}},
    ]
    given["updatedAtFormat"] = ""
    stem = imported(workspace, given)
    model = (workspace.root / f"models/{stem}.sql").read_text()
    assert ("= 'native'" in model, "= 'mysql'" in model) == (native, True)


def test_a_model_reads_like_one_written_by_hand(workspace: Workspace) -> None:
    imported(workspace, BASE)
    assert (
        (workspace.root / f"models/{STEM}.sql").read_text()
        == f"""{{{{ config(
    connection        = 'conn1',
    name              = 'Ingest users from database',
    user_id           = 'id',
    updated_at        = 'updated_at',
    updated_at_format = 'ISO8601',
    incremental       = true,
    mapping = {{
        'first_name': 'firstname',
        'last_name':  'lastname',
        'email':      'email',
    }},
) }}}}

{BASE["query"]}
"""
    )
    assert (
        (workspace.root / "models/users.sql")
        .read_text()
        .endswith(
            """create table users (
    first_name varchar(100),  -- First name
    last_name varchar(100),
    email varchar(254)
);
"""
        )
    )
    assert "    firstname varchar(60),\n" in (workspace.root / "models/sources/conn1.sql").read_text()


def test_a_dry_run_writes_nothing(workspace: Workspace) -> None:
    path = workspace.write("pipeline.json", json.dumps(BASE))
    outcome = workspace.run("import", str(path), "--dry-run")
    assert outcome.exit_code == 0
    assert f"-- models/{STEM}.sql" in outcome.stdout
    assert [p.name for p in workspace.root.iterdir()] == ["pipeline.json"]


def test_names_of_files_are_unique(workspace: Workspace) -> None:
    assert [imported(workspace, BASE) for _ in range(3)] == [STEM, f"{STEM}_2", f"{STEM}_3"]
    assert imported(workspace, BASE | {"name": " Users "}) == "users_2"
    assert imported(workspace, BASE | {"name": "Café & Bar №1"}) == "cafe_bar_no1"
    assert imported(workspace, BASE | {"name": "日本"}) == "pipeline"


def test_users_keeps_its_text_and_gains_what_it_lacks(workspace: Workspace) -> None:
    workspace.write("models/users.sql", USERS)
    address = {
        "kind": "object",
        "properties": [
            {"name": "city", "type": {"kind": "string"}, "readOptional": True},
            {
                "name": "geo",
                "type": {
                    "kind": "object",
                    "properties": [{"name": "lon", "type": {"kind": "float", "bitSize": 64}, "readOptional": True}],
                },
                "readOptional": True,
            },
        ],
    }
    given = mapped({"email": "email", "address.city": "lastname", "address.geo.lon": "firstname"})
    given["outSchema"]["properties"] = [
        {"name": "email", "type": {"kind": "string", "maxLength": 254}, "readOptional": True},
        {"name": "address", "type": address, "readOptional": True},
    ]
    stem = imported(workspace, given)
    expected = USERS.replace("struct(lat double)", "struct(lat double, lon double)")
    assert (workspace.root / "models/users.sql").read_text() == expected
    assert normal(exported(workspace, stem)) == normal(given)
    imported(workspace, mapped({"first": "firstname", "last": "lastname ' ' email"}))
    expected = expected.replace(
        "json   -- As it came\n", "json,   -- As it came\n    first varchar,\n    last varchar\n"
    )
    assert (workspace.root / "models/users.sql").read_text() == expected
    users = workspace.load().users
    assert users
    assert [p.path for p in users.properties] == ["email", "address", "profile", "first", "last"]


@pytest.mark.parametrize(
    "ddl", ["create table users (email varchar(254))", "create table users (\n  email varchar(254) )\n;"]
)
def test_users_of_any_layout_is_extended(workspace: Workspace, ddl: str) -> None:
    workspace.write("models/users.sql", ddl)
    imported(workspace, BASE)
    found = workspace.load().users
    assert found
    assert [p.path for p in found.properties] == ["email", "first_name", "last_name"]


def test_a_property_of_another_type_stays_and_is_told(workspace: Workspace) -> None:
    workspace.write("models/users.sql", "create table users (email varchar(99))")
    path = workspace.write("pipeline.json", json.dumps(BASE))
    outcome = workspace.run("import", str(path))
    assert "note: email stays varchar(99) in models/users.sql; the definition says varchar(254)" in outcome.stderr
    assert exported(workspace, STEM)["outSchema"]["properties"][2]["type"]["maxLength"] == 99


def test_an_id_needs_the_name_of_a_connection(workspace: Workspace) -> None:
    given = BASE | {"connection": 230527183}
    path = workspace.write("pipeline.json", json.dumps(given))
    assert workspace.run("import", str(path)).exit_code == 2
    stem = imported(workspace, given, "--connection", "crm")
    assert "connection        = 'crm'" in (workspace.root / f"models/{stem}.sql").read_text()
    assert exported(workspace, stem)["connection"] == 230527183


def test_a_connection_is_one_of_the_profile(workspace: Workspace) -> None:
    workspace.profile({"crm": {"type": "postgres", "host": "localhost", "database": "crm"}})
    path = workspace.write("pipeline.json", json.dumps(BASE))
    outcome = workspace.run("import", str(path))
    assert outcome.exit_code == 2
    assert "$.connection: there is no connection 'conn1'" in outcome.stderr
    stem = imported(workspace, BASE, "--connection", "crm")
    assert "dialect           = 'postgres'" in (workspace.root / f"models/{stem}.sql").read_text()


@pytest.mark.parametrize("language", ["JavaScript", "Python"])
def test_a_function_goes_to_a_file_as_it_is(workspace: Workspace, language: str) -> None:
    source = "def transform(user):\r\n    return {}  # é {{ x }}"
    function = {"source": source, "language": language, "preserveJSON": True, "inPaths": ["email"]}
    given = copy.deepcopy(BASE)
    given["transformation"] = {"function": function | {"outPaths": ["first_name", "last_name", "email"]}}
    given["inSchema"]["properties"] = [p for p in given["inSchema"]["properties"] if "name" not in p["name"]]
    stem = imported(workspace, given)
    suffix = {"JavaScript": "js", "Python": "py"}[language]
    assert (workspace.root / f"functions/{stem}.{suffix}").read_bytes() == source.encode()
    assert normal(exported(workspace, stem)) == normal(given)


def test_text_that_looks_like_a_template_is_only_text(workspace: Workspace) -> None:
    given = mapped({"email": "email '{{ x }}#}'"})
    given["query"] = "select '{{ x }}{% y %}{# z #}' as id -- ${limit}\r\nfrom t limit ${limit}"
    given["name"] = "a {{ b }} 'c' \"d\" #} \\n"
    given["outSchema"]["properties"][0]["description"] = "a {{ b }} {# c #}\n  d"
    given["inSchema"]["properties"] = [p for p in given["inSchema"]["properties"] if "name" not in p["name"]]
    assert normal(exported(workspace, imported(workspace, given))) == normal(given)


def test_settings_of_ours_travel_along(workspace: Workspace) -> None:
    extra = {"account_ids": "email", "write": "update_only", "fallback_id": "email", "tags": ["a"], "max_deleted": 5}
    given = BASE | {"usersync": extra, "schedulePeriod": "1h", "scheduleStart": 15}
    stem = imported(workspace, given)
    model = workspace.load().models[stem]
    assert (model.write, model.account_ids, model.tags) == ("update_only", "email", ("a",))
    assert normal(exported(workspace, stem)) == normal(given)


def test_an_edited_mapping_is_exported_as_it_is_now(workspace: Workspace) -> None:
    given = mapped({"email": "lower( trim(email) )", "first_name": "firstname", "last_name": "lastname  ' ' email"})
    stem = imported(workspace, given)
    path = workspace.root / f"models/{stem}.sql"
    path.write_text(path.read_text().replace("lower(stage.trim(email))", "upper(trim(email))"))
    found = exported(workspace, stem)["transformation"]["mapping"]
    assert found == {"email": "upper(trim(email))", "first_name": "firstname", "last_name": "lastname  ' ' email"}


@pytest.mark.parametrize(
    ("sql", "expression"),
    [
        ("firstname", "firstname"),
        ("lower(trim(email))", "lower(trim(email))"),
        ("concat(firstname, ' ', lastname)", "firstname ' ' lastname"),
        ("coalesce(firstname, 'it''s')", "coalesce(firstname, 'it\\'s')"),
        ("case when firstname = 'a' then 'x' else lastname end", "if(eq(firstname, 'a'), 'x', lastname)"),
        ("if(firstname <> lastname, 'x', 'y')", "if(ne(firstname, lastname), 'x', 'y')"),
        ("substring(firstname, 1, 2)", "substring(firstname, 1, 2)"),
        ("stage.initcap(firstname)", "initcap(firstname)"),
        ("'x'", "'x'"),
    ],
)
def test_plain_sql_has_an_expression(workspace: Workspace, sql: str, expression: str) -> None:
    stem = imported(workspace, BASE)
    path = workspace.root / f"models/{stem}.sql"
    path.write_text(path.read_text().replace("'email':      'email'", f"'email': {json.dumps(sql)}"))
    assert exported(workspace, stem)["transformation"]["mapping"]["email"] == expression


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("firstname || lastname", "use concat()"),
        ("md5(email)", "has no counterpart"),
        ("id + 1", "has no counterpart"),
        ("coalesce(id, email)", "something else"),
        ("trim(email, 'x')", "has no counterpart"),
    ],
)
def test_other_sql_is_an_error_at_its_place(workspace: Workspace, sql: str, reason: str) -> None:
    stem = imported(workspace, BASE)
    path = workspace.root / f"models/{stem}.sql"
    path.write_text(path.read_text().replace("'email':      'email'", f"'email': {json.dumps(sql)}"))
    outcome = workspace.run("export", stem)
    assert outcome.exit_code == 2
    assert f"models/{stem}.sql:11:" in outcome.stderr
    assert "'email'" in outcome.stderr
    assert reason in outcome.stderr


RECORDED = "create table customers (id bigint not null, mail varchar(99), name varchar, changed timestamp not null);"


def test_a_model_that_was_never_imported_is_exported(workspace: Workspace) -> None:
    workspace.users("email varchar(254), name varchar(100)")
    workspace.write("models/sources/crm.sql", RECORDED)
    query = "select id, mail, lower(name) as name, changed from customers where changed >= ${updated_at}"
    mapping = {"email": "lower(trim(mail))", "name": "name"}
    workspace.model(
        "crm", query, connection="crm", user_id="id", updated_at="changed", incremental=True, mapping=mapping
    )
    found = exported(workspace, "crm")
    assert found["transformation"]["mapping"] == mapping
    assert [(p["name"], p["type"]["kind"]) for p in found["inSchema"]["properties"]] == [
        ("id", "int"),
        ("mail", "string"),
        ("name", "string"),
        ("changed", "datetime"),
    ]
    assert found["inSchema"]["properties"][1]["type"] == {"kind": "string", "maxLength": 99}
    workspace.write("models/crm.sql", "")
    (workspace.root / "models/crm.sql").unlink()
    assert normal(exported(workspace, imported(workspace, found))) == normal(found)


def test_mapping_by_name_is_exported(workspace: Workspace) -> None:
    workspace.users("email varchar(254), name varchar(100)")
    workspace.write("models/sources/crm.sql", RECORDED)
    workspace.model("crm", "select id, mail as email, name from customers", connection="crm", user_id="id")
    assert exported(workspace, "crm")["transformation"]["mapping"] == {"email": "email", "name": "name"}


def test_types_that_are_not_on_record_are_asked_for(workspace: Workspace) -> None:
    workspace.users("email varchar(254)")
    workspace.model("crm", "select id, email from customers", connection="crm", user_id="id")
    outcome = workspace.run("export", "crm")
    assert outcome.exit_code == 2
    assert "models/sources/crm.sql" in outcome.stderr


def kind(**options: object) -> dict[str, Any]:
    return dict(options)


STRING = kind(kind="string")
TYPES = [
    STRING,
    kind(kind="string", maxLength=5, pattern="^a'b"),
    kind(kind="string", maxBytes=9),
    kind(kind="string", values=["it's", "", "{# x #}"]),
    kind(kind="string", values=["a"], maxLength=3),
    *(kind(kind="int", bitSize=bits, unsigned=flag) for bits in (8, 16, 24, 32, 64) for flag in (False, True)),
    kind(kind="int", bitSize=32, minimum=-5, maximum=10),
    kind(kind="int", bitSize=24, minimum=3),
    kind(kind="float", bitSize=32),
    kind(kind="float", bitSize=64, real=True, minimum=0.5, maximum=1.5),
    kind(kind="decimal", precision=10, scale=2, minimum=-1.25),
    kind(kind="decimal", precision=76, scale=37),
    *(kind(kind=name) for name in ("boolean", "datetime", "date", "time", "year", "uuid", "json", "ip")),
    kind(kind="array", elementType=STRING, minElements=1, maxElements=3, uniqueElements=True),
    kind(kind="array", elementType=kind(kind="int", bitSize=24, minimum=0)),
    kind(kind="map", elementType=kind(kind="string", maxLength=3)),
]


def test_every_type_comes_back(workspace: Workspace) -> None:
    given = mapped({f"p{i}": f"c{i}" for i in range(len(TYPES))}, **{f"p{i}": kind for i, kind in enumerate(TYPES)})
    columns = [{"name": f"c{i}", "type": kind, "nullable": bool(i % 2)} for i, kind in enumerate(TYPES)]
    ids = [p for p in given["inSchema"]["properties"] if p["name"] in {"id", "updated_at"}]
    given["inSchema"]["properties"] = [*ids, *columns]
    stem = imported(workspace, given)
    assert normal(exported(workspace, stem)) == normal(given)
    project = workspace.load()
    assert project.users
    assert [p for p in project.problems if "users.sql" in str(p)] == []
