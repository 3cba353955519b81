"""Inputs made from dataclasses: what GraphQL shows of them, and what comes back."""

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

import pytest
import strawberry
from annotated_types import Predicate

from atlas_gql.errors import BadUserInput, ConfigurationError, OperationFailure, ValidationError
from atlas_gql.ops.inputs import dump, load
from atlas_gql.plugins import (
    BackupSet,
    Doc,
    Ge,
    Gt,
    Id,
    Interval,
    Le,
    Len,
    Lt,
    MaxLen,
    MinLen,
    MultipleOf,
    Operation,
    Policy,
    Ref,
    existing,
    new,
)
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
class Listed:
    """Something in a list."""

    colour: Colour
    set_ids: tuple[Id[BackupSet], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Everything:
    """What an input can hold."""

    backup_set_id: Annotated[UUID, Ref("BackupSet", "backups.view"), Doc("A set.")]
    other_id: Id[Policy] | None = None
    name: str
    count: int = 3
    ratio: float | None
    sure: bool = False
    colour: Colour = Colour.RED
    colours: tuple[Colour, ...] = (Colour.DARK_BLUE,)
    words: tuple[str, ...] = ()
    pairs: list[Pair] = field(default_factory=list)
    pair: Pair = Pair(left="l")
    lists: tuple[Listed, ...] = (Listed(colour=Colour.DARK_BLUE),)


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
    shown = [line.strip() for line in text[text.index("input DoItInput") :].split("\n}")[0].splitlines()]
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
        'pair: PairInput! = { left: "l", right: "r" }',
        "lists: [ListedInput!]! = [{ colour: DARK_BLUE, setIds: [] }]",
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
    return made.read(made.graphql(**{**base, **values}), "")


def test_what_is_left_out_takes_the_dataclass_defaults():
    assert given() == Everything(backup_set_id=KEY, name="n", ratio=None)


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
        ratio=None,
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
    assert caught.value.field == "words.0"


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


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a whole."""

    size: Annotated[int, Interval(ge=1, le=10)] = 1
    names: Annotated[tuple[Annotated[str, MinLen(2)], ...], Len(1, 3)] = ("ab",)


@dataclass(frozen=True, kw_only=True)
class Bounded:
    """What has bounds."""

    count: Annotated[int, Ge(1), Le(10), Doc("How many.")] = 1
    even: Annotated[int | None, MultipleOf(2), Gt(0), Lt(100)] = None
    ratio: Annotated[float, Ge(0.5)] = 1.0
    text: Annotated[str, Len(1, 5)] = "a"
    long: Annotated[str, MaxLen(100_000)] = ""
    parts: tuple[Part, ...] = ()
    words: list[str] = field(default_factory=list)


def bounded(**values: Any) -> Any:
    made = InputTypes().of(operation(Bounded))
    part = {"size": 1, "names": ["ab"]}
    parts = [SimpleNamespace(**{**part, **given}) for given in values.pop("parts", ())]
    return made.read(made.graphql(tenant_id="t", parts=parts, **values), "")


@pytest.mark.parametrize(
    ("values", "place", "words"),
    [
        ({"count": 0}, "count", "Give at least 1 and at most 10."),
        ({"count": 11}, "count", "Give at least 1 and at most 10."),
        ({"even": 3}, "even", "Give a multiple of 2 and more than 0 and less than 100."),
        ({"even": 0}, "even", "Give a multiple of 2 and more than 0 and less than 100."),
        ({"even": 100}, "even", "Give a multiple of 2 and more than 0 and less than 100."),
        ({"ratio": 0.25}, "ratio", "Give at least 0.5."),
        ({"text": ""}, "text", "Give at least 1 character and at most 5 characters."),
        ({"text": "abcdef"}, "text", "Give at least 1 character and at most 5 characters."),
        ({"long": "x" * 100_001}, "long", "Give at most 100,000 characters."),
        ({"words": ["a", "x" * 65_537]}, "words.1", "Give at most 65,536 characters."),
        ({"words": [""] * 10_001}, "words", "Give at most 10,000 items."),
        ({"parts": [{}, {"size": 11}]}, "parts.1.size", "Give at least 1 and at most 10."),
        ({"parts": [{"names": []}]}, "parts.0.names", "Give at least 1 item and at most 3 items."),
        ({"parts": [{"names": ["ab", "c"]}]}, "parts.0.names.1", "Give at least 2 characters and at most"),
    ],
)
def test_what_is_out_of_bounds_names_its_place(values, place, words):
    with pytest.raises(ValidationError) as caught:
        bounded(**values)
    assert (caught.value.field, caught.value.message[: len(words)]) == (place, words)


def test_what_is_within_bounds_is_taken():
    within = {
        "count": 10, "even": 98, "ratio": 0.5, "text": "abcde", "long": "x" * 100_000, "words": ["x" * 65_536]
    }  # fmt: skip
    assert bounded(**within, parts=[{"size": 10}]) == Bounded(**within, parts=(Part(size=10),))


def test_bounds_are_said_in_descriptions():
    text = sdl(Bounded)
    assert [said in text for said in ('"""How many. At least 1 and at most 10."""', "Words.")] == [True, True]


@dataclass(frozen=True, kw_only=True)
class Span:
    """From here to there."""

    first: int
    last: int
    word: str = "1"

    def __post_init__(self) -> None:
        if self.word == "field":
            raise ValidationError("No such word.", field="last_word")
        if self.first > self.last:
            raise ValueError("Begin before the end.")
        int(self.word)
        json.loads(self.word)
        if self.last > 100:
            raise RuntimeError(self.word)


@dataclass(frozen=True, kw_only=True)
class Spans:
    """Spans."""

    spans: tuple[Span, ...]


@pytest.mark.parametrize(
    ("span", "place", "words"),
    [
        ({"first": 2, "last": 1}, "spans.1", "Begin before the end."),
        ({"word": "field"}, "spans.1.lastWord", "No such word."),
        ({"word": "hunter2"}, "spans.1", "This does not fit."),
        ({"word": "1_0"}, "spans.1", "This does not fit."),
    ],
)
def test_a_dataclass_checks_itself_in_its_own_words_and_no_others(span, place, words):
    """Python's own errors, and those of libraries, quote the value."""
    made = InputTypes().of(operation(Spans))
    given = [SimpleNamespace(**{"first": 1, "last": 1, "word": "1", **one}) for one in ({}, span)]
    with pytest.raises(ValidationError) as caught:
        made.read(made.graphql(tenant_id="t", spans=given), "")
    assert (caught.value.field, caught.value.message) == (place, words)


def test_a_mistake_in_a_check_is_no_fault_of_the_input():
    made = InputTypes().of(operation(Spans))
    given = [SimpleNamespace(first=1, last=101, word="1")]
    with pytest.raises(RuntimeError):
        made.read(made.graphql(tenant_id="t", spans=given), "")


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        (Span(first=1, last=1), {"first": 2, "last": 1}),
        (Span(first=1, last=1), {"first": 1, "last": 1, "word": "field"}),
        (Part(), {"size": 11}),
    ],
)
def test_what_is_kept_with_a_run_is_checked_when_it_is_read(values, stored):
    assert load(type(values), dump(values)) == values
    with pytest.raises(OperationFailure) as caught:
        load(type(values), stored)
    assert caught.value.failure_code == "input_unreadable"


@dataclass(frozen=True)
class BadDefault:
    size: Annotated[int, Ge(1)] = 0


@dataclass(frozen=True)
class WrongDefault:
    size: int = "many"  # type: ignore[assignment]


@dataclass(frozen=True)
class EndlessDefault:
    size: float = float("inf")


@dataclass(frozen=True)
class SizedNumber:
    size: Annotated[int, MinLen(1)]


@dataclass(frozen=True)
class GreatText:
    size: Annotated[str, Ge(1)]


@dataclass(frozen=True)
class GreatEnum:
    size: Annotated[Colour, Ge(1)]


@dataclass(frozen=True)
class Opaque:
    size: Annotated[int, Predicate(bool)]


@dataclass(frozen=True)
class Itself:
    size: int
    inner: "Itself | None" = None


@dataclass(frozen=True)
class HoldsItself:
    size: tuple[Itself, ...]


@dataclass(frozen=True)
class NotGiven:
    size: int = field(default=1, init=False)


@pytest.mark.parametrize(
    "input_type",
    [
        *(BadDefault, WrongDefault, EndlessDefault, SizedNumber, GreatText),
        *(GreatEnum, Opaque, HoldsItself, Itself, NotGiven),
    ],
)
def test_what_cannot_be_checked_or_shown_is_refused_when_it_is_offered(input_type):
    with pytest.raises(ConfigurationError, match=r"test\.do: the field (size|inner)"):
        InputTypes().of(operation(input_type))
