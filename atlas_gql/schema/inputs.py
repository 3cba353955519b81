"""GraphQL inputs made from the dataclasses that operations declare.

A field is `str`, `int`, `float`, `bool`, a `UUID` with a `Ref`, a `StrEnum`, another frozen dataclass, a
tuple or list of those, or one of them or None. The plugin's own classes are read and never changed.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, NamedTuple, Optional, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import strawberry
from strawberry.utils.str_converters import to_camel_case

from atlas_gql.errors import ConfigurationError, ValidationError
from atlas_gql.ops.rights import metadata, references
from atlas_gql.plugins.api import Doc, Operation, Ref
from atlas_gql.schema import ids
from atlas_gql.schema.enums import described

RESERVED = ("tenantId", "idempotencyKey")
"""Fields that the host adds to inputs of its own accord."""

LONGEST_KEY = 200

Read = Callable[[Any, str], Any]
"""From a value as GraphQL gives it, and its field's name, to the value that the dataclass takes."""


class Converted(NamedTuple):
    """A Python type as GraphQL has it, and the way back."""

    annotation: Any
    read: Read


@dataclass(frozen=True, kw_only=True)
class InputType:
    """An operation's GraphQL input, and the way back from it to the operation's dataclass."""

    graphql: type
    refs: Mapping[str, Ref]
    """The fields that name things, by their Python names."""
    read: Read


class InputTypes:
    """The inputs of one schema. A class that several operations use becomes one GraphQL type."""

    def __init__(self) -> None:
        self._made: dict[type, Converted] = {}
        self._of: dict[str, InputType] = {}

    def of(self, operation: Operation[Any]) -> InputType:
        """The input of an operation. Raises ConfigurationError naming the operation and the field."""
        if operation.type not in self._of:
            self._of[operation.type] = self._input_of(operation)
        return self._of[operation.type]

    def _input_of(self, operation: Operation[Any]) -> InputType:
        given = operation.input
        if not dataclasses.is_dataclass(given):
            raise ConfigurationError(f"The input of {operation.type} is no dataclass.")
        refs = references(given)
        host: dict[str, Any] = {}
        if operation.target.is_new:
            host["tenant_id"] = (strawberry.ID, strawberry.field(description="The tenant to work on."))
        host["idempotency_key"] = (
            (str, strawberry.field(description=KEY))
            if operation.writes
            else (Optional[str], strawberry.field(description=KEY, default=None))  # noqa: UP045 # a value
        )
        name = f"{operation.mutation[:1].upper()}{operation.mutation[1:]}Input"
        converted = self._dataclass(given, name, operation.type, host=host, refs=refs)
        return InputType(graphql=converted.annotation, refs=refs, read=converted.read)

    def _dataclass(
        self,
        cls: Any,
        name: str,
        where: str,
        *,
        host: Mapping[str, Any] | None = None,
        refs: Mapping[str, Ref] | None = None,
    ) -> Converted:
        hints = get_type_hints(cls, include_extras=True)
        annotations = {key: annotation for key, (annotation, _) in (host or {}).items()}
        namespace: dict[str, Any] = {key: field for key, (_, field) in (host or {}).items()}
        readers: dict[str, Read] = {}
        for field in dataclasses.fields(cls):
            place = f"{where}: the field {field.name} of its input"
            if to_camel_case(field.name) in RESERVED:
                raise ConfigurationError(f"{place} has a name that the host uses for itself.")
            ref = (refs or {}).get(field.name)
            converted = _reference(hints[field.name], ref, place) or self._type(hints[field.name], place)
            readers[field.name] = converted.read
            annotations[field.name], namespace[field.name] = _field(field, hints[field.name], converted)
        made = type(name, (), {**namespace, "__annotations__": annotations, "__module__": __name__})
        graphql = strawberry.input(made, name=name, description=sentence(cls))

        def read(value: Any, _: str) -> Any:
            given = {
                key: reader(getattr(value, key), to_camel_case(key))
                for key, reader in readers.items()
                if getattr(value, key) is not strawberry.UNSET
            }
            return cls(**given)

        return Converted(graphql, read)

    def converted(self, hint: Any, place: str) -> Converted:
        """A type of a field as inputs have it. Raises ConfigurationError naming the place."""
        return self._type(hint, place)

    def _type(self, hint: Any, place: str) -> Converted:
        if get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        if (inner := optional(hint)) is not None:
            converted = self._type(inner, place)
            return Converted(Optional[converted.annotation], _or_none(converted.read))  # noqa: UP045 # a value
        if hint in _PLAIN:
            return _PLAIN[hint]
        arguments = get_args(hint)
        if get_origin(hint) is list or (get_origin(hint) is tuple and arguments[1:] == (...,)):
            element = self._type(arguments[0], place)
            return Converted(list[element.annotation], _all(get_origin(hint), element.read))  # type: ignore[name-defined] # a type made at run time
        if not isinstance(hint, type) or not (issubclass(hint, StrEnum) or dataclasses.is_dataclass(hint)):
            raise ConfigurationError(f"{place} has a type that no GraphQL input can have.")
        if issubclass(hint, StrEnum):
            return self.enum(hint)
        if hint not in self._made:
            self._made[hint] = self._dataclass(hint, _input_name(hint), place)
        return self._made[hint]

    def enum(self, enum: type[StrEnum]) -> Converted:
        """An enum, which inputs and results have in common."""
        if enum not in self._made:
            self._made[enum] = _enum(enum)
        return self._made[enum]


KEY = (
    f"Up to {LONGEST_KEY} characters of your choice, one for each thing you want done: a repeated request"
    " with the same key and input gives the same run, and starts nothing."
)


def check_key(key: str | None) -> str | None:
    """An idempotency key as given. Raises ValidationError for one that is empty, too long or unprintable."""
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        raise ValidationError(f"Give 1 to {LONGEST_KEY} printable characters.", field="idempotencyKey")
    return key


def _same(value: Any, _: str) -> Any:
    return value


def plain_text(value: str, field: str) -> str:
    """Text as given. Raises ValidationError for what no database column can hold."""
    if "\0" in value:
        raise ValidationError("The text holds a NUL character.", field=field)
    return value


_PLAIN: dict[Any, Converted] = {
    str: Converted(str, plain_text),
    int: Converted(int, _same),
    float: Converted(float, _same),
    bool: Converted(bool, _same),
}


def _or_none(read: Read) -> Read:
    return lambda value, field: None if value is None else read(value, field)


def _all(container: Callable[[Any], Any], read: Read) -> Read:
    return lambda value, field: container(read(item, field) for item in value)


def _reference(hint: Any, ref: Ref | None, place: str) -> Converted | None:
    """A field that names a thing: an id of that kind. None for a field that does not."""
    if ref is None:
        return None
    bare = get_args(hint)[0]
    inner = optional(bare)
    if (inner or bare) is not UUID:
        raise ConfigurationError(f"{place} carries a Ref and is no UUID.")
    kind = ref.kind

    def read(value: str, field: str) -> UUID:
        return ids.decode(value, kind=kind, argument=field)

    if inner:
        return Converted(Optional[strawberry.ID], _or_none(read))  # noqa: UP045 # a value
    return Converted(strawberry.ID, read)


def _field(field: dataclasses.Field[Any], hint: Any, converted: Converted) -> tuple[Any, Any]:
    """The GraphQL field's annotation and declaration, with the default where GraphQL can say it."""
    doc = metadata(hint, Doc)
    description = doc.text if doc else f"{field.name.replace('_', ' ').capitalize()}."
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        return converted.annotation, strawberry.field(description=description)
    factory = field.default_factory
    default = field.default if factory is dataclasses.MISSING else factory()
    if default is None or isinstance(default, (str, int, float)):
        return converted.annotation, strawberry.field(description=description, default=default)
    if isinstance(default, (tuple, list)) and all(isinstance(item, (str, int, float)) for item in default):
        values = list(default)
        return converted.annotation, strawberry.field(
            description=description, default_factory=lambda: list(values)
        )
    # Left out, and the dataclass takes its own default.
    return (
        Optional[converted.annotation],  # noqa: UP045 # a value
        strawberry.field(description=description, default=strawberry.UNSET),
    )


def optional(hint: Any) -> Any:
    """X of `X | None`; None for anything else."""
    if get_origin(hint) not in (Union, types.UnionType):
        return None
    others = [argument for argument in get_args(hint) if argument is not type(None)]
    return others[0] if len(others) == 1 and len(get_args(hint)) == 2 else None


def _enum(enum: type[StrEnum]) -> Converted:
    if "__strawberry_definition__" in vars(enum):
        return Converted(enum, lambda value, _: enum(value))  # one of Atlas's own
    # A copy: what Strawberry attaches to an enum must not reach the plugin's.
    copy: Any = StrEnum(enum.__name__, {member.name: member.value for member in enum})  # type: ignore[misc] # named at run time
    texts = {member.value: vars(member).get("__doc__") or words(member.name) for member in enum}
    return Converted(described(sentence(enum), texts)(copy), lambda value, _: enum(value))


def _input_name(cls: type) -> str:
    return cls.__name__ if cls.__name__.endswith("Input") else f"{cls.__name__}Input"


def words(name: str) -> str:
    return f"{name.replace('_', ' ').capitalize()}."


def sentence(cls: type) -> str:
    """The first paragraph of a class's docstring, unless it is what dataclasses write themselves."""
    text = (cls.__doc__ or "").strip().split("\n\n")[0]
    generated = text.startswith(f"{cls.__name__}(")
    return words(cls.__name__) if generated or not text else " ".join(text.split())
