"""`usersync link` and `usersync unlink`: finding two people by what is known of them, and deciding on them."""

from __future__ import annotations

import getpass
import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.support import Outcome, Workspace

COLUMNS = "email varchar, phones varchar[], visits integer, born date, prefs json, address struct(city varchar)"
HEADER = "decision,identity,other,who,why,when\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Ada is crm:1 and shop:9, Bob is crm:2, Cid is shop:7; Dan has no user, and Fay's fallback id is Eve's id."""
    workspace = Workspace(tmp_path_factory.mktemp("people"))
    connections = ("crm", "shop", "news")
    workspace.profile({name: {"type": "files", "path": name} for name in connections})
    workspace.users(COLUMNS, identifiers=["email"])
    workspace.write(
        "crm/a.csv", "id,email,phones,visits,born,city\n1,ada@x,+44 1;+44 2,5,1999-12-31,Rome\n2,bob@x,+44 2,6,,Oslo\n"
    )
    workspace.write("shop/a.csv", "id,email\n9,ada@x\n7,cid@x\n")
    workspace.write("news/a.csv", "id,key,email\n1,k1,dan@x\n2,k2,eve@x\n,2,fay@x\n,k4,bob@x\n")
    workspace.model(
        "crm",
        "select id, email, string_split(phones, ';') as phones, visits, born, city from 'a.csv'",
        connection="crm",
        user_id="id",
        mapping={name: name for name in ("email", "phones", "visits", "born")} | {"address.city": "city"},
    )
    workspace.model("shop", "select id, email from 'a.csv'", connection="shop", user_id="id")
    workspace.model(
        "news",
        "select id, key, email from read_csv('a.csv', all_varchar = true)",
        connection="news",
        user_id="id",
        fallback_id="key",
        write="update_only",
    )
    workspace.build()
    return workspace


@pytest.fixture
def people(built: Workspace, workspace: Workspace) -> Workspace:
    """A copy of that project and its warehouse."""
    shutil.copytree(built.root, workspace.root, dirs_exist_ok=True)
    return workspace


def user(workspace: Workspace, email: str) -> str:
    [(found,)] = workspace.rows(f"select user_id::varchar from users where email = '{email}'")
    return str(found)


def decided(workspace: Workspace, *args: str) -> dict[str, Any]:
    """What a command says as JSON."""
    outcome = workspace.run(*args, "--format", "json")
    assert outcome.exit_code == 0, outcome.output
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def refused(outcome: Outcome, exit_code: int = 2) -> str:
    """What is said of a call that is refused."""
    assert (outcome.exit_code, outcome.stdout) == (exit_code, "")
    return outcome.stderr


def lines(workspace: Workspace) -> list[str]:
    """The decisions in the file, without who, why and when."""
    path = workspace.root / "models/overrides.csv"
    return [",".join(line.split(",")[:3]) for line in path.read_text().splitlines()[1:]] if path.exists() else []


# --- What is written ---


def test_a_link_is_written_whole(people: Workspace) -> None:
    found = decided(people, "link", "crm:1", "crm:2", "--who", "Zoe", "--why", 'one passport,\n "same" face')
    assert (found["decision"], found["identity"], found["other"]) == ("link", "crm:1", "crm:2")
    assert (found["file"], found["line"], found["added"]) == ("models/overrides.csv", 2, True)
    [decision] = people.load().decisions
    assert (decision.who, decision.why, decision.when) == ("Zoe", 'one passport, "same" face', found["when"])
    assert (len(found["when"]), found["when"][-1]) == (20, "Z")


def test_without_git_the_system_s_user_decides(people: Workspace) -> None:
    assert decided(people, "link", "crm:1", "crm:2")["who"] == getpass.getuser()


def test_git_knows_who_decides(people: Workspace) -> None:
    for command in ("init", "config user.name Zoë", "config user.email zoe@x"):
        subprocess.run(["git", *command.split()], cwd=people.root, check=True, capture_output=True)
    assert decided(people, "link", "crm:1", "crm:2")["who"] == "Zoë <zoe@x>"
    assert people.load().decisions[0].who == "Zoë <zoe@x>"


def test_of_a_user_the_oldest_identity_is_written(people: Workspace) -> None:
    decided(people, "link", "email=ada@x", user(people, "bob@x"))
    assert lines(people) == ["link,crm:1,crm:2"]


def test_an_identity_that_is_named_is_written(people: Workspace) -> None:
    decided(people, "link", "shop:9", "email=bob@x")
    assert lines(people) == ["link,shop:9,crm:2"]


def test_a_reference_that_means_another_identity_is_not_written(people: Workspace) -> None:
    outcome = people.run("link", "email=fay@x", "crm:1")
    assert "no identity of news:2 can be named" in refused(outcome)
    assert lines(people) == []


def test_a_decision_is_written_once(people: Workspace) -> None:
    decided(people, "link", "crm:1", "crm:2", "--who", "Zoe")
    again = decided(people, "link", "crm:2", "crm:1", "--who", "Yan")
    assert (again["added"], again["line"], again["who"]) == (False, 2, "Zoe")
    assert lines(people) == ["link,crm:1,crm:2"]
    assert "overrides.csv:2: link crm:1 crm:2 stands there already\n" in people.run("link", "crm:1", "crm:2").stdout


def test_an_unlink_stands_against_a_link(people: Workspace) -> None:
    people.write("models/overrides.csv", f"{HEADER}link,crm:1,shop:7,,,\nunlink,crm:2,crm:1,,,\n")
    said = refused(people.run("link", "crm:1", "crm:2"))
    assert "models/overrides.csv:3:1: an unlink of crm:2 and crm:1 stands against it" in said
    assert "hint: remove that line" in said
    assert len(lines(people)) == 2


def test_an_unlink_overrules_a_link(people: Workspace) -> None:
    people.write("models/overrides.csv", f"{HEADER}link,crm:1,crm:2,,,\n")
    shown = people.run("unlink", "crm:1", "crm:2").stdout
    assert "models/overrides.csv:3: unlink crm:1 crm:2\n" in shown
    assert "models/overrides.csv:2: the link of the same two does not count any more\n" in shown
    assert lines(people) == ["link,crm:1,crm:2", "unlink,crm:1,crm:2"]


@pytest.mark.parametrize("text", ["who,what\n", f"{HEADER}join,crm:1,crm:2,,,\n"])
def test_a_wrong_file_is_not_added_to(people: Workspace, text: str) -> None:
    people.write("models/overrides.csv", text)
    assert "models/overrides.csv:" in refused(people.run("link", "crm:1", "crm:2"))
    assert (people.root / "models/overrides.csv").read_text() == text


# --- What it makes of users ---


def test_a_link_of_two_users_says_whose_id_stays(people: Workspace) -> None:
    ada, bob = user(people, "ada@x"), user(people, "bob@x")
    effect = decided(people, "link", "crm:2", "shop:9")["effect"]
    assert effect == f"users {ada} and {bob} become one of 4 identities: {ada} stays its id"


def test_a_link_within_a_user_says_so(people: Workspace) -> None:
    effect = decided(people, "link", "crm:1", "shop:9")["effect"]
    assert effect.startswith(f"they are one person already, {user(people, 'ada@x')}")
    assert lines(people) == ["link,crm:1,shop:9"]


def test_a_link_gives_a_user_to_an_identity_that_waits(people: Workspace) -> None:
    effect = decided(people, "link", "news:1", "shop:7")["effect"]
    assert effect == f"news:1, which has no user, becomes part of user {user(people, 'cid@x')}: 2 identities then"


def test_a_link_of_two_that_wait_makes_no_user(people: Workspace) -> None:
    assert decided(people, "link", "news:1", "news:2")["effect"].startswith("neither has a user")


def test_an_unlink_within_a_user_parts_it(people: Workspace) -> None:
    ada = user(people, "ada@x")
    found = decided(people, "unlink", "crm:1", "shop:9")
    today, kept, new = found["effect"].partition("shop:9 becomes user ")
    assert (today, kept) == (
        f"they are one person today, {ada}: the next build parts them: crm:1 stays user {ada}; ",
        "shop:9 becomes user ",
    )
    assert found["overruled"] == [{"identifier": "email", "value": "ada@x", "identity": "shop:9"}]
    people.build()
    assert people.rows("select user_id::varchar from identities where pipeline = 'shop' and identity_id = '9'") == [
        (new,)
    ]


def test_what_an_unlink_overrules_is_said(people: Workspace) -> None:
    assert people.run("unlink", "crm:1", "shop:9").stdout.endswith("\noverruled: email = ada@x (shop:9)\n")


def test_a_link_says_whom_decisions_before_it_bring_along(people: Workspace) -> None:
    ids = [user(people, email) for email in ("ada@x", "bob@x", "cid@x")]
    people.run("link", "crm:2", "shop:7")
    effect = decided(people, "link", "crm:1", "crm:2")["effect"]
    assert effect == f"users {ids[0]}, {ids[1]} and {ids[2]} become one of 5 identities: {ids[0]} stays its id"
    people.build()
    assert people.rows("select count(*) from identities where user_id = '" + ids[0] + "'") == [(5,)]


def test_a_link_against_which_an_unlink_of_others_stands_joins_nobody(people: Workspace) -> None:
    people.write("models/overrides.csv", f"{HEADER}unlink,crm:1,shop:7,,,\nlink,crm:1,crm:2,,,\n")
    found = decided(people, "link", "crm:2", "shop:7")
    assert found["effect"] == "they stay two: an unlink of others stands against it"
    assert [(piece["identifier"], piece["value"]) for piece in found["overruled"]] == [(None, "link to crm:2")]
    people.build()
    pair = "(pipeline, identity_id) in (('crm', '2'), ('shop', '7'))"
    assert people.rows(f"select count(distinct user_id) from identities where {pair}") == [(2,)]


def test_a_decision_that_is_built_already_has_no_effect(people: Workspace) -> None:
    people.run("unlink", "crm:1", "shop:9")
    people.build()
    assert decided(people, "unlink", "crm:1", "shop:9")["effect"].startswith("they are two users already")


def test_an_unlink_of_two_users_keeps_them_two(people: Workspace) -> None:
    assert decided(people, "unlink", "email=ada@x", "email=bob@x")["effect"].startswith("they are two users already")


def test_an_unlink_within_a_user_needs_identities(people: Workspace) -> None:
    for pair in (("email=ada@x", user(people, "ada@x")), ("crm:1", "email=ada@x")):
        said = refused(people.run("unlink", *pair))
        assert "they are one user: which of its identities are another person?" in said
        assert "name two of its identities:\n    crm:1\n    shop:9\n" in said


@pytest.mark.parametrize("pair", [("crm:1", "crm:1"), ("email=ada@x", "crm:1")])
def test_a_link_needs_two_identities(people: Workspace, pair: tuple[str, str]) -> None:
    said = refused(people.run("link", *pair))
    assert "both name one identity" in said
    assert lines(people) == []


def test_a_build_does_what_was_decided_and_undoes_it(people: Workspace) -> None:
    ada, bob = user(people, "ada@x"), user(people, "bob@x")
    people.run("link", "crm:1", "crm:2")
    people.build()
    assert people.rows("select count(distinct user_id) from identities where pipeline = 'crm'") == [(1,)]
    said = refused(people.run("unlink", ada, bob))
    assert "they are one user" in said, "the id of before is Ada's by now"
    (people.root / "models/overrides.csv").unlink()
    people.build()
    assert (user(people, "ada@x"), user(people, "bob@x")) == (ada, bob)
    people.run("unlink", "crm:1", "shop:9")
    people.build()
    assert people.rows("select count(distinct user_id) from identities where email = 'ada@x'") == [(2,)]


# --- Who is meant ---


def found(workspace: Workspace, text: str) -> str:
    """The identity that a text comes to, told by what a link with Cid writes."""
    return str(decided(workspace, "link", text, "shop:7")["identity"])


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("crm:2", "crm:2"),
        ("email=bob@x", "crm:2"),
        ("phones=+44 1", "crm:1"),
        ("visits=6", "crm:2"),
        ("visits=+06", "crm:2"),
        ("born=1999-12-31", "crm:1"),
        ("address.city=Oslo", "crm:2"),
        ("news:k4", "news:k4"),
        ("email=dan@x", "news:1"),
    ],
)
def test_a_person_is_found_by_what_is_known(people: Workspace, text: str, identity: str) -> None:
    assert found(people, text) == identity


def test_a_user_id_is_found_in_any_case(people: Workspace) -> None:
    assert found(people, user(people, "bob@x").upper()) == "crm:2"


def test_a_past_user_id_is_found_until_its_user_is_gone(people: Workspace) -> None:
    cid = user(people, "cid@x")
    people.write("shop/a.csv", "id,email\n9,ada@x\n7,bob@x\n")
    people.build()
    assert found(people, cid) == "crm:2"
    bob = user(people, "bob@x")
    people.write("crm/a.csv", "id,email,phones,visits,born,city\n1,ada@x,,5,,Rome\n")
    people.write("shop/a.csv", "id,email\n9,ada@x\n")
    people.write("news/a.csv", "id,key,email\n1,k1,dan@x\n")
    people.build("--allow-deletes")
    for user_id in (bob, cid):
        assert f"the user {user_id} is gone" in refused(people.run("link", user_id, "crm:1"))


def test_a_value_of_an_identity_alone_finds_its_user(people: Workspace) -> None:
    people.write("shop/a.csv", "id,email\n9,ada@y\n7,cid@x\n")
    people.run("link", "crm:1", "shop:9")
    people.build()
    assert people.rows("select count(distinct user_id) from identities where email like 'ada@_'") == [(1,)]
    assert (found(people, "email=ada@x"), found(people, "email=ada@y")) == ("crm:1", "crm:1")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("emial=ada@x", "there is no property 'emial'", "did you mean 'email'?"),
        ("address=Rome", "there is no property 'address'", "did you mean 'address.city'?"),
        ("email=Ada@x", "nobody has email = 'Ada@x'", "letter by letter"),
        ("visits=x", "'x' is not a valid integer, which is what visits is", ""),
        ("visits=5.5", "'5.5' is not a valid integer", ""),
        ("prefs={}", "prefs is json: nobody can be found by that", "a person is named by"),
        ("cmr:1", "no pipeline 'cmr' has brought identities", "did you mean 'crm'?"),
        ("crm:100", "crm has no identity '100'", "usersync show identities"),
        ("ada", "'ada' names nobody", "a person is named by a user_id, a value (email=ada@example.com)"),
        ("01234567-89ab-cdef-0123-456789abcdef", "there is no user 01234567-89ab", "`usersync show` lists them"),
    ],
)
def test_a_text_that_names_nobody_is_refused_with_a_hint(people: Workspace, text: str, message: str, hint: str) -> None:
    said = refused(people.run("link", "crm:1", text))
    assert (message in said, hint in said) == (True, True), said


def test_of_several_one_must_be_named(people: Workspace) -> None:
    said = refused(people.run("unlink", "phones=+44 2", "crm:1"))
    assert "'phones=+44 2' is said of 2 users" in said
    for email in ("ada@x", "bob@x"):
        assert f"\n    {user(people, email)}  email={email}\n" in said


def test_of_many_some_are_listed(people: Workspace) -> None:
    rows = "".join(f"{index},u{index}@x,,77,,\n" for index in range(12))
    people.write("crm/a.csv", f"id,email,phones,visits,born,city\n{rows}")
    people.build()
    said = refused(people.run("link", "visits=77", "shop:7"))
    assert "is said of more than 10 users" in said
    assert said.count("  email=u") == 10


def test_a_property_that_no_build_has_brought_finds_nobody(people: Workspace) -> None:
    people.users(f"{COLUMNS}, shoe integer", identifiers=["email"])
    assert "no build has brought shoe yet" in refused(people.run("link", "shoe=40", "crm:1"))


def test_without_a_warehouse_nobody_is_found(workspace: Workspace) -> None:
    workspace.profile({"crm": {"type": "files", "path": "."}})
    workspace.users()
    workspace.model("crm", "select id, email from 'a.csv'", connection="crm", user_id="id")
    assert "there is no warehouse" in refused(workspace.run("link", "crm:1", "crm:2"), 1)
    assert lines(workspace) == []
