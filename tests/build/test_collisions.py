"""Two values with one hash join nobody. These do have one: DuckDB's hash is not made to resist a search."""

from __future__ import annotations

import duckdb
import pytest

from tests.sources.tables import Feeds

ADA, NOT_ADA = "ada.1815@mail.it", "2t3rnne5yx_e0uz1"


def test_they_have_one_hash() -> None:
    found = duckdb.connect().execute("select hash(0::utinyint, ?), hash(0::utinyint, ?)", [ADA, NOT_ADA]).fetchone()
    assert found is not None
    assert found[0] == found[1]


@pytest.fixture
def two(feeds: Feeds) -> Feeds:
    feeds.workspace.users("email text", identifiers=["email"])
    feeds.add("crm", "id bigint, email text", (1, ADA))
    feeds.add("app", "id bigint, email text", (1, NOT_ADA), connection="other")
    return feeds


def people(feeds: Feeds) -> list[tuple[str, int]]:
    return feeds.workspace.rows("select email, identity_count from users order by all")


def test_in_one_build(two: Feeds) -> None:
    two.workspace.build()
    assert people(two) == [(NOT_ADA, 1), (ADA, 1)]


def test_one_after_the_other(feeds: Feeds) -> None:
    feeds.workspace.users("email text", identifiers=["email"])
    feeds.add("crm", "id bigint, email text", (1, ADA))
    feeds.workspace.build()
    ids = feeds.workspace.rows("select user_id from users")
    feeds.add("app", "id bigint, email text", (1, NOT_ADA), (2, ADA), connection="other")
    feeds.workspace.build()
    assert people(feeds) == [(NOT_ADA, 1), (ADA, 2)]
    assert feeds.workspace.rows(f"select user_id from users where email = '{ADA}'") == ids
    feeds.add("late", "id bigint, email text", (1, NOT_ADA), connection="third")
    feeds.workspace.build()
    assert people(feeds) == [(NOT_ADA, 2), (ADA, 2)]


def test_in_arrays(feeds: Feeds) -> None:
    feeds.workspace.users("emails text[]", identifiers=["emails"])
    feeds.add("crm", "id bigint, emails text[]", (1, [ADA, "a@x"]), (2, [NOT_ADA]), (3, ["a@x"]))
    feeds.workspace.build()
    assert feeds.workspace.rows("select identity_count from users order by all") == [(1,), (2,)]


def test_one_that_too_many_share_does_not_silence_the_other(feeds: Feeds) -> None:
    feeds.workspace.users("email text", identifiers=["email"], max_identities_per_value=2)
    feeds.add("crm", "id bigint, email text", *((n, ADA) for n in range(3)), *((n, NOT_ADA) for n in range(3, 5)))
    feeds.workspace.build()
    assert people(feeds) == [(NOT_ADA, 2), (ADA, 1), (ADA, 1), (ADA, 1)]
    assert feeds.workspace.rows("select value, identities from usersync.ignored_values") == [(ADA, 3)]


def test_one_that_too_many_shared_before_does_not_silence_the_other(feeds: Feeds) -> None:
    feeds.workspace.users("email text", identifiers=["email"], max_identities_per_value=2)
    feeds.add("crm", "id bigint, email text", *((n, ADA) for n in range(3)))
    feeds.workspace.build()
    feeds.add("app", "id bigint, email text", *((n, NOT_ADA) for n in range(2)), connection="other")
    feeds.workspace.build()
    assert people(feeds) == [(NOT_ADA, 2), (ADA, 1), (ADA, 1), (ADA, 1)]
