"""Guards: out of reach is NOT_FOUND, within reach and not allowed is FORBIDDEN, in that order."""

from collections import namedtuple
from types import SimpleNamespace
from uuid import UUID

import pytest

from atlas_gql.access.actors import Actor
from atlas_gql.errors import BadUserInput, Forbidden, NotFound
from atlas_gql.schema import ids
from atlas_gql.schema.permissions import (
    CanSeeWorkspace,
    HasCapability,
    HasCapabilitySomewhere,
    ReachesTenant,
    granted,
    held,
    requirement,
)

W, FOREIGN, T1, T2 = (UUID(int=n) for n in range(1, 5))
Row = namedtuple("Row", "workspace_id tenant_id other_id kind", defaults=(None, None))


def actor(role: str | None = None, **grants: str) -> Actor:
    return Actor(
        user_id=UUID(int=9),
        name="a",
        token_id=UUID(int=8),
        plane="workspace",
        memberships={W: role} if role else {},
        grants={{"t1": T1, "t2": T2}[name]: granted for name, granted in grants.items()},
    )


OWNER, STRANGER, READER = actor("owner"), actor(), actor("member", t1="readonly")


def info(who: Actor):
    return SimpleNamespace(context=SimpleNamespace(actor=who))


def outcome(permission, row, who, **arguments):
    """What the guard lets happen: `seen`, or the code of its refusal."""
    try:
        if permission.has_permission(row, info(who), **arguments):
            return "seen"
        permission.on_unauthorized()
    except (NotFound, Forbidden, BadUserInput) as refused:
        return refused.code


@pytest.mark.parametrize(
    ("who", "tenant", "capability", "expected"),
    [
        (OWNER, T1, "restores.execute", "seen"),
        (READER, T1, "runs.view", "seen"),
        (READER, T1, "runs.cancel", "FORBIDDEN"),
        (READER, T2, "runs.view", "NOT_FOUND"),
        (READER, None, "audit.view", "FORBIDDEN"),
        (STRANGER, T1, "runs.view", "NOT_FOUND"),
        (STRANGER, None, "audit.view", "NOT_FOUND"),
    ],
)
def test_a_capability_is_asked_for_where_the_object_belongs(who, tenant, capability, expected):
    assert outcome(HasCapability(capability), Row(W, tenant), who) == expected


def test_a_refusal_names_the_capability():
    with pytest.raises(Forbidden) as caught:
        HasCapability("runs.cancel").has_permission(Row(W, T1), info(READER))
    assert caught.value.capability == "runs.cancel"


@pytest.mark.parametrize(("other", "expected"), [(T1, "seen"), (T2, "NOT_FOUND")])
def test_a_capability_can_be_asked_for_on_another_tenant(other, expected):
    guard = HasCapability("backups.view", tenant="other_id")
    assert outcome(guard, Row(W, T1, other_id=other), READER) == expected


@pytest.mark.parametrize(("kind", "expected"), [("A", "FORBIDDEN"), ("B", "seen"), (None, "seen")])
def test_a_guard_for_one_kind_of_thing_leaves_the_others_alone(kind, expected):
    guard = HasCapability("runs.cancel", when=("kind", "A"))
    assert outcome(guard, Row(W, T1, kind=kind), READER) == expected


@pytest.mark.parametrize(
    ("who", "capability", "expected"),
    [
        (OWNER, "runs.view", "seen"),
        (READER, "runs.view", "seen"),
        (READER, "runs.cancel", "FORBIDDEN"),
        (actor("member"), "runs.view", "FORBIDDEN"),
        (STRANGER, "runs.view", "NOT_FOUND"),
    ],
)
def test_a_list_over_a_workspace_takes_the_capability_on_any_of_its_tenants(who, capability, expected):
    assert outcome(HasCapabilitySomewhere(capability), Row(W, None), who) == expected


def test_what_such_a_list_may_hold_is_every_tenant_or_those_granted():
    two = actor("member", t1="operator", t2="readonly")
    assert [granted(who, W, "runs.cancel") for who in (OWNER, two, READER)] == [None, (T1,), ()]
    assert [granted(who, W) for who in (OWNER, two)] == [None, (T1, T2)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [(Row(W, T1), True), (Row(W, T2), False), (Row(FOREIGN, T1), False), (Row(None, None), False)],
)
def test_what_is_held_on_a_row_is_nothing_at_all_out_of_reach(row, expected):
    assert (held(READER, row) is not None) is expected


def test_any_right_on_a_tenant_reaches_it():
    assert [
        outcome(ReachesTenant("other_id"), Row(W, None, other_id=tenant), READER) for tenant in (T1, T2)
    ] == ["seen", "NOT_FOUND"]


@pytest.mark.parametrize(
    ("id_", "expected"),
    [
        (ids.encode("Workspace", W), "seen"),
        (ids.encode("Workspace", FOREIGN), "NOT_FOUND"),
        (ids.encode("Tenant", W), "BAD_USER_INPUT"),
        ("x", "BAD_USER_INPUT"),
    ],
)
def test_a_workspace_is_seen_by_its_members(id_, expected):
    assert outcome(CanSeeWorkspace(), None, READER, id=id_) == expected


def test_the_sentence_in_a_description_is_made_from_the_guards():
    guards = [HasCapability("a.b"), HasCapability("c.d", on="there"), ReachesTenant("x")]
    assert [requirement(guards), requirement([ReachesTenant("x")])] == [
        "Requires capability: a.b, c.d on there.",
        "",
    ]
