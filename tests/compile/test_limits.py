"""Lengths and checks of whole structs, of their fields and of elements."""

from __future__ import annotations

import pytest

from tests.support import Workspace, pipeline_of


@pytest.fixture
def files(workspace: Workspace) -> Workspace:
    workspace.profile({"lake": {"type": "files", "path": "."}})
    return workspace


def rejected(workspace: Workspace) -> list[tuple[str, str]]:
    return workspace.rows("select identity_id, reason from usersync.rejected_rows order by identity_id")


def test_checks_and_lengths_of_fields_hold_when_the_struct_is_mapped_whole(files: Workspace) -> None:
    files.users("address struct(city varchar(4), zip varchar check (zip <> '0')), n integer")
    files.write(
        "a.jsonl",
        '{"id": 1, "a": {"city": "Rome", "zip": "1"}}\n'
        '{"id": 2, "a": {"city": "Milano", "zip": "1"}}\n'
        '{"id": 3, "a": {"city": "Rome", "zip": "0"}}\n',
    )
    files.model("a", "select id, a from 'a.jsonl'", connection="lake", user_id="id", mapping={"address": "a"})
    assert pipeline_of(files.build(), "a")["inserted"] == 1
    assert rejected(files) == [("2", "is longer than 4 characters"), ("3", "check (zip <> '0') is false")]


def test_a_check_of_a_struct_names_its_fields(files: Workspace) -> None:
    files.users("span struct(a integer, b integer) check (span.a <= span.b)")
    files.write("a.jsonl", '{"id": 1, "s": {"a": 1, "b": 2}}\n{"id": 2, "s": {"a": 3, "b": 2}}\n')
    files.model("a", "select id, s from 'a.jsonl'", connection="lake", user_id="id", mapping={"span": "s"})
    files.build()
    assert rejected(files) == [("2", "check (span.a <= span.b) is false")]


def test_an_element_that_is_too_long_takes_its_array_with_it(files: Workspace) -> None:
    files.users("tags varchar(3)[]")
    files.write("a.jsonl", '{"id": 1, "tags": ["abc", "d"]}\n{"id": 2, "tags": ["abcd"]}\n')
    files.model("a", "select id, tags from 'a.jsonl'", connection="lake", user_id="id")
    files.build()
    assert rejected(files) == [("2", "is not a valid varchar(3)[]")]
    assert files.rows("select tags from identities") == [(["abc", "d"],)]


def test_a_failing_cast_in_a_long_list_rejects_its_row_only(files: Workspace) -> None:
    files.users("known boolean")
    files.write("a.csv", "id,n\n1,3\n2,x\n3,9\n")
    mapping = {"known": "cast(n as integer) in (1, 2, 3, 4, 5, 6, 7)"}
    files.model("a", "select id, n from 'a.csv'", connection="lake", user_id="id", mapping=mapping)
    files.build()
    assert rejected(files) == [("2", "its expression fails")]
    assert files.rows("select identity_id, known from identities order by 1") == [("1", True), ("3", False)]


def test_a_bare_null_fits_every_property(files: Workspace) -> None:
    files.users("a boolean, b varchar[], c uuid")
    files.write("a.csv", "id\n1\n")
    mapping = {"a": "null", "b": "null", "c": "null"}
    files.model("a", "select id from 'a.csv'", connection="lake", user_id="id", mapping=mapping)
    files.build()
    assert files.rows("select a, b, c from identities") == [(None, None, None)]


def test_calls_behind_a_value_work_in_queries_mappings_and_checks(files: Workspace) -> None:
    files.users("email varchar, name varchar check (name.length() > 1)")
    files.write("a.csv", "id,mail,name\n1, Ann@X.com,Ann\n2,b@x.com,B\n")
    mapping = {"email": "mail.lower()", "name": "name.trim()"}
    query = "select id, a.mail.trim() as mail, name from 'a.csv' as a where mail.contains('@')"
    files.model("a", query, connection="lake", user_id="id", mapping=mapping)
    files.build()
    assert files.rows("select email, name from users") == [("ann@x.com", "Ann")]
    assert rejected(files) == [("2", "check (name.length() > 1) is false")]


def test_a_column_whose_type_cannot_be_written_stands_in_no_ones_way(files: Workspace) -> None:
    files.users("email varchar, name varchar")
    files.write("a.csv", "id,mail\n1,ann@x.com\n")
    query = "select id, mail, row(id, mail) as pair from 'a.csv'"
    files.model("a", query, connection="lake", user_id="id", mapping={"email": "mail", "name": "'x'"})
    files.build()
    assert files.rows("select email, name from users") == [("ann@x.com", "x")]
    files.model("a", query, connection="lake", user_id="id", mapping={"name": "'y'"})
    files.build()
    assert files.rows("select name from users") == [("y",)]
