"""The safe write under random sets, crashes, lost answers and lag."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_gql.errors import GraphError, OperationFailure
from atlas_gql.graph import CONTRACTS, Assignment, TargetKind, fingerprint
from atlas_gql.reasons import ReasonCode as R

ASSIGN = CONTRACTS["configurationPolicies"]
ITEMS = CONTRACTS["windowsAutopilotDeploymentProfiles"]
LOST = GraphError("No answer.", reason=R.TIMEOUT, may_have_happened=True)


def include(group):
    return Assignment(target=TargetKind.GROUP, group_id=group)


def exclude(group):
    return Assignment(target=TargetKind.EXCLUDED_GROUP, group_id=group)


EVERYBODY = Assignment(target=TargetKind.ALL_USERS)
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
def test_the_result_is_the_desired_set_or_nothing_was_written(fake, contract, current, desired, planned):
    tenant = fake.Tenant(contract, current)
    if fingerprint(current) in (fingerprint(planned), fingerprint(desired)):
        fake.write(tenant, desired, planned_from=fingerprint(planned))
        assert fingerprint(tenant.stored) == fingerprint(desired)
    else:
        assert fake.reason_of(tenant, desired, planned_from=fingerprint(planned)) is R.STALE_PLAN
        assert tenant.writes == []


@settings(max_examples=150, deadline=None)
@given(
    contract=st.sampled_from([ASSIGN, ITEMS]),
    current=SETS,
    desired=SETS,
    crashes=st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=3),
)
def test_a_write_that_crashed_anywhere_is_resumed_to_its_end(fake, contract, current, desired, crashes):
    """Each attempt dies at its n-th write, before or after it takes effect; the last one is let through."""
    tenant, journal = fake.Tenant(contract, current), fake.Journal()
    planned_from = fingerprint(current)
    lasting = {a.identity for a in current} & {a.identity for a in desired}
    for at, takes_effect in crashes:
        tenant.faults = {len(tenant.writes) + at: (takes_effect, fake.Crash())}
        try:
            fake.write(tenant, desired, planned_from=planned_from, journal=journal, ours=journal.ours)
        except fake.Crash:
            continue
    tenant.faults = {}
    fake.write(tenant, desired, planned_from=planned_from, journal=journal, ours=journal.ours)

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
def test_lost_answers_and_lag_never_end_in_a_wrong_success(fake, contract, current, desired, lost, lag):
    tenant = fake.Tenant(contract, current, faults={n: (effect, LOST) for n, effect in lost.items()}, lag=lag)
    try:
        fake.write(tenant, desired)
    except OperationFailure as failure:
        reason = failure.reason_code
    else:
        reason = None
    assert reason in (None, R.WRITE_UNCERTAIN, R.VERIFICATION_FAILED)
    assert reason or fingerprint(tenant.stored) == fingerprint(desired)
