"""`usersync plan`: what it says is what the build after it does, and it writes nothing."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.build.packs import Pack
from tests.build.worlds import ARRAYS, PROPERTIES, story
from tests.servers import Database
from tests.sources.tables import Feeds
from tests.support import Workspace, pipeline_of
from tests.warehouse.holding import held
from usersync.project.overrides import HEADER

COLUMNS = "id text, number bigint, email text, phones text[], name text, ts timestamp"
USERS = "number bigint, email varchar, phones varchar[], name varchar"
TIME = "2026-01-01 00:00:00"
COUNTS = ("read", "unchanged", "inserted", "updated", "deleted", "rejected", "duplicates", "full_import", "outcome")
CHANGES = ("created", "updated", "merged", "split", "deleted")

Row = tuple[object, ...]


def planned(workspace: Workspace, *args: str, expect: int = 0) -> dict[str, Any]:
    """The plan as JSON."""
    outcome = workspace.run("plan", "--format", "json", *args)
    assert outcome.exit_code == expect, outcome.output
    found: dict[str, Any] = json.loads(outcome.stdout)
    return found


def sample(plan: Mapping[str, Any], change: str) -> list[dict[str, Any]]:
    """The users that are shown of a change; here they are all."""
    found = plan["users"][change]
    assert found["count"] == len(found["sample"])
    return list(found["sample"])


def row(identity_id: str, number: int | None = None, email: str | None = None, *phones: str, name: str = "") -> Row:
    return identity_id, number, email, list(phones) or None, name or None, TIME


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [one["identity"] for one in rows]


def evidence(link: Mapping[str, Any]) -> tuple[object, ...]:
    return link["kind"], link["identifier"], link["value"], *names(link["rows"])


def user(workspace: Workspace, pipeline: str, identity_id: str) -> str:
    [(found,)] = workspace.rows(
        f"select user_id::varchar from identities where pipeline = '{pipeline}' and identity_id = '{identity_id}'"
    )
    return str(found)


def decide(workspace: Workspace, *lines: str) -> None:
    workspace.write("models/overrides.csv", "\n".join([HEADER, *lines, ""]))


@pytest.fixture
def people(feeds: Feeds) -> Feeds:
    """Three pipelines of three connections, nobody in them; numbers come before e-mails, and those before phones."""
    feeds.workspace.users(USERS, identifiers=["number", "email", "phones"], primary_sources={"name": "crm"})
    for stem in ("crm", "shop", "app"):
        feeds.add(stem, COLUMNS)
    return feeds


# --- What it says is what happens ---


class Foreseen(Workspace):
    """A project in which every build is planned before, and compared with what was planned."""

    def build(self, *args: str, expect: int = 0) -> dict[str, Any]:
        plan, before = planned(self, "--limit", "1000000", *args), self.users_by_id()
        results = super().build(*args, expect=expect)
        for foreseen, found in zip(plan["pipelines"], results["pipelines"], strict=True):
            assert {name: foreseen[name] for name in COUNTS} == {name: found[name] for name in COUNTS}
        users = plan["users"]
        assert {change: len(sample(plan, change)) for change in CHANGES} == {
            change: results["users"][change] for change in CHANGES
        }
        assert (users["before"], users["after"], users["identities_after"]) == (
            len(before),
            results["users"]["total"],
            results["users"]["identities"],
        )
        self.compare(plan, before)
        return results

    def compare(self, plan: dict[str, Any], before: dict[str, dict[str, Any]]) -> None:
        moves = self.rows(
            "select change, user_id::varchar, old_user_id::varchar from usersync.user_changes "
            "where run_id = (select max(run_id) from usersync.runs) and change <> 'created' order by all"
        )
        foreseen = [("deleted", one["user_id"], None) for one in sample(plan, "deleted")]
        foreseen += [("merged", one["into"], one["user_id"]) for one in sample(plan, "merged")]
        foreseen += [("split", one["user_id"], one["out_of"]) for one in sample(plan, "split")]
        assert sorted(foreseen, key=str) == sorted(moves, key=str)
        after = self.users_by_id()
        for one in sample(plan, "updated"):
            old, new = before[one["user_id"]], after[one["user_id"]]
            changes = {change["property"]: (change["old"], change["new"]) for change in one["properties"]}
            assert changes == {name: (old[name], new[name]) for name in PROPERTIES if old[name] != new[name]}
        for one in sample(plan, "merged"):
            assert one["chain"] or one["switch"]
        for one in sample(plan, "split"):
            assert one["was_joined_by"] or one["because"]["kind"] == "identifiers"

    def users_by_id(self) -> dict[str, dict[str, Any]]:
        if not (self.root / "target").exists():
            return {}
        listed = ", ".join(f"{f'to_json({name})' if name in ARRAYS else name}::varchar" for name in PROPERTIES)
        found = self.rows(f"select user_id::varchar, {listed} from users")
        return {user_id: dict(zip(PROPERTIES, values, strict=True)) for user_id, *values in found}


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_is_what_the_build_after_it_does(tmp_path: Path, seed: int) -> None:
    pack = Pack(Foreseen(tmp_path / "all"), seed)
    for step in story(40, 5, random.Random(f"plan {seed}")):
        pack.build(step)


def test_a_first_build_is_planned_without_a_warehouse(people: Feeds) -> None:
    people.fill("crm", row("1", 7, "a@x", name="Ann"), row("2", None, "b@x"))
    people.fill("shop", row("9", 7))
    plan = planned(people.workspace)
    assert (plan["layout"], plan["changes"], plan["users"]["before"], plan["users"]["after"]) == (True, True, 0, 2)
    ann, other = sample(plan, "created")
    assert (names(ann["identities"]), ann["user_id"], ann["identity_count"]) == (["crm:1", "shop:9"], None, 2)
    assert ann["values"] == {"number": "7", "email": "a@x", "name": "Ann"}
    assert names(other["identities"]) == ["crm:2"]
    results = people.workspace.build()
    assert (results["users"]["created"], results["users"]["identities"]) == (2, 3)


def test_after_a_build_nothing_changes(people: Feeds) -> None:
    people.fill("crm", row("1", 7))
    people.workspace.build()
    plan = planned(people.workspace)
    assert (plan["changes"], plan["layout"], plan["users"]["after"]) == (False, False, 1)
    assert people.workspace.run("plan").stdout.endswith(
        "users: 1 from 1 identity (0 created, 0 updated, 0 merged, 0 split, 0 deleted)\nnothing changes\n"
    )


# --- Users ---


def test_an_update_tells_old_and_new_values_and_where_they_come_from(people: Feeds) -> None:
    people.fill("crm", row("1", 7, "a@x", "+1", name="Ann"))
    people.fill("shop", row("9", 7, None, "+2", name="Anne"))
    people.workspace.build()
    people.fill("crm", row("1", 7, None, "+1", name="Anna"))
    people.fill("shop", row("9", 7, "new@x", "+2", "+3", name="Annie"))
    [one] = sample(planned(people.workspace), "updated")
    assert one["user_id"] == user(people.workspace, "crm", "1")
    changes = {change.pop("property"): change for change in one["properties"]}
    told = {name: (c["old"], c["new"], c["source"]["identity"]) for name, c in changes.items()}
    assert told == {
        "email": ("a@x", "new@x", "shop:9"),
        "phones": ('["+1","+2"]', '["+1","+2","+3"]', "shop:9"),
        "name": ("Ann", "Anna", "crm:1"),
    }


def test_a_value_that_goes_comes_from_nowhere(people: Feeds) -> None:
    people.fill("crm", row("1", 7, "a@x", "+1"))
    people.workspace.build()
    people.fill("crm", row("1", 7))
    [one] = sample(planned(people.workspace), "updated")
    assert [(c["property"], c["new"], c["source"]) for c in one["properties"]] == [
        ("email", None, None),
        ("phones", None, None),
    ]
    assert "      email: a@x -> null\n" in people.workspace.run("plan").stdout


def test_users_with_other_values_are_shown_before_those_with_another_time_only(people: Feeds) -> None:
    later = "2026-01-02 00:00:00"
    people.fill("crm", row("1", 1), row("2", 2, name="Bob"))
    people.workspace.build()
    people.fill("crm", (*row("1", 1)[:-1], later), row("2", 2, name="Bert"))
    first, second = planned(people.workspace)["users"]["updated"]["sample"]
    assert ([c["new"] for c in first["properties"]], second["properties"]) == (["Bert"], [])
    assert (second["updated_at_before"], second["updated_at"]) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")


def test_a_merge_tells_the_value_that_two_users_share(people: Feeds) -> None:
    people.fill("crm", row("1", None, "a@x"))
    people.fill("shop", row("9", None, "b@x", "+1"))
    people.workspace.build()
    people.fill("shop", row("9", None, "a@x", "+1"))
    [one] = sample(planned(people.workspace), "merged")
    assert (one["user_id"], one["into"]) == (user(people.workspace, "shop", "9"), user(people.workspace, "crm", "1"))
    assert [evidence(link) for link in one["chain"]] == [("identifier", "email", "a@x", "shop:9", "crm:1")]
    assert [one["change"] for one in one["chain"][0]["rows"]] == ["changed", None]


def test_a_merge_over_a_new_identity_tells_both_of_its_values(people: Feeds) -> None:
    people.fill("crm", row("1", 1, None, "+1"))
    people.fill("shop", row("9", None, "b@x", "+9"))
    people.workspace.build()
    people.fill("app", row("5", None, "b@x", "+1"))
    [one] = sample(planned(people.workspace), "merged")
    assert [evidence(link) for link in one["chain"]] == [
        ("identifier", "email", "b@x", "shop:9", "app:5"),
        ("identifier", "phones", "+1", "app:5", "crm:1"),
    ]
    assert "      phones = +1: app:5 [new], crm:1\n" in people.workspace.run("plan").stdout


def test_a_merge_by_decision_tells_who_decided(people: Feeds) -> None:
    people.fill("crm", row("1", 1), row("2", 2))
    people.workspace.build()
    decide(people.workspace, "link,crm:1,crm:2,Zoe,one passport,2026-11-21T10:00:00Z")
    [one] = sample(planned(people.workspace), "merged")
    assert [evidence(link) for link in one["chain"]] == [("link", None, None, "crm:2", "crm:1")]
    assert one["chain"][0]["decision"]["who"] == "Zoe"
    assert "link (2026-11-21T10:00:00Z Zoe): one passport: crm:2, crm:1\n" in people.workspace.run("plan").stdout


def test_a_merge_by_a_switch_of_id_tells_the_two_ids(feeds: Feeds) -> None:
    feeds.workspace.users("email varchar", identifiers=["email"])
    feeds.add("app", "id text, key text, email text", ("1", None, "a@x"), (None, "k", "b@x"), fallback_id="key")
    feeds.workspace.build()
    feeds.fill("app", ("1", "k", "a@x"))
    plan = planned(feeds.workspace)
    [one] = sample(plan, "merged")
    assert (one["chain"], names(one["switch"])) == ([], ["app:k", "app:1"])
    assert "      app:k (fallback id) is app:1 now\n" in feeds.workspace.run("plan").stdout
    assert feeds.workspace.build()["users"]["merged"] == 1


def test_of_many_merges_into_one_user_others_are_shown_too(people: Feeds) -> None:
    people.fill("crm", *(row(f"{n}", n) for n in range(1, 6)), row("8", 8), row("9", 9))
    people.workspace.build()
    people.fill("crm", *(row(f"{n}", 1) for n in range(1, 6)), row("8", 9), row("9", 9))
    plan = planned(people.workspace, "--limit", "2")
    merged = plan["users"]["merged"]
    assert (merged["count"], [one["users"] for one in merged["sample"]]) == (5, [4, 1])
    text = people.workspace.run("plan", "--limit", "2").stdout
    assert f"into {user(people.workspace, 'crm', '1')} (as 3 more)\n" in text
    assert "  … and 3 more\n" in text


def parted(people: Feeds) -> dict[str, Any]:
    """The one split of a plan, with evidence in short."""
    [one] = sample(planned(people.workspace), "split")
    assert one["out_of"] == user(people.workspace, "crm", "1")
    return {**one, "was_joined_by": evidence(one["was_joined_by"]), "names": names(one["identities"])}


@pytest.fixture
def joined(people: Feeds) -> Feeds:
    """A user of three identities: the shop's by e-mail, the app's by the shop's phone."""
    people.fill("crm", row("1", 7, "a@x"))
    people.workspace.build()
    people.fill("shop", row("9", None, "a@x", "+1"))
    people.fill("app", row("5", None, None, "+1"))
    people.workspace.build()
    return people


def test_a_split_by_a_value_tells_what_has_changed(joined: Feeds) -> None:
    joined.fill("crm", row("1", 7, "new@x"))
    found = parted(joined)
    assert found["was_joined_by"] == ("identifier", "email", "a@x", "shop:9", "crm:1")
    assert (found["names"], found["because"]["kind"]) == (["app:5", "shop:9"], "changed")
    assert found["because"]["reason"] == "crm:1 has email = new@x now"
    assert found["because"]["identity"]["change"] == "changed"


def test_a_split_by_a_value_that_is_gone(joined: Feeds) -> None:
    joined.fill("app", row("5"))
    found = parted(joined)
    assert found["was_joined_by"] == ("identifier", "phones", "+1", "app:5", "shop:9")
    assert found["because"]["reason"] == "app:5 has no phones now"


def test_a_split_by_a_deletion_tells_who_is_gone(joined: Feeds) -> None:
    joined.fill("shop")
    plan = planned(joined.workspace, "--allow-deletes")
    [one] = sample(plan, "split")
    assert (one["because"]["kind"], one["because"]["reason"]) == ("gone", "shop:9 is gone")
    assert evidence(one["was_joined_by"]) == ("identifier", "phones", "+1", "app:5", "shop:9")


def test_a_split_by_a_stronger_identifier_tells_both_values(joined: Feeds) -> None:
    joined.fill("shop", row("9", 8, "a@x", "+1"))
    because = parted(joined)["because"]
    assert (because["kind"], because["reason"]) == ("conflict", "number comes first and differs: 8; 7")


def test_a_split_by_an_unlink_tells_what_is_overruled(joined: Feeds) -> None:
    decide(joined.workspace, "unlink,shop:9,crm:1,Zoe,two people,")
    found = parted(joined)
    assert found["was_joined_by"][:3] == ("identifier", "email", "a@x")
    assert found["because"]["kind"] == "unlink"
    assert found["because"]["reason"] == "an unlink overrules it: shop:9 and crm:1 (Zoe): two people"
    assert [(one["decision"], one["who"]) for one in found["because"]["decisions"]] == [("unlink", "Zoe")]
    [cut] = found["because"]["overruled"]
    assert (cut["identifier"], cut["value"], cut["identity"]["identity"]) == ("email", "a@x", "shop:9")


@pytest.mark.parametrize(
    ("settings", "kind", "reason"),
    [
        ({"ignore_values": {"email": ["a@x"]}}, "guard", "ignore_values ignores it now: 2 identities have it"),
        ({"identifiers": ["number", "phones"]}, "identifiers", "email is no identifier any more"),
        (
            {"max_identities_per_value": 1},
            "guard",
            "max_identities_per_value ignores it now: 2 identities have it",
        ),
    ],
)
def test_a_split_by_other_settings(joined: Feeds, settings: dict[str, object], kind: str, reason: str) -> None:
    joined.workspace.users(USERS, **{"identifiers": ["number", "email", "phones"], **settings})
    plan = planned(joined.workspace)
    because = {(one["because"]["kind"], one["because"]["reason"]) for one in sample(plan, "split")}
    assert because == {(kind, reason)}


def test_a_split_by_a_link_that_is_taken_back(people: Feeds) -> None:
    people.fill("crm", row("1", 1), row("2", 2))
    decide(people.workspace, "link,crm:1,crm:2,,,")
    people.workspace.build()
    decide(people.workspace)
    found = parted(people)
    assert (found["was_joined_by"][0], found["because"]["kind"]) == ("link", "link")
    assert found["because"]["reason"] == "the link is not in models/overrides.csv any more"


def test_a_split_whose_former_identifier_is_no_property_any_more(joined: Feeds) -> None:
    joined.workspace.users("number bigint, phones varchar[], name varchar", identifiers=["number", "phones"])
    [one] = sample(planned(joined.workspace), "split")
    assert (one["was_joined_by"], one["because"]["kind"]) == (None, "identifiers")
    assert "email" in one["because"]["reason"]


def test_a_deletion_tells_whose_and_what_is_lost(people: Feeds) -> None:
    people.fill("crm", row("1", 1, name="Ann"), row("2", 2, name="Bob"))
    people.fill("shop", row("9", 2))
    people.workspace.build()
    people.fill("crm", row("1", 1, name="Ann"))
    people.fill("shop")
    gone = user(people.workspace, "crm", "2")
    [one] = sample(planned(people.workspace, "--allow-deletes"), "deleted")
    assert (one["user_id"], names(one["identities"])) == (gone, ["crm:2", "shop:9"])
    assert one["values"] == {"number": "2", "name": "Bob"}


def test_identities_that_wait_for_a_user_are_told(people: Feeds) -> None:
    people.model("app", write="update_only")
    people.fill("crm", row("1", 1))
    people.workspace.build()
    people.fill("app", row("5", 5), row("6", 1))
    plan = planned(people.workspace)
    assert names(sample(plan, "waiting")) == ["app:5"]
    assert "1 identity without a user" in people.workspace.run("plan").stdout
    people.workspace.build()
    assert planned(people.workspace)["users"]["waiting"]["count"] == 0


def test_a_decision_about_nobody_is_a_warning(people: Feeds) -> None:
    people.fill("crm", row("1", 1))
    people.workspace.build()
    decide(people.workspace, "link,crm:1,crm:77,,,")
    outcome = people.workspace.run("plan")
    assert "warning: models/overrides.csv:2: link crm:1 crm:77 has no effect" in outcome.stderr
    [warning] = planned(people.workspace)["warnings"]
    assert warning["level"] == "warning"


# --- Rows ---


@pytest.fixture
def scores(feeds: Feeds) -> Feeds:
    """A pipeline with one row that does not fit, built once."""
    feeds.workspace.users("score integer")
    feeds.add("crm", "id bigint, score text", (1, "10"), (2, "x"))
    feeds.workspace.build()
    return feeds


def test_rejected_rows_are_told_with_reasons_and_which_are_new(scores: Feeds) -> None:
    scores.fill("crm", (1, "y"), (2, "x"), (3, "z"))
    plan = planned(scores.workspace)
    [reason] = plan["pipelines"][0]["rejections"]
    assert (reason["property"], reason["reason"], reason["rows"], reason["new"]) == (
        "score",
        "is not a valid integer",
        3,
        2,
    )
    assert reason["samples"] == [{"id": 1, "score": "y"}, {"id": 3, "score": "z"}]
    assert plan["changes"]
    assert "crm: 3 rows rejected (2 new): score is not a valid integer\n" in scores.workspace.run("plan").stdout


def test_rows_that_were_rejected_already_are_no_change(scores: Feeds) -> None:
    plan = planned(scores.workspace)
    assert (plan["pipelines"][0]["rejected"], plan["changes"]) == (1, False)


def test_rows_that_pass_at_last_are_told(scores: Feeds) -> None:
    scores.fill("crm", (1, "10"), (2, "7"))
    plan = planned(scores.workspace)
    assert (plan["pipelines"][0]["recovered"], plan["pipelines"][0]["inserted"]) == (1, 1)


def test_a_failing_pipeline_is_told_and_the_rest_is_planned(people: Feeds) -> None:
    people.fill("shop", row("9", 7))
    people.stores["crm"].execute("drop table crm")
    outcome = people.workspace.run("plan", "--detailed-exitcode")
    assert (outcome.exit_code, "has no table 'crm' here" in outcome.stderr) == (1, True)
    plan = planned(people.workspace, expect=1)
    assert [pipeline_of(plan, stem)["outcome"] for stem in ("crm", "shop")] == ["failed", "success"]
    assert pipeline_of(plan, "crm")["errors"][0]["file"] == "models/crm.sql"
    assert (plan["users"]["after"], plan["exit_code"]) == (1, 1)


def test_only_selected_pipelines_are_read(people: Feeds) -> None:
    people.fill("crm", row("1", 7))
    people.fill("shop", row("9", 8))
    plan = planned(people.workspace, "--select", "shop")
    assert ([p["pipeline"] for p in plan["pipelines"]], plan["users"]["after"]) == (["shop"], 1)


def test_a_full_refresh_is_planned(people: Feeds) -> None:
    people.model("crm", where="where ts >= ${updated_at}", incremental=True)
    people.fill("crm", row("1", 1), (*row("2", 2)[:-1], "2026-01-02 00:00:00"))
    people.workspace.build()
    read = [planned(people.workspace, *args)["pipelines"][1]["read"] for args in ((), ("--full-refresh",))]
    assert read == [1, 2]


# --- Guards ---


def test_a_pipeline_that_a_guard_refuses_is_told(people: Feeds) -> None:
    people.fill("crm", row("1", 7))
    people.workspace.build()
    people.fill("crm")
    outcome = people.workspace.run("plan")
    assert (outcome.exit_code, "1 of 1 identities would be deleted" in outcome.stderr) == (4, True)
    plan = planned(people.workspace, expect=4)
    assert (pipeline_of(plan, "crm")["outcome"], plan["users"]["deleted"]["count"]) == ("refused", 0)
    assert planned(people.workspace, "--allow-deletes")["users"]["deleted"]["count"] == 1


def test_too_many_merges_are_told_with_the_values_that_do_it(people: Feeds) -> None:
    people.workspace.users(USERS, identifiers=["number", "email", "phones"], max_users_merged=1)
    people.fill("crm", row("1", 1), row("2", 2), row("3", 3))
    people.workspace.build()
    people.fill("crm", row("1", 1), row("2", 1), row("3", 1))
    outcome = people.workspace.run("plan", "--detailed-exitcode")
    assert (outcome.exit_code, "what joins most users: number '1' (3)" in outcome.stderr) == (4, True)
    assert "a build would write nothing: a guard refuses it" in outcome.stdout
    plan = planned(people.workspace, expect=4)
    assert (len(sample(plan, "merged")), "2 users would be merged" in plan["refused"]["message"]) == (2, True)
    assert people.workspace.run("build").exit_code == 4


def test_identities_of_a_removed_model_go_only_when_that_is_allowed(people: Feeds) -> None:
    people.fill("crm", row("1", 1))
    people.fill("shop", row("9", 1), row("8", 8))
    people.workspace.build()
    (people.workspace.root / "models/shop.sql").unlink()
    plan = planned(people.workspace)
    assert (plan["removed"], plan["changes"], [w["code"] for w in plan["warnings"]]) == ({}, False, ["orphans"])
    plan = planned(people.workspace, "--allow-deletes")
    assert (plan["removed"], plan["warnings"], len(sample(plan, "deleted"))) == ({"shop": 2}, [], 1)
    text = people.workspace.run("plan", "--allow-deletes").stdout
    assert "2 identities of shop deleted, which is no longer in models/\n" in text
    results = people.workspace.build("--allow-deletes")
    assert (results["users"]["deleted"], results["users"]["identities"]) == (1, 1)


# --- Exit codes and forms ---


def test_detailed_exit_codes(people: Feeds) -> None:
    people.fill("crm", row("1", 1))
    assert people.workspace.run("plan").exit_code == 0
    assert people.workspace.run("plan", "--detailed-exitcode").exit_code == 5
    people.workspace.build()
    assert people.workspace.run("plan", "--detailed-exitcode").exit_code == 0


def test_nothing_selected(people: Feeds) -> None:
    assert people.workspace.run("plan", "--due").exit_code == 3
    assert people.workspace.run("plan", "--due", "--allow-empty", "--detailed-exitcode").exit_code == 0
    assert people.workspace.run("plan", "--select", "nobody").exit_code == 3


def test_without_samples_there_are_counts(joined: Feeds) -> None:
    joined.fill("crm", row("1", 7, "new@x"), row("2", 2))
    plan = planned(joined.workspace, "--limit", "0")
    users = {change: (plan["users"][change]["count"], plan["users"][change]["sample"]) for change in CHANGES}
    assert users == {"created": (1, []), "updated": (1, []), "merged": (0, []), "split": (1, []), "deleted": (0, [])}
    assert "\n\ncreated: 1\n\nupdated: 1\n\nsplit: 1\n" in joined.workspace.run("plan", "--limit", "0").stdout


def test_every_key_of_the_json_is_documented(joined: Feeds) -> None:
    joined.fill("crm", row("1", 7, "new@x"), row("2", 2), row("3", None, None, "+1"))
    decide(joined.workspace, "unlink,app:5,shop:9,Zoe,,")
    text = (Path(__file__).parents[2] / "docs/plan.md").read_text(encoding="utf-8")
    text += (Path(__file__).parents[2] / "docs/identity.md").read_text(encoding="utf-8")
    plan = planned(joined.workspace)
    assert plan["users"]["split"]["count"]
    assert [key for key in keys_of(plan) if f"`{key}`" not in text] == []


def keys_of(value: object) -> set[str]:
    """All keys of objects in a JSON value, but for those that are properties, columns or pipelines."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if isinstance(value, dict):
        named = {name: inner for name, inner in value.items() if name not in {"values", "samples", "removed"}}
        return value.keys() | set().union(*map(keys_of, named.values()))
    return set()


def test_markdown_is_a_comment_with_folded_samples(joined: Feeds) -> None:
    joined.fill("crm", row("1", 7, "new@x", name="`| @all <b>"), row("2", 2))
    text = joined.workspace.run("plan", "--format", "markdown").stdout
    assert text.startswith("### usersync plan: users 1 created, 1 updated, 1 split\n\n| pipeline | read |")
    assert "| `crm` | 2 | 0 | 1 | 1 | 0 | 0 |\n" in text
    assert "Users: 1 → 3 from 3 → 4 identities\n" in text
    assert "<details>\n<summary>1 user split off another</summary>\n\n- `" in text
    assert "  - name: none → `` `| @all <b> ``, from `crm:1`\n" in text
    assert text.count("<details>") == text.count("</details>") == 3


def test_markdown_tells_errors_and_warnings(people: Feeds) -> None:
    people.stores["crm"].execute("drop table crm")
    people.fill("shop", row("9", 9))
    decide(people.workspace, "link,shop:9,app:1,,,")
    outcome = people.workspace.run("plan", "--format", "markdown")
    assert outcome.exit_code == 1
    assert "\n- **error**: models/crm.sql:" in outcome.stdout
    assert "\n- **warning**: models/overrides.csv:2: " in outcome.stdout
    assert "| `crm` | **failed** |" in outcome.stdout


# --- Nothing is written ---


def files(root: Path) -> dict[str, str]:
    """Every file of a project and its content, and every folder."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in root.rglob("*")
    }


def test_before_the_first_build_nothing_is_made(people: Feeds) -> None:
    people.fill("crm", row("1", 7))
    before = files(people.workspace.root)
    planned(people.workspace)
    assert files(people.workspace.root) == before


@pytest.mark.parametrize(
    "columns", [USERS, f"{USERS}, city varchar", "email varchar, number varchar, phones varchar[]"]
)
def test_a_warehouse_that_cannot_be_written_is_enough(joined: Feeds, columns: str) -> None:
    joined.workspace.users(columns, identifiers=["number", "email", "phones"])
    joined.fill("crm", row("1", 8, "b@x"), row("2", 2))
    joined.fill("shop")
    (joined.workspace.root / "target/warehouse.duckdb").chmod(0o444)
    (joined.workspace.root / "target").chmod(0o555)
    before = files(joined.workspace.root)
    plan = planned(joined.workspace, "--allow-deletes")
    assert plan["changes"]
    assert files(joined.workspace.root) == before
    (joined.workspace.root / "target").chmod(0o755)


def test_other_properties_are_planned_as_they_are_built(joined: Feeds) -> None:
    joined.workspace.users("email varchar, number varchar, score integer", identifiers=["number", "email"])
    plan = planned(joined.workspace)
    assert (plan["layout"], plan["changes"]) == (True, True)
    assert "fitted to models/users.sql" in joined.workspace.run("plan").stdout
    results = joined.workspace.build()
    assert {change: plan["users"][change]["count"] for change in CHANGES} == {
        change: results["users"][change] for change in CHANGES
    }
    assert results["users"]["split"] == 1


def test_a_warehouse_in_the_hands_of_a_build_is_waited_for(joined: Feeds) -> None:
    with held(joined.workspace.root / "target/warehouse.duckdb") as holder:
        outcome = joined.workspace.run("plan", "--lock-timeout", "0.3")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert "waiting: the warehouse is held by another process" in outcome.stderr
    assert f"is held by another process (PID {holder.pid})" in outcome.stderr


@pytest.mark.postgres
@pytest.mark.mysql
def test_servers_are_read_and_nothing_is_written(workspace: Workspace, postgres: Database, mysql: Database) -> None:
    for server in (postgres, mysql):
        server.execute(
            "create table people (id int, email varchar(50)); insert into people values (1, 'a@x'), (2, 'b@x')"
        )
    workspace.profile({"pg": postgres.profile, "my": mysql.profile})
    workspace.users("email varchar", identifiers=["email"])
    for name in ("pg", "my"):
        workspace.model(name, "select id, email from people", connection=name, user_id="id")
    workspace.build()
    postgres.execute("update people set email = 'b@x' where id = 1")
    mysql.execute("insert into people values (3, 'c@x')")
    warehouse = workspace.root / "target/warehouse.duckdb"
    warehouse.chmod(0o444)
    before = files(workspace.root)
    plan = planned(workspace)
    assert files(workspace.root) == before
    results = workspace.build()
    assert {change: plan["users"][change]["count"] for change in CHANGES} == {
        change: results["users"][change] for change in CHANGES
    }
    assert (results["users"]["created"], results["users"]["updated"]) == (1, 2)
