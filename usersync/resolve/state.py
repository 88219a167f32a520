"""What the warehouse remembers for increments, and whether it still holds."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import duckdb

from usersync.project.model import UserSchema
from usersync.warehouse.store import rows


@dataclass(frozen=True, slots=True)
class State:
    """The last resolution, in a few words."""

    last_key: int = 0
    """The greatest key and age ever given."""
    salt: int = 0
    """Of the hash of values; raised when two values had one hash."""
    pipelines: frozenset[tuple[str, str]] = frozenset()
    """Each pipeline that ever had an identity, with its connection."""
    resolution: str = ""
    """What the result depends on beside the identities; another text means that all is resolved anew."""

    @property
    def shared(self) -> tuple[str, ...]:
        """Connections of several pipelines: only there can two identities have one id."""
        connections = [connection for _, connection in self.pipelines]
        return tuple(sorted({one for one in connections if connections.count(one) > 1}))

    def with_pipelines(self, pipelines: Iterable[tuple[str, str]]) -> State:
        """The state with these pipelines added."""
        return replace(self, pipelines=self.pipelines | set(pipelines))

    def rows(self) -> dict[str, str]:
        """As stored in usersync.state."""
        return {
            "last_key": str(self.last_key),
            "salt": str(self.salt),
            "pipelines": json.dumps(sorted(self.pipelines)),
            "resolution": self.resolution,
        }


def read_state(engine: duckdb.DuckDBPyConnection) -> State:
    """The state that the last build left."""
    found: Mapping[str, str] = dict(rows(engine, "select key, value from usersync.state"))
    return State(
        int(found.get("last_key", 0)),
        int(found.get("salt", 0)),
        frozenset((pipeline, connection) for pipeline, connection in json.loads(found.get("pipelines", "[]"))),
        found.get("resolution", ""),
    )


def resolution_of(users: UserSchema, state: State) -> str:
    """What the result depends on beside the identities: settings, types, and how values are hashed."""
    return json.dumps(
        {
            "properties": [(leaf.column, leaf.type.stored) for leaf in users.leaves],
            "identifiers": users.identifiers,
            "ignore_values": {path: [str(v) for v in values] for path, values in users.ignore_values.items()},
            "max_identities_per_value": users.max_identities_per_value,
            "primary_sources": dict(users.primary_sources),
            "shared": state.shared,
            "hash": f"duckdb {duckdb.__version__}, salt {state.salt}",
        },
        sort_keys=True,
    )
