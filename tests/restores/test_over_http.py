"""The same through the API, the queue and the database, for twenty of the cases."""

from __future__ import annotations

from typing import Any

import pytest

from atlas_gql.graph import TargetKind
from atlas_gql.simulator import DEMO_SECOND_TENANT, DEMO_TENANT
from atlas_gql.testing.installation import Place
from support.loopback import loopback
from support.steps import backed_up, planned, restore_input, shown, undone
from support.tenants import Case, Document, case, held, reached

WRITING = (1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 22, 23, 24)
"""Seeds of cases whose plan writes."""
DOMAINS = {DEMO_TENANT.id: DEMO_TENANT.domain, DEMO_SECOND_TENANT.id: DEMO_SECOND_TENANT.domain}
WHO = {TargetKind.ALL_USERS: "ALL_USERS", TargetKind.ALL_DEVICES: "ALL_DEVICES"}


@pytest.mark.parametrize("seed", WRITING)
def test_a_restore_does_what_its_plan_says_and_is_undone(place: Place, seed: int) -> None:
    given = case(seed)
    target = place if given.same_tenant else place.add_tenant(given.target, DOMAINS[given.target])
    _load(place, given.source, given.then)
    backup_set = backed_up(place, policyTypes=list(given.kinds))
    _load(place, given.target, given.now)
    plan = planned(target, backup_set, **given.choices)
    assert plan["summary"]["policies"]["write"] > 0
    run = _executed(target, given, plan)
    assert _outcome(run) == ("SUCCEEDED", [])
    tenant = _tenant(place, given.target)
    assert _outline(tenant, given) == _outline(given.now, given) | _shown(target, plan)
    again = planned(target, backup_set, **given.choices)
    assert again["summary"]["policies"]["write"] == 0
    assert _outcome(_executed(target, given, undone(target, run["id"]))) == ("SUCCEEDED", [])
    assert reached(_tenant(place, given.target), given.kinds) == reached(given.now, given.kinds)


def _executed(target: Place, given: Case, plan: dict[str, Any]) -> dict[str, Any]:
    return target.run("restoreAssignments", restore_input(plan, confirmation=DOMAINS[given.target]))


def _outcome(run: dict[str, Any]) -> tuple[str, Any]:
    return run["outcome"], run["failures"]


def _outline(tenant: Document, given: Case) -> dict[str, set[Any]]:
    """Whom each policy names directly: kind, group, and whether it is excluded."""
    return {
        policy_id: {(WHO.get(a.target, "GROUP"), a.group_id, a.excluded) for a in assignments if a.is_direct}
        for (_, policy_id), assignments in held(tenant, given.kinds).items()
    }


def _shown(target: Place, plan: dict[str, Any]) -> dict[str, set[Any]]:
    """The same of the policies that are written, as the plan shows it."""
    return {
        item["targetExternalId"]: {
            (change["target"]["kind"], change["target"]["id"], change["target"]["excluded"])
            for change in item["changes"]
            if change["change"] in ("KEPT", "ADDED", "CHANGED")
        }
        for item in shown(target, plan["id"])["items"]["nodes"]
        if item["action"] == "WRITE"
    }


def _load(place: Place, tenant_id: str, document: Document) -> None:
    url = f"{place.atlas.simulator.url}/_simulator/load"
    loopback.post(url, json={tenant_id: document}).raise_for_status()


def _tenant(place: Place, tenant_id: str) -> Document:
    document: Document = loopback.get(f"{place.atlas.simulator.url}/_simulator/export").json()[tenant_id]
    return document
