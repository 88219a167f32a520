"""Mappings: which expressions there may be, which columns they read, and where they go wrong."""

import pytest

from tests.marks import marked, place, summary
from tests.support import Workspace
from usersync.compile.pipeline import Compiled, compile_pipeline
from usersync.diagnostics import Diagnostic

USERS = "email varchar, name varchar, address struct(city varchar, zip varchar), tags varchar[], address_book json"
COLUMNS = "id, mail, tags, doc, created"


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.users(USERS)
    return workspace


def model(mapping: str, query: str = f"select {COLUMNS} from t") -> str:
    return f"{{{{ config(connection = 'crm', user_id = 'id', mapping = {{\"email\": \"{mapping}\"}}) }}}}\n{query}"


def problems(project: Workspace, text: str) -> list[Diagnostic]:
    project.write("models/m.sql", text)
    return project.errors()


def compiled(project: Workspace, text: str) -> Compiled:
    """A pipeline that has nothing wrong with it."""
    project.write("models/m.sql", text)
    loaded = project.load()
    found, wrong = compile_pipeline(loaded, loaded.pipelines["m"])
    assert found is not None
    assert wrong == []
    return found


@pytest.mark.parametrize(
    ("mapping", "columns"),
    [
        ("mail", ("mail",)),
        ("MAIL", ("MAIL",)),
        ("lower(trim(mail))", ("mail",)),
        ("coalesce(mail, doc, mail)", ("mail", "doc")),
        ("case when created > now() then mail else 'x' end", ("created", "mail")),
        ("doc ->> '$.email'", ("doc",)),
        ("doc.email.work", ("doc",)),
        ("tags[1]", ("tags",)),
        ("list_filter(tags, lambda x: x <> mail)[1]", ("mail",)),
        ("list_transform(tags, t -> lower(t))[1]", ("tags",)),
        ("mail::varchar || '@' || id", ("mail", "id")),
        ("'constant'", ()),
        ("if(id > 1, mail, null)", ("id", "mail")),
        ("mail /* a comment; with a semicolon */", ("mail",)),
    ],
)
def test_an_expression_reads_its_columns(project: Workspace, mapping: str, columns: tuple[str, ...]) -> None:
    [mapped] = compiled(project, model(mapping)).mapped
    assert mapped.target.path == "email"
    assert set(columns) <= set(mapped.columns)
    assert set(mapped.columns) - set(columns) <= {"tags", "x", "t"}


def test_only_columns_in_use_are_read(project: Workspace) -> None:
    text = (
        "{{ config(connection = 'crm', user_id = 'id', updated_at = 'Created', account_ids = 'org',"
        " mapping = {'email': 'lower(MAIL)'}) }}\nselect id, mail, name, created, org, doc from t"
    )
    assert compiled(project, text).used_columns == ("id", "created", "org", "mail")


@pytest.mark.parametrize(
    "mapping",
    [
        "(select »max(mail) from t)",
        "mail in (select »1)",
        "exists (select »1)",
        "»sum(id)",
        "»count(*)",
        "»first(mail)",
        "»row_number() over ()",
        "»lag(mail) over (order by id)",
        "»*",
        "»random()",
        "»uuid()",
        "»gen_random_uuid()",
        "»unnest(tags)",
        "»columns('m.*')",
        "»drop table t",
        "insert into »t values (1)",
    ],
)
def test_an_expression_makes_one_value_of_one_row(project: Workspace, mapping: str) -> None:
    text, expected = marked(model(mapping))
    [problem] = problems(project, text)
    assert (problem.code, place(problem.location)[0]) == ("US213", expected[0])
    assert "one value from one row" in problem.message


@pytest.mark.parametrize(
    "mapping",
    [
        "lower(»mail",
        "mail », id",
        "id »+ ",
        "»mail as email",
        "»mail mail",
        "»mail; drop table t",
        "»mail;",
        "'a' || »'unclosed",
        "mail ») ",
        "lower lower »mail",
        "lower(\n    mail »mail)",
    ],
)
def test_an_expression_is_sql(project: Workspace, mapping: str) -> None:
    text, expected = marked(model(mapping))
    found = problems(project, text)
    assert [problem.code for problem in found] == ["US002"]
    assert place(found[0].location) == expected


@pytest.mark.parametrize("mapping", ["${updated_at}", "$LAST_SYNC_TIMESTAMP", "$1", "?", ":x"])
def test_an_expression_has_no_parameters(project: Workspace, mapping: str) -> None:
    [problem] = problems(project, model(mapping))
    assert problem.code in {"US002", "US213"}


@pytest.mark.parametrize(
    ("mapping", "hint"),
    [
        ("»mial", "did you mean 'mail'?"),
        ("lower(»Mial)", "did you mean 'mail'?"),
        ("»t.mail", None),
        ("»docs.email", "did you mean 'doc'?"),
        ("list_transform(tags, lambda x: x || »y)", None),
        ("»email", "did you mean 'mail'?"),
    ],
)
def test_a_column_that_the_query_does_not_return_is_placed(project: Workspace, mapping: str, hint: str | None) -> None:
    text, expected = marked(model(mapping))
    [problem] = problems(project, text)
    assert (problem.code, place(problem.location)) == ("US201", expected)
    assert hint is None or problem.hint == hint


def test_every_wrong_column_is_named(project: Workspace) -> None:
    found = problems(project, model("concat(a, b, mail, c)"))
    assert [problem.message.split("'")[1] for problem in found] == ["a", "b", "c"]


def test_columns_of_a_star_are_left_to_the_source(project: Workspace) -> None:
    assert problems(project, model("lower(anything)", "select * from t")) == []


@pytest.mark.parametrize(
    ("mapping", "hint"),
    [
        ("{'»emial': 'mail'}", "did you mean 'email'?"),
        ("{'»address.town': 'mail'}", None),
        ("{'»Email': 'mail'}", "did you mean 'email'?"),
        ("{'»address_city': 'mail'}", "did you mean 'address.city'?"),
        ("{'email': 'mail', '»nope': 'mail'}", None),
    ],
)
def test_an_unknown_property_is_placed(project: Workspace, mapping: str, hint: str | None) -> None:
    text, expected = marked(
        f"{{{{ config(connection = 'crm', user_id = 'id', mapping = {mapping}) }}}}\nselect id, mail from t"
    )
    [problem] = problems(project, text)
    assert (problem.code, place(problem.location)) == ("US203", expected)
    assert hint is None or problem.hint == hint


def test_a_struct_and_its_part_are_not_both_mapped(project: Workspace) -> None:
    mapping = "{'address': 'doc', '»address.city': 'mail'}"
    text, expected = marked(
        f"{{{{ config(connection = 'crm', user_id = 'id', mapping = {mapping}) }}}}\nselect id, doc, mail from t"
    )
    assert summary(problems(project, text)) == [("US203", expected)]


# --- Mapping by name ---

BY_NAME = "{{ config(connection = 'crm', user_id = 'id') }}\n"


def test_without_a_mapping_columns_named_like_properties_are_mapped(project: Workspace) -> None:
    mapped = compiled(project, BY_NAME + "select id, EMAIL, address_city, tags, other from t").mapped
    assert [(m.target.path, m.columns) for m in mapped] == [
        ("email", ("EMAIL",)),
        ("address.city", ("address_city",)),
        ("tags", ("tags",)),
    ]


def test_without_a_mapping_and_without_such_columns_nothing_would_come(project: Workspace) -> None:
    [problem] = problems(project, BY_NAME + "select id, mail from t")
    assert problem.code == "US203"
    assert problem.hint == "alias columns as properties, or say mapping = {'property': 'column'}"


# --- The definition ---


def test_the_definition_changes_with_what_the_rows_come_out_of(project: Workspace) -> None:
    base = compiled(project, model("mail")).definition_hash
    spelled = compiled(project, "\n" + model("mail  -- same").replace("select", "SELECT /* x */")).definition_hash
    assert spelled == base
    others = [
        model("lower(mail)"),
        model("mail", f"select {COLUMNS} from t where id > 1"),
        model("mail").replace("user_id = 'id'", "user_id = 'mail'"),
        model("mail").replace("'crm'", "'crm2'"),
        model("mail").replace("user_id", "account_ids = 'mail', user_id"),
    ]
    assert len({base, *(compiled(project, text).definition_hash for text in others)}) == 6


@pytest.mark.parametrize(
    "setting", ["description = 'x'", "tags = ['x']", "max_rejected = 1", "owner = 'x'", "name = 'x'"]
)
def test_the_definition_does_not_change_with_words_about_it(project: Workspace, setting: str) -> None:
    base = compiled(project, model("mail")).definition_hash
    assert compiled(project, model("mail").replace("user_id", f"{setting}, user_id")).definition_hash == base


def test_the_definition_changes_with_the_type_and_check_of_a_property(project: Workspace) -> None:
    hashes = set()
    for column in ("email varchar", "email varchar(9)", "email varchar check (email <> '')"):
        project.users(column)
        hashes.add(compiled(project, model("mail")).definition_hash)
    assert len(hashes) == 3
