"""Members and tenants of a workspace, as tests see and change them."""

from __future__ import annotations

from typing import Any

from atlas_gql.testing.installation import Place

MEMBER = "id uuid userUuid userName role grants { nodes { role tenant { id } } }"
_MEMBERS = f"""
query Members($id: ID!, $filter: MemberFilter, $first: Int = 100) {{
  workspace(id: $id) {{ members(filter: $filter, first: $first) {{ totalCount nodes {{ {MEMBER} }} }} }}
}}
"""
_SHOWN = f"""
  ... on MemberPayload {{ member {{ {MEMBER} }} }}
  ... on DeletePayload {{ deletedId }}
  ... on TenantPayload {{ tenant {{ id uuid name primaryDomain archivedAt }} }}
  ... on Error {{ code message }}
  ... on ValidationError {{ field }}
"""


def members(place: Place, token: str | None = None, **filter: Any) -> dict[str, Any]:
    """The whole answer to a list of the workspace's members."""
    return place.ask(_MEMBERS, token, id=place.workspace_id, filter=filter or None)


def found(place: Place, **filter: Any) -> list[dict[str, Any]]:
    """The workspace's members, as its owner sees them."""
    nodes: list[dict[str, Any]] = members(place, **filter)["data"]["workspace"]["members"]["nodes"]
    return nodes


def who(place: Place, token: str | None = None) -> dict[str, Any]:
    """The member behind a token."""
    me = place.ask("{ viewer { uuid } }", token)["data"]["viewer"]["uuid"]
    (one,) = (member for member in found(place) if member["userUuid"] == me)
    return one


def alter(place: Place, mutation: str, token: str | None = None, **given: Any) -> dict[str, Any]:
    """The whole answer to a mutation of members or tenants."""
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    shown = "\n".join(line for line in _SHOWN.splitlines() if _fits(line, mutation))
    return place.ask(
        f"mutation Alter($input: {kind}!) {{ {mutation}(input: $input) {{ __typename {shown} }} }}",
        token,
        input=given,
    )


def _fits(line: str, mutation: str) -> bool:
    """Whether a fragment can be of the mutation's result."""
    if "ValidationError" in line:
        return mutation in ("grantTenants", "revokeGrants", "createTenant", "renameTenant")
    for name, mutations in _PAYLOADS.items():
        if name in line:
            return mutation in mutations
    return True


_PAYLOADS = {
    "MemberPayload": ("changeMemberRole", "grantTenants", "revokeGrants"),
    "DeletePayload": ("removeMember", "leaveWorkspace"),
    "TenantPayload": ("createTenant", "renameTenant", "archiveTenant", "unarchiveTenant"),
}


def altered(place: Place, mutation: str, token: str | None = None, **given: Any) -> Any:
    """What a mutation gives, which must have been done."""
    answer = alter(place, mutation, token, **given)
    assert "errors" not in answer, answer
    result = answer["data"][mutation]
    assert result.pop("__typename").endswith("Payload"), result
    ((_, made),) = result.items()
    return made


def refusal(answer: dict[str, Any]) -> str:
    """The code with which a mutation was refused, by an error of its result or of the request."""
    if "errors" in answer:
        (error,) = answer["errors"]
        code: str = error["extensions"]["code"]
        return code
    ((_, result),) = answer["data"].items()
    return str(result["code"])
