"""JSON Schema of inputs: it says of every value what GraphQL says of it."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from enum import StrEnum
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_gql.errors import BadUserInput, ValidationError
from atlas_gql.plugins import (
    BackupSet,
    Doc,
    Ge,
    Gt,
    Id,
    Le,
    Len,
    Lt,
    MaxLen,
    MinLen,
    MultipleOf,
    Operation,
    Policy,
    new,
)
from atlas_gql.plugins.loading import discover, load_operations
from atlas_gql.schema import build_schema, ids
from atlas_gql.schema.inputs import InputTypes, input_schema
from atlas_gql.schema.starts import read_input
from support.json_schema import valid

KEY = UUID(int=7)


class Shade(StrEnum):
    """A shade."""

    LIGHT = "light"
    DARK = "very dark"


@dataclass(frozen=True, kw_only=True)
class Inner:
    """A part."""

    policy_id: Id[Policy]
    shade: Shade
    sizes: Annotated[tuple[Annotated[int, Ge(0), Lt(5)], ...], Len(1, 3)] = (1,)


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """A bit of everything."""

    text: Annotated[str, MinLen(1), MaxLen(5), Doc("A text.")]
    note: str | None
    count: Annotated[int, Ge(1), Le(10)] = 1
    even: Annotated[int | None, MultipleOf(2)] = None
    ratio: Annotated[float, Gt(0)] = 0.5
    sure: bool = False
    shade: Shade = Shade.DARK
    shades: tuple[Shade, ...] = (Shade.LIGHT,)
    inner: Inner | None = None
    inners: tuple[Inner, ...] = (Inner(policy_id=KEY, shade=Shade.DARK),)
    set_ids: tuple[Id[BackupSet], ...] = ()


def operation(input_type: type, **more: Any) -> Operation[Any]:
    return Operation(
        type="tests.sample", mutation="testsSample", label="Sample", description="Samples.",
        input=input_type, target=new(), capability="policies.view", handler=None, **more,
    )  # type: ignore[arg-type] # nobody calls it # fmt: skip


SAMPLE = operation(Sampler)
INFO: Any = SimpleNamespace(schema=build_schema([SAMPLE]))
INPUTS = InputTypes()
SCHEMA = json.loads(json.dumps(input_schema(SAMPLE)))

TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=5)
SHADES = st.sampled_from(["LIGHT", "DARK"])
INNERS = st.fixed_dictionaries(
    {"policyId": st.just(ids.encode("Policy", KEY)), "shade": SHADES},
    optional={"sizes": st.lists(st.integers(0, 4), min_size=1, max_size=3)},
)
FITTING = st.fixed_dictionaries(
    {"text": TEXTS},
    optional={
        "note": st.none() | TEXTS,
        "count": st.integers(1, 10),
        "even": st.none() | st.integers(-9, 9).map(lambda half: 2 * half),
        "ratio": st.floats(0.001, 1e9) | st.integers(1, 9),
        "sure": st.booleans(),
        "shade": SHADES,
        "shades": st.lists(SHADES, max_size=3),
        "inner": st.none() | INNERS,
        "inners": st.lists(INNERS, max_size=3),
        "setIds": st.lists(st.just(ids.encode("BackupSet", KEY)), max_size=2),
    },
)
ODD = st.sampled_from(
    [
        *(None, True, 0, -1, 3, 5, 11, 2**31, 1.5, 2.0, "", "abcdef", "a\0", "LIGHT", "light", "very dark"),
        *([], {}, [None], [[]], [0, 1, 2, 3], ["LIGHT", 1], {"shade": "DARK"}, {"other": 1}),
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something can be put in a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [
        *([path] if path else []),
        *(place for key, item in inner for place in places(item, (*path, key))),
    ]


@st.composite
def spoiled(draw: Any) -> Any:
    """An input with something odd in it: put somewhere, added or left out."""
    value = copy.deepcopy(draw(FITTING))
    path = draw(st.sampled_from([*places(value), ("other",), *((name,) for name in SCHEMA["properties"])]))
    holder = value
    for key in path[:-1]:
        holder = holder[key]
    if isinstance(holder, dict) and path[-1] in holder and draw(st.booleans()):
        del holder[path[-1]]
    else:
        holder[path[-1]] = draw(ODD)
    return value


def taken(value: Any) -> Any:
    """The dataclass; None for what GraphQL, or a bound, refuses."""
    try:
        return read_input(INFO, INPUTS, SAMPLE, value)
    except (ValidationError, BadUserInput):
        return None


def as_graphql_has_it(schema: Any, value: Any, said: str = "") -> Any:
    """What JSON Schema does not say: one value stands for a list of it, and not all text is an id."""
    said = schema.get("description", said)
    if "anyOf" in schema and value is not None:
        return as_graphql_has_it(schema["anyOf"][0], value, said)
    if schema.get("type") == "array" and value is not None:
        items = value if isinstance(value, list) else [value]
        return [as_graphql_has_it(schema["items"], item, said) for item in items]
    if schema.get("type") == "object" and isinstance(value, dict):
        known = schema["properties"]
        return {n: as_graphql_has_it(known[n], item) if n in known else item for n, item in value.items()}
    if "An id of the type" in said and isinstance(value, str) and ids.parse(value) is None:
        return NO_ID
    return value


NO_ID = object()


@settings(max_examples=40, deadline=None)
@given(FITTING)
def test_what_fits_the_schema_is_taken(value: Any) -> None:
    assert valid(SCHEMA, {"tenantId": "t", **value})
    assert isinstance(taken(value), Sampler)


@settings(max_examples=120, deadline=None)
@given(spoiled())
def test_the_schema_and_graphql_refuse_the_same(value: Any) -> None:
    if {"tenantId", "idempotencyKey"} & value.keys():
        return  # not part of the operation's own input
    whole = as_graphql_has_it(SCHEMA, value)
    assert valid(SCHEMA, {"tenantId": "t", **whole}) == (taken(value) is not None), value


def test_every_default_of_the_schema_is_the_dataclasses() -> None:
    defaults = {
        name: shown["default"]
        for name, shown in SCHEMA["properties"].items()
        if "default" in shown and name != "idempotencyKey"
    }
    assert defaults == {
        "note": None, "count": 1, "even": None, "ratio": 0.5, "sure": False, "shade": "DARK",
        "shades": ["LIGHT"], "inner": None, "setIds": [],
        "inners": [{"policyId": ids.encode("Policy", KEY), "shade": "DARK", "sizes": [1]}],
    }  # fmt: skip
    assert taken({"text": "a", **defaults}) == taken({"text": "a"}) == Sampler(text="a", note=None)


def test_the_schema_says_what_a_form_needs() -> None:
    assert (SCHEMA["$schema"], SCHEMA["title"], SCHEMA["required"]) == (
        "https://json-schema.org/draft/2020-12/schema",
        "TestsSampleInput",
        ["tenantId", "text"],
    )
    shown = SCHEMA["properties"]
    assert shown["text"]["description"] == "A text. At least 1 character and at most 5 characters."
    assert shown["setIds"]["description"] == "Set ids. An id of the type BackupSet."
    assert shown["shade"]["enum"] == ["LIGHT", "DARK"]
    writing = input_schema(operation(Inner, writes=True))
    assert "idempotencyKey" in writing["required"]


def test_every_operation_has_a_schema_of_its_graphql_input() -> None:
    operations = load_operations(discover())
    known = build_schema(operations.values())._schema.type_map
    for one in operations.values():
        schema = json.loads(json.dumps(input_schema(one)))
        fields = known[schema["title"]].fields
        assert schema["properties"].keys() == fields.keys()
        assert set(schema["required"]) == {
            name for name, field in fields.items() if str(field.type)[-1] == "!" and not has_default(field)
        }
        valid(schema, {})  # no keyword is unknown


def has_default(field: Any) -> bool:
    return type(field.default_value).__name__ != "UndefinedType"
