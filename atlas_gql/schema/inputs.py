"""GraphQL inputs made from the dataclasses that operations declare.

A field is `str`, `int`, `float`, `bool`, an `Id`, a `StrEnum`, another frozen dataclass, a tuple or list of
those, or one of them or None. The plugin's own classes are read and never changed.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any, Optional, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import strawberry
from strawberry.utils.str_converters import to_camel_case

from atlas_gql.errors import ConfigurationError, ValidationError
from atlas_gql.ops.inputs import made
from atlas_gql.ops.references import metadata
from atlas_gql.plugins.api import Doc, Operation, Ref
from atlas_gql.schema import constraints, ids
from atlas_gql.schema.constraints import Bounds
from atlas_gql.schema.enums import described

RESERVED = ("tenantId", "idempotencyKey")
"""Fields that the host adds to inputs of its own accord."""

LONGEST_KEY = 200
DRAFT = "https://json-schema.org/draft/2020-12/schema"

Read = Callable[[Any, str], Any]
"""From a value as GraphQL gives it, and its place, to the value that the dataclass takes."""


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A Python type as GraphQL has it, and the way there and back."""

    annotation: Any
    read: Read
    show: Callable[[Any], Any]
    """From the dataclass's value, as a default, to GraphQL's. Raises any error for what is no such value."""
    schema: Mapping[str, Any]
    """The type in JSON Schema."""
    says: str = ""
    """What a description of it adds; `note` does so in JSON Schema alone, where GraphQL has a type for it."""
    note: str = ""
    nullable: bool = False


@dataclass(frozen=True, kw_only=True)
class InputType:
    """An operation's GraphQL input, and the way back from it to the operation's dataclass."""

    graphql: Any
    schema: Mapping[str, Any]
    read: Read
    """Its second argument is the place of the whole input: empty for a mutation's own."""


class InputTypes:
    """The inputs of one schema. A class that several operations use becomes one GraphQL type."""

    def __init__(self) -> None:
        self._made: dict[type, Converted] = {}
        self._of: dict[str, InputType] = {}
        self._within: list[type] = []

    def of(self, operation: Operation[Any]) -> InputType:
        """The input of an operation. Raises ConfigurationError naming the operation and the field."""
        if operation.type not in self._of:
            self._of[operation.type] = self._input_of(operation)
        return self._of[operation.type]

    def _input_of(self, operation: Operation[Any]) -> InputType:
        if not dataclasses.is_dataclass(operation.input):
            raise ConfigurationError(f"The input of {operation.type} is no dataclass.")
        name = f"{operation.mutation[:1].upper()}{operation.mutation[1:]}Input"
        converted = self._dataclass(operation.input, name, operation.type, host=_host(operation))
        schema = {"$schema": DRAFT, "title": name, **converted.schema}
        return InputType(graphql=converted.annotation, schema=schema, read=converted.read)

    def _dataclass(self, cls: Any, name: str, where: str, *, host: Sequence[Field] = ()) -> Converted:
        hints = get_type_hints(cls, include_extras=True)
        own = [self._field(field, hints[field.name], where) for field in dataclasses.fields(cls)]
        fields = (*host, *own)
        namespace: dict[str, Any] = {field.name: field.declared for field in fields}
        annotations = {field.name: field.type.annotation for field in fields}
        bare = type(name, (), {**namespace, "__annotations__": annotations, "__module__": __name__})
        graphql = strawberry.input(bare, name=name, description=sentence(cls))

        def read(value: Any, place: str) -> Any:
            given = {
                field.name: field.type.read(getattr(value, field.name), below(place, field.graphql))
                for field in own
            }
            try:
                return made(cls, given)
            except ValidationError as exc:
                at = below(place, to_camel_case(exc.field)) if exc.field else place
                raise ValidationError(exc.message, field=at or "input") from exc

        def show(value: Any) -> Any:
            if type(value) is not cls:
                raise TypeError
            return graphql(**{field.name: field.type.show(getattr(value, field.name)) for field in own})

        schema = {
            "type": "object",
            "description": sentence(cls),
            "properties": {field.graphql: field.schema for field in fields},
            "required": [field.graphql for field in fields if field.required],
            "additionalProperties": False,
        }
        return Converted(annotation=graphql, read=read, show=show, schema=schema)

    def _field(self, field: dataclasses.Field[Any], hint: Any, where: str) -> Field:
        place = f"{where}: the field {field.name} of its input"
        if to_camel_case(field.name) in RESERVED:
            raise ConfigurationError(f"{place} has a name that the host uses for itself.")
        if not field.init:
            raise ConfigurationError(f"{place} cannot be given.")
        converted = self._type(hint, place)
        doc = metadata(hint, Doc)
        described_as = doc.text if doc else f"{field.name.replace('_', ' ').capitalize()}."
        return Field(
            name=field.name,
            type=converted,
            description=f"{described_as} {converted.says}".strip(),
            default=_default(field, converted, place),
        )

    def _type(self, hint: Any, place: str, extras: tuple[Any, ...] = ()) -> Converted:
        """`extras` is what annotations around the type say of it."""
        if get_origin(hint) is Annotated:
            bare, *more = get_args(hint)
            return self._type(bare, place, (*extras, *more))
        if (inner := optional(hint)) is not None:
            return _or_none(self._type(inner, place, extras))
        ref = next((extra for extra in extras if isinstance(extra, Ref)), None)
        arguments = get_args(hint)
        if get_origin(hint) is list or (get_origin(hint) is tuple and arguments[1:] == (...,)):
            element = self._type(arguments[0], place, (ref,) if ref else ())
            return _list(get_origin(hint), element, constraints.of_list(extras, place))
        if hint is UUID:
            constraints.of_nothing(extras, place)
            return _id(ref, place)
        if ref is not None:
            raise ConfigurationError(f"{place} carries a Ref and is no UUID.")
        if hint in _PLAIN:
            return _PLAIN[hint](extras, place)
        constraints.of_nothing(extras, place)
        return self._class(hint, place)

    def converted(self, hint: Any, place: str) -> Converted:
        """A type of a field. Raises ConfigurationError naming the place."""
        return self._type(hint, place)

    def enum(self, enum: type[StrEnum]) -> Converted:
        """An enum, which inputs and results have in common."""
        if enum not in self._made:
            self._made[enum] = _enum(enum)
        return self._made[enum]

    def _class(self, hint: Any, place: str) -> Converted:
        if not isinstance(hint, type) or not (issubclass(hint, StrEnum) or dataclasses.is_dataclass(hint)):
            raise ConfigurationError(f"{place} has a type that no GraphQL input can have.")
        if issubclass(hint, StrEnum):
            return self.enum(hint)
        if hint in self._within:
            raise ConfigurationError(f"{place} is of a class that holds itself.")
        if hint not in self._made:
            self._within.append(hint)
            self._made[hint] = self._dataclass(hint, _input_name(hint), place)
            self._within.pop()
        return self._made[hint]


@lru_cache(maxsize=256)
def input_schema(operation: Operation[Any]) -> Mapping[str, Any]:
    """JSON Schema of what the operation's mutation takes."""
    return InputTypes().of(operation).schema


NOTHING: Any = object()
"""The default of a field that must be given."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """A field of an input; `default` is GraphQL's, and NOTHING where it must be given."""

    name: str
    type: Converted
    description: str
    default: Any = NOTHING

    @property
    def graphql(self) -> str:
        return to_camel_case(self.name)

    @property
    def required(self) -> bool:
        return self.default is NOTHING

    @property
    def declared(self) -> Any:
        """The field for Strawberry."""
        if self.required:
            return strawberry.field(description=self.description)
        return strawberry.field(description=self.description, default_factory=lambda: self.default)

    @property
    def schema(self) -> dict[str, Any]:
        """The field in JSON Schema."""
        default = {} if self.required else {"default": _json(self.default)}
        said = f"{self.description} {self.type.note}".strip()
        return {**self.type.schema, "description": said, **default}


KEY = (
    f"Up to {LONGEST_KEY} characters of your choice, one for each thing you want done: a repeated request"
    " with the same key and input gives the same run, and starts nothing."
)


def check_key(key: str | None) -> str | None:
    """An idempotency key as given. Raises ValidationError for one that is empty, too long or unprintable."""
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise ValidationError(f"Give 1 to {LONGEST_KEY} printable characters.", field="idempotencyKey")
    return key


def below(place: str, name: str | int) -> str:
    """A place in a place: `groupMappings.0.targetId`."""
    return f"{place}.{name}" if place else str(name)


def plain_text(value: str, field: str) -> str:
    """Text as given. Raises ValidationError for what no database column can hold."""
    if "\0" in value:
        raise ValidationError("The text holds a NUL character.", field=field)
    return value


def _host(operation: Operation[Any]) -> list[Field]:
    """The fields that every input has."""
    key = Converted(
        annotation=str,
        read=_same,
        show=_plainly(str),
        schema={"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
    )
    tenant = replace(key, annotation=strawberry.ID, schema={"type": "string"}, note=_note("Tenant"))
    fields = [Field(name="tenant_id", type=tenant, description="The tenant to work on.")]
    return [
        *(fields if operation.target.is_new else ()),
        Field(name="idempotency_key", type=key, description=KEY)
        if operation.writes
        else Field(name="idempotency_key", type=_or_none(key), description=KEY, default=None),
    ]


def _same(value: Any, _: str) -> Any:
    return value


def _plainly(*kinds: type) -> Callable[[Any], Any]:
    def show(value: Any) -> Any:
        if type(value) not in kinds:
            raise TypeError
        return value

    return show


def _finite(value: Any) -> Any:
    if type(value) not in (int, float) or not isfinite(value):
        raise TypeError
    return value


def _bounded(read: Read, bounds: Bounds) -> Read:
    def bounded(value: Any, place: str) -> Any:
        bounds.check(value, place)
        return read(value, place)

    return bounded


def _text(extras: Sequence[Any], place: str) -> Converted:
    bounds = constraints.of_text(extras, place)
    return Converted(
        annotation=str,
        read=_bounded(plain_text, bounds),
        show=_plainly(str),
        schema={"type": "string", "pattern": "^[^\\u0000]*$", **bounds.schema},
        says=bounds.sentence,
    )


def _integer(extras: Sequence[Any], place: str) -> Converted:
    bounds = constraints.of_number(extras, place)
    return Converted(
        annotation=int,
        read=_bounded(_same, bounds),
        show=_plainly(int),
        # As GraphQL has integers.
        schema={"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1, **bounds.schema},
        says=bounds.sentence,
    )


def _number(extras: Sequence[Any], place: str) -> Converted:
    bounds = constraints.of_number(extras, place)
    return Converted(
        annotation=float,
        read=_bounded(_same, bounds),
        show=_finite,
        schema={"type": "number", **bounds.schema},
        says=bounds.sentence,
    )


def _boolean(extras: Sequence[Any], place: str) -> Converted:
    constraints.of_nothing(extras, place)
    return Converted(annotation=bool, read=_same, show=_plainly(bool), schema={"type": "boolean"})


_PLAIN: dict[Any, Callable[[Sequence[Any], str], Converted]] = {
    str: _text,
    int: _integer,
    float: _number,
    bool: _boolean,
}


def _or_none(of: Converted) -> Converted:
    return replace(
        of,
        annotation=Optional[of.annotation],  # noqa: UP045 # a value
        read=lambda value, place: None if value is None else of.read(value, place),
        show=lambda value: None if value is None else of.show(value),
        schema={"anyOf": [of.schema, {"type": "null"}]},
        nullable=True,
    )


def _list(container: Callable[[Any], Any], of: Converted, bounds: Bounds) -> Converted:
    def read(value: Any, place: str) -> Any:
        return container(of.read(item, below(place, number)) for number, item in enumerate(value))

    def show(value: Any) -> list[Any]:
        if type(value) not in (list, tuple):
            raise TypeError
        return [of.show(item) for item in value]

    return Converted(
        annotation=list[of.annotation],  # type: ignore[name-defined] # a type made at run time
        read=_bounded(read, bounds),
        show=show,
        schema={"type": "array", "items": of.schema, **bounds.schema},
        says=" ".join(filter(None, (bounds.sentence, of.says))),
        note=of.note,
    )


def _id(ref: Ref | None, place: str) -> Converted:
    if ref is None:
        raise ConfigurationError(f"{place} is a UUID that does not say of what: take an Id[...].")
    kind = ref.kind
    return Converted(
        annotation=strawberry.ID,
        read=lambda value, field: ids.decode(value, kind=kind, argument=field),
        show=lambda value: ids.encode(kind, UUID(str(value))),
        schema={"type": "string"},
        note=_note(kind),
    )


def _note(kind: str) -> str:
    return f"An id of the type {kind}."


def _default(field: dataclasses.Field[Any], converted: Converted, place: str) -> Any:
    """What GraphQL takes for a field that is left out. Raises ConfigurationError for what does not fit."""
    if field.default is not dataclasses.MISSING:
        default = field.default
    elif field.default_factory is not dataclasses.MISSING:
        default = field.default_factory()
    else:
        return None if converted.nullable else NOTHING
    try:
        shown = converted.show(default)
        converted.read(shown, "")
    except Exception as exc:
        raise ConfigurationError(f"{place} has a default that does not fit it.") from exc
    return shown


def _json(value: Any) -> Any:
    """A default in JSON."""
    if isinstance(value, list):
        return [_json(item) for item in value]
    if isinstance(value, StrEnum):
        return value.name
    if dataclasses.is_dataclass(value):
        return {
            to_camel_case(field.name): _json(getattr(value, field.name))
            for field in dataclasses.fields(value)
        }
    return value


def optional(hint: Any) -> Any:
    """X of `X | None`; None for anything else."""
    if get_origin(hint) not in (Union, types.UnionType):
        return None
    others = [argument for argument in get_args(hint) if argument is not type(None)]
    return others[0] if len(others) == 1 and len(get_args(hint)) == 2 else None


def _copied(enum: type[StrEnum]) -> Any:
    """The same enum for GraphQL: what Strawberry attaches to one must not reach the plugin's."""
    copy: Any = StrEnum(enum.__name__, {member.name: member.value for member in enum})  # type: ignore[misc] # named at run time
    texts = {member.value: vars(member).get("__doc__") or words(member.name) for member in enum}
    return described(sentence(enum), texts)(copy)


def _enum(enum: type[StrEnum]) -> Converted:
    # One of Atlas's own is shown as it is.
    copy: Any = enum if "__strawberry_definition__" in vars(enum) else _copied(enum)
    return Converted(
        annotation=copy,
        read=lambda value, _: enum(value),
        show=lambda value: copy(enum(value).value),
        schema={"type": "string", "enum": [member.name for member in enum]},
    )


def _input_name(cls: type) -> str:
    return cls.__name__ if cls.__name__.endswith("Input") else f"{cls.__name__}Input"


def words(name: str) -> str:
    return f"{name.replace('_', ' ').capitalize()}."


def sentence(cls: type) -> str:
    """The first paragraph of a class's docstring, unless it is what dataclasses write themselves."""
    text = (cls.__doc__ or "").strip().split("\n\n")[0]
    generated = text.startswith(f"{cls.__name__}(")
    return words(cls.__name__) if generated or not text else " ".join(text.split())
