"""Places among the calls in flight: bounded, fewer after a refusal, and never lost."""

from __future__ import annotations

import asyncio

import pytest

from atlas_gql.graph.gate import Gate


def most_at_once(gate, calls=20):
    inside = most = 0

    async def call():
        nonlocal inside, most
        async with gate.place():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async def many():
        await asyncio.gather(*(call() for _ in range(calls)))

    asyncio.run(many())
    return most


@pytest.mark.parametrize(
    ("refusals", "successes", "places"),
    [
        pytest.param(0, 0, 8, id="untroubled"),
        pytest.param(1, 0, 4, id="halved"),
        pytest.param(9, 0, 1, id="never-closed"),
        pytest.param(1, 4, 4, id="not-yet-a-round"),
        pytest.param(1, 5, 5, id="one-more-after-a-round"),
        pytest.param(2, 100, 8, id="recovered-and-no-more"),
    ],
)
def test_a_refusal_halves_the_places_and_each_good_round_adds_one(refusals, successes, places):
    gate = Gate(8)
    for _ in range(refusals):
        gate.halve()
    for _ in range(successes):
        gate.widen()
    assert most_at_once(gate) == places


def test_who_is_inside_stays_when_the_places_are_halved():
    async def scenario():
        gate = Gate(2)
        async with gate.place(), gate.place():
            gate.halve()
            late = asyncio.create_task(entered(gate))
            await asyncio.sleep(0)
            assert not late.done()
        await asyncio.wait_for(late, 1)

    asyncio.run(scenario())


async def entered(gate):
    async with gate.place():
        return


@pytest.mark.parametrize("given", [False, True], ids=["in-the-queue", "in-the-moment-of-entering"])
def test_a_cancelled_one_takes_no_place_with_it(given):
    async def scenario():
        gate = Gate(1)
        async with gate.place():
            waiting = asyncio.create_task(entered(gate))
            await asyncio.sleep(0)
            if not given:
                waiting.cancel()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not gate.busy
        await asyncio.wait_for(entered(gate), 1)

    asyncio.run(scenario())


def test_it_is_busy_while_somebody_is_inside_or_waits():
    async def scenario():
        gate = Gate(1)
        seen = [gate.busy]
        async with gate.place():
            waiting = asyncio.create_task(entered(gate))
            await asyncio.sleep(0)
            seen.append(gate.busy)
        await asyncio.sleep(0)
        await waiting
        return [*seen, gate.busy]

    assert asyncio.run(scenario()) == [False, True, False]
