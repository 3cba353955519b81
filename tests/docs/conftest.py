"""What the examples of the documentation are tried on."""

from __future__ import annotations

import pytest

from atlas_gql.schema import ids
from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Installation
from support.loopback import loopback
from support.runs import add_runs
from support.world import World, make_world


@pytest.fixture(scope="module")
def world(atlas: Installation, simulator: Running, pristine: object) -> World:
    loopback.post(f"{simulator.url}/_simulator/load", json=pristine).raise_for_status()
    return make_world(atlas.new_place())


@pytest.fixture
def queued_run(admin_url: str, world: World) -> str:
    """The id of a run that stays queued."""
    (run_id,) = add_runs(admin_url, world.place, 1, status="queued")
    return ids.encode("OperationRun", run_id)
