"""Reads that share a `$batch`: how many calls they take, and that nobody waits in vain."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from atlas_gql.errors import GraphError
from atlas_gql.graph import CONTRACTS, Family
from atlas_gql.graph.batch import Batch
from atlas_gql.graph.company import Company
from atlas_gql.reasons import ReasonCode as R

BATCH = Batch(version="beta", family=Family.CONFIGURATION)
OTHER = Batch(version="beta", family=Family.DEVICES)


class Graph:
    """Answers each part with its url; 404 for `/gone`. `sizes` are those of the batches."""

    def __init__(self):
        self.sizes = []

    def __call__(self, request):
        parts = json.loads(request.content)["requests"]
        self.sizes.append(len(parts))
        return httpx.Response(200, json={"responses": [self.part(part) for part in parts]})

    def part(self, part):
        status = 404 if part["url"] == "/gone" else 200
        return {"id": part["id"], "status": status, "headers": {}, "body": {"url": part["url"]}}


@pytest.fixture
def company(graph):
    served = Graph()

    def build(expected=False, handler=served):
        return Company(graph(handler).transport, expected=lambda: expected), served

    return build


def read(company, reads):
    async def all_of_them():
        return await asyncio.wait_for(
            asyncio.gather(*(company.read(*read) for read in reads), return_exceptions=True), 2
        )

    return asyncio.run(all_of_them())


def test_reads_of_one_moment_share_a_call_and_each_gets_its_own(company):
    gathering, served = company()
    answers = read(gathering, [(BATCH, f"/{n}") for n in range(7)])
    assert ([answer["url"] for answer in answers], served.sizes) == ([f"/{n}" for n in range(7)], [7])


def test_a_full_batch_goes_at_once_although_more_are_expected(company):
    gathering, served = company(expected=True)
    read(gathering, [(BATCH, f"/{n}") for n in range(40)])
    assert served.sizes == [20, 20]


def test_families_are_asked_apart(company):
    gathering, served = company()
    read(gathering, [(BATCH, "/a"), (OTHER, "/b"), (BATCH, "/c")])
    assert sorted(served.sizes) == [1, 2]


def test_one_that_fails_harms_no_other(company):
    gathering, _ = company()
    gone, there = read(gathering, [(BATCH, "/gone"), (BATCH, "/there")])
    assert (gone.reason_code, there) == (R.NOT_FOUND, {"url": "/there"})


def test_a_batch_that_fails_fails_for_everybody_in_it(company):
    gathering, _ = company(handler=lambda request: httpx.Response(403))
    assert [error.reason_code for error in read(gathering, [(BATCH, "/a"), (BATCH, "/b")])] == [
        R.PERMISSION_DENIED
    ] * 2


def test_waiting_ends_when_nobody_is_expected_any_more(company):
    gathering, served = company(expected=True)

    async def scenario():
        waiting = asyncio.create_task(gathering.read(BATCH, "/a"))
        await asyncio.sleep(0.05)
        assert served.sizes == []
        gathering.hurry()
        return await asyncio.wait_for(waiting, 1)

    assert (asyncio.run(scenario()), served.sizes) == ({"url": "/a"}, [1])


def test_waiting_ends_when_time_is_up(company, monkeypatch):
    monkeypatch.setattr("atlas_gql.graph.company.LONG", 0.05)
    gathering, _ = company(expected=True)
    assert read(gathering, [(BATCH, "/a")]) == [{"url": "/a"}]


def test_a_cancelled_one_is_not_read_for(company):
    gathering, served = company()

    async def scenario():
        gone, stays = (asyncio.create_task(gathering.read(BATCH, url)) for url in ("/a", "/b"))
        await asyncio.sleep(0)
        gone.cancel()
        return await asyncio.wait_for(stays, 1)

    assert (asyncio.run(scenario()), served.sizes) == ({"url": "/b"}, [1])


def test_a_writer_is_waited_for_and_then_no_more(graph):
    """The read-back of the last writer shares its call with those who wait already."""
    served = Graph()
    served.part = lambda part: {"id": part["id"], "status": 200, "body": {"value": []}}
    client = graph(served).client
    contract = CONTRACTS["deviceConfigurations"]

    async def write(seconds):
        async with client.writing():
            await asyncio.sleep(seconds)
        return await client.assignments(contract, "p")

    async def scenario():
        return await asyncio.wait_for(asyncio.gather(*(write(n / 100) for n in range(1, 7))), 2)

    assert asyncio.run(scenario()) == [()] * 6
    assert served.sizes == [6]


def test_an_error_of_ours_reaches_who_asked(company):
    def broken(request):
        raise ZeroDivisionError

    gathering, _ = company(handler=broken)
    (error,) = read(gathering, [(BATCH, "/a")])
    assert isinstance(error, ZeroDivisionError)
    assert not isinstance(error, GraphError)
