"""With recorded sources lint knows every column and its type; without them it says nothing of either."""

from collections.abc import Iterable

import pytest

from tests.lint.test_fixes import applied
from tests.marks import marked, place
from tests.support import Workspace
from usersync.diagnostics import Diagnostic, Edit
from usersync.lint.run import lint

RECORDED = """
create table customers (
    id bigint not null, no integer, email character varying(254), born text, score numeric, total numeric(8,2),
    tags text[], doc jsonb, seen boolean, token uuid, updated_at timestamp with time zone not null, changed text,
    primary key (id)
);
create index customers_updated_at_idx on customers (updated_at);
create table orders (id bigint not null, customer_id bigint, sum numeric(10,2), placed_at timestamp, primary key (id));
create table old.orders (old_id bigint not null);
-- A view: the keys, indexes and NOT NULL of its tables are not seen.
create table people (id bigint, email text, updated_at timestamp);
"""
USERS = (
    "email varchar, name varchar, birth_year year, score decimal(10, 2), active boolean, visits integer, "
    "token uuid, doc json, tags varchar[], born date"
)


@pytest.fixture
def project(workspace: Workspace) -> Workspace:
    workspace.profile({"crm": {"type": "postgres", "database": "crm"}})
    workspace.users(USERS)
    workspace.write("models/sources/crm.sql", RECORDED)
    return workspace


def found(project: Workspace, code: str, query: str, **config: object) -> list[Diagnostic]:
    project.model("m", query, **({"connection": "crm", "user_id": "id"} | config))
    return [finding for finding in lint(project.load()) if finding.code == code]


UNKNOWN = [
    ("select id, »emial as email from customers", "did you mean 'email'?"),
    ("select id, email from customers where »actve", None),
    ("select c.id, c.»emial as email from customers c", "did you mean 'email'?"),
    ("select c.id, email from customers c join orders o on o.»custmer_id = c.id", "did you mean 'customer_id'?"),
    ("select id, email from (select id, email, »nam from customers) as x", None),
    ("with x as (select id, email as mail from customers) select id, »email from x", "did you mean 'mail'?"),
    ("with x as (select * from customers) select id, x.»emial as email from x", "did you mean 'email'?"),
    ("select id, email from customers c where exists (select 1 from orders where »customr = c.id)", None),
    ("select id, email from customers order by »whatever_it_is", None),
    ("select old_id as id, 'x' as email from old.orders where »sum > 1", None),
    ("select id, {% if is_incremental() %}»emial as {% endif %} email from customers", "did you mean 'email'?"),
    ("select id, email from customers where {{ '»x' }} = 1", None),
]


@pytest.mark.parametrize(("query", "hint"), UNKNOWN)
def test_a_column_that_no_table_has_is_found_where_it_is_written(
    project: Workspace, query: str, hint: str | None
) -> None:
    text, (line, column) = marked(query)
    findings = found(project, "US201", text)
    assert len(findings) == 1
    written = place(findings[0].location)
    inside = "{{ '" in query
    assert written == (line + 1, column - (1 if inside else 0))
    assert findings[0].hint == hint or hint is None


KNOWN = [
    "select ID, Email from Customers",
    'select "id", c.email from public.customers as c',
    "select id, email, customers.updated_at from customers where updated_at >= ${updated_at}",
    "select id, lower(email) as mail, mail || 'x' as email from customers where mail <> '' group by all",
    "select id, email from customers where exists (select 1 from orders where customer_id = customers.id)",
    "select id, email from customers where exists (select 1 from orders where customer_id = no)",
    "with recursive x as (select id, email from customers union all select id, email from x) select id, email from x",
    "select c.id, t as email from customers c cross join unnest(tags) as u (t)",
    "select c.id, email from customers c join lateral (select sum from orders where customer_id = c.id) o on true",
    "select id, list_transform(tags, lambda t: t || 'x')[1] as email from customers",
    "select id, doc.a.b as email from customers",
    "select id, email, anything from customers join not_recorded using (id)",
    "select x.id, x.e as email from (select id, email from customers) as x (id, e)",
    "select id, email from customers pivot (sum(score) for seen in (true, false))",
    "select o.old_id as id, 'x' as email from old.orders as o",
    "select id, to_json(customers)::varchar as email from customers",
    "select * exclude (no) from customers",
    "select id, email from customers qualify row_number() over (partition by email order by updated_at) = 1",
]


@pytest.mark.parametrize("query", KNOWN)
def test_what_is_there_or_not_sure_is_not_found(project: Workspace, query: str) -> None:
    assert found(project, "US201", query) == []


def test_a_star_stands_for_the_recorded_columns(project: Workspace) -> None:
    query = "select * from customers"
    assert [f.message for f in found(project, "US206", query, user_id="idd")] == ["the query returns no column 'idd'"]
    [finding] = found(project, "US201", query, mapping={"email": "lower(emial)"})
    assert (finding.message, finding.hint) == ("the query returns no column 'emial'", "did you mean 'email'?")
    assert found(project, "US203", "select id, no from customers") != []


TYPES = [
    ("US204", "birth_year", "updated_at"),
    ("US204", "active", "total"),
    ("US204", "token", "id"),
    ("US204", "visits", "(tags)"),
    ("US204", "active", "cast(email as timestamp)"),
    ("US204", "tags", "lower(email)"),
    ("US205", "birth_year", "born"),
    ("US205", "visits", "id"),
    ("US205", "score", "score"),
    ("US205", "token", "email"),
    ("US205", "born", "nullif(trim(born), '')"),
    ("US205", "name", "doc"),
]


@pytest.mark.parametrize(("code", "target", "expression"), TYPES)
def test_a_conversion_is_judged_by_the_recorded_type(
    project: Workspace, code: str, target: str, expression: str
) -> None:
    query = "select id, email, born, score, total, tags, doc, updated_at from customers"
    [finding] = found(project, code, query, mapping={target: expression})
    first = (project.root / "models/m.sql").read_text(encoding="utf-8").splitlines()[0]
    assert place(finding.location) == (1, first.rindex(expression) + 1)


FITTING = [
    ("name", "email"),
    ("score", "total"),
    ("token", "token"),
    ("active", "seen"),
    ("visits", "no"),
    ("born", "updated_at"),
    ("doc", "doc"),
    ("tags", "tags"),
    ("name", "score"),
    ("birth_year", "try_cast(born as smallint) + unknown_function(1)"),
]


@pytest.mark.parametrize(("target", "expression"), FITTING)
def test_a_conversion_that_fits_or_is_not_sure_is_not_found(project: Workspace, target: str, expression: str) -> None:
    query = "select id, no, email, born, score, total, tags, doc, seen, token, updated_at from customers"
    assert found(project, "US204", query, mapping={target: expression}) == []
    assert found(project, "US205", query, mapping={target: expression}) == []


def test_types_of_ids_and_update_times_are_judged(project: Workspace) -> None:
    assert found(project, "US206", "select seen as id, email from customers") != []
    assert found(project, "US301", "select id, email, seen from customers", updated_at="seen") != []
    assert found(project, "US303", "select id, email, changed from customers", updated_at="changed") != []
    query = "select id, email, updated_at from customers"
    assert found(project, "US303", query, updated_at="updated_at", updated_at_format="ISO8601") != []


NULLS = [
    ("select no as id, email from customers", True),
    ("select o.id, c.email from customers c left join orders o on o.customer_id = c.id", True),
    ("select c.id, o.sum as email from customers c right join orders o on o.customer_id = c.id", True),
    ("with x as (select no, email from customers) select no as id, email from x", True),
    ("select id, email from customers union all select customer_id, 'x' from orders", True),
    ("select id, email from customers", False),
    ("select c.id, o.sum as email from customers c left join orders o on o.customer_id = c.id", False),
    ("select no as id, email from customers where no is not null", False),
    ("with x as (select no, email from customers where no > 0) select no as id, email from x", False),
    ("select coalesce(no, 0) as id, email from customers", False),
    ("select id, email from not_recorded", False),
    ("select id, email from people", False),
]


@pytest.mark.parametrize(("query", "expected"), NULLS)
def test_an_id_that_may_be_null_is_found(project: Workspace, query: str, expected: bool) -> None:
    assert bool(found(project, "US504", query)) is expected
    assert found(project, "US504", query, fallback_id="email") == []


INDEXES = [
    ("select id, email, updated_at from customers where updated_at >= ${updated_at}", False),
    ("select id, email, changed as updated_at from customers where changed >= ${updated_at}", True),
    ("select c.id, c.email, o.placed_at as updated_at from customers c join orders o on o.customer_id = c.id "
     "where o.placed_at >= ${updated_at}", True),
    ("select id, email, updated_at from not_recorded where updated_at >= ${updated_at}", False),
    ("select id, email, updated_at from people where updated_at >= ${updated_at}", False),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), INDEXES)
def test_a_cursor_without_an_index_is_found(project: Workspace, query: str, expected: bool) -> None:
    assert bool(found(project, "US305", query, updated_at="updated_at", incremental=True)) is expected


FILTERS = [
    ("lower(email) = 'a'", True),
    ("email like 'a%'", True),
    ("score > 3", True),
    ("email = 'a' or lower(email) = 'b'", True),
    ("email = 'a'", False),
    ("no in (1, 2) and seen", False),
    ("no > 1 or email = 'x'", False),
    ("updated_at >= ${updated_at}", False),
    ("updated_at >= date '2024-01-01'", False),
]


@pytest.mark.parametrize(("where", "expected"), FILTERS)
def test_a_filter_that_the_server_cannot_check_is_found(project: Workspace, where: str, expected: bool) -> None:
    query = f"select id, email, updated_at from customers where {where}"
    findings = found(project, "US601", query, updated_at="updated_at", incremental="$" in where)
    assert bool(findings) is expected
    assert all(place(finding.location) == (2, query.index("where ") + 7) for finding in findings)


STARS = [
    ("select * from customers", "select id, email, updated_at from customers"),
    ("select c.* from customers as c", "select c.id, c.email, c.updated_at from customers as c"),
    ("select * from (select * from customers) x", "select id, email, updated_at from (select * from customers) x"),
    (
        "select c.*, o.sum as name from customers c join orders o on o.customer_id = c.id",
        "select c.id, c.email, c.updated_at, o.sum as name from customers c join orders o on o.customer_id = c.id",
    ),
]


def edits(findings: Iterable[Diagnostic]) -> set[Edit]:
    return {edit for finding in findings for edit in finding.fix}


@pytest.mark.parametrize(("query", "after"), STARS)
def test_a_star_becomes_the_columns_in_use(project: Workspace, query: str, after: str) -> None:
    config = {"mapping": {"email": "lower(email)"}, "updated_at": "updated_at"}
    if "name" in query:
        config["mapping"] = {"email": "lower(email)", "name": "name::varchar"}
    findings = found(project, "US502", query, **config)
    file = project.root / "models/m.sql"
    text = applied(file.read_text(encoding="utf-8"), edits(findings))
    assert text.partition("\n")[2] == f"{after}\n"
    file.write_text(text, encoding="utf-8")
    assert [f for f in lint(project.load()) if f.code in {"US502", "US210", "US201"}] == []


@pytest.mark.parametrize(
    "query",
    [
        "select * from not_recorded",
        "select * from customers join orders using (id)",
        "select * exclude (no) from customers",
        "select {{ '*' }} from customers",
    ],
)
def test_a_star_that_is_not_sure_stays(project: Workspace, query: str) -> None:
    findings = found(project, "US502", query)
    assert findings
    assert edits(findings) == set()


def test_without_recorded_sources_nothing_of_it_is_said(project: Workspace) -> None:
    (project.root / "models/sources/crm.sql").unlink()
    query = "select no as id, emial as email, born from customers where lower(changed) >= ${updated_at}"
    config = {"updated_at": "born", "updated_at_format": "ISO8601", "mapping": {"birth_year": "born"}}
    project.model("m", query, connection="crm", user_id="id", incremental=True, **config)
    silent = {"US201", "US204", "US205", "US504", "US601"}
    assert silent & {finding.code for finding in lint(project.load())} == set()


def test_a_broken_file_is_a_finding_there(project: Workspace) -> None:
    project.write("models/sources/crm.sql", "create table customers (id int,\ncreate index;")
    [finding] = found(project, "US002", "select id, email from customers")
    assert finding.location is not None
    assert (finding.location.file, finding.location.line) == ("models/sources/crm.sql", 2)


MYSQL = """
create table customers (
    id int(10) unsigned not null, email varchar(254), updated_at datetime(6), kind enum('a','b'), small tinyint(1),
    primary key (id)
);
"""


def test_mysql_is_known_by_its_own_types(project: Workspace) -> None:
    project.profile({"crm": {"type": "mysql", "database": "crm"}})
    project.write("models/sources/crm.sql", MYSQL)
    query = "select id, email, updated_at, small, kind from customers where lower(kind) = 'a'"
    mapping = {"active": "small", "visits": "id", "birth_year": "updated_at", "name": "kind"}
    assert [f.message for f in found(project, "US204", query, mapping=mapping)] == [
        "TIMESTAMP can never become year: property 'birth_year'"
    ]
    assert len(found(project, "US205", query, mapping=mapping)) == 1
    assert len(found(project, "US601", query, mapping=mapping)) == 1


def test_files_are_known_by_their_paths(project: Workspace) -> None:
    project.profile({"crm": {"type": "files", "path": "data"}})
    project.write("models/sources/crm.sql", 'create table "people.csv" (id BIGINT, email VARCHAR, born DATE);')
    query = "select p.id, p.emial as email from 'people.csv' as p"
    assert [f.hint for f in found(project, "US201", query)] == ["did you mean 'email'?"]
    query = "select id, email, born from read_csv('people.csv', header = true)"
    assert [f.code for f in found(project, "US204", query, mapping={"active": "born"})] == ["US204"]
    assert found(project, "US504", query) == []


def test_a_file_that_is_cut_off_anywhere_raises_nothing(project: Workspace) -> None:
    project.model("m", "select *, emial from customers c, orders", connection="crm", user_id="id")
    loaded = project.load()
    for end in range(0, len(RECORDED), 7):
        project.write("models/sources/crm.sql", RECORDED[:end])
        assert all(finding.code.startswith("US") for finding in lint(loaded))


@pytest.mark.parametrize(
    "kind", ["nonsense words", "struct(", "timeas stamp with time zone", "varchar ", "[]", "'", "list"]
)
def test_a_type_that_nobody_knows_says_nothing(project: Workspace, kind: str) -> None:
    connections: list[dict[str, object]] = [
        {"type": "duckdb", "path": "a.db"},
        {"type": "mysql", "database": "a"},
        {"type": "sqlite", "path": "a.db"},
    ]
    for connection in connections:
        project.profile({"crm": connection})
        project.write("models/sources/crm.sql", f"create table customers (id bigint not null, email {kind});")
        assert found(project, "US204", "select id, email from customers", mapping={"active": "email"}) == []
