"""Fixtures of the reports' tests."""

import pytest

from tests.sources.tables import Feeds
from tests.support import Workspace


@pytest.fixture
def feeds(workspace: Workspace) -> Feeds:
    """A project whose pipelines read DuckDB tables; none yet."""
    return Feeds(workspace)
