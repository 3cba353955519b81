"""Result types made from dataclasses: what GraphQL shows of them, and which cannot be offered."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pytest

from atlas_gql.errors import ConfigurationError
from atlas_gql.plugins import Doc, Id, Operation, Policy, Ref, RestoreRun, new
from atlas_gql.schema import build_schema, ids, print_sdl


class Colour(StrEnum):
    """A colour."""

    RED = "red"


@dataclass(frozen=True, kw_only=True)
class PaintInput:
    """What to paint."""

    colour: Colour = Colour.RED


@dataclass(frozen=True, kw_only=True)
class Wall:
    """A wall."""

    set_id: Annotated[UUID, Ref("BackupSet", "backups.view"), Doc("The set it stands for.")]
    plan_id: Id[RestoreRun] | None = None
    policy_ids: tuple[Id[Policy], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Painted:
    """What was painted."""

    colour: Annotated[Colour, Doc("In which colour.")]
    seen_at: datetime
    key: UUID
    count: int = 0
    share: float | None = None
    walls: tuple[Wall, ...] = ()
    words: list[str] = field(default_factory=list)
    first: Wall | None = None
    sure: bool = False


@dataclass(frozen=True, kw_only=True)
class Within:
    """Something within itself."""

    inner: Within | None = None


def operation(result: Any, mutation: str = "paint") -> Operation[Any]:
    async def paint(_ctx: Any, _given: Any) -> None:
        pass

    return Operation(
        type=f"tests.{mutation.lower()}", mutation=mutation, label="Paint", description="Paints.",
        input=PaintInput, target=new(), capability="policies.view", handler=paint, result=result,
    )  # fmt: skip


def shown(sdl: str, type_: str) -> list[str]:
    """The fields of a type, each as the schema has it."""
    block = sdl.split(f"\ntype {type_} ")[1].split("\n}")[0]
    return [line.strip() for line in block.splitlines() if ": " in line and '"""' not in line]


def test_the_schema_shows_every_field_with_its_type_and_description() -> None:
    sdl = print_sdl(build_schema([operation(Painted)]))
    assert shown(sdl, "Painted") == [
        "colour: Colour!",
        "count: Int!",
        "first: Wall",
        "json: JSON!",
        "key: String!",
        "seenAt: DateTime!",
        "share: Float",
        "sure: Boolean!",
        "walls: [Wall!]!",
        "words: [String!]!",
    ]
    assert shown(sdl, "Wall") == ["planId: ID", "policyIds: [ID!]!", "setId: ID!"]
    assert "type Painted implements OperationResult {" in sdl
    said = ('"""What was painted."""', '"""In which colour."""', '"""Seen at."""', '"""A wall."""')
    assert [text for text in said if text not in sdl] == []


def test_keys_of_things_are_shown_as_their_ids() -> None:
    schema = build_schema([operation(Painted)])
    wall = Wall(set_id=UUID(int=1), policy_ids=(UUID(int=2), UUID(int=3)))
    fields = {field.name: field for field in schema.get_type_by_name("Wall").fields}  # type: ignore[union-attr] # it is there
    given = {name: field.base_resolver.wrapped_func(wall) for name, field in fields.items()}  # type: ignore[union-attr] # each has one
    assert given == {
        "set_id": ids.encode("BackupSet", UUID(int=1)),
        "plan_id": None,
        "policy_ids": [ids.encode("Policy", UUID(int=2)), ids.encode("Policy", UUID(int=3))],
    }


def test_without_any_operation_the_interface_is_there() -> None:
    sdl = print_sdl(build_schema([]))
    assert ("interface OperationResult" in sdl, shown(sdl, "UnknownOperationResult")) == (
        True,
        ["json: JSON!"],
    )


def test_two_operations_may_return_the_same() -> None:
    sdl = print_sdl(build_schema([operation(Painted), operation(Painted, "paintAgain")]))
    assert sdl.count("type Painted ") == 1


@dataclass(frozen=True, kw_only=True)
class OddlyNamed:
    """Has a field that is the host's."""

    json: str


@dataclass(frozen=True, kw_only=True)
class AnyOf:
    """Has a field of whatever type."""

    thing: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class NoKey:
    """Names a thing by no key."""

    thing: Annotated[str, Ref("Policy", "policies.view")]


@dataclass(frozen=True, kw_only=True)
class NoKind:
    """Names a thing that is none."""

    thing: Annotated[UUID, Ref("Nonsense", "policies.view")]


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """Has the name of a type of Atlas."""

    count: int


@pytest.mark.parametrize(
    ("result", "said"),
    [
        pytest.param(str, "The result of tests.paint is no dataclass", id="no dataclass"),
        pytest.param(OddlyNamed, "the field json of its result has a name", id="reserved"),
        pytest.param(AnyOf, "the field thing of its result has a type", id="no type"),
        pytest.param(Within, "the field inner of its result has a type", id="within itself"),
        pytest.param(NoKey, "carries a Ref and is no UUID", id="a Ref on text"),
        pytest.param(NoKind, "no Ref can name a Nonsense", id="no such kind"),
        pytest.param(Tenant, "Two GraphQL types would have the same name", id="taken"),
    ],
)
def test_a_result_that_cannot_be_shown_is_refused(result: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        build_schema([operation(result)])
    assert said in caught.value.message
