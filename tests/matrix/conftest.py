"""An API without a worker, on a database of its own: what changes there, a request has changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from atlas_gql.plugins.loading import discover, load_all
from atlas_gql.schema.build import build_schema
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.matrix.asking import Asker, asker
from support.matrix.callers import CALLERS, REFERENCE
from support.matrix.table import Table
from support.matrix.world import World
from support.paths import DATA_DIR
from support.settings import EXAMPLE

WITH_EXAMPLE = load_all([*discover(), EXAMPLE])
"""The plugins that are walked: the shipped ones, and one that has settings of every form."""


@pytest.fixture(scope="session")
def own_database() -> Iterator[TestDatabase]:
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture(scope="session")
def ask(own_database: TestDatabase, simulator: Running) -> Iterator[Asker]:
    with (
        installation(
            own_database, plugins=WITH_EXAMPLE, simulator=simulator, worker=False, rate_limit=0
        ) as atlas,
        asker(atlas, own_database.admin_url) as asking,
    ):
        yield asking


@pytest.fixture(scope="session")
def world(ask: Asker) -> World:
    """The world that is only looked at, with everybody in it."""
    made = World(ask.admin)
    for caller in (*CALLERS, REFERENCE):
        made.token_of(caller)
    return made


@pytest.fixture
def own(ask: Asker) -> World:
    """A world for one test, which changes it."""
    return World(ask.admin)


@pytest.fixture(scope="session")
def table() -> Table:
    return Table(build_schema(WITH_EXAMPLE.operations.values(), WITH_EXAMPLE.settings))
