"""How many calls a restore takes: its own read just before each write, the write, read-backs in batches."""

from __future__ import annotations

import asyncio
from itertools import islice

import httpx
import pytest

from atlas_gql.graph import (
    CONTRACTS,
    GLOBAL,
    Assignment,
    Family,
    MicrosoftGraphClient,
    MsalTokens,
    Pacer,
    Patience,
    Secret,
    TargetKind,
    WriteOutcome,
    fingerprint,
    write_assignments,
)
from atlas_gql.graph.allowance import Limit
from atlas_gql.simulator import CLIENT_ID, CLIENT_SECRET, DEMO_TENANT, running
from support.loopback import loopback

POLICIES = 300
AT_ONCE = 40
CONTRACT = CONTRACTS["deviceConfigurations"]
FAST = dict.fromkeys(Family, Limit(requests=100_000, writes=10_000, window=1))
"""Microsoft's limits would make this a test of patience."""


def group(n):
    return f"bbbbbbbb-0000-4000-8000-{n:012}"


@pytest.fixture
def simulator():
    """A tenant with many policies, each assigned to a group of its own."""
    with running() as served:
        tenant = served.state.export()[DEMO_TENANT.id]
        example = tenant[f"{CONTRACT.path}.json"]["value"][0]
        tenant[f"{CONTRACT.path}.json"]["value"] = [
            {
                **example,
                "id": f"aaaaaaaa-0000-4000-8000-{n:012}",
                "displayName": f"Policy {n}",
                "assignments": [include(group(n)).body(CONTRACT)],
            }
            for n in range(POLICIES)
        ]
        load = loopback.post(f"{served.url}/_simulator/load", json={DEMO_TENANT.id: tenant})
        load.raise_for_status()
        yield served


def include(group_id):
    extra = {"intent": "apply"}
    return Assignment(target=TargetKind.GROUP, group_id=group_id, extra=extra)


def calls(simulator):
    """(method, is a `$batch`) of each call of Graph; the parts of a batch are no calls of their own."""
    return [
        (entry["method"], entry["path"].endswith("$batch"))
        for entry in simulator.journal
        if entry["path"].startswith(("/beta", "/v1.0")) and "batch" not in entry
    ]


async def restore(client, policies):
    """Every policy gets one group more, as a run does it: many on their way, few of them writing."""
    waiting = iter(policies)

    async def keep(_policy, _intent):
        await asyncio.sleep(0)

    async def take():
        return [
            await write_assignments(
                client,
                CONTRACT,
                policy.id,
                planned_from=fingerprint(policy.assignments),
                desired=[*policy.assignments, include(group(999))],
                keep=keep,
            )
            for policy in waiting
        ]

    taken = await asyncio.gather(*(take() for _ in range(AT_ONCE)))
    return [written for each in taken for written in each]


def test_a_restore_takes_little_more_than_two_calls_per_policy(simulator):
    async def scenario():
        with httpx.Client(verify=False) as login:
            async with httpx.AsyncClient(verify=False) as http:
                client = MicrosoftGraphClient(
                    base_url=simulator.url,
                    tokens=MsalTokens(
                        cloud=GLOBAL.at(simulator.url),
                        tenant_id=DEMO_TENANT.id,
                        client_id=CLIENT_ID,
                        credential=Secret(value=CLIENT_SECRET),
                        http=login,
                    ),
                    http=http,
                    tenant=DEMO_TENANT.id,
                    pacer=Pacer(limits=FAST),
                    patience=Patience(total=5),
                )
                policies = [policy async for policy in client.policies(CONTRACT)]
                fetched = len(calls(simulator))
                return fetched, await restore(client, policies)

    fetched, written = asyncio.run(scenario())
    made = list(islice(calls(simulator), fetched, None))

    assert [each.outcome for each in written] == [WriteOutcome.APPLIED] * POLICIES
    assert made.count(("GET", False)) == made.count(("POST", False)) == POLICIES
    assert len(made) <= 2.1 * POLICIES
