"""Columns of every type, each landed in a text property and in the property that is natural for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.sources.tables import Store
from tests.support import Workspace


class Landing(NamedTuple):
    """A column's type and value in the source's SQL, and what becomes of it, as DuckDB writes it."""

    type: str
    value: str
    text: str | None
    """None where there is no way from this type to text."""
    property: str
    landed: str


def land(workspace: Workspace, store: Store, cases: Sequence[Landing]) -> None:
    """Builds from one row that holds every case, and checks all values at once."""
    listed = ", ".join(f"c{i} {case.type}" for i, case in enumerate(cases))
    values = ", ".join(case.value for case in cases)
    store.execute(f"create table kinds (id int, {listed}); insert into kinds values (1, {values})")
    properties = {f"v{i}": case.property for i, case in enumerate(cases)}
    texts = {f"t{i}": "text" for i, case in enumerate(cases) if case.text is not None}
    columns = ", ".join(f"{name} {kind}" for name, kind in (properties | texts).items())
    mapping = {name: f"c{name[1:]}" for name in properties | texts}
    one_pipeline(workspace, store, columns, "select * from kinds", mapping)
    workspace.build()
    assert workspace.rows("select reason, property from usersync.rejected_rows") == []
    for i, case in enumerate(cases):
        wanted = f"v{i}::varchar, {f't{i}' if case.text is not None else 'null'}"
        assert workspace.rows(f"select {wanted} from identities") == [(case.landed, case.text)], case


def one_pipeline(
    workspace: Workspace,
    store: Store,
    columns: str,
    query: str,
    mapping: Mapping[str, str] | None = None,
    **config: object,
) -> None:
    """A project with one pipeline, `p`."""
    workspace.profile({"it": store.profile})
    workspace.users(columns)
    mapped = {"mapping": dict(mapping)} if mapping else {}
    workspace.model("p", query, connection="it", user_id="id", **mapped, **config)


def rejected(workspace: Workspace) -> list[tuple[object, ...]]:
    """Id and property of every rejected row."""
    return workspace.rows("select identity_id, property from usersync.rejected_rows order by 1, 2")
