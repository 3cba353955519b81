"""Atlas's own plugins keep to what is asked of everybody's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from atlas_gql.testing import Installation, Place, assert_plugin_conforms, fresh_database, installation
from support.paths import DATA_DIR
from support.steps import backed_up, damaged, planned, restore_input

KINDS = {"policyTypes": ["deviceHealthScripts", "windowsAutopilotDeploymentProfiles"]}
"""Two small ones."""
DAMAGED = {"policyTypes": ["configurationPolicies"]}


@pytest.fixture(scope="module")
def running() -> Iterator[Installation]:
    with fresh_database(DATA_DIR) as database, installation(database, staged=True) as atlas:
        yield atlas


@pytest.fixture
def new_tenant(running: Installation) -> Iterator[Callable[[], Place]]:
    def make() -> Place:
        running.graph.reset()
        return running.new_place()

    yield make
    running.graph.works()


def backup(tenant: Place) -> dict[str, Any]:
    return {"tenantId": tenant.tenant_id, "backupSetId": backed_up(tenant, **KINDS), **KINDS}


def plan(tenant: Place) -> dict[str, Any]:
    saved = backed_up(tenant, **DAMAGED)
    damaged(tenant)
    return restore_input(planned(tenant, saved))


def executed(tenant: Place) -> dict[str, Any]:
    run = tenant.run("restoreAssignments", plan(tenant))
    assert run["outcome"] == "SUCCEEDED", run
    return {"tenantId": tenant.tenant_id, "runId": run["id"]}


INPUTS: Mapping[str, Mapping[str, Any]] = {
    "assignments": {
        "assignments.fetch": KINDS,
        "assignments.plan": backup,
        "assignments.compare": backup,
        "assignments.restore": plan,
        "assignments.undo": executed,
    },
    "providers": {},
    "webhooks": {},
}


@pytest.mark.parametrize("plugin", INPUTS)
def test_a_plugin_of_our_own_conforms(new_tenant: Callable[[], Place], plugin: str):
    assert_plugin_conforms(plugin, new_tenant, inputs=INPUTS[plugin])
