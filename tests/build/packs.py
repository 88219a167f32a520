"""Many worlds built together in one warehouse, and compared with the oracle one by one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import duckdb

from tests.build import oracle
from tests.build.oracle import Cluster, Identity, Key, Registry, Rules
from tests.build.shrinking import explained
from tests.build.worlds import PIPELINES, PROPERTIES, UNTIMED, Step, World
from tests.support import Workspace

COLUMNS = "number bigint, email text, phones text[], code text, cards bigint[], name text"
SOURCE = dict(
    column.split()
    for column in f"id text, fid text, ts timestamp, accounts text[], company text, {COLUMNS}".split(", ")
)
WAREHOUSE = "target/warehouse.duckdb"


@dataclass(frozen=True)
class User:
    """A user as the warehouse has it; its id is not part of this."""

    members: Cluster
    values: Mapping[str, Any]
    identity_count: int
    created_at: datetime
    updated_at: datetime
    accounts: Mapping[str, str | None]


@dataclass
class State:
    """What a warehouse should hold, or holds, after a build."""

    users: dict[Any, User]
    waiting: Cluster
    """Identities without a user."""
    ignored: dict[tuple[str, str], tuple[int, str]]
    overruled: set[oracle.Overruled]


@dataclass
class Expected:
    """The oracle followed through the builds of a pack."""

    registry: Registry = field(default_factory=Registry)
    seen: dict[Key, Identity] = field(default_factory=dict)
    created: dict[int, datetime] = field(default_factory=dict)

    def after(self, step: Step, now: datetime) -> State:
        """What a build that starts now should make of it."""
        identities = {one.key: one for one in self._timed(step, now)}
        self.registry.admit(identities)
        ignored = oracle.ignored_values(identities.values(), step.rules)
        state = State({}, frozenset(), ignored, set())
        clusters = set()
        for world in step.worlds:
            found = self._resolve(world, identities, step.rules, ignored)
            clusters |= found.clusters
            state.overruled |= {name_of(one, step.rules) for one in found.overruled}
        ids = self.registry.settle(clusters, identities)
        self.created = {user: self.created.get(user, now) for user in ids.values() if user is not None}
        for cluster, user in ids.items():
            if user is None:
                state.waiting |= cluster
            else:
                state.users[user] = self._user(cluster, identities, step.rules, self.created[user])
        return state

    def _timed(self, step: Step, now: datetime) -> Iterator[Identity]:
        """Rows without an update time have that of the build that saw them change."""
        before, self.seen = self.seen, {}
        for one in step.identities:
            given = replace(one, updated_at=now) if one.pipeline == UNTIMED else one
            old = before.get(one.key)
            if old and replace(given, updated_at=old.updated_at) == old:
                given = replace(given, updated_at=old.updated_at) if one.pipeline == UNTIMED else given
            self.seen[one.key] = given
            yield given

    def _resolve(
        self, world: World, identities: Mapping[Key, Identity], rules: Rules, ignored: Mapping[oracle.Link, object]
    ) -> oracle.Clusters:
        own = [identities[key] for key in world.identities]
        ages = {key: birth.age for key, birth in self.registry.births.items()}
        nodes = {one.key: oracle.node(one, ages[one.key], rules, ignored) for one in own}
        links, unlinks = (oracle.decided(own, world.decisions, which) for which in ("link", "unlink"))
        return oracle.resolve(nodes, links, unlinks)

    def _user(self, cluster: Cluster, identities: Mapping[Key, Identity], rules: Rules, created: datetime) -> User:
        members = [identities[key] for key in cluster]
        return User(
            cluster,
            {name: oracle.value_of(members, name, rules) for name in PROPERTIES},
            len(members),
            created,
            max(one.updated_at for one in members),
            oracle.accounts_of(members),
        )


def name_of(evidence: oracle.Evidence, rules: Rules) -> oracle.Overruled:
    """Overruled evidence as the warehouse lists it."""
    if evidence.level >= 0:
        return rules.identifiers[evidence.level], evidence.value, evidence.node.key
    value = ":".join(evidence.partner[:2]) if evidence.partner else evidence.node.key[1]
    return None, value, evidence.node.key


# --- The real thing ---


@dataclass
class Pack:
    """A project whose four pipelines read files, which the worlds fill."""

    workspace: Workspace
    order: int = 0
    """Which of all orders rows are read in."""
    threads: int | None = None
    """Of DuckDB, and of reading; by default all cores."""
    expected: Expected = field(default_factory=Expected)
    ids: dict[int, Any] = field(default_factory=dict)
    """The UUID of each id of the oracle's, from when it was first seen."""

    def __post_init__(self) -> None:
        (self.workspace.root / "source").mkdir(parents=True)
        connections: dict[str, dict[str, object]] = {
            name: {"type": "files", "path": "source"} for name in PIPELINES.values()
        }
        self.workspace.profile(connections, **({"threads": self.threads} if self.threads else {}))
        self.dice = Random(self.order)

    def build(self, step: Step) -> State:
        """Builds the worlds as they are in this step."""
        write_rules(self.workspace, step.rules)
        for pipeline in PIPELINES:
            write_model(self.workspace, pipeline, step.update_only)
        write_rows(self.workspace.root, step, self.dice)
        write_decisions(self.workspace, step)
        selected = [arg for pipeline in step.selected for arg in ("--select", pipeline)]
        threads = ["--threads", str(self.threads)] if self.threads else []
        self.workspace.build("--allow-deletes", *selected, *threads)
        return read_state(self.workspace)

    def differences(self, step: Step) -> dict[int, str]:
        """Builds, and says of each world what came out other than the oracle says."""
        found = self.build(step)
        [(now,)] = self.workspace.rows("select max(started_at) from usersync.runs")
        wanted = self.expected.after(step, now)
        self._learn_ids(wanted, found)
        names = {uuid: str(name) for name, uuid in self.ids.items()}
        ours = by_world({str(name): user for name, user in wanted.users.items()}, wanted)
        theirs = by_world({names.get(uuid, f"of another id, {uuid}"): one for uuid, one in found.users.items()}, found)
        wrong = sorted(number for number in ours.keys() | theirs.keys() if ours[number] != theirs[number])
        return {number: compared(ours[number], theirs[number]) for number in wrong}

    def _learn_ids(self, wanted: State, found: State) -> None:
        """An id is known when its user first comes up; from then on it must stay."""
        by_members = {user.members: uuid for uuid, user in found.users.items()}
        taken = set(self.ids.values())
        for name, user in wanted.users.items():
            uuid = by_members.get(user.members)
            if name not in self.ids and uuid not in taken:
                self.ids[name] = uuid


def compared(wanted: Sequence[str], found: Sequence[str]) -> str:
    lines = [f"- {line}" for line in wanted if line not in found] + [
        f"+ {line}" for line in found if line not in wanted
    ]
    return "\n".join(lines)


def check(
    root: Path,
    story: Iterable[Step],
    inspect: Callable[[Pack], None] | None = None,
    *,
    order: int = 0,
    threads: int | None = None,
) -> int:
    """Builds step by step, and compares each with the oracle.

    Args:
        root: An empty folder.
        story: What is built.
        inspect: Asserts more of each build.
        order: Which of all orders rows are read in.
        threads: Of DuckDB and of reading.

    Returns:
        How many steps there were.

    Raises:
        AssertionError: with the smallest story found that fails.
    """
    folders = (root / str(number) for number in count())

    def problem(story: Iterable[Step]) -> str:
        pack = Pack(Workspace(next(folders)), order, threads)
        try:
            for step in story:
                if wrong := pack.differences(step):
                    return "\n".join(wrong.values())
                if inspect:
                    inspect(pack)
        except AssertionError as error:
            return str(error) or repr(error)
        return ""

    told: list[Step] = []
    if found := problem(recorded(story, told)):
        raise AssertionError(explained(tuple(told), found, problem))
    return len(told)


def recorded(story: Iterable[Step], told: list[Step]) -> Iterator[Step]:
    for step in story:
        told.append(step)
        yield step


def by_world(users: Mapping[Any, User], state: State) -> dict[int, list[str]]:
    """All that came out of each world, as sorted lines of text."""
    lines: dict[int, list[str]] = defaultdict(list)
    for name, user in users.items():
        lines[world_of(min(user.members))].append(f"user {name}: {shown(user)}")
    for key in state.waiting:
        lines[world_of(key)].append(f"no user yet: {key}")
    for evidence in state.overruled:
        lines[world_of(evidence[-1])].append(f"overruled: {evidence}")
    for (name, value), (identities, reason) in state.ignored.items():
        lines[holder_of(value)].append(f"ignored: {name} {value!r} of {identities}, {reason}")
    for listed in lines.values():
        listed.sort()
    return lines


def shown(user: User) -> str:
    members = ", ".join(f"{pipeline}:{one}" for pipeline, one, _ in sorted(user.members))
    values = {name: value for name, value in user.values.items() if value is not None}
    rest = f"{user.identity_count} identities, created {user.created_at}, updated {user.updated_at}"
    return f"[{members}] {values}, {rest}, accounts {dict(sorted(user.accounts.items()))}"


def world_of(key: Key) -> int:
    return int(key[1].partition(":")[0])


def holder_of(value: str) -> int:
    """The world of an identifier's value; -1 for the one that all share."""
    return int(value) // 10 if value.isdigit() else int(value.partition(" ")[0] or -1)


# --- Files ---


def write_rules(workspace: Workspace, rules: Rules) -> None:
    settings: dict[str, object] = {
        "identifiers": list(rules.identifiers),
        "primary_sources": dict(rules.primary_sources),
        "ignore_values": {name: list(values) for name, values in rules.ignore_values.items()},
    }
    if rules.limit is not None:
        settings["max_identities_per_value"] = rules.limit
    workspace.users(COLUMNS, **settings)


def write_model(workspace: Workspace, pipeline: str, update_only: frozenset[str]) -> None:
    timed: dict[str, object] = {"fallback_id": "fid"} if pipeline == UNTIMED else {"updated_at": "ts"}
    writes: dict[str, object] = {"write": "update_only"} if pipeline in update_only else {}
    listed = ", ".join(f"{name}: '{kind}'" for name, kind in SOURCE.items())
    workspace.model(
        pipeline,
        f"select {', '.join(SOURCE)} from read_json('{pipeline}.jsonl', columns = {{{listed}}})",
        connection=PIPELINES[pipeline],
        user_id="id",
        account_ids="accounts",
        account_name="company",
        **timed,
        **writes,
    )


def write_rows(root: Path, step: Step, dice: Random) -> None:
    rows: dict[str, list[str]] = defaultdict(list)
    for one in step.identities:
        rows[one.pipeline].append(json.dumps(row_of(one)))
    for pipeline in PIPELINES:
        dice.shuffle(rows[pipeline])
        (root / f"source/{pipeline}.jsonl").write_text("\n".join(rows[pipeline]), encoding="utf-8")


def row_of(one: Identity) -> dict[str, Any]:
    return {
        "id": one.id if one.kind == "user_id" else None,
        "fid": one.fallback_id,
        "ts": str(one.updated_at),
        "accounts": list(one.account_ids) or None,
        "company": one.account_name,
        **one.values,
    }


def write_decisions(workspace: Workspace, step: Step) -> None:
    lines = [f"{one.decision},{one.identity},{one.other},,," for world in step.worlds for one in world.decisions]
    path = workspace.root / "models/overrides.csv"
    if lines:
        workspace.write("models/overrides.csv", "\n".join(["decision,identity,other,who,why,when", *lines, ""]))
    else:
        path.unlink(missing_ok=True)


# --- The warehouse ---


def read_state(workspace: Workspace) -> State:
    with duckdb.connect(str(workspace.root / WAREHOUSE), read_only=True) as warehouse:

        def rows(sql: str) -> list[tuple[Any, ...]]:
            return warehouse.execute(sql).fetchall()

        members: dict[Any, set[Key]] = defaultdict(set)
        for user, *key in rows("select user_id, pipeline, identity_id, id_kind from identities"):
            members[user].add(tuple(key))
        accounts: dict[Any, dict[str, str | None]] = defaultdict(dict)
        for user, account, name in rows("select user_id, account_id, account_name from user_accounts"):
            accounts[user][account] = name
        users = {}
        for user, count, created, updated, *values in rows(
            f"select user_id, identity_count, created_at, updated_at, {', '.join(PROPERTIES)} from users"
        ):
            named = dict(zip(PROPERTIES, values, strict=True))
            users[user] = User(frozenset(members[user]), named, count, created, updated, accounts[user])
        ignored = rows("select property, value, identities, reason from usersync.ignored_values")
        overruled = rows("select property, value, pipeline, identity_id, id_kind from usersync.overruled_values")
        return State(
            users,
            frozenset(members[None]),
            {(name, value): (count, reason) for name, value, count, reason in ignored},
            {(name, value, tuple(key)) for name, value, *key in overruled},
        )
