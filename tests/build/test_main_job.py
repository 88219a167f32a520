"""The main job: one shop's customers in three databases, its employees and a list of contacts, made users at once."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.servers import Database
from tests.sources.tables import Row, Store
from tests.support import Workspace, pipeline_of

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]

COLUMNS = "id bigint, first text, last text, company text, country text, phone text, email text"
COPIES = ("customers_postgres", "customers_mysql", "customers_sqlite")
MAPPING = {
    "email": "lower(email)",
    "first_name": "first",
    "last_name": "last",
    "company": "company",
    "country": "country",
    "phone": "phone",
}


def customers() -> Iterator[Row]:
    for n in range(1, 60):
        company = None if n % 3 else f"Company {n}"
        yield n, f"First{n}", f"L'ast {n}", company, "Česko", f"+1 {n:03}", f"Customer{n}@Shop.example"


def employees() -> Iterator[Row]:
    for n in range(1, 9):
        yield n, f"Employee{n}", "Staff", "Shop", "Canada", None, f"employee{n}@shop.example"


@dataclass(frozen=True)
class Shop:
    workspace: Workspace
    postgres: Database

    def change_email(self, email: str, at: str) -> None:
        self.postgres.execute(f"update people set email = '{email}', updated_at = '{at}' where id = 7")

    def tables(self) -> tuple[list[Row], list[Row]]:
        users = self.workspace.rows("select * from users order by user_id")
        return list(users), list(self.workspace.rows("select * from identities order by pipeline, identity_id"))

    def user_of(self, pipeline: str, identity: int) -> object:
        [(user,)] = self.workspace.rows(
            f"select user_id from identities where pipeline = '{pipeline}' and identity_id = '{identity}'"
        )
        return user

    def changes(self) -> list[Row]:
        """What the last build did to users."""
        last = "where run_id = (select max(run_id) from usersync.runs)"
        return list(self.workspace.rows(f"select change, user_id, old_user_id from usersync.user_changes {last}"))


@pytest.fixture
def shop(workspace: Workspace, postgres: Database, mysql: Database) -> Shop:
    stores = {
        "pg": Store("postgres", workspace.root, postgres),
        "my": Store("mysql", workspace.root, mysql),
        "lite": Store("sqlite", workspace.root),
        "staff": Store("sqlite", workspace.root),
        "lists": Store("csv", workspace.root),
    }
    workspace.profile({name: store.profile for name, store in stores.items()})
    workspace.users(
        "email varchar(254), first_name varchar(100), last_name varchar(100), "
        "company varchar(100), country varchar(60), phone varchar(30)",
        identifiers=["email"],
    )
    rows = [(*row, f"2026-03-01 08:00:{n:02}") for n, row in enumerate(customers())]
    for connection, stem in zip(stores, COPIES, strict=False):
        stores[connection].fill("people", f"{COLUMNS}, updated_at timestamp", rows)
        workspace.model(
            stem,
            "select id, first, last, company, country, phone, email, updated_at from people"
            "{% if this.connection == 'pg' %} where updated_at >= ${updated_at}{% endif %}",
            connection=connection,
            user_id="id",
            updated_at="updated_at",
            incremental=connection == "pg",
            mapping=MAPPING,
        )
    stores["staff"].fill("employees", COLUMNS, list(employees()))
    workspace.model("employees", "select * from employees", connection="staff", user_id="id", mapping=MAPPING)
    with (workspace.root / "source/contacts.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "first_name"), *((n, f"Contact {n}") for n in range(935))])
    workspace.model("contacts", "select id, first_name from 'contacts.csv'", connection="lists", user_id="id")
    return Shop(workspace, postgres)


def test_every_person_is_one_user(shop: Shop) -> None:
    results = shop.workspace.build()
    assert {p["pipeline"]: p["inserted"] for p in results["pipelines"]} == {
        **dict.fromkeys(COPIES, 59),
        "employees": 8,
        "contacts": 935,
    }
    assert (results["users"]["total"], results["users"]["created"], results["users"]["identities"]) == (
        1002,
        1002,
        1120,
    )
    assert shop.workspace.rows("select identity_count, count(*) from users group by all order by all") == [
        (1, 943),
        (3, 59),
    ]
    assert shop.workspace.rows(
        "select email, first_name, last_name, company, country, phone from users where email like 'customer7@%'"
    ) == [("customer7@shop.example", "First7", "L'ast 7", None, "Česko", "+1 007")]


def test_a_second_build_changes_nothing(shop: Shop) -> None:
    shop.workspace.build()
    before = shop.tables()
    results = shop.workspace.build()
    assert all(p["read"] == p["unchanged"] for p in results["pipelines"])
    assert [pipeline_of(results, stem)["read"] for stem in COPIES] == [1, 59, 59]
    assert {k: v for k, v in results["users"].items() if k not in {"total", "identities"}} == dict.fromkeys(
        ("created", "updated", "merged", "split", "deleted"), 0
    )
    assert shop.tables() == before


def test_a_changed_email_splits_the_user_and_undoing_it_gives_the_former_ids_back(shop: Shop) -> None:
    shop.workspace.build()
    user, ids = shop.user_of(COPIES[0], 7), [row[0] for row in shop.tables()[0]]
    shop.change_email("other@shop.example", "2026-03-02 08:00:00")
    results = shop.workspace.build()
    changed = pipeline_of(results, COPIES[0])
    assert (changed["full_import"], changed["read"], changed["updated"], changed["unchanged"]) == (False, 2, 1, 1)
    assert (results["users"]["split"], results["users"]["total"]) == (1, 1003)
    other = shop.user_of(COPIES[0], 7)
    assert shop.user_of(COPIES[1], 7) == shop.user_of(COPIES[2], 7) == user != other
    assert shop.changes() == [("split", other, user)]
    shop.change_email("Customer7@Shop.example", "2026-03-03 08:00:00")
    results = shop.workspace.build()
    assert (pipeline_of(results, COPIES[0])["read"], results["users"]["merged"]) == (1, 1)
    assert shop.changes() == [("merged", user, other)]
    assert [row[0] for row in shop.tables()[0]] == ids
    shop.change_email("other@shop.example", "2026-03-04 08:00:00")
    shop.workspace.build()
    assert shop.user_of(COPIES[0], 7) == other
