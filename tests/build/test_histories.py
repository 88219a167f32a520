"""Random histories of small worlds: what a build adds to the warehouse is what building it all at once would give."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from tests.build.packs import WAREHOUSE, Pack, check
from tests.build.worlds import World, blank, decide, insert, move, new_step, revalue, story, undecide
from tests.support import Workspace

PACKS, WORLDS, STEPS = 7, 75, 7
OF_RUNS = ("runs", "pipeline_runs", "cursors")
"""Tables that tell of each build, and differ after each."""

Id = Any


@pytest.mark.parametrize("seed", range(PACKS))
def test_increments_are_as_good_as_a_full_refresh(tmp_path: Path, seed: int) -> None:
    trails: dict[Path, Trail] = defaultdict(Trail)

    def inspect(pack: Pack) -> None:
        trail = trails[pack.workspace.root]
        trail.follow(pack.workspace)
        # Every other build goes on from what the full refresh left.
        refresh(pack.workspace, keep=trail.builds % 2 == 0)

    assert check(tmp_path, story(WORLDS, STEPS, Random(f"history {seed}")), inspect) == STEPS


@pytest.mark.parametrize("seed", range(2))
def test_whatever_joined_and_parted_users_can_be_put_back_with_their_ids(tmp_path: Path, seed: int) -> None:
    dice = Random(f"mistake {seed}")
    right = new_step(100, dice)
    wrong = replace(right, worlds=[mistaken(world, dice) for world in right.worlds])
    pack = Pack(Workspace(tmp_path))
    ids = [{user.members: uuid for uuid, user in pack.build(step).users.items()} for step in (right, wrong, right)]
    assert ids[0] == ids[2]
    assert len(ids[0].items() - ids[1].items()) > 100


def mistaken(world: World, dice: Random) -> World:
    """The world with wrong values, decisions and identities; nobody is gone."""
    for _ in range(8):
        world = dice.choice((insert, revalue, blank, move, move, decide, undecide))(world, dice)
    return world


def refresh(workspace: Workspace, *, keep: bool) -> None:
    """Checks that a full refresh changes nothing but the record of runs."""
    file = workspace.root / WAREHOUSE
    before = contents(workspace)
    backup = shutil.copy(file, file.with_suffix(".before"))
    results = workspace.build("--full-refresh")
    assert {pipeline["full_import"] for pipeline in results["pipelines"]} == {True}
    after = contents(workspace)
    assert after.keys() == before.keys()
    for table, rows in before.items():
        assert after[table] == rows, table
    if not keep:
        shutil.move(backup, file)


def contents(workspace: Workspace) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all tables and views."""
    with duckdb.connect(str(workspace.root / WAREHOUSE), read_only=True) as warehouse:
        sql = "select schema_name, {0}_name from duckdb_{0}s() where not internal"
        names = warehouse.execute(f"{sql.format('table')} union all {sql.format('view')}").fetchall()
        return {
            name: warehouse.execute(f"select * from {schema}.{name} order by all").fetchall()
            for schema, name in names
            if name not in OF_RUNS
        }


@dataclass
class Trail:
    """What user_changes says has become of every id, followed from build to build."""

    current: dict[Id, Id | None] = field(default_factory=dict)
    """What each id became: itself while it is a user's, None when that one is gone."""
    owners: dict[Id, set[str]] = field(default_factory=dict)
    """The records that ever were of an id, and are still there."""

    builds: int = 0

    def follow(self, workspace: Workspace) -> None:
        """Checks the changes of the last build against the users that there are now."""
        self.builds += 1
        last = "where run_id = (select max(run_id) from usersync.runs)"
        changes = workspace.rows(f"select change, user_id, old_user_id from usersync.user_changes {last}")
        members = members_of(workspace)
        self._replay(changes)
        assert {user for user, now in self.current.items() if user == now} == members.keys() - {None}
        assert dict(workspace.rows("select user_id, current_user_id from user_ids")) == {
            user: self._today(user) for user in self.current
        }
        self._hand_over(members)

    def _replay(self, changes: list[tuple[Any, ...]]) -> None:
        users = {user for user, now in self.current.items() if user == now}
        for change, user, old in changes:
            match change:
                case "created":
                    assert user not in users
                    assert old is None
                    self.current[user] = user
                case "split":
                    assert user not in users
                    assert old in users
                    self.current[user] = user
                case "merged":
                    assert old in users
                    assert user != old
                    self.current[old] = user
                case _:
                    assert (change, old) == ("deleted", None)
                    assert user in users
                    self.current[user] = None

    def _today(self, user: Id) -> Id | None:
        now = self.current[user]
        return now if now in (None, user) else self._today(now)

    def _hand_over(self, members: Mapping[Id, set[str]]) -> None:
        """An id that was once a person's comes to none but those who had it."""
        alive = set().union(*members.values())
        users = {user: records for user, records in members.items() if user}
        for user, records in users.items():
            assert user not in self.owners or records & self.owners[user], f"{user} came to {records}"
        self.owners = {user: records & alive for user, records in self.owners.items()}
        for user, records in users.items():
            self.owners.setdefault(user, set()).update(records)


def members_of(workspace: Workspace) -> dict[Id, set[str]]:
    """The records of each user, and under None of those who wait; one that gets its user id keeps its name here."""
    members: dict[Id, set[str]] = defaultdict(set)
    sql = "select user_id, pipeline || ':' || replace(identity_id, 'f', '') from identities"
    for user, record in workspace.rows(sql):
        members[user].add(record)
    return dict(members)
