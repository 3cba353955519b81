"""A workspace with a past, as examples need one: backups, a failure, plans, a restore."""

from __future__ import annotations

import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from atlas_gql.db.ids import new_id
from atlas_gql.simulator import DEMO_SECOND_TENANT, DEMO_TENANT
from atlas_gql.testing.installation import Place
from support.connecting import changed, secret_of
from support.loopback import loopback
from support.members import who
from support.schedules import made as nightly
from support.steps import backed_up, damaged, planned, restore_input, undone


@dataclass(frozen=True, kw_only=True)
class World:
    """A place in which something has happened; `values` are what it gives to variables of these names."""

    place: Place
    values: dict[str, Any]

    def plan(self) -> dict[str, Any]:
        """The variables that execute a plan which nobody has executed yet."""
        damaged(self.place)
        plan = planned(self.place, self.values["backupSetId"])
        return {
            "restoreRunId": plan["id"],
            "planDigest": plan["planDigest"],
            "domain": DEMO_TENANT.domain,
            "warningIds": [warning["id"] for warning in plan["warnings"]],
            "key": str(new_id()),  # two plans of the same content have the same digest
        }


def make_world(place: Place) -> World:
    """Let it happen, in a place whose tenant is as it was made."""
    other = place.add_tenant(DEMO_SECOND_TENANT.id, DEMO_SECOND_TENANT.domain)
    kinds = {"tenantId": place.tenant_id, "policyTypes": ["mobileApps"]}
    old = place.run("fetchAssignments", kinds)["subject"]["id"]
    backup = backed_up(place)
    failed = _failed_backup(place)
    place.run("verifyProvider", {"tenantId": place.tenant_id})
    damaged(place)
    restored = place.run("restoreAssignments", restore_input(planned(place, backup)))
    elsewhere = other.run("planAssignmentRestore", {"tenantId": other.tenant_id, "backupSetId": backup})
    unconnected = place.add_tenant(str(new_id()), "unconnected.example")
    changed(unconnected, "deleteProvider", providerId=provider_of(unconnected)["id"])
    spare = secret_of(place, "Spare")
    policy, group = _assigned_to_a_group(place, backup)
    leaving = place.add_tenant(str(new_id()), "leaving.example")
    member = who(place, place.member(None))
    values = {
        "memberId": member["id"],
        "tenantIds": [other.tenant_id],
        "oldTenantId": place.add_tenant(str(new_id()), "old.example").tenant_id,
        "leavingTenantId": leaving.tenant_id,
        "leavingDomain": "leaving.example",
        "oldBackupSetId": old,
        "newTenantId": unconnected.tenant_id,
        "providerId": provider_of(other)["id"],
        "credentialId": spare["id"],
        "writeCredentialId": secret_of(place, "Spare for writes")["id"],
        "scheduleId": nightly(place, name="Spare", input={"policyTypes": ["mobileApps"]})["id"],
        "tokenId": _spare_token(place),
        "invitationId": _invitation(place),
        "secret": secrets.token_urlsafe(24),
        "webhookSecret": "whsec_" + b64encode(secrets.token_bytes(32)).decode(),
        "tenantId": place.tenant_id,
        "otherTenantId": other.tenant_id,
        "workspaceId": place.workspace_id,
        "backupSetId": backup,
        "restoreRunId": elsewhere["subject"]["id"],
        "laterSetId": backed_up(place),
        "restoreId": restored["id"],
        "undoId": undone(place, restored["id"])["id"],
        "policyId": policy["externalId"],
        "groupId": group,
        "runId": failed["id"],
        "failedRunId": failed["id"],
        "after": None,
        "key": str(new_id()),
        "since": datetime.now(UTC).isoformat(),
        "monthAgo": (datetime.now(UTC) - timedelta(days=30)).isoformat(),
        "policyKey": _policy_key(place, backup),
        "sourceGroupId": group,
        "targetGroupId": _group_of_the_other_tenant(place),
    }
    return World(place=place, values=values)


def provider_of(place: Place) -> dict[str, Any]:
    """The provider of the place's tenant."""
    answer = place.ask("query P($id: ID!) { tenant(id: $id) { provider { id } } }", id=place.tenant_id)
    provider: dict[str, Any] = answer["data"]["tenant"]["provider"]
    return provider


def _spare_token(place: Place) -> str:
    """The id of a token that nobody uses."""
    create = """mutation C($input: CreateTokenInput!) {
      createToken(input: $input) { ... on CreateTokenPayload { apiToken { id } } } }"""
    given = {"workspaceId": place.workspace_id, "name": "spare"}
    id_: str = place.ask(create, input=given)["data"]["createToken"]["apiToken"]["id"]
    return id_


def _invitation(place: Place) -> str:
    """The id of an invitation that waits."""
    invite = """mutation I($input: InviteMemberInput!) {
      inviteMember(input: $input) { ... on InvitationPayload { invitation { id } } } }"""
    given = {"workspaceId": place.workspace_id, "role": "MANAGER", "email": "somebody@example.com"}
    id_: str = place.ask(invite, input=given)["data"]["inviteMember"]["invitation"]["id"]
    return id_


def _policy_key(place: Place, backup: str) -> str:
    """The key that a policy of a backup has among its run's items."""
    query = (
        "query K($id: ID!)"
        " { node(id: $id) { ... on BackupSet { run { items(first: 1) { nodes { key } } } } } }"
    )
    key: str = place.ask(query, id=backup)["data"]["node"]["run"]["items"]["nodes"][0]["key"]
    return key


def _assigned_to_a_group(place: Place, backup: str) -> tuple[dict[str, Any], str]:
    """A policy of the backup that is directly assigned to a group, and the group's id."""
    items = place.ask(_ITEMS, id=backup)["data"]["node"]["items"]["nodes"]
    policy = next(item for item in items if item["assignments"] and item["groups"])
    target = next(a["target"] for a in policy["assignments"] if "groupId" in a["target"])
    return policy, target["groupId"]


def _group_of_the_other_tenant(place: Place) -> str:
    export = loopback.get(f"{place.atlas.simulator.url}/_simulator/export").json()
    group_id: str = export[DEMO_SECOND_TENANT.id]["groups.json"]["value"][0]["id"]
    return group_id


_ITEMS = """
query Items($id: ID!) {
  node(id: $id) { ... on BackupSet { items(first: 100) { nodes { externalId assignments groups } } } }
}
"""


def _failed_backup(place: Place) -> dict[str, Any]:
    """The run of a backup that could not read one kind of policy."""
    faults = f"{place.atlas.simulator.url}/_simulator/faults"
    refused = [{"path": "deviceHealthScripts", "status": 403}]
    loopback.post(faults, json=refused).raise_for_status()
    try:
        run = place.run("fetchAssignments", {"tenantId": place.tenant_id})
    finally:
        loopback.delete(faults).raise_for_status()
    assert run["outcome"] == "PARTIALLY_SUCCEEDED"
    return run
