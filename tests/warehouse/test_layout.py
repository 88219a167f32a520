"""The warehouse's tables: their columns, and what becomes of them when users.sql changes."""

from __future__ import annotations

import duckdb
import pytest

from tests.sources.tables import Feeds
from tests.support import pipeline_of

CONTRACT = {
    "main.users": "user_id email address_city identity_count created_at updated_at",
    "main.identities": "pipeline connection identity_id id_kind user_id updated_at account_ids account_name "
    "email address_city first_run last_run",
    "main.user_accounts": "user_id account_id account_name",
    "usersync.cursors": "pipeline value definition_hash run_id",
    "usersync.rejected_rows": "pipeline identity_id property reason row run_id attempts",
    "usersync.user_changes": "run_id at change user_id old_user_id",
    "usersync.ignored_values": "property value identities reason",
    "main.user_ids": "user_id current_user_id",
}


@pytest.fixture
def crm(feeds: Feeds) -> Feeds:
    feeds.workspace.users("email text, address struct(city text)", identifiers=["email"])
    columns = "id bigint, email text, city text, score text, ts timestamp"
    rows = [(n, f"p{n}@x", "Rome", f"{n}.5", f"2026-03-0{n} 08:00:00") for n in (1, 2, 3)]
    feeds.add("crm", columns, *rows)
    map_to(feeds, email="email", address__city="city")
    feeds.workspace.build()
    return feeds


def map_to(feeds: Feeds, **mapping: str) -> None:
    paths = {path.replace("__", "."): expression for path, expression in mapping.items()}
    feeds.model("crm", where="where ts >= ${updated_at}", incremental=True, mapping=paths)


def test_tables_have_the_columns_that_were_promised(crm: Feeds) -> None:
    found = {
        f"{schema}.{table}": columns
        for schema, table, columns in crm.workspace.rows(
            "select schema_name, table_name, string_agg(column_name, ' ' order by column_index) "
            "from duckdb_columns() where not internal group by all"
        )
    }
    assert {name: found[name] for name in CONTRACT} == CONTRACT
    assert {"usersync.runs", "usersync.pipeline_runs", "usersync.ignored_values"} < set(found)


def test_types_are_those_of_users_sql(feeds: Feeds) -> None:
    types = {
        "varchar(9)": "VARCHAR",
        "enum('a')": "VARCHAR",
        "utinyint": "UTINYINT",
        "decimal(10, 2)": "DECIMAL(10,2)",
        "timestamp": "TIMESTAMP",
        "year": "SMALLINT",
        "inet": "VARCHAR",
        "json": "JSON",
        "uuid[]": "UUID[]",
        "map(varchar, bigint)": "MAP(VARCHAR, BIGINT)",
        "real": "FLOAT",
    }
    feeds.workspace.users(", ".join(f"p{n} {kind}" for n, kind in enumerate(types)))
    feeds.add("crm", "id bigint, p0 text", (1, "x"))
    feeds.workspace.build()
    described = feeds.workspace.rows("describe users")
    assert [kind for name, kind, *_ in described if name[1:].isdigit()] == list(types.values())


def test_a_new_property_is_filled_and_the_others_keep_their_values_and_ids(crm: Feeds) -> None:
    before = crm.workspace.rows("select user_id, email, address_city, created_at from users order by email")
    crm.workspace.users("score decimal(3, 1), email text, address struct(city text)", identifiers=["email"])
    map_to(crm, email="email", address__city="city", score="score")
    found = pipeline_of(crm.workspace.build(), "crm")
    assert (found["full_import"], found["updated"]) == (True, 3)
    assert crm.workspace.rows("select user_id, email, address_city, created_at from users order by email") == before
    assert [str(score) for (score,) in crm.workspace.rows("select score from users order by email")] == [
        "1.5",
        "2.5",
        "3.5",
    ]


def test_a_new_property_of_another_pipeline_changes_nothing_of_this_one(crm: Feeds) -> None:
    crm.workspace.users("email text, address struct(city text), extra text", identifiers=["email"])
    found = pipeline_of(crm.workspace.build(), "crm")
    assert (found["full_import"], found["updated"], found["unchanged"]) == (False, 0, 1)
    assert crm.workspace.rows("select distinct address_city, extra from users") == [("Rome", None)]


def test_a_removed_property_is_gone_and_the_others_stay(crm: Feeds) -> None:
    before = crm.workspace.rows("select user_id, email from users order by email")
    crm.workspace.users("email text", identifiers=["email"])
    map_to(crm, email="email")
    crm.workspace.build()
    assert crm.workspace.rows("select user_id, email from users order by email") == before
    assert crm.workspace.rows("select column_name from duckdb_columns() where column_name = 'address_city'") == []


@pytest.mark.parametrize(
    ("before", "after", "value", "expected"),
    [
        ("varchar", "varchar(5)", "1", "1"),
        ("varchar", "integer", "1", "1"),
        ("integer", "varchar", "1", "1"),
        ("integer", "decimal(5, 2)", "1", "1.00"),
        ("date", "timestamp", "'2026-03-01'", "2026-03-01 00:00:00"),
        ("integer", "date", "if(id = 1, 1, null)", None),
        ("varchar", "varchar[]", "'[a]'", None),
        ("bigint[]", "json", "[1]", None),
    ],
)
def test_a_retyped_property_keeps_what_still_fits(
    crm: Feeds, before: str, after: str, value: str, expected: str | None
) -> None:
    crm.add("app", "id bigint, email text", (1, "app@x"))
    crm.workspace.users(f"email text, value {before}", identifiers=["email"])
    crm.model("app", mapping={"email": "email", "value": value})
    map_to(crm, email="email")
    crm.workspace.build()
    crm.workspace.users(f"email text, value {after}", identifiers=["email"])
    crm.model("app", mapping={"email": "email"}, enabled=False)
    crm.workspace.build()
    [(found,)] = crm.workspace.rows("select value::varchar from identities where pipeline = 'app'")
    assert expected is None or found == expected
    assert crm.workspace.rows("select count(*) from users") == [(4,)]


def test_values_that_do_not_fit_a_retyped_property_are_lost_and_their_rows_rejected(crm: Feeds) -> None:
    crm.add("app", "id bigint, email text", (1, "app@x"))
    crm.workspace.build()
    crm.workspace.users("email text, address struct(city integer)", identifiers=["email"])
    found = pipeline_of(crm.workspace.build(), "crm")
    assert found["rejected"] == 3
    assert crm.workspace.rows("select email, address_city from users order by email") == [
        ("app@x", None),
        *((f"p{n}@x", None) for n in (1, 2, 3)),
    ]


def test_properties_can_change_places(crm: Feeds) -> None:
    crm.workspace.users("address struct(city text), email text", identifiers=["email"])
    assert pipeline_of(crm.workspace.build(), "crm")["unchanged"] == 1
    assert crm.workspace.rows("select address_city, email from users order by email")[0] == ("Rome", "p1@x")


def test_names_that_sql_reserves(feeds: Feeds) -> None:
    feeds.workspace.users('"order" text, "select" struct("from" text)', identifiers=["order"])
    feeds.add("crm", "id bigint, a text", (1, "x"), (2, "x"))
    feeds.model("crm", mapping={"order": "a", "select.from": "a"})
    assert feeds.workspace.build()["users"]["total"] == 1
    assert feeds.workspace.rows('select "order", select_from from users') == [("x", "x")]
    feeds.workspace.users('"order" text, "group" bigint, "select" struct("from" text)', identifiers=["order"])
    feeds.workspace.build()
    assert feeds.workspace.rows('select "order", "group", select_from from users') == [("x", None, "x")]


def test_a_warehouse_of_another_layout_is_left_alone(feeds: Feeds) -> None:
    workspace = feeds.workspace
    workspace.users("email text", identifiers=["email"])
    feeds.add("crm", "id bigint, email text", (1, "a@x"))
    path = workspace.root / "target/warehouse.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as file:
        file.execute("create schema usersync; create table usersync.identity_rows (_pk bigint)")
    before = path.read_bytes()
    built, shown = workspace.run("build"), workspace.run("show")
    assert (built.exit_code, shown.exit_code) == (1, 1)
    assert "layout of another version" in built.stderr
    assert "usersync clean --warehouse" in shown.stderr
    assert path.read_bytes() == before
