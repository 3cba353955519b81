"""What changes of members and tenants cost in statements, the first time and again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from atlas_gql.simulator import Running
from atlas_gql.testing.installation import Installation, Place, installation
from atlas_gql.testing.postgres import TestDatabase
from support.members import altered, who
from support.statements import counted


@pytest.fixture(scope="module")
def quiet(test_database: TestDatabase, simulator: Running) -> Iterator[Installation]:
    """An API without a worker, so that nobody else makes statements in this process."""
    with installation(test_database, simulator=simulator, worker=False) as running:
        yield running


@pytest.fixture
def place(quiet: Installation) -> Place:
    return quiet.new_place(provider=False)


def cost(place: Place, mutation: str, token: str | None = None, **given: Any) -> int:
    with counted(place.atlas) as statements:
        altered(place, mutation, token, **given)
    return len(statements)


BEFORE = 2
"""Who asks; where the member or tenant belongs."""
SHOWN = 3
"""A member, the grants, their tenants."""


def test_changes_of_members(place: Place) -> None:
    token = place.member(None)
    given = {"memberId": who(place, token)["id"]}
    tenants = [place.tenant_id, *(place.add_tenant(str(uuid4()), "t.example").tenant_id for _ in range(4))]
    # The lock, the member; which tenants there are; what was granted; the audit entry.
    grant = {**given, "tenantIds": tenants, "role": "OPERATOR"}
    assert cost(place, "grantTenants", **grant) == BEFORE + 5 + SHOWN
    assert cost(place, "grantTenants", **grant) == BEFORE + 4 + SHOWN
    revoke = {**given, "tenantIds": tenants[:3]}
    assert cost(place, "revokeGrants", **revoke) == BEFORE + 5 + SHOWN
    assert cost(place, "revokeGrants", **revoke) == BEFORE + 4 + SHOWN
    # The lock, the member; the role; the grants that end; the audit entry. Of no grant no tenant is shown.
    role = {**given, "role": "MANAGER"}
    assert cost(place, "changeMemberRole", **role) == BEFORE + 5 + SHOWN - 1
    assert cost(place, "changeMemberRole", **role) == BEFORE + 2 + SHOWN - 1
    # The lock, the member; the grants; the membership; the audit entry. An owner: who else is one.
    assert cost(place, "removeMember", **given) == BEFORE + 5
    second = place.member("owner")
    assert cost(place, "leaveWorkspace", second, workspaceId=place.workspace_id) == BEFORE + 7


def test_changes_of_tenants(place: Place) -> None:
    new = {"name": "T", "entraTenantId": str(uuid4()), "primaryDomain": "t.example"}
    # The workspace; the tenant; the audit entry. Then the tenant that is shown.
    assert cost(place, "createTenant", workspaceId=place.workspace_id, **new) == BEFORE + 3 + 1
    given = {"tenantId": place.tenant_id}
    assert cost(place, "renameTenant", **given, name="N") == BEFORE + 3 + 1
    assert cost(place, "renameTenant", **given, name="N") == BEFORE + 1 + 1
    # The tenant, what is running; the archive, what waits; the audit entry.
    assert cost(place, "archiveTenant", **given) == BEFORE + 5 + 1
    assert cost(place, "archiveTenant", **given) == BEFORE + 1 + 1
    assert cost(place, "unarchiveTenant", **given) == BEFORE + 3 + 1
    assert cost(place, "unarchiveTenant", **given) == BEFORE + 1 + 1
