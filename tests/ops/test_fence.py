"""One policy may take several writes; before each of them the run must still be this worker's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from atlas_gql.graph import CONTRACTS, Assignment, GraphClient, Intent, Policy, TargetKind, fingerprint
from atlas_gql.graph.write import write_assignments
from atlas_gql.ops.control import LeaseLost, RunCancelled
from atlas_gql.ops.graph import WritingGraph
from atlas_gql.ops.leases import Claim, boot_clock
from atlas_gql.ops.sending import SendingGraph

ITEMS = CONTRACTS["windowsAutopilotDeploymentProfiles"]


class LosesItsRun:
    """A policy without assignments, of a worker that is frozen after its first write."""

    def __init__(self, held: Claim) -> None:
        self._held = held
        self.writes = 0

    async def policy(self, *_: Any) -> Policy:
        return Policy(policy_type=ITEMS.policy_type, id="p", name="P")

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        yield

    async def send(self, *_: Any) -> None:
        await self.add_assignment()

    async def add_assignment(self, *_: Any, **__: Any) -> None:
        self.writes += 1
        self._held.deadline = boot_clock() - 1


async def keep(_before: Policy, _intent: Intent) -> None:
    """Nothing to keep."""


@pytest.fixture
def held() -> Claim:
    return Claim(
        run_id=uuid4(), attempt=1, tenant_id=uuid4(), workspace_id=uuid4(), type="tests.any",
        row=SimpleNamespace(claimed_at=datetime.now(UTC)), deadline=boot_clock() + 60,
    )  # fmt: skip


def test_a_worker_that_lost_its_run_between_two_writes_sends_no_second_one(held: Claim) -> None:
    client = LosesItsRun(held)
    wanted = [Assignment(target=TargetKind.GROUP, group_id=group) for group in ("g1", "g2")]
    with pytest.raises(LeaseLost):
        asyncio.run(
            write_assignments(
                WritingGraph(cast(GraphClient, client), held),
                ITEMS,
                "p",
                planned_from=fingerprint(()),
                desired=wanted,
                keep=keep,
            )
        )
    assert client.writes == 1


def sending(client: LosesItsRun, held: Claim, said: list[str]) -> SendingGraph:
    async def writer() -> Any:
        return client

    return SendingGraph(
        cast(GraphClient, client),
        held,
        declared=["/beta/deviceManagement/managedDevices/*/syncDevice"],
        writer=writer,
        log=lambda event, **_: said.append(event),
    )


def test_so_does_one_whose_operation_writes_elsewhere(held: Claim) -> None:
    client, said = LosesItsRun(held), list[str]()
    graph = sending(client, held, said)
    path = "/beta/deviceManagement/managedDevices/d/syncDevice"
    asyncio.run(graph.send("POST", path))
    with pytest.raises(LeaseLost):
        asyncio.run(graph.send("POST", path))
    assert (client.writes, said) == (1, ["graph write"])


def test_a_run_that_was_cancelled_writes_nowhere_any_more(held: Claim) -> None:
    client = LosesItsRun(held)
    held.cancelled = True
    with pytest.raises(RunCancelled):
        asyncio.run(
            sending(client, held, []).send("POST", "/beta/deviceManagement/managedDevices/d/syncDevice")
        )
    assert client.writes == 0
