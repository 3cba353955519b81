"""Whatever bounds a token has: its rights are its user's, and within the bounds, on every path."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from atlas_gql.access.actors import Actor
from atlas_gql.access.bounds import Bounds
from atlas_gql.access.capabilities import Capability
from atlas_gql.schema.permissions import granted

W, X = UUID(int=1), UUID(int=2)
TENANTS = {UUID(int=10): W, UUID(int=11): W, UUID(int=20): X}
EVERY = frozenset(map(str, Capability))

_roles = st.dictionaries(st.sampled_from([W, X]), st.sampled_from(["owner", "manager", "member"]))
_grants = st.dictionaries(st.sampled_from(list(TENANTS)), st.sampled_from(["operator", "readonly"]))
_bounds = st.builds(
    Bounds,
    workspace_id=st.none() | st.sampled_from([W, X]),
    capabilities=st.none() | st.frozensets(st.sampled_from(sorted(EVERY)), max_size=4),
    tenants=st.none() | st.frozensets(st.sampled_from(list(TENANTS)), max_size=2),
)


def actor(memberships: dict[UUID, str], grants: dict[UUID, str]) -> Actor:
    return Actor(
        user_id=UUID(int=9),
        name="a",
        token_id=UUID(int=8),
        plane="workspace",
        memberships=memberships,
        grants=grants,
    )


@given(roles=_roles, grants=_grants, bounds=_bounds)
def test_rights_are_the_users_within_the_bounds(
    roles: dict[UUID, str], grants: dict[UUID, str], bounds: Bounds
) -> None:
    whole = actor(roles, grants)
    bound = replace(whole, bounds=bounds)
    for tenant, workspace in TENANTS.items():
        outside = (bounds.workspace_id not in (None, workspace)) or (
            bounds.tenants is not None and tenant not in bounds.tenants
        )
        full = whole.in_tenant(workspace, tenant)
        allowed = EVERY if bounds.capabilities is None else bounds.capabilities
        kept = None if outside or full is None else full & allowed
        assert bound.in_tenant(workspace, tenant) == kept
        for capability in EVERY:
            named = granted(bound, workspace, capability)
            reached = bound.reaches_all_of(workspace) if named is None else tenant in named
            assert reached == (kept is not None and capability in kept)


@given(roles=_roles, grants=_grants, bounds=_bounds)
def test_what_is_left_of_some_tenants_is_nothing_of_the_workspace(
    roles: dict[UUID, str], grants: dict[UUID, str], bounds: Bounds
) -> None:
    whole = actor(roles, grants)
    bound = replace(whole, bounds=bounds)
    for workspace in (W, X):
        full, left = whole.in_workspace(workspace), bound.in_workspace(workspace)
        if full is None or bounds.workspace_id not in (None, workspace):
            assert left is None
        elif bounds.tenants is not None:
            assert left == frozenset()
        else:
            assert left == (full if bounds.capabilities is None else full & bounds.capabilities)
