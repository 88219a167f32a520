"""Identities to users: what changed identities touch is resolved anew, all else stays.

`compute` only reads the warehouse and leaves what it finds in temporary tables; `apply` writes that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import duckdb

from usersync.compile.sql import ident, literal, template
from usersync.diagnostics import ConfigError, Diagnostic, WarehouseError
from usersync.project.model import Property, UserSchema
from usersync.project.overrides import Decision
from usersync.project.types import Kind
from usersync.resolve import PACKAGE
from usersync.resolve.components import label_components
from usersync.resolve.ids import user_id_of
from usersync.resolve.linking import Linking
from usersync.resolve.links import MAX_IDENTIFIERS, identifiers_of, stored_values
from usersync.resolve.state import read_state, resolution_of
from usersync.resolve.unlink import Evidence, part
from usersync.warehouse.store import look_up_many, rows, run_template

_PRIMARY = 1 << 60
"""Lifts the rank of a primary source's values over all others'."""

_BYTES_OF_A_VALUE = 64
"""What a property of an identity takes at most while users' values are computed."""


@dataclass(frozen=True, slots=True)
class UserCounts:
    """What a build did to users."""

    created: int = 0
    updated: int = 0
    merged: int = 0
    split: int = 0
    deleted: int = 0
    total: int = 0
    identities: int = 0


@dataclass
class Resolution:
    """One resolution, from `temp.delta` to what is to be written.

    It leaves `temp.delta` (identities that change, now with keys and ages), `scope` (all that it looks at, as they will
    be), `temp.placed` (each one's user), `temp.user_delta` (users that change), `temp.user_moves` (users that come, go,
    or change id).
    """

    engine: duckdb.DuckDBPyConnection
    users: UserSchema
    decisions: Sequence[Decision] = ()
    full: bool = False
    """Whether everything is resolved anew."""
    unknown: tuple[Decision, ...] = field(default=(), init=False)
    """Decisions about identities that are not there."""
    idle: bool = field(default=False, init=False)
    """Whether nothing changed: then there are no tables of users, and nothing to write."""
    parted: bool = field(default=False, init=False)
    """Whether an `unlink` overruled evidence."""

    @property
    def scope(self) -> str:
        """The relation of all identities that are looked at, as they will be."""
        return "temp.everyone" if self.full else "temp.touched"

    def compute(self, now: str) -> UserCounts:
        """Resolves what changed.

        Args:
            now: The build's start in UTC.

        Raises:
            ConfigError: there are too many identifiers.
        """
        look_up_many(self.engine)
        self._linking = self._arrive()
        if self.decisions:
            # Of several identities that one reference may mean it means the oldest.
            self._run("heirs", stored=True)
        self._decide()
        self.idle = not self.full and not rows(
            self.engine, "select 1 from temp.delta union all select 1 from temp.decisions_changed limit 1"
        )
        if self.idle:
            return self._counts()
        self.full = self.full or not self._linking.touch()
        if not self.decisions:
            self._run("heirs", stored=self.full)
        self._run("inherit", old=stored_values(self.users))
        while not self._linking.link(self.scope, full=self.full):
            self._linking.resalt()
            self.full = True
        over = self._linking.over
        self._run("ignored", over=over)
        self._run("edges", over=over)
        label_components(self.engine)
        self._run("members", before="usersync.components" if self.full else "temp.before")
        self._part()
        leaves = [{"column": leaf.column, "golden": _golden(self.users, leaf)} for leaf in self.users.leaves]
        users_before = "usersync.user_rows" if self.full else "temp.users_before"
        self._run("users", leaves=leaves, now=now, users_before=users_before, slices=self._slices(), user_id=user_id_of)
        return self._counts()

    def apply(self, run_id: str, now: str) -> None:
        """Writes what `compute` found, within the caller's transaction.

        Raises:
            WarehouseError: what was written breaks a rule that a key would hold.
        """
        if self.idle:
            return
        self._check("check")
        self._run("apply", run_id=run_id, now=now, parted=self.parted, state=self._linking.state.rows())
        self._check("disagreements")

    def _arrive(self) -> Linking:
        """Gives keys and ages to what is new, and says how values are linked."""
        identifiers = identifiers_of(self.users)
        if len(identifiers) > MAX_IDENTIFIERS:
            message = f"{len(identifiers)} identifiers are more than {MAX_IDENTIFIERS}"
            raise ConfigError(Diagnostic("identifiers", message, self.users.location("identifiers")))
        stored = read_state(self.engine)
        run_template(self.engine, PACKAGE, "arrivals", last_key=stored.last_key)
        run_template(self.engine, PACKAGE, "everyone")
        arrived = "select distinct pipeline, connection from temp.arrived"
        last_key = rows(self.engine, "select coalesce(greatest(max(_pk), max(_age)), 0) from temp.delta")[0][0]
        state = replace(stored.with_pipelines(rows(self.engine, arrived)), last_key=max(stored.last_key, last_key))
        state = replace(state, resolution=resolution_of(self.users, state))
        self.full = self.full or state.resolution != stored.resolution
        return Linking(self.engine, self.users, identifiers, state)

    def _decide(self) -> None:
        references = [
            (line, decision.kind, side, reference.pipeline, reference.identity_id)
            for line, decision in enumerate(self.decisions, start=1)
            for side, reference in enumerate((decision.identity, decision.other))
        ]
        self._run("decisions", references=references)
        sides = [line for (line,) in rows(self.engine, "select line from temp.decision_sides")]
        self.unknown = tuple(d for line, d in enumerate(self.decisions, start=1) if sides.count(line) < 2)

    def glue(self) -> list[tuple[str | None, str, int]]:
        """Of what joins users into one the values that join the most: identifier, value, users and new identities."""
        return rows(self.engine, template(PACKAGE, "glue", scope=self.scope, **self._linking.values))

    def _part(self) -> None:
        """Overrules evidence where an `unlink` says so; few components have one, so their evidence is walked here."""
        self._run("torn")
        apart = rows(self.engine, "select a, b from temp.torn")
        self.parted = bool(apart)
        if not apart:
            return
        self._run("evidence", over=self._linking.over)
        identities = [node for (node,) in rows(self.engine, "select _pk from temp.torn_members")]
        evidence = [
            Evidence(level, age, value, identity, mask, other)
            for level, age, value, identity, mask, other in rows(
                self.engine, "select level, _age, value, _pk, mask, other from temp.evidence"
            )
        ]
        parts, refused = part(identities, evidence, apart)
        self._fill("parts", [list(parts), list(parts.values())])
        overruled = [(e.level, e.value, e.identity, e.other) for e in refused]
        self._fill("overruled", list(zip(*overruled, strict=True)))

    def _fill(self, table: str, columns: Sequence[Sequence[object]]) -> None:
        if columns:
            listed = ", ".join(f"unnest({literal(list(column))})" for column in columns)
            self.engine.execute(f"insert into temp.{table} select {listed}")

    def _run(self, name: str, **values: object) -> None:
        run_template(self.engine, PACKAGE, name, **self._linking.values, scope=self.scope, full=self.full, **values)

    def _check(self, name: str) -> None:
        problems = rows(self.engine, template(PACKAGE, name, scope=self.scope))
        if problems:
            raise WarehouseError(f"a check of the warehouse failed, nothing was written: {problems[0][0]}")

    def _counts(self) -> UserCounts:
        moves = self._numbers("change", "user_moves")
        actions = self._numbers("_action", "user_delta")
        changes = self._numbers("_action", "delta")
        [(users,)] = rows(self.engine, "select count(*) from usersync.user_rows")
        [(identities,)] = rows(self.engine, "select count(*) from usersync.identity_rows")
        return UserCounts(
            **{change: moves.get(change, 0) for change in ("created", "merged", "split", "deleted")},
            updated=actions.get("update", 0),
            total=users + actions.get("insert", 0) - actions.get("delete", 0),
            identities=identities + changes.get("insert", 0) - changes.get("delete", 0),
        )

    def _slices(self) -> int:
        """In how many parts users' values are computed: all at once unless memory is scarce."""
        [(identities,)] = rows(self.engine, "select count(*) from temp.members")
        [(memory,)] = rows(self.engine, "select parse_formatted_bytes(current_setting('memory_limit'))")
        return int(identities * len(self.users.leaves) * _BYTES_OF_A_VALUE / (memory / 2)) + 1

    def _numbers(self, column: str, table: str) -> dict[str, int]:
        if self.idle:
            return {}
        return dict(rows(self.engine, f"select {column}, count(*) from temp.{table} group by {column}"))


def _golden(users: UserSchema, leaf: Property) -> str:
    column = f"s.{ident(leaf.column)}"
    if leaf.type.kind is Kind.ARRAY:
        return f"list_sort(list_distinct(flatten(list({column}) filter ({column} is not null))))"
    primary = users.primary_sources.get(leaf.path)
    rank = f"r._rank + if(s.connection = {literal(primary)}, {_PRIMARY}, 0)" if primary else "r._rank"
    return f"arg_max({column}, {rank})"
