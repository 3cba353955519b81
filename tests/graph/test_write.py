"""The safe write: what it writes, when it refuses, and what a crash at any step leaves behind."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_gql.errors import GraphError, OperationFailure
from atlas_gql.graph import (
    CONTRACTS,
    Assignment,
    Intent,
    Policy,
    ReadBack,
    TargetKind,
    WriteOutcome,
    fingerprint,
    parse_assignment,
    write_assignments,
)
from atlas_gql.graph.steps import Steps, steps_between
from atlas_gql.reasons import ReasonCode as R

ASSIGN = CONTRACTS["configurationPolicies"]
ITEMS = CONTRACTS["windowsAutopilotDeploymentProfiles"]
LOST = GraphError("No answer.", reason=R.TIMEOUT, may_have_happened=True, request_id="lost-1")


class Crash(BaseException):
    """The process dies here."""


class Tenant:
    """One policy in memory, as Graph keeps it: `/assign` replaces, ids are derived by the service.

    `writes` lists what was asked; `states` the direct assignments after each write. `faults` maps the
    number of a write (from 1) to (takes effect, exception). `lag` reads after a write still give the
    state before it.
    """

    def __init__(self, contract, assignments, *, faults=None, lag=0):
        self.contract = contract
        self.ids = itertools.count(1)
        self.stored = [self.store(assignment) for assignment in assignments]
        self.faults = faults or {}
        self.lag = lag
        self.stale, self.stale_reads = (), 0
        self.writes, self.states, self.reads = [], [], []

    def store(self, assignment):
        raw = (
            assignment.body(self.contract) if assignment.target is not TargetKind.UNKNOWN else assignment.raw
        )
        return parse_assignment(
            self.contract, {**raw, "id": f"a{next(self.ids)}", "source": assignment.source}
        )

    async def policy(self, contract, policy_id):
        if self.reads and (problem := self.reads.pop(0)):
            raise problem
        seen = self.stored
        if self.stale_reads:
            self.stale_reads -= 1
            seen = self.stale
        return Policy(policy_type=contract.policy_type, id=policy_id, name="P", assignments=tuple(seen))

    def write(self, what, after):
        self.writes.append(what)
        takes_effect, problem = self.faults.get(len(self.writes), (True, None))
        if takes_effect:
            self.stale, self.stale_reads = tuple(self.stored), self.lag
            self.stored = after
            self.states.append([a for a in after if a.is_direct])
        if problem:
            raise problem
        return f"request-{len(self.writes)}"

    async def assign(self, contract, policy_id, assignments, *, justification=None):
        inherited = [a for a in self.stored if not a.is_direct]
        return self.write("assign", inherited + [self.store(a) for a in assignments])

    async def add_assignment(self, contract, policy_id, assignment, *, justification=None):
        return self.write("add", [*self.stored, self.store(assignment)])

    async def delete_assignment(self, contract, policy_id, assignment_id, *, justification=None):
        after = [a for a in self.stored if a.raw["id"] != assignment_id]
        if len(after) == len(self.stored):
            raise GraphError("Gone.", reason=R.NOT_FOUND)
        return self.write("delete", after)


class Journal:
    """What `keep` was given, and the fingerprints that a resume passes as `ours`."""

    def __init__(self):
        self.kept = []

    async def keep(self, policy, intent):
        self.kept.append((policy, intent))

    @property
    def ours(self):
        return {
            f for _, i in self.kept for f in (i.before_fingerprint, *i.intermediate, i.desired_fingerprint)
        }


def include(group, **more):
    return Assignment(target=TargetKind.GROUP, group_id=group, **more)


def exclude(group):
    return Assignment(target=TargetKind.EXCLUDED_GROUP, group_id=group)


EVERYBODY = Assignment(target=TargetKind.ALL_USERS)
UNKNOWN = Assignment(target=TargetKind.UNKNOWN, raw={"target": {"@odata.type": "#microsoft.graph.new"}})
A, B = include("group-a"), include("group-b")


async def no_sleep(_seconds):
    return


def write(tenant, desired, *, planned_from=None, journal=None, ours=(), waits=(0, 0, 0), **more):
    journal = journal or Journal()
    planned = fingerprint(tenant.stored) if planned_from is None else planned_from
    return asyncio.run(
        write_assignments(
            tenant,
            tenant.contract,
            "p",
            planned_from=planned,
            desired=desired,
            keep=journal.keep,
            ours=ours,
            read_back=ReadBack(waits=waits, sleep=no_sleep),
            **more,
        )
    )


def reason_of(tenant, desired, **more):
    with pytest.raises(OperationFailure) as caught:
        write(tenant, desired, **more)
    return caught.value.reason_code


def both_kinds(function):
    return pytest.mark.parametrize("contract", [ASSIGN, ITEMS], ids=["assign", "items"])(function)


@both_kinds
def test_the_state_before_is_kept_before_the_write(contract):
    tenant, journal = Tenant(contract, [A]), Journal()
    before = fingerprint([A])

    async def keep(policy, intent):
        assert tenant.writes == []
        await Journal.keep(journal, policy, intent)

    journal.keep = keep
    written = write(tenant, [B, exclude("group-c")], journal=journal)

    (policy, intent), *more = journal.kept
    assert more == []
    assert fingerprint(policy.assignments) == intent.before_fingerprint == before
    assert intent.desired_fingerprint == fingerprint(tenant.stored) == fingerprint([B, exclude("group-c")])
    assert (written.outcome, written.before) == (WriteOutcome.APPLIED, policy)
    assert fingerprint(written.after.assignments) == intent.desired_fingerprint
    assert written.request_id == f"request-{len(tenant.writes)}"


@both_kinds
def test_whoever_refuses_to_keep_stops_the_write(contract):
    tenant = Tenant(contract, [A])

    async def keep(policy, intent):
        raise RuntimeError("the disk is full")

    journal = Journal()
    journal.keep = keep
    with pytest.raises(RuntimeError):
        write(tenant, [B], journal=journal)
    assert tenant.writes == []


@both_kinds
def test_what_is_already_there_is_not_written(contract):
    tenant, journal = Tenant(contract, [A, B]), Journal()
    written = write(tenant, [B, A], planned_from="long ago", journal=journal)
    assert (written.outcome, tenant.writes, journal.kept) == (WriteOutcome.UNCHANGED, [], [])


@both_kinds
def test_a_policy_that_changed_since_the_plan_is_left_alone(contract):
    tenant, journal = Tenant(contract, [A]), Journal()
    assert reason_of(tenant, [B], planned_from=fingerprint([]), journal=journal) is R.STALE_PLAN
    assert (tenant.writes, journal.kept) == ([], [])


@both_kinds
def test_inherited_assignments_stay_and_are_never_written_as_direct(contract):
    inherited = include("group-i", source="policySets")
    tenant = Tenant(contract, [A, inherited])
    write(tenant, [B, include("group-j", source="policySets")])
    assert sorted((a.group_id, a.source) for a in tenant.stored) == [
        ("group-b", "direct"),
        ("group-i", "policySets"),
    ]


def test_a_direct_assignment_is_written_although_an_inherited_one_says_the_same():
    tenant = Tenant(ITEMS, [A, include("group-b", source="policySets")])
    write(tenant, [A, B])
    assert tenant.writes == ["add"]


@pytest.mark.parametrize(
    ("contract", "current", "desired", "reason"),
    [
        pytest.param(ASSIGN, [A, UNKNOWN], [B], R.UNSUPPORTED, id="unknown-there"),
        pytest.param(ITEMS, [A], [UNKNOWN], R.UNSUPPORTED, id="unknown-wanted"),
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
def test_what_cannot_be_written_faithfully_is_not_written(contract, current, desired, reason):
    tenant, journal = Tenant(contract, current), Journal()
    assert reason_of(tenant, desired, journal=journal) is reason
    assert (tenant.writes, journal.kept) == ([], [])


@both_kinds
@pytest.mark.parametrize("reason", [R.NOT_FOUND, R.PERMISSION_DENIED])
def test_a_policy_that_cannot_be_read_is_not_written(contract, reason):
    tenant = Tenant(contract, [A])
    tenant.reads = [GraphError("x", reason=reason)]
    assert reason_of(tenant, [B]) is reason
    assert tenant.writes == []


def test_unknown_assignments_are_not_taken_for_none():
    tenant = Tenant(ASSIGN, [])
    problem = GraphError("x", reason=R.INVALID_RESPONSE)

    async def policy(contract, policy_id):
        return Policy(policy_type="t", id="p", name="P", error=problem)

    tenant.policy = policy
    with pytest.raises(GraphError) as caught:
        write(tenant, [B])
    assert (caught.value, tenant.writes) == (problem, [])


@both_kinds
def test_reads_may_lag_behind_the_write(contract):
    tenant = Tenant(contract, [A], lag=2)
    assert write(tenant, [B]).outcome is WriteOutcome.APPLIED
    assert tenant.writes == (["assign"] if contract is ASSIGN else ["add", "delete"])


@both_kinds
@pytest.mark.parametrize("takes_effect", [True, False], ids=["took-effect", "did-not"])
def test_a_lost_answer_is_settled_by_reading(contract, takes_effect):
    tenant = Tenant(contract, [A], faults={1: (takes_effect, LOST)})
    assert write(tenant, [B]).outcome is WriteOutcome.APPLIED
    assert fingerprint(tenant.stored) == fingerprint([B])
    first = "assign" if contract is ASSIGN else "add"
    assert tenant.writes.count(first) == (1 if takes_effect else 2)


def test_an_assign_is_sent_twice_at_most():
    tenant = Tenant(ASSIGN, [A], faults=dict.fromkeys(range(1, 9), (False, LOST)))
    assert reason_of(tenant, [B]) is R.WRITE_UNCERTAIN
    assert tenant.writes == ["assign", "assign"]


def test_an_item_is_sent_again_only_after_it_was_looked_for_in_vain():
    tenant = Tenant(ITEMS, [A], faults=dict.fromkeys(range(1, 4), (False, LOST)))
    assert write(tenant, [A, B]).outcome is WriteOutcome.APPLIED
    assert tenant.writes == ["add"] * 4

    tenant = Tenant(ITEMS, [A], faults=dict.fromkeys(range(1, 99), (False, LOST)))
    assert reason_of(tenant, [A, B]) is R.WRITE_UNCERTAIN
    assert tenant.writes == ["add"] * 5


def test_an_item_that_got_in_twice_is_deleted_once():
    """The first addition takes effect, but is not seen within the patience."""
    tenant = Tenant(ITEMS, [A], faults={1: (True, LOST)}, lag=3)
    add = tenant.add_assignment

    async def lagging_once(*args, **more):
        try:
            return await add(*args, **more)
        finally:
            tenant.lag = 0

    tenant.add_assignment = lagging_once
    write(tenant, [A, B])
    assert tenant.writes == ["add", "add", "delete"]
    assert fingerprint(tenant.stored) == fingerprint([A, B])


@both_kinds
def test_a_write_that_cannot_be_read_back_is_uncertain(contract):
    tenant = Tenant(contract, [A])
    tenant.reads = [None, *[GraphError("x", reason=R.TIMEOUT)] * 3]
    assert reason_of(tenant, [B]) is R.WRITE_UNCERTAIN


def test_throttled_reading_back_is_handed_on():
    tenant = Tenant(ASSIGN, [A])
    tenant.reads = [None, GraphError("x", reason=R.THROTTLED, retry_after=600)]
    assert reason_of(tenant, [B]) is R.THROTTLED


def test_a_refused_write_keeps_its_reason():
    refused = GraphError("x", reason=R.APPROVAL_REQUIRED)
    tenant = Tenant(ASSIGN, [A], faults={1: (False, refused)})
    assert reason_of(tenant, [B]) is R.APPROVAL_REQUIRED
    assert tenant.writes == ["assign"]


@both_kinds
def test_an_accepted_write_that_did_nothing_fails_the_verification(contract):
    tenant = Tenant(contract, [A], faults=dict.fromkeys(range(1, 9), (False, None)))
    assert reason_of(tenant, [B]) is R.VERIFICATION_FAILED
    assert tenant.writes == (["assign"] if contract is ASSIGN else ["add"]), "nothing may be deleted"


def test_what_somebody_else_adds_meanwhile_is_not_deleted():
    tenant = Tenant(ITEMS, [A])
    journal = Journal()

    async def keep(policy, intent):
        tenant.stored.append(tenant.store(include("group-z")))

    journal.keep = keep
    assert reason_of(tenant, [B], journal=journal) is R.VERIFICATION_FAILED
    assert {a.group_id for a in tenant.stored} == {"group-b", "group-z"}


def test_exclusions_come_first_and_go_last():
    tenant = Tenant(ITEMS, [A, exclude("group-x")])
    write(tenant, [EVERYBODY, exclude("group-y")])
    reached = [sorted((a.group_id or "all", a.excluded) for a in state) for state in tenant.states]
    a, x, y, everybody = ("group-a", False), ("group-x", True), ("group-y", True), ("all", False)
    assert reached == [
        sorted([a, x, y]),
        sorted([a, x, y, everybody]),
        sorted([x, y, everybody]),
        sorted([y, everybody]),
    ]


def test_inherited_assignments_are_no_step_of_the_way():
    inherited = include("group-b", source="policySets")
    assert steps_between([A, inherited], [inherited]) == Steps(adds=(), deletes=(A,))


def test_the_intent_names_every_state_in_between():
    tenant, journal = Tenant(ITEMS, [A, exclude("group-x")]), Journal()
    write(tenant, [EVERYBODY, exclude("group-y")], journal=journal)
    states = [fingerprint(state) for state in tenant.states]
    assert journal.kept[0][1] == Intent(
        before_fingerprint=fingerprint([A, exclude("group-x")]),
        desired_fingerprint=states[-1],
        intermediate=tuple(states[:-1]),
    )


GROUPS = st.sampled_from(["g1", "g2", "g3", "g4"])
ONE = st.one_of(
    GROUPS.map(include),
    GROUPS.map(exclude),
    st.just(EVERYBODY),
    st.just(Assignment(target=TargetKind.ALL_DEVICES)),
)
SETS = st.lists(ONE, max_size=5, unique_by=lambda assignment: assignment.identity)


@settings(max_examples=150, deadline=None)
@given(contract=st.sampled_from([ASSIGN, ITEMS]), current=SETS, desired=SETS, planned=SETS)
def test_the_result_is_the_desired_set_or_nothing_was_written(contract, current, desired, planned):
    tenant = Tenant(contract, current)
    if fingerprint(current) in (fingerprint(planned), fingerprint(desired)):
        write(tenant, desired, planned_from=fingerprint(planned))
        assert fingerprint(tenant.stored) == fingerprint(desired)
    else:
        assert reason_of(tenant, desired, planned_from=fingerprint(planned)) is R.STALE_PLAN
        assert tenant.writes == []


@settings(max_examples=150, deadline=None)
@given(
    contract=st.sampled_from([ASSIGN, ITEMS]),
    current=SETS,
    desired=SETS,
    crashes=st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=3),
)
def test_a_write_that_crashed_anywhere_is_resumed_to_its_end(contract, current, desired, crashes):
    """Each attempt dies at its n-th write, before or after it takes effect; the last one is let through."""
    tenant, journal = Tenant(contract, current), Journal()
    planned_from = fingerprint(current)
    lasting = {a.identity for a in current} & {a.identity for a in desired}
    for at, takes_effect in crashes:
        tenant.faults = {len(tenant.writes) + at: (takes_effect, Crash())}
        try:
            write(tenant, desired, planned_from=planned_from, journal=journal, ours=journal.ours)
        except Crash:
            continue
    tenant.faults = {}
    write(tenant, desired, planned_from=planned_from, journal=journal, ours=journal.ours)

    assert fingerprint(tenant.stored) == fingerprint(desired)
    for state in tenant.states:
        assert lasting <= {a.identity for a in state}, "somebody who stays assigned was unassigned in between"
        assert state or not desired, "the policy was unassigned in between"


@settings(max_examples=100, deadline=None)
@given(
    contract=st.sampled_from([ASSIGN, ITEMS]),
    current=SETS,
    desired=SETS,
    lost=st.dictionaries(st.integers(1, 10), st.booleans(), max_size=3),
    lag=st.integers(0, 2),
)
def test_lost_answers_and_lag_never_end_in_a_wrong_success(contract, current, desired, lost, lag):
    tenant = Tenant(contract, current, faults={n: (effect, LOST) for n, effect in lost.items()}, lag=lag)
    try:
        write(tenant, desired)
    except OperationFailure as failure:
        reason = failure.reason_code
    else:
        reason = None
    assert reason in (None, R.WRITE_UNCERTAIN, R.VERIFICATION_FAILED)
    assert reason or fingerprint(tenant.stored) == fingerprint(desired)
