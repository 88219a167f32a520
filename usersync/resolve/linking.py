"""What identities match by: their links, for all in scope, under the guards."""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb

from usersync.compile.sql import template
from usersync.project.model import UserSchema
from usersync.resolve import PACKAGE
from usersync.resolve.links import Identifier, id_value, value_hash
from usersync.resolve.state import State, resolution_of
from usersync.warehouse.store import LOOKED_UP, rows, run_template


@dataclass
class Linking:
    """The links of a resolution. `temp.over` has the values that too many identities share."""

    engine: duckdb.DuckDBPyConnection
    users: UserSchema
    identifiers: tuple[Identifier, ...]
    state: State

    def touch(self) -> bool:
        """Finds `temp.touched`, the identities that changed ones touch; False when that may be all of them."""
        self._run("came")
        self._run("known")
        limit = self.users.max_identities_per_value
        if limit is not None:
            self._run("holders")
            crossed = template(PACKAGE, "crossed", limit=limit, over=self.over, **self.values)
            if rows(self.engine, crossed)[0][0]:
                return False
            self._refit("temp.came", "v", "temp.arrived")
        self._run("touched")
        [(reached,)] = rows(self.engine, "select count(*) from temp.reached")
        self._run("reached", few=reached <= LOOKED_UP)
        return True

    def link(self, scope: str, *, full: bool) -> bool:
        """Makes `temp.links` of all in scope, ordered by value; False when two values have one hash."""
        limit = self.users.max_identities_per_value
        if full and limit is None:
            self._run("counted", limit=None)
            self._run("links", links="temp.links", scope=scope, sorted=True)
        else:
            self._run("links", links="temp.loose", scope=scope, sorted=False)
            if full:
                self._run("counted", links="temp.loose", limit=limit)
            self._refit("temp.loose", "value_hash", scope)
            self._run("ordered")
        return not rows(self.engine, template(PACKAGE, "collisions", scope=scope, **self.values))[0][0]

    def resalt(self) -> None:
        """Another hash for all values."""
        salted = replace(self.state, salt=self.state.salt + 1)
        self.state = replace(salted, resolution=resolution_of(self.users, salted))

    @property
    def over(self) -> bool:
        """Whether there are values that too many identities share."""
        return bool(rows(self.engine, "select 1 from temp.over limit 1"))

    @property
    def values(self) -> dict[str, object]:
        """What templates about links need."""
        return {
            "identifiers": self.identifiers,
            "shared": self.state.shared,
            "salt": self.state.salt,
            "hashed": value_hash,
            "id_value": id_value,
        }

    def _refit(self, links: str, hash_column: str, relation: str) -> None:
        if self.over:
            self._run("refit", links=links, hash=hash_column, relation=relation)

    def _run(self, name: str, **values: object) -> None:
        run_template(self.engine, PACKAGE, name, **self.values, **values)
