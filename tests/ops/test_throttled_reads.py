"""Reads that Microsoft never let through: the run goes back to the queue, and no policy becomes a hole."""

from __future__ import annotations

import asyncio

import pytest

from atlas_gql.errors import GraphError
from atlas_gql.graph import CONTRACTS, Policy
from atlas_gql.ops.control import RunReleased
from atlas_gql.ops.graph import LEAST_PAUSE, PatientGraph
from atlas_gql.reasons import ReasonCode

CONTRACT = CONTRACTS["intents"]


class Client:
    """One policy, whose assignments could not be read."""

    def __init__(self, reason: ReasonCode) -> None:
        error = GraphError("x", reason=reason, retry_after=90 if reason is ReasonCode.THROTTLED else None)
        self.found = Policy(policy_type=CONTRACT.policy_type, id="p", name="P", error=error)

    async def policies(self, _contract):
        yield self.found

    async def policy(self, _contract, _policy_id):
        return self.found


async def listed(client):
    return [policy async for policy in PatientGraph(client).policies(CONTRACT)]


async def alone(client):
    return [await PatientGraph(client).policy(CONTRACT, "p")]


@pytest.mark.parametrize("read", [listed, alone])
def test_throttled_assignments_release_the_run(read):
    with pytest.raises(RunReleased) as caught:
        asyncio.run(read(Client(ReasonCode.THROTTLED)))
    assert caught.value.after == 90 > LEAST_PAUSE


@pytest.mark.parametrize("read", [listed, alone])
def test_assignments_that_failed_otherwise_fail_their_policy(read):
    (policy,) = asyncio.run(read(Client(ReasonCode.INVALID_RESPONSE)))
    assert policy.error.reason_code is ReasonCode.INVALID_RESPONSE
