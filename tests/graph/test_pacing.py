"""Pauses and places are shared by all calls of one tenant and family, and by nobody else."""

from __future__ import annotations

import asyncio

import pytest

from atlas_gql.errors import GraphError
from atlas_gql.graph import CONTRACTS, Family, Pacer
from atlas_gql.graph.pacing import LONGEST_PAUSE, family_of


def test_a_pause_holds_back_its_family_and_tenant_only(time):
    pacer = Pacer(clock=time.clock)
    pacer.pause("a", Family.DEVICES, 10)
    pacer.pause("a", Family.DEVICES, 2)

    assert pacer.pause_left("a", Family.DEVICES) == 10
    assert pacer.pause_left("a", Family.APPLICATIONS) == pacer.pause_left("b", Family.DEVICES) == 0
    assert asyncio.run(pacer.wait("a", Family.DEVICES, at_most=10)) == 10
    assert time.slept == [10]


def test_a_pause_that_is_too_long_is_refused_at_once(time):
    pacer = Pacer(clock=time.clock)
    pacer.pause("a", Family.DEVICES, 1e12)

    with pytest.raises(GraphError) as caught:
        asyncio.run(pacer.wait("a", Family.DEVICES, at_most=120))
    assert caught.value.retry_after == LONGEST_PAUSE
    assert time.slept == []


@pytest.mark.parametrize(("writing", "places"), [(False, 8), (True, 3)])
def test_calls_in_flight_are_bounded(writing, places):
    most = flying = 0

    async def call(pacer):
        nonlocal most, flying
        async with pacer.turn("a", Family.DEVICES, writing=writing, at_most=1):
            flying += 1
            most = max(most, flying)
            await asyncio.sleep(0.001)
            flying -= 1

    async def many():
        pacer = Pacer()
        await asyncio.gather(*(call(pacer) for _ in range(20)))

    asyncio.run(many())
    assert most == places


def test_whoever_stood_in_the_queue_heeds_a_pause_made_meanwhile(time):
    waited = []

    async def second(pacer):
        async with pacer.turn("a", Family.DEVICES, writing=False, at_most=60) as paused:
            waited.append(paused)

    async def scenario():
        pacer = Pacer(reads=1, clock=time.clock)
        async with pacer.turn("a", Family.DEVICES, writing=False, at_most=60):
            task = asyncio.create_task(second(pacer))
            await asyncio.sleep(0)
            pacer.pause("a", Family.DEVICES, 30)
        await task

    asyncio.run(scenario())
    assert waited == [30]


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=list(CONTRACTS))
def test_a_path_belongs_to_the_family_of_its_contract(contract):
    assert family_of(contract.collection) == family_of(f"{contract.path}/x/assign") == contract.family


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("/v1.0/groups/x", Family.IDENTITY),
        ("/beta/deviceManagement/assignmentFilters", Family.BUNDLES),
        ("/beta/deviceManagement/managedDevices", Family.CONFIGURATION),
        ("/beta/deviceAppManagement/policySets", Family.APPLICATIONS),
    ],
)
def test_other_paths_have_a_family_too(path, family):
    assert family_of(path) is family
