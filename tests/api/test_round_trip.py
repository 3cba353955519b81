"""Every kind of policy that is written: backed up, damaged and restored by a worker, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from atlas_gql.plugins import CONTRACTS
from atlas_gql.simulator import DEMO_TENANT, Running, full_state, running
from atlas_gql.testing.installation import Place, installation
from atlas_gql.testing.postgres import fresh_database
from support.loopback import loopback
from support.paths import DATA_DIR
from support.steps import backed_up, planned, restore_input

WRITTEN = {f"{kind.path}.json": kind for kind in CONTRACTS.values() if kind.supports_restore}


@pytest.fixture(params=[0, 11])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A tenant with policies of every kind. The database is its own, as is the simulator."""
    with (
        fresh_database(DATA_DIR) as database,
        running(full_state(request.param), seed=request.param) as simulator,
        installation(database, simulator=simulator) as atlas,
    ):
        yield atlas.new_place()


def state(simulator: Running) -> Any:
    """The whole tenant, as text where order means nothing, without the assignments' own ids."""
    files = json.loads(json.dumps(simulator.state.export()[DEMO_TENANT.id]))
    for file in files.values():
        for thing in file["value"]:
            thing["assignments"] = sorted(
                json.dumps({**assignment, "id": None}, sort_keys=True)
                for assignment in thing.get("assignments", ())
            )
    return files


def damage(simulator: Running) -> dict[str, int]:
    """Of each kind how many policies lost what was directly assigned to them, but for one at most.

    Those with a group that is gone stay as they are: nobody can bring it back.
    """
    files = simulator.state.export()[DEMO_TENANT.id]
    groups = {group["id"] for group in files["groups.json"]["value"]} | {None}
    done: dict[str, int] = {}
    for name, kind in WRITTEN.items():
        for policy in files[name]["value"]:
            held = policy["assignments"]
            own = [a for a in held if a.get("source", "direct") == "direct"]
            if own and all(a["target"].get("groupId") in groups for a in own):
                kept = own[-1:] if len(own) > 1 else []
                policy["assignments"] = [a for a in held if a not in own or a in kept]
                done[kind.policy_type] = done.get(kind.policy_type, 0) + 1
    load = f"{simulator.url}/_simulator/load"
    loopback.post(load, json={DEMO_TENANT.id: files}).raise_for_status()
    return done


def test_the_tenant_is_exactly_as_before(place: Place) -> None:
    simulator = place.atlas.simulator
    before = state(simulator)
    backup = backed_up(place)
    damaged = damage(simulator)
    assert damaged.keys() == {kind.policy_type for kind in WRITTEN.values()}, "every kind that is written"

    plan = planned(place, backup)
    counts = plan["summary"]["policies"]
    assert (counts["write"], counts["blocked"]) == (sum(damaged.values()), 0)
    run = place.run("restoreAssignments", restore_input(plan))
    assert (run["outcome"], run["failures"]) == ("SUCCEEDED", [])
    after = state(simulator)
    assert [name for name in before if after[name] != before[name]] == []
