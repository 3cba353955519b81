"""Multi Admin Approval: a restore files requests, and a later one carries out what was approved."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from atlas_gql.db.ids import new_id
from atlas_gql.demo.tenant import Portal
from atlas_gql.simulator import DEMO_TENANT
from atlas_gql.testing.installation import Place
from support.loopback import loopback
from support.steps import backed_up, damaged, planned, restore_input

PROTECTED = 4
"""How many of the damaged policies are of protected kinds."""


@pytest.fixture
def backup(place: Place) -> str:
    """A backup of a tenant that was damaged since, and wants approvals now."""
    made = backed_up(place)
    damaged(place)
    control(place, "habits", {"protected": ["configurationPolicy"]})
    return made


def control(place: Place, name: str, document: object) -> None:
    loopback.post(f"{place.atlas.simulator.url}/_simulator/{name}", json=document).raise_for_status()


def requests(place: Place) -> list[dict[str, Any]]:
    answer = loopback.get(f"{place.atlas.simulator.url}/_simulator/approvals").json()
    found: list[dict[str, Any]] = answer[DEMO_TENANT.id]
    return found


def decide(place: Place, status: str) -> None:
    for request in requests(place):
        if request["status"] == "needsApproval":
            control(place, "approvals", {"code": request["id"], "status": status})


def restored(place: Place, backup: str) -> tuple[str, Counter[str]]:
    """The outcome of a restore, by a plan of its own, and the reasons of what failed."""
    given = restore_input(planned(place, backup), idempotencyKey=str(new_id()))
    run = place.run("restoreAssignments", given)
    return run["outcome"], Counter(failure["reasonCode"] for failure in run["failures"])


def statuses(place: Place) -> Counter[str]:
    return Counter(request["status"] for request in requests(place))


def state(place: Place) -> object:
    portal = Portal(place.atlas.simulator.url)
    try:
        return portal.state()
    finally:
        portal.close()


def test_what_was_approved_is_carried_out_by_the_next_restore(place: Place) -> None:
    before = state(place)
    backup_set = backed_up(place)
    damaged(place)
    control(place, "habits", {"protected": ["configurationPolicy"]})
    waiting = "PARTIALLY_SUCCEEDED", Counter(APPROVAL_REQUIRED=PROTECTED)

    assert restored(place, backup_set) == waiting
    assert restored(place, backup_set) == waiting, "nobody has approved it yet"
    assert statuses(place) == {"needsApproval": PROTECTED}, "one request per policy"
    decide(place, "approved")
    assert restored(place, backup_set) == ("SUCCEEDED", Counter())
    assert statuses(place) == {"completed": PROTECTED}
    assert state(place) == before


def test_a_retry_carries_out_what_was_approved(place: Place, backup: str) -> None:
    plan = planned(place, backup)
    given = restore_input(plan, idempotencyKey=str(new_id()))
    run = place.run("restoreAssignments", given)
    decide(place, "approved")
    again = {name: given[name] for name in ("planDigest", "confirmation", "reason")}
    again["idempotencyKey"] = str(new_id())
    started = place.start("retryRun", {"runId": run["id"], **again})
    assert started["__typename"] == "StartRunPayload", started
    ended = place.wait(started["run"]["id"])
    assert (ended["outcome"], ended["counters"]["processed"]) == ("SUCCEEDED", PROTECTED)
    assert statuses(place) == {"completed": PROTECTED}


@pytest.mark.parametrize("status", ["rejected", "cancelled"])
def test_another_request_is_filed_where_the_first_was_not_approved(
    place: Place, backup: str, status: str
) -> None:
    restored(place, backup)
    decide(place, status)
    assert restored(place, backup)[1] == Counter(APPROVAL_REQUIRED=PROTECTED)
    assert statuses(place) == {status: PROTECTED, "needsApproval": PROTECTED}
