"""Fallback ids: one record is one identity, whichever of its ids comes first, and its user's id stays."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from tests.sources.tables import Feeds, Row
from tests.support import pipeline_of

DAYS = [f"2026-03-0{day} 08:00:00" for day in range(1, 9)]
COLUMNS = "id text, mail text, name text, ts timestamp"
EVERYTHING = "where ts >= ${updated_at} or true"
"""An incremental read of rows that come late too."""
IDENTITIES = "select id_kind, identity_id, name from identities where pipeline = 'app' order by all"

both_ways = pytest.mark.parametrize("incremental", [True, False], ids=["incremental", "full"])


@pytest.fixture
def app(feeds: Feeds) -> Feeds:
    """An incremental pipeline whose rows have a user id, an e-mail address, or both."""
    feeds.workspace.users("email text, name text", identifiers=["email"])
    feeds.add("app", COLUMNS, **settings(incremental=True))
    return feeds


def settings(**more: object) -> dict[str, Any]:
    mapping = {"email": "mail", "name": "name"}
    return {"fallback_id": "mail", "mapping": mapping, "where": EVERYTHING, **more}


def read(feeds: Feeds, *rows: Row, stem: str = "app", args: Sequence[str] = ()) -> dict[str, Any]:
    """A build of these rows."""
    feeds.fill(stem, *rows)
    return feeds.workspace.build(*args)


def counts(results: dict[str, Any], stem: str = "app") -> dict[str, int]:
    found = pipeline_of(results, stem)
    keys = ("inserted", "updated", "unchanged", "deleted", "rejected", "duplicates")
    return {key: found[key] for key in keys if found[key]}


def users(feeds: Feeds) -> list[Row]:
    return list(feeds.workspace.rows("select user_id from users order by all"))


def recorded(feeds: Feeds) -> list[Row]:
    return list(feeds.workspace.rows("select identity_id, fallback_id from usersync.identity_rows order by all"))


# --- One record ---


@both_ways
def test_a_record_that_gets_its_user_id_stays_the_same_identity(app: Feeds, incremental: bool) -> None:
    app.model("app", **settings(incremental=incremental, max_deleted=0))
    first = read(app, (None, "a@x", "Ann", DAYS[0]))
    assert counts(first) == {"inserted": 1}
    before = users(app)
    assert counts(read(app, ("1", "a@x", "Anna", DAYS[1]))) == {"updated": 1}
    assert app.workspace.rows("select id_kind, identity_id, name, first_run from identities") == [
        ("user_id", "1", "Anna", first["run_id"])
    ]
    assert users(app) == before
    assert app.workspace.rows("select change from usersync.user_changes") == [("created",)]
    assert counts(app.workspace.build()) == {"unchanged": 1}


@both_ways
def test_a_record_that_loses_its_user_id_stays_under_it(app: Feeds, incremental: bool) -> None:
    app.model("app", **settings(incremental=incremental, max_deleted=0))
    read(app, ("1", "a@x", "Ann", DAYS[0]))
    before = users(app)
    assert counts(read(app, (None, "a@x", "Anna", DAYS[1]))) == {"updated": 1}
    assert app.workspace.rows(IDENTITIES) == [("user_id", "1", "Anna")]
    assert (users(app), recorded(app)) == (before, [("1", "a@x")])
    assert counts(app.workspace.build()) == {"unchanged": 1}


@both_ways
def test_rows_of_one_read_are_one_identity(app: Feeds, incremental: bool) -> None:
    app.model("app", **settings(incremental=incremental))
    rows = [(None, "a@x", "early", DAYS[0]), ("1", "a@x", "Ann", DAYS[1]), (None, "b@x", "Bob", DAYS[1])]
    results = read(app, *rows)
    assert counts(results) == {"inserted": 2, "duplicates": 1}
    assert "1 rows repeat a user id" in results["warnings"][0]["message"]
    assert app.workspace.rows(IDENTITIES) == [("fallback", "b@x", "Bob"), ("user_id", "1", "Ann")]
    assert counts(app.workspace.build()) == {"unchanged": 2, "duplicates": 1}


@both_ways
def test_the_later_row_of_a_read_decides_the_values(app: Feeds, incremental: bool) -> None:
    app.model("app", **settings(incremental=incremental))
    read(app, (None, "a@x", "later", DAYS[2]), ("1", "a@x", "Ann", DAYS[1]))
    assert app.workspace.rows(IDENTITIES) == [("user_id", "1", "later")]
    assert counts(app.workspace.build()) == {"unchanged": 1, "duplicates": 1}


def test_of_equally_late_rows_the_one_with_the_user_id_decides(app: Feeds) -> None:
    read(app, (None, "a@x", "z", DAYS[1]), ("1", "a@x", "Ann", DAYS[1]))
    assert app.workspace.rows(IDENTITIES) == [("user_id", "1", "Ann")]


def test_without_update_times_the_row_with_the_user_id_decides(feeds: Feeds) -> None:
    feeds.workspace.users("name text")
    feeds.add("app", "id text, mail text, name text", ("1", "a@x", "Ann"), (None, "a@x", "z"), fallback_id="mail")
    feeds.workspace.build()
    assert feeds.workspace.rows(IDENTITIES) == [("user_id", "1", "Ann")]
    assert counts(feeds.workspace.build()) == {"unchanged": 1, "duplicates": 1}


def test_an_incremental_read_leaves_later_values_alone(app: Feeds) -> None:
    read(app, (None, "a@x", "later", DAYS[5]))
    assert counts(read(app, ("1", "a@x", "late", DAYS[1]))) == {"updated": 1}
    assert app.workspace.rows(IDENTITIES) == [("user_id", "1", "later")]
    assert counts(read(app, (None, "a@x", "late too", DAYS[2]))) == {"unchanged": 1}


def test_a_full_read_has_the_last_word_on_values(app: Feeds) -> None:
    app.model("app", **settings())
    read(app, (None, "a@x", "later", DAYS[5]))
    read(app, ("1", "a@x", "restored", DAYS[1]))
    assert app.workspace.rows(IDENTITIES) == [("user_id", "1", "restored")]
    assert counts(app.workspace.build()) == {"unchanged": 1}


# --- What is recorded ---


def test_a_change_of_the_fallback_id_alone_is_a_change(app: Feeds) -> None:
    app.model("app", **settings(incremental=True, mapping={"name": "name"}))
    read(app, ("1", None, "Ann", DAYS[0]), ("2", "", "Bob", DAYS[0]), (None, "c@x", "Cid", DAYS[0]))
    assert recorded(app) == [("1", None), ("2", None), ("c@x", "c@x")]
    assert counts(read(app, ("1", "a@x", "Ann", DAYS[0]))) == {"updated": 1}
    assert counts(read(app, ("1", "new@x", "Ann", DAYS[0]))) == {"updated": 1}
    assert recorded(app) == [("1", "new@x"), ("2", None), ("c@x", "c@x")]


def test_an_incremental_read_keeps_the_last_fallback_id_and_a_full_one_says_what_it_is(app: Feeds) -> None:
    read(app, ("1", "a@x", "Ann", DAYS[0]))
    read(app, ("1", None, "Ann", DAYS[1]))
    assert recorded(app) == [("1", "a@x")]
    app.workspace.build("--full-refresh")
    assert recorded(app) == [("1", None)]


def test_a_pipeline_without_fallback_ids_records_none(app: Feeds) -> None:
    read(app, ("1", "a@x", "Ann", DAYS[0]))
    app.model("app", mapping={"name": "name"})
    assert counts(app.workspace.build()) == {"updated": 1}
    assert recorded(app) == [("1", None)]


def test_preview_tells_the_fallback_id(app: Feeds) -> None:
    app.fill("app", ("1", "a@x", "Ann", DAYS[0]))
    assert '"fallback_id": "a@x"' in app.workspace.run("preview", "app", "--format", "json").stdout
    app.model("app")
    assert "fallback_id" not in app.workspace.run("preview", "app", "--format", "json").stdout


def test_fallback_id_7_is_not_user_id_7(app: Feeds) -> None:
    read(app, (None, "7", "fallback", DAYS[0]))
    read(app, ("7", None, "user id", DAYS[0]))
    assert app.workspace.rows(IDENTITIES) == [("fallback", "7", "fallback"), ("user_id", "7", "user id")]


# --- Both identities are there already ---


@both_ways
def test_a_row_that_shows_both_ids_of_two_identities_makes_them_one(app: Feeds, incremental: bool) -> None:
    app.model("app", **settings(incremental=incremental, max_deleted=0, mapping={"name": "name"}))
    apart = [(None, "a@x", "early", DAYS[0]), ("1", None, "Ann", DAYS[1])]
    read(app, apart[0])
    [(oldest,)] = users(app)
    read(app, *apart)
    [(younger,)] = [user for user in users(app) if user != (oldest,)]
    results = read(app, ("1", "a@x", "Ann", DAYS[1]))
    assert counts(results) == {"updated": 1}
    assert app.workspace.rows(IDENTITIES) == [("user_id", "1", "Ann")]
    assert users(app) == [(oldest,)]
    assert app.workspace.rows(
        f"select change, user_id, old_user_id from usersync.user_changes where run_id = '{results['run_id']}'"
    ) == [("merged", oldest, younger)]
    assert sorted(app.workspace.rows("select * from user_ids")) == sorted([(oldest, oldest), (younger, oldest)])


def test_the_identity_under_the_user_id_keeps_its_id_when_it_is_the_older(app: Feeds) -> None:
    app.model("app", **settings(incremental=True, mapping={"name": "name"}))
    read(app, ("1", None, "Ann", DAYS[0]))
    [(oldest,)] = users(app)
    read(app, (None, "a@x", "later", DAYS[5]))
    read(app, ("1", "a@x", "Ann", DAYS[1]))
    assert users(app) == [(oldest,)]
    assert app.workspace.rows(IDENTITIES) == [("user_id", "1", "later")]
    assert app.workspace.rows("select change from usersync.user_changes order by run_id desc limit 1") == [("merged",)]


def test_one_user_id_takes_several_fallback_ids(app: Feeds) -> None:
    app.model("app", **settings(incremental=True, mapping={"name": "name"}))
    read(app, (None, "b@x", "b", DAYS[0]))
    [(oldest,)] = users(app)
    read(app, (None, "a@x", "a", DAYS[1]), (None, "c@x", "c", DAYS[1]))
    results = read(app, *(("1", f"{mail}@x", mail, DAYS[day]) for day, mail in enumerate("abc", start=2)))
    assert counts(results) == {"updated": 1, "duplicates": 2}
    assert app.workspace.rows(IDENTITIES) == [("user_id", "1", "c")]
    assert (users(app), recorded(app)) == ([(oldest,)], [("1", "c@x")])


@both_ways
@pytest.mark.parametrize("reverse", [False, True])
def test_of_several_new_user_ids_the_smallest_takes_the_identity(app: Feeds, incremental: bool, reverse: bool) -> None:
    app.model("app", **settings(incremental=incremental, mapping={"name": "name"}))
    read(app, (None, "a@x", "early", DAYS[0]))
    before = users(app)
    rows = [("1", "a@x", "one", DAYS[1]), ("2", "a@x", "two", DAYS[1]), (None, "a@x", "last", DAYS[2])]
    assert counts(read(app, *sorted(rows, key=str, reverse=reverse))) == {"inserted": 1, "updated": 1, "duplicates": 1}
    assert app.workspace.rows(IDENTITIES) == [("user_id", "1", "last"), ("user_id", "2", "two")]
    assert app.workspace.rows("select user_id from users where name = 'last'") == before
    assert counts(app.workspace.build()) == {"unchanged": 2, "duplicates": 1}


def test_of_several_user_ids_the_oldest_takes_the_identity(app: Feeds) -> None:
    app.model("app", **settings(incremental=True, mapping={"name": "name"}))
    read(app, ("2", None, "two", DAYS[0]))
    read(app, (None, "a@x", "early", DAYS[0]))
    read(app, ("1", "a@x", "one", DAYS[1]), ("2", "a@x", "two", DAYS[1]), ("3", "a@x", "three", DAYS[1]))
    assert app.workspace.rows("select name, count(*) from identities group by name order by name") == [
        ("one", 1), ("three", 1), ("two", 1)
    ]  # fmt: skip
    assert app.workspace.rows("select change, count(*) from usersync.user_changes group by change order by change") == [
        ("created", 4), ("merged", 1)
    ]  # fmt: skip
    read(app, (None, "a@x", "whose", DAYS[3]))
    assert app.workspace.rows(IDENTITIES) == [
        ("user_id", "1", "one"), ("user_id", "2", "whose"), ("user_id", "3", "three")
    ]  # fmt: skip


# --- Deletions ---


def test_only_what_is_gone_from_the_source_is_deleted(app: Feeds) -> None:
    app.model("app", **settings(max_deleted=1))
    early = [(None, f"{n}@x", f"p{n}", DAYS[0]) for n in range(5)]
    read(app, *early)
    now: list[Row] = [(str(n), f"{n}@x", f"p{n}", DAYS[1]) for n in range(4)]
    assert counts(read(app, *now)) == {"updated": 4, "deleted": 1}
    now = [(None, "0@x", "p0", DAYS[2]), *now[2:]]
    assert counts(read(app, *now)) == {"updated": 1, "unchanged": 2, "deleted": 1}
    assert app.workspace.rows(IDENTITIES) == [("user_id", n, f"p{n}") for n in "023"]


def test_an_identity_whose_fallback_id_another_one_has_now_is_gone(app: Feeds) -> None:
    app.model("app", **settings())
    read(app, ("1", "a@x", "Ann", DAYS[0]))
    assert counts(read(app, ("2", "a@x", "Bob", DAYS[1]), (None, "a@x", "b", DAYS[0]))) == {
        "inserted": 1, "deleted": 1, "duplicates": 1
    }  # fmt: skip
    assert app.workspace.rows(IDENTITIES) == [("user_id", "2", "Bob")]


def test_what_is_kept_on_missing_switches_all_the_same(app: Feeds) -> None:
    app.model("app", **settings(on_missing="keep"))
    read(app, (None, "a@x", "Ann", DAYS[0]), (None, "b@x", "Bob", DAYS[0]))
    assert counts(read(app, ("1", "a@x", "Ann", DAYS[0]))) == {"updated": 1}
    assert app.workspace.rows(IDENTITIES) == [("fallback", "b@x", "Bob"), ("user_id", "1", "Ann")]


# --- Rejected rows ---


@pytest.fixture
def limited(app: Feeds) -> Feeds:
    """Names of more than five characters are rejected."""
    app.workspace.users("email text, name varchar(5)", identifiers=["email"])
    return app


REJECTED = "select identity_id from usersync.rejected_rows order by all"


def test_a_rejected_row_with_a_user_id_deletes_nothing_and_switches_when_it_passes(limited: Feeds) -> None:
    limited.model("app", **settings(max_deleted=0))
    read(limited, (None, "a@x", "Ann", DAYS[0]))
    before = users(limited)
    assert counts(read(limited, ("1", "a@x", "too long", DAYS[1]))) == {"rejected": 1}
    assert limited.workspace.rows(IDENTITIES) == [("fallback", "a@x", "Ann")]
    assert counts(read(limited, ("1", "a@x", "Anna", DAYS[2]))) == {"updated": 1}
    assert users(limited) == before


def test_a_rejected_row_without_user_id_deletes_nothing(limited: Feeds) -> None:
    limited.model("app", **settings(max_deleted=0))
    read(limited, ("1", "a@x", "Ann", DAYS[0]))
    assert counts(read(limited, (None, "a@x", "too long", DAYS[1]))) == {"rejected": 1}
    assert limited.workspace.rows(IDENTITIES) == [("user_id", "1", "Ann")]


def test_a_rejected_row_is_no_loss_once_the_record_has_its_user_id(limited: Feeds) -> None:
    assert counts(read(limited, (None, "a@x", "too long", DAYS[0]))) == {"rejected": 1}
    assert counts(read(limited, ("1", "a@x", "Ann", DAYS[1]))) == {"inserted": 1}
    assert limited.workspace.rows(REJECTED) == []
    rows = (None, "b@x", "too long", DAYS[0]), ("2", "b@x", "Bob", DAYS[1])
    assert counts(read(limited, *rows)) == {"inserted": 1, "duplicates": 1}
    assert limited.workspace.rows(REJECTED) == []


def test_a_later_rejected_row_is_kept_beside_the_good_one(limited: Feeds) -> None:
    rows = (None, "b@x", "too long", DAYS[2]), ("2", "b@x", "Bob", DAYS[1])
    assert counts(read(limited, *rows)) == {"inserted": 1, "rejected": 1}
    assert limited.workspace.rows(REJECTED) == [("b@x",)]


def test_a_row_of_the_same_id_of_the_other_kind_does_not_displace_a_rejected_one(limited: Feeds) -> None:
    read(limited, (None, "7", "too long", DAYS[0]))
    assert counts(read(limited, ("7", "a@x", "Ann", DAYS[1]))) == {"inserted": 1, "rejected": 1}
    assert limited.workspace.rows("select identity_id, attempts from usersync.rejected_rows") == [("7", 2)]


# --- Other pipelines ---


def test_a_switch_joins_whoever_has_that_user_id_in_the_connection(app: Feeds) -> None:
    app.add("prefs", "id text, name text", ("1", "prefs"), connection="app")
    read(app, (None, "a@x", "early", DAYS[0]))
    assert app.workspace.rows("select count(*) from users") == [(2,)]
    results = read(app, ("1", "a@x", "Ann", DAYS[1]))
    assert (results["users"]["merged"], results["users"]["total"]) == (1, 1)


# --- Any order ---


@both_ways
def test_every_order_of_arrival_ends_in_one_user_under_its_oldest_id(app: Feeds, incremental: bool) -> None:
    """Each order is a person of its own; in each build every person has one more row, somewhere."""
    app.workspace.users("customer text, email text, name text", identifiers=["customer", "email"])
    mapping = {"customer": "id", "email": "mail", "name": "name"}
    app.model("app", **settings(incremental=incremental, mapping=mapping))
    app.add("list", "id text, email text")
    app.add("billing", "id text, customer text")
    events = ("early", "known", "signed in", "list", "billing")
    orders = list(permutations(events))
    tables: dict[str, list[Row]] = {"app": [], "list": [], "billing": []}
    seen: dict[int, list[object]] = {person: [] for person in range(len(orders))}
    for step in range(len(events)):
        if incremental:
            tables["app"] = []
        for person, order in enumerate(orders):
            uid, mail = f"u{person}", f"{person}@x"
            match order[step]:
                case "early":
                    tables["app"].append((None, mail, "early", DAYS[0]))
                case "known":
                    tables["app"].append((uid, None, "known", DAYS[1]))
                case "signed in":
                    tables["app"].append((uid, mail, "now", DAYS[2]))
                case "list":
                    tables["list"].append((f"l{person}", mail))
                case _:
                    tables["billing"].append((f"b{person}", uid))
        for stem, rows in tables.items():
            app.fill(stem, *rows)
        app.workspace.build()
        for person, user in app.workspace.rows(
            "select distinct regexp_extract(identity_id, '\\d+')::int, user_id from identities"
        ):
            seen[person].append(user)
    now: dict[int, list[Row]] = defaultdict(list)
    for person, user, *identity in app.workspace.rows(
        "select regexp_extract(identity_id, '\\d+')::int, user_id, pipeline, id_kind, name from identities order by all"
    ):
        now[person].append((user, *identity))
    current = dict(app.workspace.rows("from user_ids"))
    merged = Counter(app.workspace.rows("select old_user_id from usersync.user_changes where change = 'merged'"))
    assert app.workspace.rows("select count(*) from users") == [(len(orders),)]
    for person, order in enumerate(orders):
        oldest = seen[person][0]
        assert now[person] == [
            (oldest, "app", "user_id", "now"), (oldest, "billing", "user_id", None), (oldest, "list", "user_id", None)
        ], order  # fmt: skip
        assert {current[user] for user in seen[person]} == {oldest}, order
        assert all(merged[user,] == 1 for user in seen[person] if user != oldest), order


Arrival = tuple[str | None, str | None, int]
"""User id, fallback id, and the day: each day is of one arrival only, so that one is the latest."""


def person(seed: random.Random) -> list[Arrival]:
    """Rows of one record and its copies: before and after it has a user id, with and without its fallback id."""
    known, both = [("u", None), ("u", "f"), (None, "f")], [("u", "f")]
    kinds = seed.choices(known, k=seed.randint(1, 4)) + both * seed.randint(0, 1)
    return [(uid, mail, day) for day, (uid, mail) in enumerate(seed.sample(kinds, len(kinds)))]


def expected(arrivals: Iterable[Arrival]) -> set[tuple[str, str, int]]:
    """The identities that any order ends in, each with its latest day."""
    arrivals = list(arrivals)
    shown = any(uid and mail for uid, mail, _ in arrivals)
    days: dict[tuple[str, str], int] = {}
    for uid, mail, day in arrivals:
        key = ("user_id", "u") if uid or shown else ("fallback", str(mail))
        days[key] = max(day, days.get(key, 0))
    return {(*key, day) for key, day in days.items()}


@both_ways
def test_random_arrivals_end_the_same_in_every_order(app: Feeds, incremental: bool) -> None:
    app.model("app", **settings(incremental=incremental, mapping={"name": "name"}, max_deleted=0))
    seed, steps = random.Random(7), 5
    people = [person(seed) for _ in range(400)]
    plan: list[list[tuple[str, Arrival]]] = [[] for _ in range(steps)]
    for number, arrivals in enumerate(people):
        for order in range(3):
            for arrival in arrivals:
                plan[seed.randrange(steps)].append((f"{number}.{order}", arrival))
    start = datetime(2026, 3, 1)
    rows: list[Row] = []
    for step in plan:
        if incremental:
            rows = []
        for who, (uid, mail, day) in step:
            moment = str(start + timedelta(days=day))
            rows.append((uid and f"{who}-{uid}", mail and f"{who}-{mail}", str(day), moment))
        seed.shuffle(rows)
        read(app, *rows)
    found: dict[str, set[tuple[str, str, int]]] = defaultdict(set)
    for kind, identity, name in app.workspace.rows(IDENTITIES):
        who, _, own = identity.partition("-")
        found[who].add((kind, own, int(name)))
    for number, arrivals in enumerate(people):
        for order in range(3):
            assert found[f"{number}.{order}"] == expected(arrivals), arrivals
    assert app.workspace.rows("select count(*) - count(distinct user_id) from identities") == [(0,)]
    if not incremental:
        assert counts(app.workspace.build()).keys() <= {"unchanged", "duplicates"}


Key = tuple[str, str]
"""Kind and id of an identity."""


@dataclass(frozen=True)
class Stored:
    """What is known of an identity: how old it is, the last fallback id it was seen with, the day of its values."""

    age: tuple[int, Key]
    fallback: str | None
    day: int


def after(stored: dict[Key, Stored], rows: Sequence[Arrival], build: int, *, full: bool) -> dict[Key, Stored]:
    """The rule in plain Python: the identities of a pipeline after one more read."""
    shown = [(mail, uid) for uid, mail, _ in rows if uid and mail]
    past = {uid: known.day for (_, uid), known in stored.items()}
    told = {uid for uid, mail, day in rows if uid and (full or (mail and day >= past.get(uid, day)))}

    def taker(mail: str) -> str | None:
        claims = [(0 if full else 1, uid) for value, uid in shown if value == mail]
        claims += [
            (1, uid)
            for (kind, uid), known in stored.items()
            if kind == "user_id" and known.fallback == mail and uid not in told
        ]
        ages = {uid: known.age for (kind, uid), known in stored.items() if kind == "user_id"}
        never = (build + 1, ("", ""))
        return min(((turn, uid not in ages, ages.get(uid, never), uid) for turn, uid in claims), default=(None,))[-1]

    known, merged = dict(stored), defaultdict[Key, list[Stored]](list)
    for kind, own in stored:
        uid = taker(own) if kind == "fallback" else None
        if uid and any(value == own for value, _ in shown):
            merged["user_id", uid].append(known.pop((kind, own)))
    for key, others in merged.items():
        base = [known[key]] if key in known else []
        latest = max(base + sorted(others, key=lambda one: one.age), key=lambda one: one.day)
        oldest = min(base + others, key=lambda one: one.age)
        known[key] = Stored(oldest.age, latest.fallback or (base or [oldest])[0].fallback, latest.day)
    by_target = defaultdict[Key, list[Arrival]](list)
    for row in rows:
        uid = row[0] or taker(str(row[1]))
        by_target["user_id" if uid else "fallback", uid or str(row[1])].append(row)
    for key, group in by_target.items():
        uid, mail, day = max(group, key=lambda row: row[2])
        if not mail:
            mail = max(((other[2], other[1]) for other in group if other[0] and other[1]), default=(0, None))[1]
        old = known.get(key)
        if not old or full:
            known[key] = Stored(old.age if old else (build, key[::-1]), mail, day)
        elif old.day > day:
            known[key] = Stored(old.age, old.fallback or mail, old.day)
        else:
            known[key] = Stored(old.age, mail or old.fallback, day)
    return {key: one for key, one in known.items() if key in by_target or not full}


@both_ways
def test_random_reads_end_as_the_rule_says(app: Feeds, incremental: bool) -> None:
    """Several user ids of one fallback id, several fallback ids of one user id, rows that go and come back."""
    app.model("app", **settings(incremental=incremental, mapping={"name": "name"}, max_deleted="100%"))
    seed = random.Random(8)
    kinds = [(uid, mail) for uid in ("1", "2", None) for mail in ("f", "g", None) if uid or mail]
    worlds: list[dict[Key, Stored]] = [{} for _ in range(300)]
    start = datetime(2026, 1, 1)
    for build in range(6):
        table: list[Row] = []
        for number, world in enumerate(worlds):
            chosen = seed.sample(kinds, seed.choice((0, 1, 1, 2, 3)))
            rows = [(uid, mail, day) for (uid, mail), day in zip(chosen, seed.sample(range(50), 3), strict=False)]
            worlds[number] = after(world, rows, build, full=not incremental)
            table += [
                (uid and f"{number}-{uid}", mail and f"{number}-{mail}", str(day), str(start + timedelta(days=day)))
                for uid, mail, day in rows
            ]
        seed.shuffle(table)
        read(app, *table)
        found: list[dict[Key, tuple[str | None, int]]] = [{} for _ in worlds]
        for number, kind, own, mail, name in app.workspace.rows(
            "select split_part(identity_id, '-', 1)::int, id_kind, split_part(identity_id, '-', 2), "
            "split_part(fallback_id, '-', 2), name from usersync.identity_rows"
        ):
            found[number][kind, own] = mail, int(name)
        for number, world in enumerate(worlds):
            assert found[number] == {key: (one.fallback, one.day) for key, one in world.items()}, (number, build)
        ages = {key: one.age for number, world in enumerate(worlds) for key, one in keyed(number, world)}
        ordered = app.workspace.rows("select id_kind, identity_id from usersync.identity_rows order by _age")
        assert [ages[key][0] for key in ordered] == sorted(age[0] for age in ages.values())


def keyed(number: int, world: dict[Key, Stored]) -> list[tuple[Key, Stored]]:
    """The identities of a world as they are called in the warehouse."""
    return [((kind, f"{number}-{own}"), one) for (kind, own), one in world.items()]


# --- Update only ---


WAITING = "select pipeline, identity_id, user_id is null from identities order by all"


@both_ways
@pytest.mark.parametrize("order", list(permutations(["crm", "news", "ads"])), ids="-".join)
def test_update_only_identities_wait_for_one_that_creates(
    feeds: Feeds, order: Sequence[str], incremental: bool
) -> None:
    feeds.workspace.users("email text, name text", identifiers=["email"])
    columns, mapping = "id text, email text, name text, ts timestamp", {"email": "email", "name": "name"}
    for stem in ("crm", "news", "ads"):
        write = "create_or_update" if stem == "crm" else "update_only"
        feeds.add(stem, columns, where=EVERYTHING, incremental=incremental, write=write, mapping=mapping)
    for step, stem in enumerate(order):
        read(feeds, ("1", "a@x", stem, DAYS[step]), ("2", f"{stem}@x", stem, DAYS[step]), stem=stem)
        there = order[: step + 1]
        assert feeds.workspace.rows(WAITING) == sorted(
            row for s in there for row in ((s, "1", "crm" not in there), (s, "2", s != "crm"))
        )
        assert len(users(feeds)) == (2 if "crm" in there else 0)
    assert feeds.workspace.rows("select name, identity_count from users order by all") == sorted(
        [(order[-1], 3), ("crm", 1)]
    )
    assert Counter(feeds.workspace.rows("select change from usersync.user_changes")) == {("created",): 2}


def test_update_only_identities_wait_again_when_the_creating_one_leaves(feeds: Feeds) -> None:
    feeds.workspace.users("email text, name text", identifiers=["email"])
    feeds.add("crm", "id text, email text, name text", ("1", "a@x", "Ann"), max_deleted="100%")
    feeds.add("news", "id text, email text, name text", ("1", "a@x", "news"), write="update_only")
    feeds.workspace.build()
    [(user,)] = users(feeds)
    results = read(feeds, stem="crm", args=["--allow-deletes"])
    assert (results["users"]["deleted"], users(feeds)) == (1, [])
    assert feeds.workspace.rows(WAITING) == [("news", "1", True)]
    assert feeds.workspace.rows("select change, user_id from usersync.user_changes order by run_id desc limit 1") == [
        ("deleted", user)
    ]
    assert feeds.workspace.rows("from user_ids") == [(user, None)]
    assert read(feeds, ("2", "a@x", "Ann"), stem="crm")["users"]["created"] == 1
    assert feeds.workspace.rows("select identity_count from users") == [(2,)]


def test_fallback_ids_of_an_update_only_pipeline_switch_while_they_wait(app: Feeds) -> None:
    app.model("app", **settings(incremental=True, write="update_only"))
    app.add("crm", "id text, email text")
    read(app, (None, "a@x", "early", DAYS[0]))
    read(app, ("1", "a@x", "Ann", DAYS[1]))
    assert app.workspace.rows(IDENTITIES) == [("user_id", "1", "Ann")]
    assert users(app) == []
    read(app, ("c", "a@x"), stem="crm")
    assert app.workspace.rows("select name, identity_count from users") == [("Ann", 2)]
