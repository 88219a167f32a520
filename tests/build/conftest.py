"""Fixtures of the builds' tests."""

import pytest

from tests.sources.tables import KINDS, Feeds, Store, open_store, sources
from tests.support import Workspace


@pytest.fixture(params=sources(*KINDS))
def store(request: pytest.FixtureRequest, workspace: Workspace) -> Store:
    """A source of each kind, empty."""
    return open_store(request.param, request, workspace.root)


@pytest.fixture
def feeds(workspace: Workspace) -> Feeds:
    """A project whose pipelines read DuckDB tables; none yet."""
    return Feeds(workspace)
