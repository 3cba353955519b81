"""What all tests share: one migrated database per test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.paths import DATA_DIR


@pytest.fixture(scope="session")
def test_database() -> Iterator[TestDatabase]:
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="session")
def database_url(test_database: TestDatabase) -> str:
    """The database as the application connects to it."""
    return test_database.url


@pytest.fixture(scope="session")
def admin_url(test_database: TestDatabase) -> str:
    """The database as the superuser."""
    return test_database.admin_url
