"""Pauses and places are shared by all calls of one tenant and family, and by nobody else."""

from __future__ import annotations

import asyncio

import pytest

from atlas_gql.errors import GraphError
from atlas_gql.graph import CONTRACTS, Family, Pacer
from atlas_gql.graph.allowance import Limit
from atlas_gql.graph.pacing import LONGEST_PAUSE, family_of
from atlas_gql.reasons import ReasonCode as R


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
        ("/beta/deviceManagement/managedDevices", Family.DEVICES),
        ("/beta/deviceManagement/roleDefinitions", Family.RBAC),
        ("/beta/deviceManagement/auditEvents", Family.CONFIGURATION),
        ("/beta/deviceAppManagement/vppTokens", Family.APPLICATIONS),
    ],
)
def test_other_paths_have_a_family_too(path, family):
    assert family_of(path) is family


FEW = {Family.DEVICES: Limit(requests=100, writes=10, window=10)}
"""20 requests at once and 8 a second; 2 writes at once and 0.8 a second."""


def take_turns(pacer, times, *, writing=False, cost=1, at_most=60):
    async def turns():
        return [await turn() for _ in range(times)]

    async def turn():
        async with pacer.turn("a", Family.DEVICES, writing=writing, at_most=at_most, cost=cost) as waited:
            return waited

    return asyncio.run(turns())


@pytest.mark.parametrize(
    ("times", "more", "seconds"),
    [
        pytest.param(20, {}, 0, id="a-few-at-once"),
        pytest.param(28, {}, 1, id="then-a-steady-flow"),
        pytest.param(4, {"cost": 20}, 7.5, id="parts-of-a-batch-count"),
        pytest.param(4, {"writing": True}, 2.5, id="writes-are-fewer"),
    ],
)
def test_calls_keep_to_what_microsoft_allows(time, times, more, seconds):
    take_turns(Pacer(limits=FEW, clock=time.clock), times, **more)
    assert sum(time.slept) == pytest.approx(seconds)


def test_no_window_sees_more_than_the_limit(time):
    pacer, calls = Pacer(limits=FEW, clock=time.clock), []
    for _ in range(300):
        take_turns(pacer, 1)
        calls.append(time.now)
    assert max(sum(start <= call < start + 10 for call in calls) for start in calls) <= 100


def test_who_cannot_wait_for_the_flow_takes_nothing_from_it(time):
    pacer = Pacer(limits=FEW, clock=time.clock)
    take_turns(pacer, 1, cost=20)
    for _ in range(5):
        with pytest.raises(GraphError) as caught:
            take_turns(pacer, 1, cost=16, at_most=1)
        assert (caught.value.reason_code, caught.value.retry_after) == (R.THROTTLED, pytest.approx(2))
    assert take_turns(pacer, 1, cost=16) == [pytest.approx(2)]


def test_refusals_that_come_together_count_once(time):
    """Eight calls are refused in one moment: half of the places are left, not one."""
    pacer = Pacer(clock=time.clock)
    for _ in range(8):
        pacer.pause("a", Family.DEVICES, 1)
    assert (flying(pacer), flying(pacer, "b")) == (4, 8)
    for _ in range(40):
        pacer.went_well("a", Family.DEVICES, writing=False)
    assert flying(pacer) == 8


def flying(pacer, tenant="a"):
    inside = most = 0

    async def call():
        nonlocal inside, most
        async with pacer.turn(tenant, Family.DEVICES, writing=False, at_most=60):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async def many():
        await asyncio.gather(*(call() for _ in range(20)))

    asyncio.run(many())
    return most
