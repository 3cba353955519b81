"""The safe write: what it writes, when it refuses, and what a crash at any step leaves behind."""

from __future__ import annotations

import pytest

from atlas_gql.errors import GraphError
from atlas_gql.graph import (
    CONTRACTS,
    Assignment,
    Intent,
    Policy,
    ReadBack,
    TargetKind,
    WriteOutcome,
    fingerprint,
)
from atlas_gql.graph.steps import Steps, steps_between
from atlas_gql.reasons import ReasonCode as R

ASSIGN = CONTRACTS["configurationPolicies"]
ITEMS = CONTRACTS["windowsAutopilotDeploymentProfiles"]
LOST = GraphError("No answer.", reason=R.TIMEOUT, may_have_happened=True, request_id="lost-1")


def include(group, **more):
    return Assignment(target=TargetKind.GROUP, group_id=group, **more)


def exclude(group):
    return Assignment(target=TargetKind.EXCLUDED_GROUP, group_id=group)


EVERYBODY = Assignment(target=TargetKind.ALL_USERS)
UNKNOWN = Assignment(target=TargetKind.UNKNOWN, raw={"target": {"@odata.type": "#microsoft.graph.new"}})
A, B = include("group-a"), include("group-b")


def both_kinds(function):
    return pytest.mark.parametrize("contract", [ASSIGN, ITEMS], ids=["assign", "items"])(function)


@both_kinds
def test_the_state_before_is_kept_before_the_write(fake, contract):
    tenant, journal = fake.Tenant(contract, [A]), fake.Journal()
    before = fingerprint([A])

    async def keep(policy, intent):
        assert tenant.writes == []
        await fake.Journal.keep(journal, policy, intent)

    journal.keep = keep
    written = fake.write(tenant, [B, exclude("group-c")], journal=journal)

    (policy, intent), *more = journal.kept
    assert more == []
    assert fingerprint(policy.assignments) == intent.before_fingerprint == before
    assert intent.desired_fingerprint == fingerprint(tenant.stored) == fingerprint([B, exclude("group-c")])
    assert (written.outcome, written.before) == (WriteOutcome.APPLIED, policy)
    assert fingerprint(written.after.assignments) == intent.desired_fingerprint
    assert written.request_id == f"request-{len(tenant.writes)}"


@both_kinds
def test_whoever_refuses_to_keep_stops_the_write(fake, contract):
    tenant = fake.Tenant(contract, [A])

    async def keep(policy, intent):
        raise RuntimeError("the disk is full")

    journal = fake.Journal()
    journal.keep = keep
    with pytest.raises(RuntimeError):
        fake.write(tenant, [B], journal=journal)
    assert tenant.writes == []


@both_kinds
def test_what_is_already_there_is_not_written(fake, contract):
    tenant, journal = fake.Tenant(contract, [A, B]), fake.Journal()
    written = fake.write(tenant, [B, A], planned_from="long ago", journal=journal)
    assert (written.outcome, tenant.writes, journal.kept) == (WriteOutcome.UNCHANGED, [], [])


@both_kinds
def test_a_policy_that_changed_since_the_plan_is_left_alone(fake, contract):
    tenant, journal = fake.Tenant(contract, [A]), fake.Journal()
    assert fake.reason_of(tenant, [B], planned_from=fingerprint([]), journal=journal) is R.STALE_PLAN
    assert (tenant.writes, journal.kept) == ([], [])


@both_kinds
def test_inherited_assignments_stay_and_are_never_written_as_direct(fake, contract):
    inherited = include("group-i", source="policySets")
    tenant = fake.Tenant(contract, [A, inherited])
    fake.write(tenant, [B, include("group-j", source="policySets")])
    assert sorted((a.group_id, a.source) for a in tenant.stored) == [
        ("group-b", "direct"),
        ("group-i", "policySets"),
    ]


def test_a_direct_assignment_is_written_although_an_inherited_one_says_the_same(fake):
    tenant = fake.Tenant(ITEMS, [A, include("group-b", source="policySets")])
    fake.write(tenant, [A, B])
    assert tenant.writes == ["add"]


@pytest.mark.parametrize(
    ("contract", "current", "desired", "reason"),
    [
        pytest.param(ASSIGN, [A, UNKNOWN], [B], R.UNSUPPORTED, id="unknown-there"),
        pytest.param(ITEMS, [A], [UNKNOWN], R.UNSUPPORTED, id="unknown-wanted"),
        pytest.param(CONTRACTS["roleScopeTags"], [A], [B], R.UNSUPPORTED, id="only-read"),
        pytest.param(ASSIGN, [A], [B, exclude("group-b")], R.INVALID_REQUEST, id="one-target-twice"),
        pytest.param(
            ITEMS,
            [A],
            [include("group-b", filter_id="f", filter_mode="include")],
            R.UNSUPPORTED,
            id="filter-would-be-lost",
        ),
    ],
)
def test_what_cannot_be_written_faithfully_is_not_written(fake, contract, current, desired, reason):
    tenant, journal = fake.Tenant(contract, current), fake.Journal()
    assert fake.reason_of(tenant, desired, journal=journal) is reason
    assert (tenant.writes, journal.kept) == ([], [])


@both_kinds
@pytest.mark.parametrize("reason", [R.NOT_FOUND, R.PERMISSION_DENIED])
def test_a_policy_that_cannot_be_read_is_not_written(fake, contract, reason):
    tenant = fake.Tenant(contract, [A])
    tenant.reads = [GraphError("x", reason=reason)]
    assert fake.reason_of(tenant, [B]) is reason
    assert tenant.writes == []


def test_unknown_assignments_are_not_taken_for_none(fake):
    tenant = fake.Tenant(ASSIGN, [])
    problem = GraphError("x", reason=R.INVALID_RESPONSE)

    async def policy(contract, policy_id):
        return Policy(policy_type="t", id="p", name="P", error=problem)

    tenant.policy = policy
    with pytest.raises(GraphError) as caught:
        fake.write(tenant, [B])
    assert (caught.value, tenant.writes) == (problem, [])


@both_kinds
def test_reads_may_lag_behind_the_write(fake, contract):
    tenant = fake.Tenant(contract, [A], lag=2)
    assert fake.write(tenant, [B]).outcome is WriteOutcome.APPLIED
    assert tenant.writes == (["assign"] if contract is ASSIGN else ["add", "delete"])


@both_kinds
@pytest.mark.parametrize("takes_effect", [True, False], ids=["took-effect", "did-not"])
def test_a_lost_answer_is_settled_by_reading(fake, contract, takes_effect):
    tenant = fake.Tenant(contract, [A], faults={1: (takes_effect, LOST)})
    assert fake.write(tenant, [B]).outcome is WriteOutcome.APPLIED
    assert fingerprint(tenant.stored) == fingerprint([B])
    first = "assign" if contract is ASSIGN else "add"
    assert tenant.writes.count(first) == (1 if takes_effect else 2)


def test_an_assign_is_sent_again_only_a_few_times(fake):
    tenant = fake.Tenant(ASSIGN, [A], faults=dict.fromkeys(range(1, 99), (False, LOST)))
    assert fake.reason_of(tenant, [B]) is R.WRITE_UNCERTAIN
    assert tenant.writes == ["assign"] * (1 + ReadBack().repeats)


def test_an_item_is_sent_again_only_after_it_was_looked_for_in_vain(fake):
    tenant = fake.Tenant(ITEMS, [A], faults=dict.fromkeys(range(1, 4), (False, LOST)))
    assert fake.write(tenant, [A, B]).outcome is WriteOutcome.APPLIED
    assert tenant.writes == ["add"] * 4

    tenant = fake.Tenant(ITEMS, [A], faults=dict.fromkeys(range(1, 99), (False, LOST)))
    assert fake.reason_of(tenant, [A, B]) is R.WRITE_UNCERTAIN
    assert tenant.writes == ["add"] * (1 + ReadBack().repeats)


THROTTLED = GraphError("Slow down.", reason=R.THROTTLED, may_have_happened=True, retry_after=3)


@both_kinds
def test_a_write_that_is_throttled_for_ever_is_handed_on(fake, contract):
    """It can go on later, by the intents that were kept; it is not uncertain."""
    tenant = fake.Tenant(contract, [A], faults=dict.fromkeys(range(1, 99), (False, THROTTLED)))
    assert fake.reason_of(tenant, [B]) is R.THROTTLED
    assert len(tenant.writes) == 1 + ReadBack().repeats


@pytest.mark.parametrize("problem", [LOST, THROTTLED], ids=["lost", "throttled"])
@pytest.mark.parametrize("takes_effect", [True, False], ids=["took-effect", "did-not"])
def test_an_item_that_was_perhaps_not_deleted_is_deleted_again(fake, problem, takes_effect):
    tenant = fake.Tenant(ITEMS, [A, B], faults={1: (takes_effect, problem)})
    assert fake.write(tenant, [B]).outcome is WriteOutcome.APPLIED
    assert tenant.writes == ["delete"] * (1 if takes_effect else 2)


def test_an_exclusion_stays_while_the_inclusion_may_still_be_there(fake):
    tenant = fake.Tenant(ITEMS, [A, exclude("group-x"), B], faults={1: (False, LOST)})
    fake.write(tenant, [B])
    assert tenant.writes == ["delete"] * 3
    excluded = [any(a.excluded for a in state) for state in tenant.states]
    reached = [any(a.group_id == "group-a" for a in state) for state in tenant.states]
    assert list(zip(reached, excluded, strict=True)) == [(False, True), (False, False)]


def test_an_item_that_got_in_twice_is_deleted_once(fake):
    """The first addition takes effect, but is not seen within the patience."""
    tenant = fake.Tenant(ITEMS, [A], faults={1: (True, LOST)}, lag=3)
    add = tenant.add_assignment

    async def lagging_once(*args, **more):
        try:
            return await add(*args, **more)
        finally:
            tenant.lag = 0

    tenant.add_assignment = lagging_once
    fake.write(tenant, [A, B])
    assert tenant.writes == ["add", "add", "delete"]
    assert fingerprint(tenant.stored) == fingerprint([A, B])


@both_kinds
def test_a_write_that_cannot_be_read_back_is_uncertain(fake, contract):
    tenant = fake.Tenant(contract, [A])
    tenant.reads = [None, *[GraphError("x", reason=R.TIMEOUT)] * 3]
    assert fake.reason_of(tenant, [B]) is R.WRITE_UNCERTAIN


def test_throttled_reading_back_is_handed_on(fake):
    tenant = fake.Tenant(ASSIGN, [A])
    tenant.reads = [None, GraphError("x", reason=R.THROTTLED, retry_after=600)]
    assert fake.reason_of(tenant, [B]) is R.THROTTLED


def test_a_refused_write_keeps_its_reason(fake):
    refused = GraphError("x", reason=R.APPROVAL_REQUIRED)
    tenant = fake.Tenant(ASSIGN, [A], faults={1: (False, refused)})
    assert fake.reason_of(tenant, [B]) is R.APPROVAL_REQUIRED
    assert tenant.writes == ["assign"]


@both_kinds
def test_an_accepted_write_that_did_nothing_fails_the_verification(fake, contract):
    tenant = fake.Tenant(contract, [A], faults=dict.fromkeys(range(1, 9), (False, None)))
    assert fake.reason_of(tenant, [B]) is R.VERIFICATION_FAILED
    assert tenant.writes == (["assign"] if contract is ASSIGN else ["add"]), "nothing may be deleted"


def test_what_somebody_else_adds_meanwhile_is_not_deleted(fake):
    tenant = fake.Tenant(ITEMS, [A])
    journal = fake.Journal()

    async def keep(policy, intent):
        tenant.stored.append(tenant.store(include("group-z")))

    journal.keep = keep
    assert fake.reason_of(tenant, [B], journal=journal) is R.VERIFICATION_FAILED
    assert {a.group_id for a in tenant.stored} == {"group-b", "group-z"}


def test_exclusions_come_first_and_go_last(fake):
    tenant = fake.Tenant(ITEMS, [A, exclude("group-x")])
    fake.write(tenant, [EVERYBODY, exclude("group-y")])
    reached = [sorted((a.group_id or "all", a.excluded) for a in state) for state in tenant.states]
    a, x, y, everybody = ("group-a", False), ("group-x", True), ("group-y", True), ("all", False)
    assert reached == [
        sorted([a, x, y]),
        sorted([a, x, y, everybody]),
        sorted([x, y, everybody]),
        sorted([y, everybody]),
    ]


def test_inherited_assignments_are_no_step_of_the_way(fake):
    inherited = include("group-b", source="policySets")
    assert steps_between([A, inherited], [inherited]) == Steps(adds=(), deletes=(A,))


def test_the_intent_names_every_state_in_between(fake):
    tenant, journal = fake.Tenant(ITEMS, [A, exclude("group-x")]), fake.Journal()
    fake.write(tenant, [EVERYBODY, exclude("group-y")], journal=journal)
    states = [fingerprint(state) for state in tenant.states]
    assert journal.kept[0][1] == Intent(
        before_fingerprint=fingerprint([A, exclude("group-x")]),
        desired_fingerprint=states[-1],
        intermediate=tuple(states[:-1]),
    )
