"""Users: the value of every property, accounts, update-only pipelines, and identifier values that say nothing."""

from __future__ import annotations

import pytest

from tests.sources.tables import Feeds, Row, Store, sources
from tests.support import Workspace

SINCE = "where ts >= ${updated_at}"
OLD, NEW, LATER = "2026-03-01 08:00:00", "2026-03-02 08:00:00", "2026-03-03 08:00:00"


def write_users(feeds: Feeds, columns: str, **settings: object) -> None:
    feeds.workspace.users(f"email text, {columns}", **{"identifiers": ["email"], **settings})


def users(feeds: Feeds, columns: str) -> list[Row]:
    return list(feeds.workspace.rows(f"select {columns} from users order by all"))


# --- Values ---


def test_the_latest_value_wins_and_nulls_do_not(feeds: Feeds) -> None:
    write_users(feeds, "name text, city text")
    columns = "id bigint, email text, name text, city text, ts timestamp"
    feeds.add("crm", columns, (1, "a@x", "old", "Rome", OLD), (2, "a@x", "new", None, NEW))
    feeds.add("app", columns, (1, "a@x", None, None, LATER))
    feeds.workspace.build()
    assert users(feeds, "name, city, identity_count, updated_at::varchar") == [("new", "Rome", 3, LATER)]


@pytest.mark.parametrize(("primary", "expected"), [("crm", "crm new"), ("app", "app"), ("none", "newest")])
def test_the_primary_source_comes_first(feeds: Feeds, primary: str, expected: str) -> None:
    write_users(feeds, "name text", primary_sources={"name": primary})
    columns = "id bigint, email text, name text, ts timestamp"
    feeds.add("crm", columns, (1, "a@x", "crm old", OLD), (2, "a@x", "crm new", NEW), (3, "a@x", None, LATER))
    feeds.add("app", columns, (1, "a@x", "app", OLD))
    feeds.add("web", columns, (1, "a@x", "newest", LATER))
    feeds.add("none", columns, (1, "a@x", None, LATER))
    feeds.workspace.build()
    assert users(feeds, "name") == [(expected,)]


def test_the_primary_source_is_a_connection_of_many_pipelines(feeds: Feeds) -> None:
    write_users(feeds, "name text", primary_sources={"name": "crm"})
    columns = "id bigint, email text, name text, ts timestamp"
    feeds.add("crm", columns, (1, "a@x", "old", OLD))
    feeds.add("leads", columns, (2, "a@x", "new", NEW), connection="crm")
    feeds.add("web", columns, (1, "a@x", "newest", LATER))
    feeds.workspace.build()
    assert users(feeds, "name") == [("new",)]


def test_ties_go_to_the_smaller_pipeline_and_id(feeds: Feeds) -> None:
    write_users(feeds, "name text")
    columns = "id bigint, email text, name text, ts timestamp"
    feeds.add("b", columns, (1, "a@x", "b 1", OLD))
    feeds.add("a", columns, (2, "a@x", "a 2", OLD), (10, "a@x", "a 10", OLD), (3, "a@x", "a 3", OLD))
    feeds.workspace.build()
    assert users(feeds, "name") == [("a 10",)]


def test_arrays_hold_the_elements_of_all(feeds: Feeds) -> None:
    write_users(feeds, "tags text[], numbers integer[]")
    columns = "id bigint, email text, tags text[], numbers integer[]"
    feeds.add("crm", columns, (1, "a@x", ["b", "a", "b"], [10, 9]), (2, "a@x", [], None), (3, "b@x", None, None))
    feeds.add("app", columns, (1, "a@x", ["c", "a"], [2]))
    feeds.workspace.build()
    assert users(feeds, "email, tags, numbers") == [("a@x", ["a", "b", "c"], [2, 9, 10]), ("b@x", None, None)]


def test_leaves_of_a_struct_come_from_different_sources(feeds: Feeds) -> None:
    write_users(feeds, "address struct(city text, geo struct(country text, code integer))")
    columns = "id bigint, email text, city text, country text, code text, ts timestamp"
    mapping = {"email": "email", "address.city": "city", "address.geo.country": "country", "address.geo.code": "code"}
    feeds.add("crm", columns, (1, "a@x", "Rome", None, "1", OLD), mapping=mapping)
    feeds.add("app", columns, (1, "a@x", None, "IT", "2", NEW), mapping=mapping)
    feeds.workspace.build()
    assert users(feeds, "address_city, address_geo_country, address_geo_code") == [("Rome", "IT", 2)]


def test_a_struct_is_mapped_whole(feeds: Feeds) -> None:
    write_users(feeds, "address struct(city text, zip integer)")
    feeds.add("crm", "id bigint, email text, city text", (1, "a@x", "Rome"), (2, "b@x", None))
    feeds.model("crm", mapping={"email": "email", "address": "{'zip': id, 'city': city}"})
    feeds.workspace.build()
    assert users(feeds, "email, address_city, address_zip") == [("a@x", "Rome", 1), ("b@x", None, 2)]


def test_json_is_taken_whole(feeds: Feeds) -> None:
    write_users(feeds, "prefs json")
    columns = "id bigint, email text, prefs json, ts timestamp"
    feeds.add("crm", columns, (1, "a@x", '{"a": 1}', OLD), (2, "a@x", '{"b": [2]}', NEW), (3, "a@x", None, LATER))
    feeds.workspace.build()
    assert users(feeds, "prefs::varchar") == [('{"b": [2]}',)]


def test_values_follow_the_source(feeds: Feeds) -> None:
    write_users(feeds, "name text, city text")
    columns = "id bigint, email text, name text, city text, ts timestamp"
    feeds.add("crm", columns, (1, "a@x", "crm", "Rome", NEW))
    feeds.add("app", columns, (1, "a@x", "app", "Oslo", OLD))
    feeds.workspace.build()
    feeds.fill("crm", (1, "a@x", None, "Turin", NEW))
    feeds.workspace.build()
    assert users(feeds, "name, city") == [("app", "Turin")]
    feeds.fill("app", (1, "b@x", "app", "Oslo", OLD))
    feeds.workspace.build()
    assert users(feeds, "email, name, city") == [("a@x", None, "Turin"), ("b@x", "app", "Oslo")]


def test_one_connection_and_one_id_are_one_person_whatever_their_values(feeds: Feeds) -> None:
    write_users(feeds, "name text")
    feeds.add("crm", "id bigint, email text", (1, "a@x"), (2, "b@x"))
    feeds.add("names", "id text, name text", ("1", "Ann"), ("3", "Zoe"), connection="crm")
    feeds.add("other", "id text, name text", ("2", "Bob"))
    feeds.workspace.build()
    assert users(feeds, "email, name") == [("a@x", "Ann"), ("b@x", None), (None, "Bob"), (None, "Zoe")]


def test_without_identifiers_only_ids_tell_people_apart(feeds: Feeds) -> None:
    write_users(feeds, "name text", identifiers=[])
    feeds.add("crm", "id bigint, email text", (1, "a@x"), (2, "a@x"))
    assert feeds.workspace.build()["users"]["total"] == 2


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        ("bigint", "bigint", 9_007_199_254_740_993),
        ("uuid", "text", "4AC7A9E9-607C-4C8A-84F3-843F0191E3FD"),
        ("enum('a', 'b')", "text", "a"),
        ("inet", "text", "10.0.0.1"),
        ("decimal(20, 0)", "text", "12345678901234567890"),
        ("bigint[]", "bigint[]", [7, 8]),
    ],
)
def test_identifiers_of_every_type(feeds: Feeds, kind: str, column: str, value: object) -> None:
    feeds.workspace.users(f"name {kind}", identifiers=["name"])
    feeds.add("crm", f"id bigint, name {column}", (1, value), (2, None), (3, value))
    feeds.workspace.build()
    assert users(feeds, "identity_count") == [(1,), (2,)]


# --- Accounts ---


@pytest.mark.parametrize(
    ("kind", "given", "accounts"),
    [
        ("bigint", 7, ["7"]),
        ("text", "acme", ["acme"]),
        ("text", "", []),
        ("text", None, []),
        ("text", '["b", "a"]', ["a", "b"]),
        ("text", "[not json", ["[not json"]),
        ("text[]", ["b", "a", "b", None, ""], ["a", "b"]),
        ("bigint[]", [10, 9], ["10", "9"]),
        ("json", '["b", 7, null, ""]', ["7", "b"]),
        ("json", '"acme"', ["acme"]),
        ("json", "7", ["7"]),
        ("json", "null", []),
        ("json", "[]", []),
        ("uuid", "4AC7A9E9-607C-4C8A-84F3-843F0191E3FD", ["4ac7a9e9-607c-4c8a-84f3-843f0191e3fd"]),
    ],
)
def test_account_ids(feeds: Feeds, kind: str, given: object, accounts: list[str]) -> None:
    write_users(feeds, "name text")
    feeds.add("crm", f"id bigint, email text, account {kind}", (1, "a@x", given), account_ids="account")
    feeds.workspace.build()
    assert feeds.workspace.rows("select account_id from user_accounts join users using (user_id) order by 1") == [
        (account,) for account in accounts
    ]
    assert feeds.workspace.rows("select account_ids from identities") == [(accounts or None,)]


ARRAYS = {"postgres": ("text[]", "{b,a}"), "mysql": ("json", '["b", "a"]'), "sqlite": ("text", '["b", "a"]')}


@pytest.mark.parametrize("store", sources(*ARRAYS), indirect=True)
def test_account_ids_in_what_a_source_has_for_arrays(workspace: Workspace, store: Store) -> None:
    kind, given = ARRAYS[store.kind]
    store.fill("people", f"id bigint, accounts {kind}, name text", [(1, given, "x"), (2, None, "y")])
    workspace.profile({"it": store.profile})
    workspace.users("name text")
    workspace.model("p", "select * from people", connection="it", user_id="id", account_ids="accounts")
    workspace.build()
    assert workspace.rows("select name, account_ids from identities order by all") == [("x", ["a", "b"]), ("y", None)]


def test_accounts_of_a_user_have_the_latest_name(feeds: Feeds) -> None:
    write_users(feeds, "name text")
    columns = "id bigint, email text, account text, company text, ts timestamp"
    accounts = {"account_ids": "account", "account_name": "company"}
    feeds.add("crm", columns, (1, "a@x", '["1", "2"]', "Old", OLD), (2, "b@x", "1", None, NEW), **accounts)
    feeds.add("app", columns, (1, "a@x", "1", "New", NEW), (2, "a@x", "1", None, LATER), **accounts)
    feeds.workspace.build()
    sql = "select email, account_id, account_name from user_accounts join users using (user_id) order by all"
    assert feeds.workspace.rows(sql) == [("a@x", "1", "New"), ("a@x", "2", "Old"), ("b@x", "1", None)]


def test_accounts_follow_the_source(feeds: Feeds) -> None:
    write_users(feeds, "name text")
    columns = "id bigint, email text, account text, company text"
    accounts = {"account_ids": "account", "account_name": "company"}
    feeds.add("crm", columns, (1, "a@x", "1", "One"), (2, "b@x", "2", "Two"), (3, "c@x", "3", "Three"), **accounts)
    feeds.workspace.build()
    feeds.fill("crm", (1, "a@x", "1", "Uno"), (2, "b@x", None, None))
    feeds.workspace.build()
    assert feeds.workspace.rows("select account_id, account_name from user_accounts") == [("1", "Uno")]


# --- Update only ---


@pytest.fixture
def newsletter(feeds: Feeds) -> Feeds:
    write_users(feeds, "name text")
    columns = "id bigint, email text, name text, ts timestamp"
    feeds.add("crm", columns, (1, "a@x", None, OLD))
    feeds.add("letter", columns, (1, "a@x", "Ann", OLD), (2, "b@x", "Bob", OLD), write="update_only")
    return feeds


def test_update_only_enriches_users_and_creates_none(newsletter: Feeds) -> None:
    assert newsletter.workspace.build()["users"]["created"] == 1
    assert users(newsletter, "email, name, identity_count") == [("a@x", "Ann", 2)]
    assert newsletter.workspace.rows("select identity_id from identities where user_id is null") == [("2",)]


def test_what_waits_becomes_a_user_when_another_pipeline_brings_it(newsletter: Feeds) -> None:
    newsletter.workspace.build()
    newsletter.fill("crm", (1, "a@x", None, OLD), (2, "b@x", None, OLD))
    assert newsletter.workspace.build()["users"]["created"] == 1
    assert users(newsletter, "email, name, identity_count") == [("a@x", "Ann", 2), ("b@x", "Bob", 2)]


def test_a_user_ends_when_only_update_only_is_left_of_it(newsletter: Feeds) -> None:
    newsletter.workspace.build()
    newsletter.fill("crm", (3, "c@x", None, OLD))
    results = newsletter.workspace.build()
    assert (results["users"]["deleted"], users(newsletter, "email")) == (1, [("c@x",)])
    assert newsletter.workspace.rows("select count(*) from identities where user_id is null") == [(2,)]


def test_write_can_change(newsletter: Feeds) -> None:
    newsletter.workspace.build()
    newsletter.model("letter")
    assert newsletter.workspace.build()["users"]["total"] == 2
    newsletter.model("letter", write="update_only")
    assert newsletter.workspace.build()["users"]["total"] == 1


def test_write_can_change_for_rows_that_are_not_read_again(newsletter: Feeds) -> None:
    newsletter.fill("letter", (1, "a@x", "Ann", OLD), (2, "b@x", "Bob", OLD), (3, "c@x", "Cid", NEW))
    newsletter.model("letter", where=SINCE, incremental=True, write="update_only")
    newsletter.workspace.build()
    newsletter.model("letter", where=SINCE, incremental=True)
    assert newsletter.workspace.build()["users"]["total"] == 3


def test_update_only_has_no_accounts_before_it_has_a_user(newsletter: Feeds) -> None:
    newsletter.model("letter", write="update_only", account_ids="name")
    newsletter.workspace.build()
    assert newsletter.workspace.rows("select account_id from user_accounts") == [("Ann",)]


# --- Identifier values that say nothing ---


def test_ignored_values_count_as_null(feeds: Feeds) -> None:
    write_users(feeds, "phone text", identifiers=["email", "phone"], ignore_values={"email": ["", "test@x"]})
    columns = "id bigint, email text, phone text"
    feeds.add("crm", columns, (1, "test@x", "+1"), (2, "test@x", "+2"), (3, "", "+1"), (4, "a@x", "+2"))
    feeds.workspace.build()
    # Ignored, a value joins nobody and blocks nothing below it.
    assert users(feeds, "phone, identity_count") == [("+1", 2), ("+2", 2)]
    assert feeds.workspace.rows("select * from usersync.ignored_values order by all") == [
        ("email", "", 1, "ignore_values"),
        ("email", "test@x", 2, "ignore_values"),
    ]


@pytest.mark.parametrize(("limit", "people"), [(3, 1), (2, 3)])
def test_a_value_that_too_many_identities_share_counts_as_null(feeds: Feeds, limit: int, people: int) -> None:
    write_users(feeds, "name text", max_identities_per_value=limit)
    feeds.add("crm", "id bigint, email text", (1, "info@x"), (2, "info@x"), (3, "info@x"))
    assert feeds.workspace.build()["users"]["total"] == people
    ignored = [("email", "info@x", 3, "max_identities_per_value")] if people == 3 else []
    assert feeds.workspace.rows("select * from usersync.ignored_values") == ignored


def test_ignored_values_of_arrays_and_numbers(feeds: Feeds) -> None:
    settings = {"identifiers": ["phones", "number"], "ignore_values": {"phones": ["0"], "number": [0]}}
    write_users(feeds, "phones text[], number bigint", **settings)
    columns = "id bigint, phones text[], number bigint"
    feeds.add("crm", columns, (1, ["0", "1"], 0), (2, ["0", "2"], 0), (3, ["0"], 5), (4, ["2"], 5), (5, None, 0))
    feeds.workspace.build()
    # An array of ignored values only passes on: the number decides between 3 and 4.
    assert users(feeds, "phones, identity_count") == [(["0", "1"], 1), (["0", "2"], 3), (None, 1)]


def test_ignored_values_are_those_of_the_last_build(feeds: Feeds) -> None:
    write_users(feeds, "name text", ignore_values={"email": ["a@x"]})
    feeds.add("crm", "id bigint, email text", (1, "a@x"), (2, "a@x"))
    feeds.workspace.build()
    write_users(feeds, "name text")
    results = feeds.workspace.build()
    assert (results["users"]["merged"], results["users"]["total"]) == (1, 1)
    assert feeds.workspace.rows("select * from usersync.ignored_values") == []
