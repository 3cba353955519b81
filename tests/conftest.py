"""What tests share: per process one migrated database, one simulator, one running installation."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from atlas_gql import simulator as simulators
from atlas_gql.simulator import DEMO_TENANT, Running
from atlas_gql.testing import tripwire
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.loopback import loopback
from support.paths import DATA_DIR


def pytest_collection_finish() -> None:
    """Let the garbage collector look seldom, and never at what is there until the end: that is most."""
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


@pytest.fixture(autouse=True)
def no_unguarded_answer() -> Iterator[None]:
    """No resolver gives a tenant's data, in any test, without having asked for rights."""
    with tripwire.watched():
        yield


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


@pytest.fixture(scope="session")
def simulator() -> Iterator[Running]:
    with simulators.running() as running:
        yield running


@pytest.fixture(scope="session")
def atlas(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    with installation(test_database, simulator=simulator, tenant_runs=4) as running:
        yield running


@pytest.fixture(scope="session")
def pristine(simulator: Running) -> object:
    """The simulated tenants before any test."""
    return loopback.get(f"{simulator.url}/_simulator/export").json()


@pytest.fixture
def place(atlas: Installation, simulator: Running, pristine: object) -> Place:
    """A workspace with the demo tenant, which is as it was made."""
    loopback.post(f"{simulator.url}/_simulator/load", json=pristine).raise_for_status()
    loopback.delete(f"{simulator.url}/_simulator/faults").raise_for_status()
    loopback.delete(f"{simulator.url}/_simulator/habits").raise_for_status()
    granted = {"tenant": DEMO_TENANT.id}
    loopback.post(f"{simulator.url}/_simulator/registration", json=granted).raise_for_status()
    loopback.delete(f"{simulator.url}/_simulator/journal").raise_for_status()
    return atlas.new_place()
