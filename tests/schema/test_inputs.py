"""Inputs made from dataclasses: what GraphQL shows of them, and what comes back."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import pytest
import strawberry

from atlas_gql.errors import BadUserInput, ConfigurationError, ValidationError
from atlas_gql.plugins.api import Doc, Operation, Ref, existing, new
from atlas_gql.schema import ids
from atlas_gql.schema.inputs import InputTypes, check_key

KEY = UUID("0190f0a0-0000-7000-8000-000000000001")


class Colour(StrEnum):
    """A colour."""

    RED = "red"
    DARK_BLUE = "dark blue"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two words."""

    left: Annotated[str, Doc("The left one.")]
    right: str = "r"


@dataclass(frozen=True, kw_only=True)
class Everything:
    """What an input can hold."""

    backup_set_id: Annotated[UUID, Ref("BackupSet", "backups.view"), Doc("A set.")]
    other_id: Annotated[UUID | None, Ref("Policy", "policies.view")] = None
    name: str
    count: int = 3
    ratio: float | None = None
    sure: bool = False
    colour: Colour = Colour.RED
    colours: tuple[Colour, ...] = (Colour.DARK_BLUE,)
    words: tuple[str, ...] = ()
    pairs: list[Pair] = field(default_factory=list)
    pair: Pair = Pair(left="l")


def operation(input_type: type, *, target: Any = None, writes: bool = False) -> Operation[Any]:
    return Operation(
        type="test.do",
        mutation="doIt",
        label="Do it",
        description="Does it.",
        input=input_type,
        target=target or new(),
        capability="backups.create",
        handler=None,  # type: ignore[arg-type]
        writes=writes,
    )


def sdl(input_type: type, **options: Any) -> str:
    made = InputTypes().of(operation(input_type, **options))

    @strawberry.type
    class Query:
        @strawberry.field
        def do(self, input: made.graphql) -> int:
            return 1

    return strawberry.Schema(Query).as_str()


def test_the_schema_shows_every_field_with_type_default_and_description():
    text = sdl(Everything)
    shown = [line.strip() for line in text[text.index("input DoItInput") :].split("}")[0].splitlines()]
    assert [line for line in shown if re.match(r"\w+: ", line)] == [
        "tenantId: ID!",
        "idempotencyKey: String = null",
        "backupSetId: ID!",
        "otherId: ID = null",
        "name: String!",
        "count: Int! = 3",
        "ratio: Float = null",
        "sure: Boolean! = false",
        "colour: Colour! = RED",
        "colours: [Colour!]! = [DARK_BLUE]",
        "words: [String!]! = []",
        "pairs: [PairInput!]! = []",
        "pair: PairInput",
    ]
    assert ('"""What an input can hold."""' in text, '"""A set."""' in text, '"""Dark blue."""' in text) == (
        True,
        True,
        True,
    )


def test_an_operation_that_writes_wants_an_idempotency_key_and_one_on_a_thing_no_tenant():
    text = sdl(Everything, target=existing("BackupSet", field="backup_set_id"), writes=True)
    assert ("idempotencyKey: String!" in text, "tenantId" in text) == (True, False)


def given(**values: Any) -> Any:
    made = InputTypes().of(operation(Everything))
    base = {"tenant_id": "t", "backup_set_id": ids.encode("BackupSet", KEY), "name": "n"}
    return made.read(made.graphql(**{**base, **values}), "input")


def test_what_is_left_out_takes_the_dataclass_defaults():
    assert given() == Everything(backup_set_id=KEY, name="n")


def test_what_is_given_arrives_as_the_dataclass_has_it():
    pair = InputTypes().of(operation(Pair)).graphql
    values = given(
        other_id=ids.encode("Policy", KEY),
        colour="dark blue",
        colours=["red"],
        words=["a"],
        pairs=[pair(tenant_id="t", left="a", right="b")],
    )
    assert values == Everything(
        backup_set_id=KEY,
        other_id=KEY,
        name="n",
        colour=Colour.DARK_BLUE,
        colours=(Colour.RED,),
        words=("a",),
        pairs=[Pair(left="a", right="b")],
    )


def test_the_plugins_own_classes_are_left_as_they_are():
    InputTypes().of(operation(Everything))
    assert [hasattr(cls, "__strawberry_definition__") for cls in (Everything, Pair, Colour)] == [
        False,
        False,
        False,
    ]


def test_an_id_of_another_kind_names_the_field():
    with pytest.raises(BadUserInput) as caught:
        given(backup_set_id=ids.encode("Tenant", KEY))
    assert caught.value.field == "backupSetId"


def test_text_that_no_column_can_hold_names_the_field():
    with pytest.raises(ValidationError) as caught:
        given(words=["a\0b"])
    assert caught.value.field == "words"


@dataclass(frozen=True)
class TakesTenant:
    tenant_id: str


@dataclass(frozen=True)
class TakesKey:
    idempotency_key: str


@dataclass(frozen=True)
class HasDict:
    options: dict[str, str]


@dataclass(frozen=True)
class HasBareUuid:
    thing: UUID


@dataclass(frozen=True)
class HasRefOnText:
    thing: Annotated[str, Ref("Policy", "policies.view")]


@dataclass(frozen=True)
class HidesRef:
    inner: tuple[HasBareUuid, ...]


@pytest.mark.parametrize(
    ("input_type", "name"),
    [
        (TakesTenant, "tenant_id"),
        (TakesKey, "idempotency_key"),
        (HasDict, "options"),
        (HasBareUuid, "thing"),
        (HasRefOnText, "thing"),
        (HidesRef, "thing"),
    ],
)
def test_an_input_that_cannot_be_offered_names_operation_and_field(input_type, name):
    with pytest.raises(ConfigurationError) as caught:
        InputTypes().of(operation(input_type))
    assert ("test.do" in caught.value.message, name in caught.value.message) == (True, True)


def test_an_input_that_is_no_dataclass_names_the_operation():
    with pytest.raises(ConfigurationError, match=r"test\.do"):
        InputTypes().of(operation(dict))


@pytest.mark.parametrize("key", ["", "x" * 201, "a\nb", "a\0"])
def test_an_idempotency_key_is_short_and_printable(key):
    with pytest.raises(ValidationError) as caught:
        check_key(key)
    assert caught.value.field == "idempotencyKey"


def test_no_idempotency_key_is_one_too():
    assert (check_key(None), check_key("k-1")) == (None, "k-1")
