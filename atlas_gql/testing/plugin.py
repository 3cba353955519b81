"""Fixtures for the tests of plugins: `pytest_plugins = ["atlas_gql.testing.plugin"]` in `conftest.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from atlas_gql.plugins.loading import Loaded
from atlas_gql.testing import operations
from atlas_gql.testing.faults import Graph
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.operations import RunOperation
from atlas_gql.testing.postgres import fresh_database


@pytest.fixture(scope="session")
def atlas_plugins() -> Loaded | None:
    """What is loaded: the installed plugins, unless the tests define this fixture themselves."""
    return None


@pytest.fixture(scope="session")
def atlas(request: pytest.FixtureRequest, atlas_plugins: Loaded | None) -> Iterator[Installation]:
    """One installation for all tests: API, worker, simulator, and a database of its own."""
    folder = request.config.rootpath / ".atlas" / "test"
    with (
        fresh_database(folder) as database,
        installation(database, plugins=atlas_plugins, staged=True) as running,
    ):
        yield running


@pytest.fixture
def new_tenant(atlas: Installation) -> Iterator[Callable[[], Place]]:
    """Makes a workspace with the simulator's demo tenant, and puts that back to what it was at first."""

    def make() -> Place:
        atlas.graph.reset()
        return atlas.new_place()

    yield make
    atlas.graph.works()


@pytest.fixture
def tenant(new_tenant: Callable[[], Place]) -> Place:
    """A fresh workspace with the simulator's demo tenant, and its owner."""
    return new_tenant()


@pytest.fixture
def graph(tenant: Place) -> Graph:
    """The simulated Microsoft Graph: what goes wrong there, and what it was asked."""
    return tenant.atlas.graph


@pytest.fixture
def run_operation(tenant: Place) -> RunOperation:
    """Runs one operation in `tenant`, and gives all that became of it."""
    return partial(operations.run_operation, tenant)
