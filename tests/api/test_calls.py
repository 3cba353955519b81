"""How many calls of Graph a backup and a restore take, as a worker makes them: what throttling is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from atlas_gql.simulator import DEMO_TENANT, Running, State, large_state, running
from atlas_gql.testing.installation import Place, installation
from atlas_gql.testing.postgres import fresh_database
from support.paths import DATA_DIR
from support.steps import backed_up, planned, restore_input

CATALOG = ("deviceManagement/configurationPolicies",)
"""The kind with the smallest pages."""
BIG, SMALL, CHANGED = 1000, 300, 20
PARTS = 20


@pytest.fixture
def tenant_of() -> Iterator[Callable[[State], Place]]:
    """A function that gives a place whose tenant is the state's."""
    with (
        fresh_database(DATA_DIR) as database,
        running(large_state(1)) as simulator,
        installation(database, simulator=simulator) as atlas,
    ):

        def tenant_of(state: State) -> Place:
            simulator.state.replace(state.tenants[DEMO_TENANT.id])
            return atlas.new_place()

        yield tenant_of


def calls(simulator: Running) -> int:
    """How many calls there were since the last time; the parts of a batch are no calls of their own."""
    entries = list(simulator.journal)
    simulator.journal.clear()
    return sum("batch" not in entry and entry["path"].startswith(("/beta", "/v1.0")) for entry in entries)


def test_a_backup_of_a_thousand_policies_takes_sixty_calls(tenant_of: Callable[[State], Place]) -> None:
    place = tenant_of(large_state(BIG, paths=CATALOG))
    given = {"tenantId": place.tenant_id, "policyTypes": ["configurationPolicies"]}
    assert place.run("fetchAssignments", given)["counters"]["processed"] == BIG
    assert calls(place.atlas.simulator) <= 60


def test_a_restore_takes_two_calls_for_what_changes_and_little_for_the_rest(
    tenant_of: Callable[[State], Place],
) -> None:
    place = tenant_of(large_state(SMALL, paths=CATALOG))
    backup = backed_up(place)
    simulator = place.atlas.simulator
    simulator.state.replace(large_state(SMALL, paths=CATALOG, damaged=CHANGED).tenants[DEMO_TENANT.id])
    plan = planned(place, backup)
    assert plan["summary"]["policies"]["write"] == CHANGED
    calls(simulator)
    assert place.run("restoreAssignments", restore_input(plan))["outcome"] == "SUCCEEDED"
    # What the state before refers to: groups and filters, once.
    referring = 3
    assert calls(simulator) <= 2.1 * CHANGED + (SMALL - CHANGED) / PARTS + referring
