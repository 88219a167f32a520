"""`models/users.sql`: DDL to properties, and the settings of `users()`."""

import pytest

from tests.marks import marked, place, summary
from tests.support import Workspace
from usersync.diagnostics import Diagnostic
from usersync.project.model import Property, UserSchema
from usersync.project.types import Kind, PropertyType

TEXT = PropertyType(Kind.VARCHAR)


def problems(workspace: Workspace, text: str) -> list[Diagnostic]:
    workspace.write("models/users.sql", text)
    return list(workspace.load().problems)


def schema(workspace: Workspace, text: str) -> UserSchema:
    """The users of a text that has nothing wrong with it."""
    assert problems(workspace, text) == []
    users = workspace.load().users
    assert users is not None
    return users


def one(workspace: Workspace, column: str) -> Property:
    """The one property of a column."""
    [prop] = schema(workspace, f"create table users ({column}\n)").properties
    return prop


# --- Types ---


@pytest.mark.parametrize(
    ("written", "expected", "stored"),
    [
        ("varchar", TEXT, "VARCHAR"),
        ("varchar(254)", PropertyType(Kind.VARCHAR, length=254), "VARCHAR"),
        ("text", TEXT, "VARCHAR"),
        ("enum('IT', 'FR')", PropertyType(Kind.ENUM, values=("IT", "FR")), "VARCHAR"),
        ("enum('it''s')", PropertyType(Kind.ENUM, values=("it's",)), "VARCHAR"),
        ("boolean", PropertyType(Kind.BOOLEAN), "BOOLEAN"),
        ("tinyint", PropertyType(Kind.TINYINT), "TINYINT"),
        ("smallint", PropertyType(Kind.SMALLINT), "SMALLINT"),
        ("integer", PropertyType(Kind.INTEGER), "INTEGER"),
        ("int", PropertyType(Kind.INTEGER), "INTEGER"),
        ("bigint", PropertyType(Kind.BIGINT), "BIGINT"),
        ("utinyint", PropertyType(Kind.UTINYINT), "UTINYINT"),
        ("usmallint", PropertyType(Kind.USMALLINT), "USMALLINT"),
        ("uinteger", PropertyType(Kind.UINTEGER), "UINTEGER"),
        ("ubigint", PropertyType(Kind.UBIGINT), "UBIGINT"),
        ("bigint unsigned", PropertyType(Kind.UBIGINT), "UBIGINT"),
        ("real", PropertyType(Kind.REAL), "FLOAT"),
        ("double", PropertyType(Kind.DOUBLE), "DOUBLE"),
        ("double precision", PropertyType(Kind.DOUBLE), "DOUBLE"),
        ("decimal(10, 2)", PropertyType(Kind.DECIMAL, precision=10, scale=2), "DECIMAL(10, 2)"),
        ("decimal(38, 38)", PropertyType(Kind.DECIMAL, precision=38, scale=38), "DECIMAL(38, 38)"),
        ("decimal(5)", PropertyType(Kind.DECIMAL, precision=5, scale=0), "DECIMAL(5, 0)"),
        ("decimal", PropertyType(Kind.DECIMAL, precision=18, scale=3), "DECIMAL(18, 3)"),
        ("timestamp", PropertyType(Kind.TIMESTAMP), "TIMESTAMP"),
        ("date", PropertyType(Kind.DATE), "DATE"),
        ("time", PropertyType(Kind.TIME), "TIME"),
        ("year", PropertyType(Kind.YEAR), "SMALLINT"),
        ("uuid", PropertyType(Kind.UUID), "UUID"),
        ("json", PropertyType(Kind.JSON), "JSON"),
        ("inet", PropertyType(Kind.INET), "VARCHAR"),
        ("varchar[]", PropertyType(Kind.ARRAY, element=TEXT), "VARCHAR[]"),
        (
            "varchar(9)[][]",
            PropertyType(Kind.ARRAY, element=PropertyType(Kind.ARRAY, element=PropertyType(Kind.VARCHAR, length=9))),
            "VARCHAR[][]",
        ),
        (
            "map(varchar, date)",
            PropertyType(Kind.MAP, element=PropertyType(Kind.DATE)),
            "MAP(VARCHAR, DATE)",
        ),
        (
            "struct(city varchar, zip varchar[])",
            PropertyType(Kind.STRUCT, fields=(("city", TEXT), ("zip", PropertyType(Kind.ARRAY, element=TEXT)))),
            'STRUCT("city" VARCHAR, "zip" VARCHAR[])',
        ),
    ],
)
def test_a_type_is_read_with_its_options(
    workspace: Workspace, written: str, expected: PropertyType, stored: str
) -> None:
    prop = one(workspace, f"a {written}")
    assert prop.type == expected
    assert prop.type.stored == stored


@pytest.mark.parametrize(
    "written",
    [
        "varchar(254)",
        "enum('IT', 'FR')",
        "decimal(10, 2)",
        "varchar[]",
        "map(varchar, date)",
        "struct(a integer, b year)",
    ],
)
def test_a_type_prints_as_it_is_written(workspace: Workspace, written: str) -> None:
    printed = str(one(workspace, f"a {written}").type)
    assert printed == written
    assert one(workspace, f"a {printed}").type == one(workspace, f"a {written}").type


@pytest.mark.parametrize(
    ("column", "hint"),
    [
        ("»a hugeint", None),
        ("»a blob", None),
        ("»a interval", None),
        ("»a timetz", "time"),
        ("»a strnig", None),
        ("email text,\n    »phone phonenumber", None),
    ],
)
def test_an_unknown_type_is_named_as_it_is_written(workspace: Workspace, column: str, hint: str | None) -> None:
    text, expected = marked(f"create table users ({column})")
    [problem] = problems(workspace, text)
    *_, written = column.split()
    assert (problem.code, place(problem.location)) == ("US212", expected)
    assert problem.message.endswith(f"has an unknown type {written}")
    if hint:
        assert hint in str(problem.hint)


@pytest.mark.parametrize("column", ["»a hugeint", "»a blob"])
def test_a_hint_about_types_does_not_mislead(workspace: Workspace, column: str) -> None:
    [problem] = problems(workspace, marked(f"create table users ({column})")[0])
    assert problem.hint is None or not problem.hint.startswith("did you mean")


@pytest.mark.parametrize(
    "column",
    [
        "»a varchar(0)",
        "»a varchar(max)",
        "»a enum()",
        "»a enum('x', 1)",
        "»a enum('x', 'y', 'x')",
        f"»a varchar({'9' * 5000})",
        "»a decimal(10, 2, 3)",
        "»a varchar(3, 4)",
        "»a decimal(39, 2)",
        "»a decimal(2, 3)",
        "»a decimal(0)",
        "»a struct()",
        "»a map(int, varchar)",
        "»a map(varchar)",
        "»a",
    ],
)
def test_wrong_options_of_a_type_are_placed(workspace: Workspace, column: str) -> None:
    text, expected = marked(f"create table users (\n    b varchar,\n    {column}\n)")
    assert summary(problems(workspace, text)) == [("US212", expected)]


@pytest.mark.parametrize(
    "constraint",
    ["not null", "primary key", "unique", "default 'x'", "references t (x)", "collate nocase"],
)
def test_only_checks_constrain_a_property(workspace: Workspace, constraint: str) -> None:
    text, expected = marked(f"create table users (b varchar, »a varchar {constraint})")
    assert summary(problems(workspace, text)) == [("US212", expected)]


@pytest.mark.parametrize("entry", ["primary key (»a)", "check (»a <> '')"])
def test_users_holds_properties_only(workspace: Workspace, entry: str) -> None:
    text, expected = marked(f"create table users (a varchar, {entry})")
    assert summary(problems(workspace, text)) == [("US212", expected)]


# --- Names ---


@pytest.mark.parametrize("name", ['"1st"', "_x", '"a b"', "é", '"a.b"'])
def test_a_property_has_a_plain_name(workspace: Workspace, name: str) -> None:
    text, expected = marked(f"create table users (a int, »{name} varchar)")
    assert summary(problems(workspace, text)) == [("US208", expected)]


@pytest.mark.parametrize(
    "name",
    ["user_id", "identity_count", "created_at", "Updated_At", "pipeline", "identity_id", "account_ids", "last_run"],
)
def test_the_warehouses_own_columns_are_taken(workspace: Workspace, name: str) -> None:
    text, expected = marked(f"create table users (a int, »{name} varchar)")
    [problem] = problems(workspace, text)
    assert (problem.code, place(problem.location)) == ("US212", expected)
    assert problem.message == f"property name {name!r} is taken"
    assert name.lower() in str(problem.hint)


def test_a_struct_may_not_make_a_reserved_column_either(workspace: Workspace) -> None:
    [problem] = problems(workspace, "create table users (user struct(id int))")
    assert problem.message == "property name 'user.id' is taken"


@pytest.mark.parametrize(
    "columns",
    [
        "a int, »a varchar",
        "a int, »A int",
        "a struct(b int), »a_b int",
        "a_b int, »a struct(b int)",
        "»a struct(x int, X int)",
    ],
)
def test_two_properties_may_not_share_a_column(workspace: Workspace, columns: str) -> None:
    text, expected = marked(f"create table users ({columns})")
    [problem] = problems(workspace, text)
    assert (problem.code, place(problem.location)) == ("US212", expected)
    assert "would share the column" in problem.message


def test_keywords_may_be_names(workspace: Workspace) -> None:
    users = schema(workspace, 'create table users (order int, "group" varchar, date date)')
    assert [prop.path for prop in users.properties] == ["order", "group", "date"]


# --- Structs ---


def test_a_struct_becomes_one_column_a_leaf(workspace: Workspace) -> None:
    users = schema(workspace, "create table users (a struct(b struct(c int, d date), e varchar(9)), f json)")
    assert [(leaf.path, leaf.column, str(leaf.type)) for leaf in users.leaves] == [
        ("a.b.c", "a_b_c", "integer"),
        ("a.b.d", "a_b_d", "date"),
        ("a.e", "a_e", "varchar(9)"),
        ("f", "f", "json"),
    ]
    assert list(users.paths) == ["a", "f", "a.b", "a.e", "a.b.c", "a.b.d"]


SCALARS = [
    *("varchar(9)", "enum('a')", "boolean", "tinyint", "smallint", "integer", "bigint"),
    *("utinyint", "usmallint", "uinteger", "ubigint", "real", "double", "decimal(9,2)"),
    *("timestamp", "date", "time", "year", "uuid", "json", "inet"),
]


@pytest.mark.parametrize("kind", SCALARS)
@pytest.mark.parametrize("nested", ["{}[]", "map(varchar, {})", "struct(x {})", "struct(x varchar, y struct(z {}[]))"])
def test_every_type_may_be_nested(workspace: Workspace, nested: str, kind: str) -> None:
    alone = one(workspace, f"a {kind}")
    prop = one(workspace, f"a {nested.format(kind)}")
    inner = prop.leaves[-1].type
    while inner.element:
        inner = inner.element
    assert inner == alone.type


def test_structs_in_arrays_and_maps_are_values_not_properties(workspace: Workspace) -> None:
    users = schema(workspace, "create table users (a struct(x int)[], b map(varchar, struct(y int)))")
    assert [leaf.path for leaf in users.leaves] == ["a", "b"]


# --- Comments and checks ---


def test_a_trailing_comment_is_the_description(workspace: Workspace) -> None:
    text = """
    -- a table of people
    create table users (
        email varchar(254),   -- E-mail, in lower case
        -- what follows is of the shop
        spent decimal(10, 2) check (spent >= 0),  -- Spent (euros)
        city varchar /* Where */,
        last date  -- the last one
    )"""
    described = {prop.path: prop.description for prop in schema(workspace, text).properties}
    assert described == {
        "email": "E-mail, in lower case",
        "spent": "Spent (euros)",
        "city": "Where",
        "last": "the last one",
    }


@pytest.mark.parametrize(
    ("column", "check"),
    [
        ("a int check (a > 0)", "a > 0"),
        ("a int check(a>0 and (a < 5 or a = 7))", "a>0 and (a < 5 or a = 7)"),
        ("a varchar check (a like '%)@(%')", "a like '%)@(%'"),
        ("a varchar(9) CHECK ( length(a) > 2 )", "length(a) > 2"),
        ("a date[] check (len(a) < 9)", "len(a) < 9"),
        ("a varchar check (a in ('x', 'y',))", "a in ('x', 'y',)"),
        ("a struct(x int) check (a.x > 0)", "a.x > 0"),
    ],
)
def test_a_check_is_kept_as_written(workspace: Workspace, column: str, check: str) -> None:
    assert one(workspace, column).check == check


def test_each_check_belongs_to_its_property(workspace: Workspace) -> None:
    text = "create table users (a int check (a > 1), b varchar, c decimal(4, 2) check (c < 9))"
    assert [prop.check for prop in schema(workspace, text).properties] == ["a > 1", None, "c < 9"]


@pytest.mark.parametrize(
    "check",
    ["b > 0", "a > b", "length(c) > 0", "a in (select 1)", "sum(a) > 1", "row_number() over () > 1"],
)
def test_a_check_names_its_own_property_only(workspace: Workspace, check: str) -> None:
    found = problems(workspace, f"create table users (\n    b int,\n    a int check ({check})\n)")
    assert len(found) == 1
    assert place(found[0].location)[0] == 3


def test_two_checks_both_hold(workspace: Workspace) -> None:
    workspace.profile({"lake": {"type": "files", "path": "."}})
    workspace.users("a int check (a > 0) check (a < 9)")
    workspace.model("m", "select id, a from 'm.csv'", connection="lake", user_id="id")
    workspace.write("m.csv", "id,a\n1,-5\n2,5\n3,50\n")
    workspace.build()
    assert workspace.rows("select a from users") == [(5,)]


def test_a_check_of_a_field_is_not_lost(workspace: Workspace) -> None:
    text = "create table users (address struct(zip varchar check (length(zip) = 5), city varchar))"
    workspace.write("models/users.sql", text)
    project = workspace.load()
    assert project.users is not None
    checked = project.users.paths["address.zip"].check is not None
    assert checked or project.problems


# --- The settings of users() ---


def test_the_settings_of_users_are_read(workspace: Workspace) -> None:
    workspace.profile({"crm": {"type": "files", "path": "."}})
    users = schema(
        workspace,
        """{{ users(
            identifiers = ['id', 'email'],
            primary_sources = {'email': 'crm'},
            ignore_values = {'email': ['', 'a@b'], 'id': 0},
            max_identities_per_value = 1000,
            max_users_merged = 50,
        ) }}
        create table users (id bigint, email varchar)""",
    )
    assert users.identifiers == ("id", "email")
    assert users.primary_sources == {"email": "crm"}
    assert users.ignore_values == {"email": ("", "a@b"), "id": (0,)}
    assert (users.max_identities_per_value, users.max_users_merged) == (1000, 50)


@pytest.mark.parametrize(
    ("settings", "code", "hint"),
    [
        ("»identifier = ['email']", "US102", "did you mean 'identifiers'?"),
        ("identifiers = '»email'", "US108", None),
        ("identifiers = ['»emial']", "US203", "did you mean 'email'?"),
        ("identifiers = ['email', '»email']", "US212", None),
        ("identifiers = ['»born']", "US212", None),
        ("identifiers = ['»address']", "US203", None),
        ("identifiers = ['»score']", "US212", None),
        ("identifiers = [»x]", "US104", None),
        ("primary_sources = {'»emial': 'crm'}", "US203", "did you mean 'email'?"),
        ("primary_sources = {'email': '»cmr'}", "US103", "did you mean 'crm'?"),
        ("primary_sources = {'»tags': 'crm'}", "US212", None),
        ("primary_sources = »['email']", "US108", None),
        ("ignore_values = {'»emial': ['']}", "US203", "did you mean 'email'?"),
        ("max_identities_per_value = »0", "US108", None),
        ("max_identities_per_value = '»many'", "US108", None),
    ],
)
def test_a_wrong_setting_of_users_is_placed(workspace: Workspace, settings: str, code: str, hint: str | None) -> None:
    workspace.profile({"crm": {"type": "files", "path": "."}})
    columns = "email varchar, born date, score double, tags varchar[], address struct(city varchar)"
    text, expected = marked(f"{{{{ users({settings}) }}}}\ncreate table users ({columns})")
    [problem] = problems(workspace, text)
    assert (problem.code, place(problem.location)) == (code, expected)
    assert hint is None or problem.hint == hint


@pytest.mark.parametrize(
    "kind",
    ["varchar", "enum('a')", "tinyint", "ubigint", "decimal(9, 0)", "uuid", "inet", "year", "varchar[]", "bigint[]"],
)
def test_text_and_whole_numbers_may_identify(workspace: Workspace, kind: str) -> None:
    schema(workspace, f"{{{{ users(identifiers = ['a']) }}}}\ncreate table users (a {kind})")


@pytest.mark.parametrize(
    "kind",
    ["boolean", "real", "double", "decimal(9, 1)", "timestamp", "date", "time", "json", "map(varchar, int)", "json[]"],
)
def test_what_is_not_exact_or_not_a_name_may_not_identify(workspace: Workspace, kind: str) -> None:
    [problem] = problems(workspace, f"{{{{ users(identifiers = ['a']) }}}}\ncreate table users (a {kind})")
    assert (problem.code, place(problem.location)) == ("US212", (1, 26))


# --- The file ---


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "US002"),
        ("-- nothing", "US002"),
        ("select 1", "US002"),
        ("create view users as select 1", "US002"),
        ("create table users as select 1 as a", "US002"),
        ("create table users (a int); create table b (c int)", "US002"),
        ("create table users (a int", "US002"),
        ("create table users (a 'int')", "US002"),
        ("create table users (a int check (a >))", "US002"),
        ("create table users (a int) {% if %}", "US001"),
        ("create table users (a int) {{ nope }}", "US003"),
        ("create table users ()", "US212"),
        ("create table user (email text)", "US212"),
        ("{{ config(identifiers = ['email']) }} create table users (email text)", "US102"),
    ],
)
def test_a_broken_file_is_one_problem_with_a_place(workspace: Workspace, text: str, code: str) -> None:
    [problem] = problems(workspace, text)
    assert problem.code == code
    assert problem.location is not None
    assert problem.location.file == "models/users.sql"


def test_a_missing_file_says_what_it_is_for(workspace: Workspace) -> None:
    workspace.model("m", "select id, email from t", connection="crm", user_id="id")
    [problem] = workspace.load().problems
    assert (problem.code, problem.message) == ("US004", "there is no models/users.sql")
    assert "create table users" in str(problem.hint)


def test_templates_may_write_properties(workspace: Workspace) -> None:
    text = "create table users (\n{% for x in ['a', 'b'] %}    {{ x }}_sum »hugeint,\n{% endfor %} c int)"
    written, (line, _) = marked(text)
    found = problems(workspace, written)
    assert [(problem.code, place(problem.location)[0]) for problem in found] == [("US212", line)] * 2
