"""`atlas tenants` and `atlas members`: who looks after what, from any machine."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from atlas_gql.cli.exits import ExitCode
from atlas_gql.cli.remote.backing_up_many import code_of
from atlas_gql.client import Api, NotAllowed, choose_access, many
from atlas_gql.schema import ids
from atlas_gql.simulator import DEMO_SECOND_TENANT
from support.members import who

ENTRA = "8f1c0f6e-8f9d-4c6e-9a53-6d2f6f0c7b11"
NEW = ("--entra-tenant-id", ENTRA, "--primary-domain", "contoso.example")


def test_a_tenant_from_its_first_day_to_the_archive_and_back(shell):
    assert shell.says("tenants", "create", "Contoso", *NEW).startswith("Added the tenant Contoso (")
    assert "this Entra tenant already" in shell.says("tenants", "create", "Again", *NEW, code=2)
    said = shell.says("tenants", "rename", "Contoso", "--name", "Contoso BV")
    assert said == "It is now Contoso BV, contoso.example.\n"
    assert "Give --name" in shell.says("tenants", "rename", "Contoso BV", code=2)
    assert shell.says("tenants", "archive", ENTRA) == "Archived Contoso BV.\n"
    assert "TENANT_ARCHIVED" in shell.says("backup", "create", "--tenant", "Contoso BV", code=5)
    assert [row["name"] for row in shell.json("tenants", "list")] == ["Larkspur Logistics"]
    assert [row["name"] for row in shell.json("tenants", "list", "--archived")] == ["Contoso BV"]
    assert shell.says("tenants", "unarchive", "contoso.example") == "Contoso BV is archived no longer.\n"
    line = next(line for line in shell.says("tenants", "list").splitlines() if "Contoso BV" in line)
    assert line.split()[:4] == ["Contoso", "BV", "contoso.example", "none"]


def test_members_are_listed_and_changed(shell, as_user, place):
    place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    token = place.member("operator")
    name = who(place, token)["userName"]
    granted = shell.says(
        "members", "grant", name, "--tenant", DEMO_SECOND_TENANT.domain, "--role", "readonly"
    )
    assert granted == f"{name} is readonly of {DEMO_SECOND_TENANT.domain}.\n"
    (row,) = (row for row in shell.json("members", "list") if row["userName"] == name)
    assert {grant["role"] for grant in row["grants"]["nodes"]} == {"OPERATOR", "READONLY"}
    assert "Larkspur Logistics (operator)" in " ".join(shell.says("members", "list").split())
    revoked = shell.says("members", "revoke", name, "-t", "larkspur.example", "-t", DEMO_SECOND_TENANT.domain)
    assert "no longer reaches Larkspur Logistics" in revoked
    assert shell.says("members", "set-role", name, "manager") == f"{name} is manager now.\n"
    assert "reaches all tenants" in shell.says(
        "members", "grant", name, "-t", "larkspur.example", "--role", "operator", code=2
    )
    assert "members.manage" in as_user(token).says("members", "set-role", name, "owner", code=6)
    assert "There is no terminal" in shell.says("members", "remove", name, code=2)
    assert shell.says("members", "remove", name, "--yes").startswith(f"Removed {name} from workspace ")
    assert f"You reach no member '{name}'" in shell.says("members", "remove", name, "--yes", code=6)


def test_the_last_owner_stays(shell, place, terminal):
    owner = who(place)["userName"]
    for command in (("set-role", owner, "member"), ("remove", owner, "--yes")):
        assert "LAST_OWNER" in shell.says("members", *command, code=5)
    terminal("n")
    assert shell.says("members", "remove", owner, code=5) == "error: Nothing was done.\n"


def test_whoever_is_in_several_workspaces_says_which(shell, place, in_database):
    other = place.atlas.new_place(provider=False)
    in_database(
        "INSERT INTO memberships (workspace_id, user_id, role) VALUES (%s, %s, 'owner')",
        other.workspace, place.user,
    )  # fmt: skip
    assert "Say which workspace." in shell.says("members", "list", code=2)
    named = ("--workspace", str(other.workspace))
    assert len(shell.json("members", "list", *named)) == 2
    assert len(shell.json("tenants", "list", *named)) == 1


def test_all_tenants_are_backed_up_and_what_failed_is_told(shell, place, in_database):
    place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    said = shell.says("backup", "create", "--all-tenants", "--type", "intents")
    assert [line.split(":")[0].split() for line in said.splitlines()[1:3]] == [
        ["Larkspur", "Logistics", "succeeded"], [DEMO_SECOND_TENANT.domain, "succeeded"]
    ]  # fmt: skip
    assert "2 of 2 tenants backed up" in said
    in_database(
        "INSERT INTO tenants (id, workspace_id, name, entra_tenant_id, primary_domain)"
        " VALUES (%s, %s, 'Unconnected', %s, 'x.example')",
        uuid4(), place.workspace, uuid4(),
    )  # fmt: skip
    said = shell.says("backup", "create", "--all-tenants", "--type", "intents", code=3)
    (line,) = (line for line in said.splitlines() if line.startswith("Unconnected"))
    assert line.split()[1:5] == ["failed:", "0", "done", "MISSING_CONFIGURATION"]
    again = ("backup", "create", "--all-tenants", "--no-wait", "--idempotency-key", "tonight")
    first, second = (shell.json(*again) for _ in range(2))
    assert (first["started"], second["started"], second["deduplicated"]) == (3, 0, 3)
    runs = [[one["run"]["id"] for one in answer["results"]] for answer in (first, second)]
    assert runs[0] == runs[1]
    for run in runs[0]:
        place.wait(run)


def test_what_all_tenants_goes_with(shell, as_user, place):
    for wrong in (
        ("--all-tenants", "--tenant", "larkspur.example"),
        ("--workspace", str(place.workspace)),
        ("--idempotency-key", "k"),
    ):
        shell.says("backup", "create", *wrong, code=2)
    assert "backups.create" in as_user(place.member("readonly")).says(
        "backup", "create", "--all-tenants", code=6
    )


def a_run(outcome: str) -> dict[str, Any]:
    counters = {"total": 1, "processed": 1, "failed": 0, "skipped": 0}
    return {"run": {"outcome": outcome, "type": "assignments.fetch", "counters": counters}, "error": None}


REFUSED: dict[str, Any] = {"run": None, "error": {"code": "NOT_FOUND"}}


@pytest.mark.parametrize(
    ("results", "code"),
    [
        pytest.param([a_run("SUCCEEDED")] * 2, ExitCode.DONE, id="all-well"),
        pytest.param([a_run("SUCCEEDED"), a_run("FAILED")], ExitCode.FAILED_ITEMS, id="one-failed"),
        pytest.param([a_run("SUCCEEDED"), REFUSED], ExitCode.FAILED_ITEMS, id="one-refused"),
        pytest.param([a_run("PARTIALLY_SUCCEEDED")], ExitCode.FAILED_ITEMS, id="in-part"),
        pytest.param([a_run("FAILED"), a_run("CANCELLED")], ExitCode.RUN_FAILED, id="all-failed"),
        pytest.param([REFUSED, REFUSED], ExitCode.REFUSED, id="none-started"),
    ],
)
def test_the_exit_code_of_many_runs(results: list[dict[str, Any]], code: ExitCode) -> None:
    assert code_of(results) is code


def test_a_run_that_is_gone_is_not_waited_for(shell, place, in_database, monkeypatch):
    """As when its tenant was purged meanwhile."""
    monkeypatch.setattr(many, "BETWEEN", 0.01)
    gone = {"id": ids.encode("OperationRun", uuid4()), "createdAt": "2099-01-01T00:00:00+00:00"}
    with (
        Api(choose_access(None, shell.environment)) as api,
        pytest.raises(NotAllowed, match="no operation run"),
    ):
        many.watch_all(api, place.workspace_id, [gone], ["assignments.fetch"], lambda _: None)
