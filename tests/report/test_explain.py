"""`usersync explain`: what it tells of users that real builds made."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sources.tables import Feeds
from tests.support import Workspace

COLUMNS = "id text, number bigint, email text, phones text[], name text, ts timestamp"
USERS = "number bigint, email varchar, phones varchar[], name varchar"


@pytest.fixture
def people(feeds: Feeds) -> Feeds:
    """Three pipelines of three connections; numbers come before e-mails, and those before phones."""
    feeds.workspace.users(
        USERS,
        identifiers=["number", "email", "phones"],
        primary_sources={"name": "crm"},
        ignore_values={"email": ["info@x"]},
    )
    for stem in ("crm", "shop", "app"):
        feeds.add(stem, COLUMNS)
    return feeds


def row(
    identity_id: str, number: int | None = None, email: str | None = None, *phones: str, name: str = ""
) -> tuple[object, ...]:
    return identity_id, number, email, list(phones), name or None, "2026-01-01 00:00:00"


def told(workspace: Workspace, *people: str) -> dict[str, Any]:
    outcome = workspace.run("explain", *people, "--format", "json")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def shown(workspace: Workspace, *people: str) -> str:
    outcome = workspace.run("explain", *people)
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    return outcome.stdout


def chain(found: dict[str, Any]) -> list[tuple[object, ...]]:
    """Each match: from and to which identity, and by what."""
    return [(*(row["identity"] for row in m["rows"]), m["kind"], m["identifier"], m["value"]) for m in found["chain"]]


def refused(workspace: Workspace, *people: str) -> str:
    outcome = workspace.run("explain", *people)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    return outcome.stderr


def decide(workspace: Workspace, *lines: str) -> None:
    workspace.write("models/overrides.csv", "\n".join(["decision,identity,other,who,why,when", *lines, ""]))


# --- One person ---


def test_the_chain_goes_from_the_oldest_identity_by_the_strongest_evidence(people: Feeds) -> None:
    people.fill("crm", row("1", 7, "a@x"))
    people.workspace.build()
    people.fill("shop", row("2", 7, "a@x"), row("3", None, "a@x", "+1", "+2"))
    people.fill("app", row("4", None, None, "+2"))
    people.workspace.build()
    found = told(people.workspace, "email=a@x")
    assert chain(found) == [
        ("crm:1", "shop:2", "identifier", "number", "7"),
        ("crm:1", "shop:3", "identifier", "email", "a@x"),
        ("shop:3", "app:4", "identifier", "phones", "+2"),
    ]
    assert [match["priority"] for match in found["chain"]] == [1, 2, 3]
    assert (found["identity_count"], found["left_out"], found["settings_current"]) == (4, 0, True)


def test_every_row_is_told_with_the_run_that_last_changed_it(people: Feeds) -> None:
    people.fill("crm", row("1", 7))
    people.workspace.build()
    people.fill("shop", row("2", 7))
    people.workspace.build()
    found = told(people.workspace, "crm:1")
    runs = people.workspace.rows(
        "select run_id, strftime(started_at, '%Y-%m-%dT%H:%M:%SZ') from usersync.runs order by 1"
    )
    [match] = found["chain"]
    assert [(row["last_run"], row["last_run_at"]) for row in match["rows"]] == runs
    assert [f"  [{number}] {run} at {at}" for number, (run, at) in enumerate(runs, start=1)] == shown(
        people.workspace, "crm:1"
    ).splitlines()[-2:]


def test_one_id_in_one_connection_is_evidence(feeds: Feeds) -> None:
    feeds.workspace.users("email varchar", identifiers=["email"])
    feeds.add("customers", "id text, email text", ("1", "a@x"), connection="crm")
    feeds.add("settings", "id text, email text", ("1", "b@x"), connection="crm")
    feeds.workspace.build()
    assert chain(told(feeds.workspace, "customers:1")) == [("customers:1", "settings:1", "same_id", None, "1")]
    assert "└── settings:1 [1]  same id in crm" in shown(feeds.workspace, "customers:1")


def test_a_link_is_evidence_with_who_and_why(people: Feeds) -> None:
    people.fill("crm", row("1", 7))
    people.fill("shop", row("2", 8))
    decide(people.workspace, "link,shop:2,crm:1,Ann,the same desk,2026-01-02T10:00:00Z")
    people.workspace.build()
    found = told(people.workspace, "shop:2")
    assert chain(found) == [("crm:1", "shop:2", "link", None, None)]
    assert found["chain"][0]["decision"] == {
        "decision": "link",
        "identity": "shop:2",
        "other": "crm:1",
        "who": "Ann",
        "why": "the same desk",
        "when": "2026-01-02T10:00:00Z",
    }
    assert "shop:2 [1]  link (2026-01-02T10:00:00Z Ann): the same desk" in shown(people.workspace, "crm:1")
    decide(people.workspace)
    assert told(people.workspace, "shop:2")["chain"][0]["decision"] is None


def test_an_identity_under_a_fallback_id_is_told_as_such(feeds: Feeds) -> None:
    feeds.workspace.users("email varchar", identifiers=["email"])
    feeds.add("app", "id text, device text, email text", ("1", None, "a@x"), (None, "d1", "a@x"), fallback_id="device")
    feeds.workspace.build()
    found = told(feeds.workspace, "app:d1")
    assert {(one["identity"], one["id_kind"]) for one in found["identities"]} == {
        ("app:1", "user_id"),
        ("app:d1", "fallback"),
    }
    assert "app:d1 (fallback id)" in shown(feeds.workspace, "app:d1")


def test_identities_that_wait_for_a_user_are_explained(people: Feeds) -> None:
    people.model("shop", write="update_only")
    people.model("app", write="update_only")
    people.fill("shop", row("2", 7, name="S"))
    people.fill("app", row("3", 7))
    people.workspace.build()
    found = told(people.workspace, "number=7")
    assert (found["user_id"], found["identity_count"]) == (None, 2)
    assert chain(found) == [("app:3", "shop:2", "identifier", "number", "7")]
    assert shown(people.workspace, "shop:2").startswith("no user yet, only 2 identities that update: app:3\n")


# --- Values ---


def values(found: dict[str, Any], name: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    [origin] = [p for p in found["properties"] if p["property"] == name]
    return tuple([(s["value"], s["identity"]) for s in origin[part]] for part in ("chosen", "beaten"))  # type: ignore[return-value]


def test_a_value_is_the_primary_sources_latest_else_the_latest(feeds: Feeds) -> None:
    feeds.workspace.users(
        "email varchar, name varchar, city varchar", identifiers=["email"], primary_sources={"name": "crm"}
    )
    columns = "id text, email text, name text, city text, ts timestamp"
    feeds.add("crm", columns, ("1", "a@x", "Crm old", None, "2026-01-01"), ("2", "a@x", "Crm", None, "2026-01-02"))
    feeds.add("shop", columns, ("3", "a@x", "Shop", "Rome", "2026-01-03"), ("4", "a@x", None, "Oslo", "2026-01-03"))
    feeds.add("app", columns, ("5", "a@x", "Shop", "Oslo", "2026-01-01 10:30:00.5"))
    feeds.workspace.build()
    found = told(feeds.workspace, "email=a@x")
    assert values(found, "name") == ([("Crm", "crm:2")], [("Crm old", "crm:1"), ("Shop", "shop:3")])
    assert values(found, "city") == ([("Rome", "shop:3")], [("Oslo", "shop:4")])
    assert feeds.workspace.rows("select name, city from users") == [("Crm", "Rome")]
    [name] = [p for p in found["properties"] if p["property"] == "name"]
    assert name["chosen"][0] == {
        "value": "Crm",
        "identity": "crm:2",
        "id_kind": "user_id",
        "updated_at": "2026-01-02T00:00:00Z",
        "primary_source": True,
        "identities": 1,
    }
    assert name["beaten"][1]["identities"] == 2
    text = shown(feeds.workspace, "email=a@x")
    assert "  name   Crm  (crm:2, 2026-01-02T00:00:00Z, primary source)\n         not Crm old  (crm:1, " in text


def test_an_array_has_the_elements_of_all_each_with_its_origin(feeds: Feeds) -> None:
    feeds.workspace.users("email varchar, sizes bigint[]", identifiers=["email"])
    columns = "id text, email text, sizes bigint[], ts timestamp"
    feeds.add(
        "crm",
        columns,
        ("1", "a@x", [10, 9], "2026-01-01"),
        ("2", "a@x", [10], "2026-01-02"),
        ("3", "a@x", [], "2026-01-03"),
    )
    feeds.workspace.build()
    assert values(told(feeds.workspace, "email=a@x"), "sizes") == ([("9", "crm:1"), ("10", "crm:2")], [])


def test_a_value_that_beat_many_is_told_with_their_number(people: Feeds) -> None:
    people.fill("crm", *(row(str(n), 7, name=f"Name {n}") for n in range(200)))
    people.workspace.build()
    [origin] = [p for p in told(people.workspace, "number=7")["properties"] if p["property"] == "name"]
    assert (origin["distinct_values"], len(origin["beaten"])) == (200, 99)
    assert "… and 194 more\n" in shown(people.workspace, "number=7")


# --- What did not match ---


def test_a_conflict_names_both_values(people: Feeds) -> None:
    people.fill("crm", row("1", 7, "a@x", "+1"))
    people.fill("shop", row("2", 8, "a@x"), row("3", None, "b@x", "+1"), row("4", None, "c@x", "+1"))
    people.workspace.build()
    number, phone = told(people.workspace, "crm:1")["withheld"]
    assert (number["kind"], number["identifier"], number["value"], number["other_identities"]) == (
        "conflict",
        "email",
        "a@x",
        1,
    )
    assert [row["identity"] for row in number["rows"]] == ["crm:1", "shop:2"]
    assert number["conflict"] == {"identifier": "number", "one": ["7"], "other": ["8"]}
    assert (phone["identifier"], phone["other_identities"], phone["conflict"]["identifier"]) == ("phones", 2, "email")
    assert people.workspace.rows("select user_id::varchar from identities where identity_id = '2'") == [
        (number["other_user_id"],)
    ]
    assert "  phones = +1 (crm:1, shop:3 and 1 more): email comes first and differs: a@x; b@x\n" in shown(
        people.workspace, "crm:1"
    )


def test_values_that_a_guard_took_are_told(people: Feeds) -> None:
    people.workspace.users(
        USERS,
        identifiers=["number", "email", "phones"],
        ignore_values={"email": ["info@x"]},
        max_identities_per_value=2,
    )
    people.fill("crm", row("1", 7, "info@x", "+1"), row("2", 8, "info@x", "+1"), row("3", 9, None, "+1"))
    people.workspace.build()
    found = told(people.workspace, "crm:1")
    assert [(w["kind"], w["identifier"], w["value"], w["guard"]) for w in found["withheld"]] == [
        ("guard", "email", "info@x", {"reason": "ignore_values", "identities": 2}),
        ("guard", "phones", "+1", {"reason": "max_identities_per_value", "identities": 3}),
    ]
    assert "  email = info@x (crm:1): ignored by ignore_values, 2 identities have it\n" in shown(
        people.workspace, "crm:1"
    )


def test_an_unlink_is_told_with_the_evidence_that_it_overruled(people: Feeds) -> None:
    people.fill("crm", row("1", None, "a@x"))
    people.fill("shop", row("2", None, "a@x"))
    decide(people.workspace, "unlink,crm:1,shop:2,Ann,father and son,2026-01-02T10:00:00Z")
    people.workspace.build()
    for asked in (["crm:1"], ["crm:1", "shop:2"]):
        found = told(people.workspace, *asked)
        [withheld] = found["withheld"]
        assert (withheld["kind"], withheld["identifier"], withheld["value"]) == ("unlink", "email", "a@x")
        [ruling] = found["decisions"]
        assert [row["identity"] for row in ruling["rows"]] == ["crm:1", "shop:2"]
        assert (ruling["decision"]["who"], ruling["decision"]["why"]) == ("Ann", "father and son")
        text = shown(people.workspace, *asked)
        assert "  unlink of crm:1 and shop:2 (2026-01-02T10:00:00Z Ann): father and son\n" in text
        assert "  email = a@x (crm:1, shop:2): overruled by an unlink" in text


def test_an_id_that_an_unlink_overruled_is_told(feeds: Feeds) -> None:
    feeds.workspace.users("email varchar", identifiers=["email"])
    feeds.add("customers", "id text, email text", ("1", None), connection="crm")
    feeds.add("settings", "id text, email text", ("1", None), connection="crm")
    decide(feeds.workspace, "unlink,customers:1,settings:1,,,")
    feeds.workspace.build()
    found = told(feeds.workspace, "customers:1", "settings:1")
    assert [(w["kind"], w["identifier"], w["value"]) for w in found["withheld"]] == [("unlink", None, "1")]
    assert "id 1 in crm (customers:1, settings:1): overruled by an unlink" in shown(feeds.workspace, "customers:1")


def test_a_link_that_an_unlink_overruled_is_told(people: Feeds) -> None:
    people.fill("crm", row("1", 7), row("2", 8), row("3", 9))
    decide(people.workspace, "link,crm:1,crm:2,,,", "link,crm:2,crm:3,,twins,", "unlink,crm:1,crm:3,,,")
    people.workspace.build()
    found = told(people.workspace, "crm:1")
    assert [[row["identity"] for row in match["rows"]] for match in found["chain"]] == [["crm:1", "crm:2"]]
    assert [(ruling["kind"], [row["identity"] for row in ruling["rows"]]) for ruling in found["decisions"]] == [
        ("unlink", ["crm:1", "crm:3"]),
        ("link", ["crm:2", "crm:3"]),
    ]
    assert "  link of crm:2 and crm:3, overruled by an unlink: twins\n" in shown(people.workspace, "crm:2")


# --- Two people ---


def test_two_identities_of_one_user_are_told_with_the_chain_between_them(people: Feeds) -> None:
    people.fill("crm", row("1", 7, "a@x"), row("0", 7))
    people.fill("shop", row("3", None, "a@x", "+1", "+2"))
    people.fill("app", row("4", None, None, "+2"))
    people.workspace.build()
    found = told(people.workspace, "app:4", "crm:1")
    assert found["same"]
    assert chain(found) == [
        ("app:4", "shop:3", "identifier", "phones", "+2"),
        ("shop:3", "crm:1", "identifier", "email", "a@x"),
    ]
    assert shown(people.workspace, "app:4", "crm:1").split("\n\n")[1].splitlines() == [
        "app:4 [1]",
        "│ phones = +2",
        "shop:3 [1]",
        "│ email = a@x",
        "crm:1 [1]",
    ]


def test_a_value_means_the_identities_that_hold_it(people: Feeds) -> None:
    people.fill("crm", row("1", 7, "a@x", name="Ann"), row("2", 7, "b@x", name="Anna"))
    people.workspace.build()
    assert chain(told(people.workspace, "name=Anna", "email=a@x")) == [("crm:2", "crm:1", "identifier", "number", "7")]
    assert chain(told(people.workspace, "name=Anna", "email=b@x")) == []


def test_two_users_that_share_no_value_are_told_so(people: Feeds) -> None:
    people.fill("crm", row("1", 7, "a@x"), row("2", 8))
    people.workspace.build()
    found = told(people.workspace, "crm:1", "crm:2")
    assert (found["same"], found["chain"], found["withheld"], found["decisions"]) == (False, [], [], [])
    assert shown(people.workspace, "crm:1", "crm:2").endswith(
        "two people, because\n  no value of an identifier is of both\n"
    )


def test_two_users_are_told_with_every_value_that_both_have(people: Feeds) -> None:
    people.fill(
        "crm", row("1", 7, "info@x", "+1", "+2"), row("2", 8, "info@x", "+1", "+2"), row("3", 9, "info@x", "+1")
    )
    people.workspace.build()
    found = told(people.workspace, "crm:1", "crm:2")
    assert [(w["kind"], w["identifier"], w["value"]) for w in found["withheld"]] == [
        ("guard", "email", "info@x"),
        ("conflict", "phones", "+1"),
        ("conflict", "phones", "+2"),
    ]
    assert {w["conflict"]["identifier"] for w in found["withheld"][1:]} == {"number"}


# --- Whom a text names ---


@pytest.fixture
def merged(people: Feeds) -> Feeds:
    """The user of crm:2 was merged into that of crm:1, and the one of crm:3 deleted."""
    people.model("crm", on_missing="delete", max_deleted="100%")
    people.fill("crm", row("1", 1), row("2", 2), row("3", 3))
    people.workspace.build()
    people.fill("crm", row("1", 1), row("2", 1))
    people.workspace.build()
    return people


def changed(feeds: Feeds, change: str) -> tuple[str, str, str, str]:
    [found] = feeds.workspace.rows(
        "select old_user_id::varchar, user_id::varchar, run_id, strftime(\"at\", '%Y-%m-%dT%H:%M:%SZ') "
        f"from usersync.user_changes where change = '{change}'"
    )
    return found


def test_a_past_user_id_is_told_with_what_became_of_it(merged: Feeds) -> None:
    old, new, run, at = changed(merged, "merged")
    found = told(merged.workspace, old)
    assert found["user_id"] == new
    assert found["past"] == [{"change": "merged", "user_id": old, "became": new, "run_id": run, "at": at}]
    assert shown(merged.workspace, old.upper()).startswith(f"user {old} was merged into {new} by run {run} at {at}\n")


def test_a_past_user_id_means_the_identity_that_had_it(merged: Feeds) -> None:
    old, new, *_ = changed(merged, "merged")
    assert chain(told(merged.workspace, old, new)) == [("crm:2", "crm:1", "identifier", "number", "1")]


def test_the_id_of_a_user_who_is_gone_is_told_with_the_run(merged: Feeds) -> None:
    _, gone, run, at = changed(merged, "deleted")
    assert f"error: the user {gone} is gone: deleted by run {run} at {at}" in refused(merged.workspace, gone)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("00000000-0000-4000-8000-000000000000", "usersync show"),
        ("email=nobody@x", "letter by letter"),
        ("crm:99", "letter by letter"),
        ("cmr:1", "did you mean 'crm'?"),
        ("emial=a@x", "did you mean 'email'?"),
        ("a@x", "email=ada@example.com"),
    ],
)
def test_who_names_nobody_is_told_how(merged: Feeds, text: str, hint: str) -> None:
    assert hint in refused(merged.workspace, text)
    assert hint in refused(merged.workspace, "crm:1", text)


def test_a_value_of_several_people_is_refused_with_their_ids(people: Feeds) -> None:
    people.fill("crm", row("1", 1, name="Ann"), row("2", 2, name="Ann"))
    people.workspace.build()
    said = refused(people.workspace, "name=Ann")
    assert all(str(user) in said for (user,) in people.workspace.rows("select user_id from users"))


# --- The forms ---


def test_json_has_its_documented_keys(people: Feeds) -> None:
    people.fill("crm", row("1", 7, "a@x"), row("2", 7), row("3", 8, "a@x"))
    people.workspace.build()
    one, two = told(people.workspace, "crm:1"), told(people.workspace, "crm:1", "crm:3")
    assert list(one) == [
        *("user_id", "past", "identity_count", "left_out"),
        *("identities", "chain", "withheld", "decisions", "properties", "settings_current"),
    ]
    assert list(two) == ["same", "one", "other", "identities", "chain", "withheld", "decisions", "settings_current"]
    assert list(two["one"]) == ["user_id", "past", "identity_count"]
    assert list(one["identities"][0]) == [
        *("identity", "pipeline", "connection", "identity_id", "id_kind", "updated_at", "last_run", "last_run_at"),
    ]
    assert list(one["chain"][0]) == ["kind", "priority", "identifier", "value", "decision", "rows"]
    assert list(one["chain"][0]["rows"][0]) == ["identity", "id_kind", "last_run", "last_run_at"]
    assert list(one["withheld"][0]) == [
        *("kind", "identifier", "value", "rows", "other_user_id", "other_identities", "conflict", "guard"),
    ]
    assert list(one["properties"][0]) == ["property", "chosen", "beaten", "distinct_values"]


def diagram(workspace: Workspace, *people: str) -> list[str]:
    outcome = workspace.run("explain", *people, "--format", "mermaid")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    return outcome.stdout.splitlines()


def test_a_diagram_says_what_it_says_whatever_the_values_are(people: Feeds) -> None:
    people.fill("crm", row("1", None, 'a"]<b>\n%%{#;`é@x'))
    people.fill("shop", row("2", None, 'a"]<b>\n%%{#;`é@x'))
    people.workspace.build()
    assert diagram(people.workspace, "crm:1") == [
        "flowchart LR",
        '    i0["crm:1"]',
        '    i1["shop:2"]',
        '    i0 ---|"email = a#34;#93;#60;b#62;#10;#37;#37;#123;#35;#59;#96;é#64;x"| i1',
    ]


def test_a_value_cannot_break_the_lines(people: Feeds) -> None:
    people.fill("crm", row("1", None, "a\n\x1b[31mx"), row("2", None, "a\n\x1b[31mx"))
    people.workspace.build()
    assert "└── crm:2 [1]  email = a\\n\\x1b[31mx\n" in shown(people.workspace, "crm:1")


def test_a_diagram_of_two_people_says_what_keeps_them_apart(people: Feeds) -> None:
    people.fill("crm", row("1", 7, "a@x"), row("2", 8, "a@x"))
    people.workspace.build()
    head, one, other, edge = diagram(people.workspace, "crm:1", "crm:2")
    assert (head, one[:13], other[:15]) == ("flowchart LR", '    one["user', '    other["user')
    assert edge == '    one -.-|"email = a#64;x #40;crm:1, crm:2#41;: number comes first and differs: 7#59; 8"| other'


# --- Very many identities ---


@pytest.fixture
def crowd(people: Feeds) -> Feeds:
    """5,000 identities of one e-mail in the app, a chain of three at the end of it."""
    people.fill("crm", row("first", None, "hub@x"))
    people.workspace.build()
    people.fill("app", *(row(str(n), None, "hub@x", f"+{n}") for n in range(5_000)))
    people.fill(
        "shop",
        row("a", 7, None, "+4999"),
        row("b", 7, "b@x"),
        row("c", None, "b@x"),
    )
    people.workspace.build()
    return people


def test_a_crowd_is_told_in_part_with_the_number_left_out(crowd: Feeds) -> None:
    found = told(crowd.workspace, "crm:first")
    assert found["identity_count"] == 5_004
    assert len(found["identities"]) == 2_000
    assert found["left_out"] == 3_004
    assert found["identities"][0]["identity"] == "crm:first"
    assert {(m["rows"][0]["identity"], m["value"]) for m in found["chain"]} == {("crm:first", "hub@x")}
    text = shown(crowd.workspace, "crm:first")
    assert "\n… and 4,904 more, farther away\n" in text
    assert diagram(crowd.workspace, "crm:first")[-1] == '    more["… and 4,904 more"]'


def test_two_in_a_crowd_are_told_with_the_chain_between_them(crowd: Feeds) -> None:
    assert chain(told(crowd.workspace, "crm:first", "shop:c")) == [
        ("crm:first", "app:4999", "identifier", "email", "hub@x"),
        ("app:4999", "shop:a", "identifier", "phones", "+4999"),
        ("shop:a", "shop:b", "identifier", "number", "7"),
        ("shop:b", "shop:c", "identifier", "email", "b@x"),
    ]
    assert chain(told(crowd.workspace, "app:17", "app:4242")) == [
        ("app:17", "app:4242", "identifier", "email", "hub@x")
    ]


# --- Between builds ---


def test_settings_that_changed_since_the_last_build_are_told_of(people: Feeds) -> None:
    people.fill("crm", row("1", 7, "a@x"), row("2", 8, "a@x"))
    people.workspace.build()
    people.workspace.users(USERS, identifiers=["email"])
    outcome = people.workspace.run("explain", "crm:1", "crm:2")
    assert "number comes first and differs: 7; 8" in outcome.stdout
    assert "users.sql, or DuckDB, has changed since the last build" in outcome.stderr
    people.workspace.users("email varchar", identifiers=["email"])
    assert "error: number, by which the last build matched, is not in models/users.sql as it was" in refused(
        people.workspace, "crm:1"
    )


def test_without_a_warehouse_there_is_nothing_to_explain(people: Feeds) -> None:
    outcome = people.workspace.run("explain", "crm:1")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "`usersync build` makes it" in outcome.stderr
