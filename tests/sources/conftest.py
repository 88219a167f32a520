"""Fixtures of the sources' tests."""

import pytest

from tests.sources.tables import KINDS, Store, open_store, sources
from tests.support import Workspace


@pytest.fixture(params=sources(*KINDS))
def store(request: pytest.FixtureRequest, workspace: Workspace) -> Store:
    """A source of each kind, empty."""
    return open_store(request.param, request, workspace.root)
