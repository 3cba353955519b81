"""GraphQL types made from the dataclasses that operations declare as their results.

A field is `str`, `int`, `float`, `bool`, a `datetime`, a `UUID` (text, or with a `Ref` an id), a `StrEnum`,
another frozen dataclass, a tuple or list of those, or one of them or None.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Optional, get_args, get_origin, get_type_hints
from uuid import UUID

import strawberry

from atlas_gql.errors import ConfigurationError
from atlas_gql.ops.references import metadata, ref_in
from atlas_gql.plugins import verification
from atlas_gql.plugins.api import Doc, Operation, Ref
from atlas_gql.schema import ids
from atlas_gql.schema.inputs import InputTypes, optional, sentence, words
from atlas_gql.schema.maps import KINDS
from atlas_gql.schema.types.results import OperationResult
from atlas_gql.schema.types.verification import ProviderCheck, Readiness

_PLAIN: dict[Any, Any] = {
    **{type_: type_ for type_ in (str, int, float, bool, datetime)},
    UUID: str,
    # Values of the plugin API that the API has types for.
    verification.ProviderCheck: ProviderCheck,
    verification.Readiness: Readiness,
}
_UNDER_WAY = object()


class ResultTypes:
    """The results of one schema; what `inputs` has enums for is the same enum here."""

    def __init__(self, inputs: InputTypes) -> None:
        self._inputs = inputs
        self._results: dict[type, type] = {}
        self._made: dict[Any, Any] = {}

    @property
    def all(self) -> list[type]:
        """The types of all results that were asked for."""
        return list(self._results.values())

    def add(self, operation: Operation[Any]) -> None:
        """Make the type of an operation's result. Raises ConfigurationError naming operation and field."""
        cls = operation.result
        if cls is None or cls in self._results:
            return
        if not dataclasses.is_dataclass(cls):
            raise ConfigurationError(f"The result of {operation.type} is no dataclass.")
        self._results[cls] = self._dataclass(cls, operation.type, OperationResult)

    def _dataclass(self, cls: Any, where: str, *bases: type) -> type:
        hints = get_type_hints(cls, include_extras=True)
        annotations: dict[str, Any] = {}
        namespace: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            place = f"{where}: the field {field.name} of its result"
            if any(field.name in base.__annotations__ for base in bases):
                raise ConfigurationError(f"{place} has a name that the host uses for itself.")
            hint = hints[field.name]
            annotations[field.name], resolver = self._field(hint, field.name, place)
            doc = metadata(hint, Doc)
            namespace[field.name] = strawberry.field(
                description=doc.text if doc else words(field.name), resolver=resolver
            )
        made = type(
            cls.__name__, bases, {**namespace, "__annotations__": annotations, "__module__": __name__}
        )
        return strawberry.type(made, name=cls.__name__, description=sentence(cls))

    def _field(self, hint: Any, name: str, place: str) -> tuple[Any, Any]:
        """A field's annotation, and how it is read where that is not the value itself."""
        ref = ref_in(hint)
        annotation = self._type(hint, place, ref)
        if ref is None:
            return annotation, None
        if ref.kind not in KINDS:
            raise ConfigurationError(f"{place}: no Ref can name a {ref.kind}.")
        return annotation, _id(ref.kind, name)

    def shown(self, hint: Any, place: str) -> Any:
        """A type of a field as answers have it. Raises ConfigurationError naming the place."""
        return self._type(hint, place)

    def _type(self, hint: Any, place: str, ref: Ref | None = None) -> Any:
        """`ref` says what a UUID in it is the id of."""
        if get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        if (inner := optional(hint)) is not None:
            return Optional[self._type(inner, place, ref)]  # noqa: UP045 # a value
        arguments = get_args(hint)
        if get_origin(hint) is list or (get_origin(hint) is tuple and arguments[1:] == (...,)):
            return list[self._type(arguments[0], place, ref)]  # type: ignore[misc] # a type made at run time
        if ref is not None:
            if hint is not UUID:
                raise ConfigurationError(f"{place} carries a Ref and is no UUID.")
            return strawberry.ID
        if hint in _PLAIN:
            return _PLAIN[hint]
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            return self._inputs.enum(hint).annotation
        made = self._made.get(hint)
        if made is _UNDER_WAY or not dataclasses.is_dataclass(hint):
            raise ConfigurationError(f"{place} has a type that no GraphQL type can have here.")
        if made is None:
            self._made[hint] = _UNDER_WAY  # a class within itself never ends
            made = self._made[hint] = self._dataclass(hint, place)
        return made


def _id(kind: str, name: str) -> Callable[[Any], Any]:
    """The ids of the things whose keys a field holds."""

    def shown(value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [shown(item) for item in value]
        return None if value is None else ids.encode(kind, value)

    return lambda self: shown(getattr(self, name))
