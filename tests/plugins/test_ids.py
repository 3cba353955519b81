"""`Id[...]` in inputs: what it stands for, and where it is found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, get_type_hints
from uuid import UUID

import pytest

from atlas_gql.ops.references import named, references
from atlas_gql.ops.rights import THINGS
from atlas_gql.plugins import BackupSet, Doc, Id, OperationRun, Policy, Ref, ids
from atlas_gql.schema.maps import KINDS

ONE, TWO = UUID(int=1), UUID(int=2)


@dataclass(frozen=True, kw_only=True)
class Choice:
    policy_id: Id[Policy]
    run_ids: list[Id[OperationRun]] | None = None


@dataclass(frozen=True, kw_only=True)
class Choices:
    choices: tuple[Choice, ...] = ()
    choice: Annotated[Choice | None, Doc("One more.")] = None
    doomed_ids: Annotated[tuple[UUID, ...], Ref("BackupSet", "backups.delete")] = ()
    set_id: Annotated[Id[BackupSet] | None, Doc("A set.")] = None


def test_an_id_is_a_uuid_with_what_looking_at_the_thing_takes():
    hint = get_type_hints(Choice, include_extras=True)["policy_id"]
    assert hint == Annotated[UUID, Ref("Policy", "policies.view")]


def test_what_can_be_named_is_what_can_be_looked_up_and_takes_what_looking_at_it_takes():
    assert {ref.kind: ref.capability for ref in ids.LOOKING.values()} == {
        kind: KINDS[kind].capability for kind in THINGS
    }
    assert [cls.__name__ for cls in ids.LOOKING] == [ref.kind for ref in ids.LOOKING.values()]


def test_an_id_of_anything_else_says_of_what_there_are():
    with pytest.raises(TypeError, match="BackupSet"):
        Id[str]


def test_ids_are_found_wherever_they_are():
    assert references(Choices) == {
        "choices.policy_id": Ref("Policy", "policies.view"),
        "choices.run_ids": Ref("OperationRun", "runs.view"),
        "choice.policy_id": Ref("Policy", "policies.view"),
        "choice.run_ids": Ref("OperationRun", "runs.view"),
        "doomed_ids": Ref("BackupSet", "backups.delete"),
        "set_id": Ref("BackupSet", "backups.view"),
    }
    given = Choices(
        choices=(Choice(policy_id=ONE), Choice(policy_id=TWO, run_ids=[ONE, TWO])), doomed_ids=(TWO,)
    )
    assert [(*one.place, one.id) for one in named(Choices, given)] == [
        ("choices", 0, "policy_id", ONE),
        ("choices", 1, "policy_id", TWO),
        ("choices", 1, "run_ids", 0, ONE),
        ("choices", 1, "run_ids", 1, TWO),
        ("doomed_ids", 0, TWO),
    ]
