"""What several tests do: a backup, some damage, a plan."""

from __future__ import annotations

from typing import Any

import httpx

from atlas_gql.demo.tenant import Portal, damage
from atlas_gql.testing.installation import Place

PLAN = """
query Plan($id: ID!) {
  node(id: $id) {
    ... on RestoreRun {
      id state planDigest expiresAt
      summary { policies { write none blocked } }
      warnings { id code }
    }
  }
}
"""


def backed_up(place: Place) -> str:
    """The id of a fresh backup set of the whole tenant."""
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
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


def planned(place: Place, backup_set: str, **options: Any) -> dict[str, Any]:
    """A finished plan."""
    given = {"tenantId": place.tenant_id, "backupSetId": backup_set, **options}
    run = place.run("planAssignmentRestore", given)
    assert run["outcome"] == "SUCCEEDED", run
    plan: dict[str, Any] = place.ask(PLAN, id=run["subject"]["id"])["data"]["node"]
    return plan


def faults(place: Place, *rules: dict[str, Any]) -> None:
    """Let these calls to the simulator go wrong from now on; none without rules."""
    answer = httpx.post(f"{place.atlas.simulator.url}/_simulator/faults", json=list(rules))
    answer.raise_for_status()


def habits(place: Place, **changed: Any) -> None:
    """Let the simulated service behave so from now on; as by default where nothing is said."""
    url = f"{place.atlas.simulator.url}/_simulator/habits"
    httpx.post(url, json=changed).raise_for_status()


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
