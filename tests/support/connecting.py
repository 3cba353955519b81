"""Mutations of credentials and providers, as tests call them."""

from __future__ import annotations

from typing import Any

from atlas_gql.simulator import CLIENT_ID, CLIENT_SECRET, DEMO_TENANT
from atlas_gql.testing.installation import Place
from support.loopback import loopback

CREDENTIAL = "id uuid name kind expiresAt createdAt rotatedAt providers { totalCount }"
PROVIDER = """
  id uuid cloud clientId writeClientId writesEnabled
  tenant { id } credential { id } writeCredential { id }
"""
_SHOWN = {
    "delete": "... on DeletePayload { deletedId }",
    "Credential": f"... on CredentialPayload {{ credential {{ {CREDENTIAL} }} }}",
    "Provider": f"... on ProviderPayload {{ provider {{ {PROVIDER} }} }}",
}
_TRAIL = """
query Trail($id: ID!) {
  workspace(id: $id) {
    auditEntries(first: 100) { nodes { action details actor { kind } resource { kind id } } }
  }
}
"""


def change(place: Place, mutation: str, token: str | None = None, **given: Any) -> dict[str, Any]:
    """The whole answer to a mutation."""
    shown = next(text for word, text in _SHOWN.items() if word in mutation)
    return place.ask(
        f"""
        mutation Change($input: {mutation[0].upper()}{mutation[1:]}Input!) {{
          {mutation}(input: $input) {{
            __typename {shown}
            ... on Error {{ code message }} ... on ValidationError {{ field }}
          }}
        }}""",
        token,
        input=given,
    )


def changed(place: Place, mutation: str, **given: Any) -> Any:
    """What a mutation made, or the id of what it deleted; it must have been done."""
    answer = change(place, mutation, **given)
    assert "errors" not in answer, answer
    result = answer["data"][mutation]
    assert result.pop("__typename").endswith("Payload"), result
    ((_, made),) = result.items()
    return made


def refused(place: Place, mutation: str, **given: Any) -> tuple[str, str]:
    """What was wrong: the field (or the code where there is none), and the message."""
    answer = change(place, mutation, **given)
    assert "errors" not in answer, answer
    result = answer["data"][mutation]
    assert not result["__typename"].endswith("Payload"), result
    return result.get("field") or result["code"], result["message"]


def secret_of(place: Place, name: str, value: str = CLIENT_SECRET, **more: Any) -> dict[str, Any]:
    """A new credential that holds a client secret."""
    material = {"secret": value}
    made: dict[str, Any] = changed(
        place, "createCredential", workspaceId=place.workspace_id, name=name, material=material, **more
    )
    return made


def connected(place: Place, credential: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The tenant's new provider: the simulator's, with this credential."""
    given = {"cloud": "SIMULATOR", "clientId": CLIENT_ID, "credentialId": credential["id"], **more}
    made: dict[str, Any] = changed(place, "createProvider", tenantId=place.tenant_id, **given)
    return made


def register(place: Place, **registration: Any) -> None:
    """Let Microsoft's application in the demo tenant be this one; without values, the usual one."""
    given = {"tenant": DEMO_TENANT.id, **registration}
    loopback.post(f"{place.atlas.simulator.url}/_simulator/registration", json=given).raise_for_status()


def trail(place: Place, uuid: str) -> list[tuple[str, dict[str, Any]]]:
    """What the audit trail says of a thing: action and details, the oldest first."""
    answer = place.ask(_TRAIL, id=place.workspace_id)
    entries = answer["data"]["workspace"]["auditEntries"]["nodes"]
    assert {entry["actor"]["kind"] for entry in entries} <= {"user"}
    return [
        (entry["action"], entry["details"])
        for entry in reversed(entries)
        if entry["resource"] and entry["resource"]["id"] == uuid
    ]
