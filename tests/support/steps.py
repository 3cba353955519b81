"""What several tests do: a backup, some damage, a plan."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from atlas_gql.demo.tenant import Portal, damage
from atlas_gql.simulator import DEMO_TENANT
from atlas_gql.testing.installation import Place
from support.loopback import loopback

PLAN = """
query Plan($id: ID!) {
  node(id: $id) {
    ... on RestoreRun {
      id purpose state planDigest expiresAt
      summary { policies { write none blocked notInBackup } }
      warnings { id code }
    }
  }
}
"""
SHOW = """
query Show($id: ID!) {
  node(id: $id) {
    ... on RestoreRun {
      id purpose planDigest
      backupSet { id origin }
      againstSet { id }
      summary { policies { write none blocked notInBackup } }
      warnings { id code message policy target { name memberCount } ruleThen ruleNow }
      mappings {
        kind sourceId sourceName targetId targetName found reason memberCount ruleThen ruleNow
        candidates { id name kind createdAt memberCount }
      }
      items(first: 100) {
        nodes {
          policyType sourceExternalId sourceName targetExternalId targetName action matchedBy
          blockedReason blockedMessage
          changes {
            change target { kind id name excluded memberCount } fields { field old new } reason message
          }
          warnings { code }
        }
      }
    }
  }
}
"""


def portal_state(place: Place) -> dict[str, Any]:
    """Everything in the simulated tenant."""
    portal = Portal(place.atlas.simulator.url)
    try:
        return portal.state()
    finally:
        portal.close()


def set_portal_state(place: Place, state: dict[str, Any]) -> None:
    """Make this everything in the simulated tenant."""
    url = f"{place.atlas.simulator.url}/_simulator/load"
    loopback.post(url, json={DEMO_TENANT.id: state}).raise_for_status()


def backed_up(place: Place, **options: Any) -> str:
    """The id of a fresh backup set, of the whole tenant without options."""
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id, **options})
    assert run["outcome"] == "SUCCEEDED", run
    subject: str = run["subject"]["id"]
    return subject


def damaged(place: Place) -> int:
    """Damage the tenant; gives how many policies were changed."""
    portal = Portal(place.atlas.simulator.url)
    try:
        return len(damage(portal))
    finally:
        portal.close()


def planned(place: Place, backup_set: str, *, within: float = 30, **options: Any) -> dict[str, Any]:
    """A finished plan."""
    given = {"tenantId": place.tenant_id, "backupSetId": backup_set, **options}
    run = place.run("planAssignmentRestore", given, within=within)
    assert run["outcome"] == "SUCCEEDED", run
    plan: dict[str, Any] = place.ask(PLAN, id=run["subject"]["id"])["data"]["node"]
    return plan


def undone(place: Place, run_id: str, **options: Any) -> dict[str, Any]:
    """A finished plan that undoes a run."""
    given = {"tenantId": place.tenant_id, "runId": run_id, **options}
    run = place.run("undoAssignmentRestore", given)
    assert run["outcome"] == "SUCCEEDED", run
    plan: dict[str, Any] = place.ask(PLAN, id=run["subject"]["id"])["data"]["node"]
    return plan


def shown(place: Place, restore_run: str) -> dict[str, Any]:
    """A finished plan with its mappings and its first hundred policies."""
    answer = place.ask(SHOW, id=restore_run)
    assert "errors" not in answer, answer["errors"]
    plan: dict[str, Any] = answer["data"]["node"]
    return plan


def until(reached: Callable[[], bool], *, within: float = 20) -> None:
    """Wait for something."""
    end = time.monotonic() + within
    while not reached():
        assert time.monotonic() < end, f"not reached within {within} seconds"
        time.sleep(0.01)


def faults(place: Place, *rules: dict[str, Any]) -> None:
    """Let these calls to the simulator go wrong from now on; none without rules."""
    answer = loopback.post(f"{place.atlas.simulator.url}/_simulator/faults", json=list(rules))
    answer.raise_for_status()


def habits(place: Place, **changed: Any) -> None:
    """Let the simulated service behave so from now on; as by default where nothing is said."""
    url = f"{place.atlas.simulator.url}/_simulator/habits"
    loopback.post(url, json=changed).raise_for_status()


def restore_input(plan: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The input that executes a plan as it should be."""
    return {
        "restoreRunId": plan["id"],
        "planDigest": plan["planDigest"],
        "confirmation": "larkspur.example",
        "reason": "a test",
        "acknowledgeAllWarnings": True,
        "idempotencyKey": plan["planDigest"],
        **changes,
    }
