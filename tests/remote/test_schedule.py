"""`atlas schedule`: what is started by itself."""

from __future__ import annotations

import json

from atlas_gql.schema import ids
from atlas_gql.simulator import DEMO_SECOND_TENANT
from support.runs import belongs_to

NIGHTLY = ("schedule", "create", "Nightly", "--cron", "0 2 * * *")


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_schedule_from_its_first_day_to_its_last(shell, place):
    assert shell.says("schedule", "list").endswith("has no schedule.\n")
    said = shell.says(*NIGHTLY, "--all-tenants", "--jitter", "600")
    assert said.startswith("Nightly starts assignments.fetch at 2")
    assert said.endswith(" 02:00 UTC.\n")
    assert "of this name already" in shell.says(*NIGHTLY, "--all-tenants", code=2)
    said = shell.says("schedule", "update", "Nightly", "--cron", "30 3 * * *", "--name", "Late")
    assert said.startswith("Late starts at ")
    assert said.endswith(" 03:30 UTC.\n")
    heading, row = lines(shell.says("schedule", "list"))
    assert heading == ["Schedule", "Starts", "When", "Time", "zone", "Tenants", "Next", "Last", "time"]
    assert (row[:8], row[9:]) == (
        ["Late", "assignments.fetch", "30", "3", "*", "*", "*", "UTC"], [row[9], "03:30", "UTC"]
    )  # fmt: skip
    assert shell.says("schedule", "disable", "Late") == "Late is disabled.\n"
    assert shell.says("schedule", "list").splitlines()[1].split()[-1] == "disabled"
    assert shell.says("schedule", "enable", "Late").startswith("Late starts at ")
    assert "There is no terminal" in shell.says("schedule", "delete", "Late", code=2)
    assert shell.says("schedule", "delete", "Late", "--yes") == "Deleted Late.\n"
    assert "You reach no schedule 'Late'" in shell.says("schedule", "show", "Late", code=6)


def test_a_schedule_is_shown_with_what_came_of_it(shell, place, in_database, admin_url):
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    made = shell.json(
        *NIGHTLY, "-t", "larkspur.example", "-t", DEMO_SECOND_TENANT.domain, "--time-zone", "Asia/Tokyo",
        "--input", json.dumps({"policyTypes": ["intents"]}), "--jitter", "60",
    )["schedule"]  # fmt: skip
    tick = {
        "dueAt": "2026-11-01T17:00:00+00:00", "requestId": "r", "started": 1, "deduplicated": 1,
        "archived": 2, "refused": {"RUN_CONFLICT": 3}, "after": None, "missed": False,
    }  # fmt: skip
    in_database("UPDATE schedules SET last_tick = %s WHERE id = %s", json.dumps(tick), made["uuid"])
    run = place.run("fetchAssignments", {"tenantId": place.tenant_id, "policyTypes": ["intents"]})
    belongs_to(admin_url, run["uuid"], made["uuid"])
    said = [" ".join(line.split()) for line in shell.says("schedule", "show", made["uuid"]).splitlines()]
    owner = f"owner {place.user}"
    due = made["nextAt"][:10]
    assert said[0] == "Nightly starts assignments.fetch"
    assert said[1:7] == [
        f"id {made['uuid']}",
        "when 0 2 * * * Asia/Tokyo",
        "spread over 60 seconds",
        f"tenants Larkspur Logistics, {DEMO_SECOND_TENANT.domain}",
        'input {"policyTypes": ["intents"]}',
        f"owner {owner}",
    ]
    text = " ".join(said)
    assert f"next {due} 17:00 UTC then " in text
    assert "2026-11-01 17:00 UTC: 1 started, 1 active already, 2 archived, 3 refused (RUN_CONFLICT)" in text
    assert lines("\n".join(said))[-1][:3] == ["Larkspur", "Logistics", "succeeded"]
    assert said[-1].endswith(run["uuid"])
    found = shell.json("schedule", "show", "Nightly")
    assert {node["id"] for node in found["tenants"]["nodes"]} == {place.tenant_id, other.tenant_id}
    assert len(found["nextTicks"]) == 5
    # As Atlas itself disabled and missed it.
    missed = {**tick, "missed": True, "started": 0, "deduplicated": 0, "archived": 0, "refused": {}}
    in_database(
        "UPDATE schedules SET last_tick = %s, enabled = false, next_at = NULL,"
        " disabled_reason = 'owner_not_permitted' WHERE id = %s",
        json.dumps(missed), made["uuid"],
    )  # fmt: skip
    text = " ".join(shell.says("schedule", "show", "Nightly").split())
    assert "next disabled: owner not permitted last time 2026-11-01 17:00 UTC: missed Tenant" in text


def test_what_is_left_out_or_given_twice(shell):
    assert "Give either --tenant or --all-tenants" in shell.says(*NIGHTLY, code=2)
    for command in (NIGHTLY, ("schedule", "update", "Nightly")):
        wrong = (*command, "--all-tenants", "-t", "larkspur.example")
        assert "Give either --tenant or --all-tenants" in shell.says(*wrong, code=2)
    assert "Say what to change" in shell.says("schedule", "update", "Nightly", code=2)
    assert "--input is no JSON" in shell.says(*NIGHTLY, "--all-tenants", "--input", "{", code=2)
    said = shell.says("schedule", "create", "n", "--cron", "0 0 30 2 *", "--all-tenants", code=2)
    assert "no cron expression" in said
    said = shell.says(*NIGHTLY, "--all-tenants", "--operation", "assignments.restore", code=5)
    assert "NOT_FOR_MANY" in said


def test_a_selection_can_be_changed(shell, place):
    shell.says(*NIGHTLY, "-t", "larkspur.example")
    shell.says("schedule", "update", "Nightly", "--all-tenants")
    assert shell.json("schedule", "list")[0]["allTenants"] is True
    shell.says("schedule", "update", "Nightly", "-t", str(place.tenant), "--input", "{}")
    (row,) = shell.json("schedule", "list")
    assert (row["allTenants"], row["tenants"]["nodes"][0]["id"]) == (False, place.tenant_id)
    assert ids.parse(row["id"]).kind == "Schedule"


def test_who_may_not(as_user, place, shell):
    shell.says(*NIGHTLY, "--all-tenants")
    operator = as_user(place.member("operator"))
    operator.says(*NIGHTLY, "--all-tenants", code=6)
    operator.says("schedule", "disable", "Nightly", code=6)
    manager = as_user(place.member("manager"))
    assert manager.says("schedule", "disable", "Nightly") == "Nightly is disabled.\n"
