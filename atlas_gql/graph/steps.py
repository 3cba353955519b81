"""The way from one set of assignments to another, for kinds that are written item by item."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from atlas_gql.graph.contract import PolicyContract, WriteStrategy
from atlas_gql.graph.model import Assignment, fingerprint


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The single writes that lead from one set to another.

    Additions come first, so that nobody is unassigned in between; exclusions are added before and deleted
    after inclusions, so that nobody is reached in between who is not to be.
    """

    adds: tuple[Assignment, ...]
    deletes: tuple[Assignment, ...]


def intermediate_fingerprints(
    contract: PolicyContract, current: Iterable[Assignment], desired: Iterable[Assignment]
) -> list[str]:
    """The states that a write passes through, in their order, without the first and the last."""
    if contract.write is not WriteStrategy.ITEMS:
        return []
    state = [assignment for assignment in current if assignment.is_direct]
    steps = steps_between(state, desired)
    found = []
    for added in steps.adds:
        state = [*state, added]
        found.append(fingerprint(state))
    for deleted in steps.deletes:
        state = [assignment for assignment in state if assignment is not deleted]
        found.append(fingerprint(state))
    return found[:-1]


def steps_between(current: Iterable[Assignment], desired: Iterable[Assignment]) -> Steps:
    """What to add and what to delete, each in the order to do it in; a changed value is both."""
    unmet = {key(assignment): assignment for assignment in desired if assignment.is_direct}
    surplus = []
    for assignment in current:
        if assignment.is_direct and unmet.pop(key(assignment), None) is None:
            surplus.append(assignment)
    return Steps(
        adds=tuple(sorted(unmet.values(), key=lambda assignment: not assignment.excluded)),
        deletes=tuple(sorted(surplus, key=lambda assignment: assignment.excluded)),
    )


def key(assignment: Assignment) -> str:
    """Equal for two assignments with the same identity and the same value."""
    return fingerprint((assignment,))


def keys(assignments: Iterable[Assignment]) -> set[str]:
    """The keys of the direct ones."""
    return {key(assignment) for assignment in assignments if assignment.is_direct}
