"""A storm at Microsoft's: throttling, failing gateways, cut connections, lost answers - all at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import pytest

from atlas_gql.graph import Clock, Pacer, ReadBack, company, write
from atlas_gql.ops import graph as releasing
from atlas_gql.ops.control import RunReleased
from atlas_gql.providers import clients
from atlas_gql.simulator import DEMO_TENANT, Running, large_state, running
from atlas_gql.testing.installation import Place, installation
from atlas_gql.testing.postgres import TestDatabase, fresh_database
from support.paths import DATA_DIR
from support.steps import faults, planned, restore_input

POLICIES, DAMAGED, SEED = 1000, 300, 7
STORM: tuple[dict[str, Any], ...] = (
    {"status": 503, "body": "html", "probability": 0.05},
    {"reset": True, "probability": 0.02},
    {"lostResponse": True, "probability": 0.02},
    {"lostResponse": True, "status": 504, "probability": 0.02},
    {"status": 429, "retryAfter": 2, "probability": 0.15},
    {"status": 429, "body": "nested", "probability": 0.18},
)
"""Single calls and the parts of batches alike; a chance counts for what no rule before it hit."""
WITHIN = 300.0
"""Seconds; a quarter of a minute where nothing else runs."""
SPEED = 150
FAST = Clock(monotonic=lambda: time.monotonic() * SPEED, sleep=lambda seconds: asyncio.sleep(seconds / SPEED))
"""Every wait of the client's is so many times shorter, so that the storm is the same and the test is not."""


@pytest.fixture
def database() -> Iterator[TestDatabase]:
    """A database of its own: another installation's worker would meet another simulator."""
    with fresh_database(DATA_DIR) as database:
        yield database


@pytest.fixture
def stormy(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The large tenant, in calm weather yet."""
    monkeypatch.setattr(clients, "Pacer", partial(Pacer, clock=FAST))
    monkeypatch.setattr(clients, "MicrosoftGraphClient", partial(clients.MicrosoftGraphClient, clock=FAST))
    monkeypatch.setattr(write, "ReadBack", partial(ReadBack, sleep=FAST.sleep))
    monkeypatch.setattr(releasing, "RunReleased", lambda after: RunReleased(after / SPEED))
    monkeypatch.setattr(company, "LONG", company.LONG / 10)
    with (
        running(large_state(POLICIES), seed=SEED) as simulator,
        installation(database, simulator=simulator) as atlas,
    ):
        yield atlas.new_place()


def shapes(assignments: list[dict[str, Any]]) -> list[str]:
    """Assignments without their own ids, which tell in which order they came, in a fixed order."""
    return sorted(json.dumps({**assignment, "id": None}, sort_keys=True) for assignment in assignments)


def held(simulator: Running) -> dict[str, list[str]]:
    """The assignments of each policy by its id."""
    files = simulator.state.export()[DEMO_TENANT.id]
    return {
        policy["id"]: shapes(policy["assignments"])
        for file in files.values()
        for policy in file["value"]
        if "assignments" in policy
    }


def backed_up(admin_url: str) -> dict[str, list[str]]:
    """The same of what is in the backup that there is."""
    with psycopg.connect(admin_url) as connection:
        rows = connection.execute(
            """
            SELECT item.external_id, content.content->'assignments'
            FROM backup_items AS item JOIN backup_contents AS content
                ON (content.tenant_id, content.hash) = (item.tenant_id, item.content_hash)
            WHERE item.assignments_state = 'fetched'
            """
        ).fetchall()
    return {key: shapes(assignments) for key, assignments in rows}


def differing(one: dict[str, list[str]], other: dict[str, list[str]]) -> int:
    """How many policies are not in both, or not with the same assignments."""
    return sum(one.get(key) != other.get(key) for key in one.keys() | other.keys())


def result(run: dict[str, Any]) -> tuple[str, list[Any], dict[str, int]]:
    return run["outcome"], run["failures"][:3], run["counters"]


def all_succeeded(count: int) -> tuple[str, list[Any], dict[str, int]]:
    return "SUCCEEDED", [], {"total": count, "processed": count, "failed": 0, "skipped": 0}


def effects(simulator: Running) -> Counter[tuple[str, str, str]]:
    """How often each write of an assignment took effect, also when nobody was told so."""
    return Counter(
        (entry["method"], entry["path"], str(entry.get("body")))
        for entry in simulator.journal
        if "/assign" in entry["path"] and entry["method"] != "GET" and (entry["status"] or 400) < 300
    )


def test_nothing_is_missing_and_nothing_doubled(stormy: Place, database: TestDatabase) -> None:
    simulator = stormy.atlas.simulator
    before = held(simulator)
    faults(stormy, *STORM)

    backup = stormy.run("fetchAssignments", {"tenantId": stormy.tenant_id}, within=WITHIN)
    assert result(backup) == all_succeeded(POLICIES)
    assert differing(backed_up(database.admin_url), before) == 0

    simulator.state.replace(large_state(POLICIES, damaged=DAMAGED).tenants[DEMO_TENANT.id])
    damaged = [key for key, assignments in held(simulator).items() if assignments != before[key]]
    plan = planned(stormy, backup["subject"]["id"], within=WITHIN, policyIds=damaged)
    assert plan["summary"]["policies"]["write"] == DAMAGED

    simulator.journal.clear()
    restored = stormy.run("restoreAssignments", restore_input(plan), within=WITHIN)
    assert result(restored) == all_succeeded(DAMAGED)
    assert differing(held(simulator), before) == 0
    assert set(effects(simulator).values()) == {1}
