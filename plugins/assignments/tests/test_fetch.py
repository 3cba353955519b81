"""What a backup keeps of the groups that assignments refer to."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from atlas_assignments.fetch import Captures
from atlas_gql.plugins import GraphError, Group, ReasonCode

KNOWN = Group(id="g1", name="There", kind="dynamic", rule="r")
DELETED = Group(id="g2", name="Was there", kind="assigned", deleted="2026-11-01T08:00:00Z")
GONE = {"name": None, "kind": None, "rule": None, "orphaned": True}


class Directory:
    """The groups of a tenant, and how often each was looked up."""

    def __init__(self, refusal: GraphError | None = None) -> None:
        self.refusal = refusal
        self.asked: list[str] = []

    async def groups(self, ids: Any) -> dict[str, Group | None]:
        self.asked += sorted(ids)
        return {key: KNOWN if key == KNOWN.id else None for key in ids}

    async def deleted_groups(self, ids: Any) -> dict[str, Group]:
        if self.refusal:
            raise self.refusal
        return {DELETED.id: DELETED} if DELETED.id in ids else {}


def captured(build: Any, directory: Directory, *policies: list[str]) -> list[Any]:
    captures = Captures(SimpleNamespace(graph=directory, log=lambda *_: None))
    wanted = [build.policy(*map(build.include, groups)) for groups in policies]

    async def each() -> list[Any]:
        return [(await captures.captured([policy]))[0].groups for policy in wanted]

    return asyncio.run(each())


def test_a_deleted_group_keeps_its_name_and_one_that_is_gone_has_none(build: Any) -> None:
    (groups,) = captured(build, Directory(), ["g1", "g2", "g3"])
    assert groups == {
        "g1": {"name": "There", "kind": "dynamic", "rule": "r", "orphaned": False},
        "g2": {
            **GONE,
            "name": "Was there",
            "kind": "assigned",
            "deletedAt": "2026-11-01T08:00:00Z",
        },
        "g3": GONE,
    }


def test_each_group_is_looked_up_once(build: Any) -> None:
    directory = Directory()
    captured(build, directory, ["g1", "g3"], ["g1", "g2", "g3"])
    assert directory.asked == ["g1", "g3", "g2"]


def test_an_application_that_may_not_see_deleted_groups_still_backs_up(build: Any) -> None:
    denied = GraphError("Not permitted.", reason=ReasonCode.PERMISSION_DENIED)
    (groups,) = captured(build, Directory(denied), ["g2"])
    assert groups == {"g2": GONE}


def test_any_other_failure_to_look_is_not_taken_for_an_answer(build: Any) -> None:
    failing = GraphError("No answer.", reason=ReasonCode.TIMEOUT)
    with pytest.raises(GraphError):
        captured(build, Directory(failing), ["g2"])
