"""`atlas restore`: planned, shown, executed as it was shown; and every way in which it is refused."""

from __future__ import annotations

import re

import httpx
import pytest

from atlas_gql.demo.tenant import Portal
from atlas_gql.simulator import DEMO_SECOND_TENANT
from support.steps import backed_up, damaged, faults

CONFIRMED = ("--reason", "a bad day", "--confirm", "larkspur.example")
FURTHER = ("EXCLUSION_REMOVED", "FILTER_CHANGED")


@pytest.fixture
def plan(shell, place) -> str:
    """The id of a plan that puts five policies right, with four warnings."""
    backed_up(place)
    damaged(place)
    return shell.json("restore", "plan")["uuid"]


def state(place):
    portal = Portal(place.atlas.simulator.url)
    try:
        return portal.state()
    finally:
        portal.close()


def test_a_restore_from_backup_to_proof(shell, place):
    before = state(place)
    shell.says("backup", "create")
    damaged(place)
    assert state(place) != before
    said = shell.says("restore", "plan")
    plan = re.match(r"Plan (\S+)", said)[1]
    assert shell.says("restore", "show", plan) == said
    said = shell.says("restore", "execute", plan, *CONFIRMED, "--acknowledge", "all")
    assert "assignments.restore succeeded: 63 done" in said
    assert state(place) == before
    (run, *_) = shell.json("runs", "list")
    assert shell.json("runs", "show", run["uuid"])["reason"] == "a bad day"


def test_the_most_dangerous_stands_first_and_what_to_do_last(shell, plan):
    said = shell.says("restore", "show", plan)
    order = ["Reaches further", *FURTHER, "Reaches less", "INCLUDE_REMOVED", "WRITTEN", "Defender exclusions"]
    order += ["Edition upgrade", "BitLocker", "SUMMARY", "digest", "until", "To execute it:"]
    places = [said.index(word, 100) for word in order[:6]] + [said.rindex(word) for word in order[6:]]
    assert places == sorted(places)
    assert said.splitlines()[-1] == f'  atlas restore execute {plan} --reason "..." --acknowledge all'
    assert max(map(len, said.splitlines())) <= 100
    assert not [line for line in said.splitlines() if line != line.rstrip()]


def test_a_plan_for_programs_is_the_whole_restore_run(shell, plan):
    found = shell.json("restore", "show", plan)
    counts = found["summary"]["policies"]
    actions = [item["action"] for item in found["items"]]
    assert (actions.count("WRITE"), actions.count("NONE")) == (counts["write"], counts["none"]) == (5, 58)
    assert {warning["code"] for warning in found["warnings"]} == {*FURTHER, "INCLUDE_REMOVED"}
    assert found["tenant"]["primaryDomain"] == "larkspur.example"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        pytest.param((*CONFIRMED,), 5, "Warnings that were not acknowledged: ", id="no warning acknowledged"),
        pytest.param(
            ("--reason", "x", "--confirm", "larkspur", "--acknowledge", "all"),
            2,
            "primary domain",
            id="domain",
        ),
        pytest.param(
            ("--reason", " ", "--confirm", "larkspur.example", "--acknowledge", "all"), 2, "Say why", id="why"
        ),
        pytest.param((*CONFIRMED, "--acknowledge", "0123456789ab"), 2, "no such warning", id="no warning"),
        pytest.param(("--reason", "x", "--acknowledge", "all"), 2, "--confirm DOMAIN", id="nobody to ask"),
        pytest.param(
            ("--confirm", "larkspur.example", "--acknowledge", "all"), 2, "--reason TEXT", id="no reason"
        ),
    ],
)
def test_what_is_not_confirmed_is_refused_and_nothing_is_written(shell, place, plan, options, code, said):
    damage = state(place)
    assert said in shell.says("restore", "execute", plan, *options, code=code)
    assert state(place) == damage
    assert [run["type"] for run in shell.json("runs", "list", "--type", "assignments.restore")] == []


def test_warnings_may_be_acknowledged_one_by_one(shell, plan):
    ids = [warning["id"] for warning in shell.json("restore", "show", plan)["warnings"]]
    each = [word for id_ in ids[1:] for word in ("--acknowledge", id_)]
    said = shell.says("restore", "execute", plan, *CONFIRMED, *each, code=5)
    assert f"Warnings that were not acknowledged: {ids[0]}." in said
    shell.says("restore", "execute", plan, *CONFIRMED, *each, "--acknowledge", ids[0])


def test_a_person_is_asked_for_all_three(shell, plan, terminal):
    terminal("y", "larkspur.example", "Monday")
    assert "succeeded" in shell.says("restore", "execute", plan)
    assert shell.json("runs", "list")[0]["outcome"] == "SUCCEEDED"


def test_a_person_may_say_no(shell, place, plan, terminal):
    terminal("n")
    damage = state(place)
    assert "Nothing was done." in shell.says("restore", "execute", plan, code=5)
    assert state(place) == damage


def test_a_repeated_command_with_its_key_is_given_the_same_run(shell, plan):
    given = ("restore", "execute", plan, *CONFIRMED, "--acknowledge", "all", "--idempotency-key", "monday")
    first, again = shell.json(*given), shell.json(*given)
    assert first == again
    assert len(shell.json("runs", "list", "--type", "assignments.restore")) == 1


def test_an_answer_that_is_lost_tells_the_key_under_which_it_is_safe_to_repeat(
    shell, as_user, place, plan, door, monkeypatch
):
    through = as_user(place.token, door.url)
    sent = httpx.Client.post

    def lost(self, *args, **kwargs):
        answer = sent(self, *args, **kwargs)
        if "mutation Restore" in kwargs["json"]["query"]:
            raise httpx.ReadError("cut")
        return answer

    monkeypatch.setattr(httpx.Client, "post", lost)
    given = ("restore", "execute", plan, *CONFIRMED, "--acknowledge", "all")
    said = through.says(*given, code=1)
    monkeypatch.undo()
    key = re.search(r"--idempotency-key (\S+):", said)[1]
    shell.says(*given, "--idempotency-key", key)
    assert len(shell.json("runs", "list", "--type", "assignments.restore")) == 1


def test_what_changed_since_is_stale_and_ends_with_3(shell, place, plan):
    portal = Portal(place.atlas.simulator.url)
    (policy,) = (
        p
        for p in portal.policies("deviceManagement/configurationPolicies")
        if p["name"] == "Baseline - BitLocker"
    )
    portal.assign("deviceManagement/configurationPolicies", policy["id"], [])
    portal.close()
    said = shell.says("restore", "execute", plan, *CONFIRMED, "--acknowledge", "all", code=3)
    assert re.search(r"Baseline - BitLocker +stale +STALE_PLAN", said)


def test_one_policy_by_name_and_by_id(shell, place):
    backed_up(place)
    damaged(place)
    by_name = shell.json(
        "restore", "plan", "--policy", "Baseline - BitLocker", "--policy", "Compliance - iOS"
    )
    assert [item["sourceName"] for item in by_name["items"]] == ["Baseline - BitLocker", "Compliance - iOS"]
    by_id = shell.json("restore", "plan", "--policy", by_name["items"][0]["sourceExternalId"])
    assert [item["sourceName"] for item in by_id["items"]] == ["Baseline - BitLocker"]
    by_type = shell.json("restore", "plan", "--type", "deviceCompliancePolicies")
    assert {item["policyType"] for item in by_type["items"]} == {"deviceCompliancePolicies"}
    said = shell.says("restore", "plan", "--policy", "Baseline", code=6)
    assert said == "error: The backup holds no policy 'Baseline', neither by name nor by id.\n"


def test_merging_removes_nothing(shell, place):
    backed_up(place)
    damaged(place)
    merged = shell.json("restore", "plan", "--mode", "merge")
    assert (merged["mode"], merged["summary"]["assignments"]["removed"]) == ("MERGE", 0)


def test_a_plan_for_another_tenant_ends_with_4_and_names_what_is_missing(shell, place):
    place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    backed_up(place)
    across = ("restore", "plan", "--from", "larkspur.example", "--tenant", "marigold.example")
    said = shell.says(*across, code=4)
    mappings = shell.json(*across, code=4)["mappings"]
    missing = {mapping["sourceName"]: mapping for mapping in mappings if mapping["found"] is None}
    for name in ("Test Bench", "Contractors", "Kiosk Devices", "Personal Android"):
        assert re.search(rf"(group|filter) {name} +(UNRESOLVED|AMBIGUOUS)_(GROUP|FILTER)", said)
    chosen = missing["Kiosk Devices"]
    pair = f"{chosen['sourceId']}={chosen['candidates'][0]['id']}"
    assert chosen["candidates"][0]["id"] in said
    mapped = shell.json(*across, "--map-group", pair, code=4)
    assert [m["found"] for m in mapped["mappings"] if m["sourceId"] == chosen["sourceId"]] == ["EXPLICIT"]
    assert mapped["summary"]["policies"]["blocked"] < 40


@pytest.mark.parametrize("pair", ["", "x", "=x", "x="])
def test_a_mapping_needs_two_sides(shell, place, pair):
    assert "SOURCE=TARGET" in shell.says("restore", "plan", "--map-group", pair, code=2)


def test_who_may_plan_may_not_execute(as_user, place, plan):
    operator = as_user(place.member("operator"))
    assert operator.says("restore", "show", plan)
    said = operator.says("restore", "execute", plan, *CONFIRMED, "--acknowledge", "all", code=6)
    assert "error: This needs the capability restores.execute." in said


def test_another_workspaces_plan_is_not_there(as_user, place, plan):
    stranger = as_user(place.atlas.new_place(provider=False).token)
    for command in (("show", plan), ("execute", plan, *CONFIRMED)):
        said = stranger.says("restore", *command, code=6)
        assert said == "error: There is no restore run of that id, or it is not yours to see.\n"


def test_a_plan_that_fails_says_why_and_ends_with_7(shell, place):
    backed_up(place)
    faults(place, {"path": "assignmentFilters", "status": 403})
    said = shell.says("restore", "plan", code=7)
    assert re.search("assignments.plan failed.*PERMISSION_DENIED", said, re.DOTALL)
    plan = shell.json("runs", "list")[0]["uuid"]
    subject = shell.json("runs", "show", plan)["subject"]["uuid"]
    assert "could not be made" in shell.says("restore", "show", subject, code=5)


def test_writes_that_are_not_enabled_are_refused(as_user, place):
    closed = place.atlas.new_place(writes_enabled=False)
    shell = as_user(closed.token)
    backed_up(closed)
    damaged(closed)
    plan = shell.json("restore", "plan")["uuid"]
    said = shell.says("restore", "execute", plan, *CONFIRMED, "--acknowledge", "all", code=5)
    assert "WRITES_NOT_ENABLED" in said
