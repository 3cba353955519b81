"""`atlas backup`: made, listed, shown; what could not be read is told by words and by the exit code."""

from __future__ import annotations

import re

from atlas_gql.simulator import DEMO_SECOND_TENANT
from support.steps import faults

LARKSPUR = ("--tenant", "Larkspur Logistics")


def test_a_backup_is_made_listed_and_shown(shell, place):
    said = shell.says("backup", "create")
    assert "assignments.fetch succeeded: 63 done" in said
    backup = said.rsplit("Backup set ", 1)[1].strip()
    (listed,) = shell.json("backup", "list", *LARKSPUR)
    assert (listed["uuid"], listed["state"], listed["itemCount"]) == (backup, "COMPLETE", 63)
    shown = shell.says("backup", "show", backup)
    assert shown.startswith(f"Backup set {backup} of Larkspur Logistics, ")
    assert "... and 43 more: --all shows them" in shown
    everything = shell.says("backup", "show", "latest", "--all")
    assert len(everything.splitlines()) == 63 + 3
    known = shell.json("backup", "show", backup, "--type", "deviceConfigurations", "--name", "wi-fi")
    assert [item["name"] for item in known["items"]] == ["Windows - Office Wi-Fi", "iOS - Office Wi-Fi"]
    assert known["tenant"]["primaryDomain"] == "larkspur.example"


def test_what_could_not_be_read_stands_first_and_ends_with_3(shell, place):
    faults(place, {"path": "deviceHealthScripts", "status": 403})
    said = shell.says("backup", "create", code=3)
    assert "partially succeeded" in said
    assert "PERMISSION_DENIED" in said
    run = shell.json("runs", "list")[0]
    assert shell.says("runs", "watch", run["uuid"], code=3).splitlines()[0] == said.splitlines()[0]


def test_a_kind_without_a_licence_is_told_and_is_no_failure(shell, place):
    faults(place, {"path": "deviceHealthScripts", "status": 403, "body": "nested"})
    said = shell.says("backup", "create")
    assert re.search(r"Remediation +skipped +NOT_LICENSED", said)


def test_a_backup_that_reads_nothing_ends_with_7(shell, place):
    faults(place, {"path": "oauth2/v2.0/token", "wrongSecret": True})
    said = shell.says("backup", "create", "--type", "mobileApps", code=7)
    assert "assignments.fetch failed" in said
    assert "AUTHENTICATION_FAILED" in said
    assert "has no backup yet" in shell.says("backup", "show", code=6)


def test_a_backup_need_not_be_waited_for(shell):
    started = shell.json("backup", "create", "--type", "mobileApps", "--no-wait")
    assert started["deduplicated"] is False
    assert "succeeded" in shell.says("runs", "watch", started["run"]["uuid"])


def test_an_unknown_kind_is_refused_with_those_that_there_are(shell):
    said = shell.says("backup", "create", "--type", "mobileapps", code=2)
    assert "Unknown policy type 'mobileapps'. Known: deviceConfigurations" in said


def test_a_tenant_may_be_named_by_name_domain_or_id(shell, place):
    place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    names = (
        "Larkspur Logistics", "larkspur logistics", "LARKSPUR.example", str(place.tenant), place.tenant_id,
        "7a1c0de0-0000-4000-8000-0000000000a1",
    )  # fmt: skip
    assert {shell.says("backup", "list", "--tenant", name) for name in names} == {
        "Larkspur Logistics has no backup: `atlas backup create` makes one.\n"
    }
    said = shell.says("backup", "list", code=2)
    assert said == "error: Say which tenant. There is: Larkspur Logistics, marigold.example.\n"
    said = shell.says("backup", "list", "--tenant", "Contoso", code=6)
    assert said == ("error: You reach no tenant 'Contoso'. There is: Larkspur Logistics, marigold.example.\n")


def test_a_name_that_two_tenants_bear_is_refused_with_their_ids(shell, place, in_database):
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    in_database("UPDATE tenants SET name = 'Larkspur Logistics' WHERE id = %s", other.tenant)
    said = shell.says("backup", "list", *LARKSPUR, code=2)
    assert str(place.tenant) in said
    assert str(other.tenant) in said


def test_what_is_foreign_looks_like_what_is_not_there(shell, as_user, place):
    backup = shell.json("backup", "create", "--type", "mobileApps")["subject"]["uuid"]
    stranger = as_user(place.atlas.new_place(provider=False).token)
    absent = "01a2b3c4-0000-7000-8000-000000000000"
    answers = {stranger.says("backup", "show", id_, code=6) for id_ in (backup, absent, "nonsense")}
    assert answers == {"error: There is no backup set of that id, or it is not yours to see.\n"}
    assert "is not yours to see" in shell.says("backup", "show", str(place.tenant), code=6)


def test_who_may_only_look_is_told_what_is_lacking(as_user, place):
    said = as_user(place.member("readonly")).says("backup", "create", code=6)
    assert said == "error: This needs the capability backups.create.\n"
