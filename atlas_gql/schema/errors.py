"""Domain errors as GraphQL types: what the caller can act on is part of a mutation's result."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Optional, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import strawberry
from strawberry.utils.str_converters import to_camel_case

from atlas_gql.errors import (
    ConfigurationError,
    DomainError,
    IdempotencyConflict,
    RunConflict,
    RunFinished,
    RunNotFinished,
    ValidationError,
    public_text,
)
from atlas_gql.plugins.api import Doc
from atlas_gql.schema.types.runs import WithRun

WITH_RUN = (RunConflict, IdempotencyConflict, RunFinished, RunNotFinished)
"""Errors that name another run."""


@strawberry.interface(description="Why nothing was done; something that the caller can act on.")
class Error:
    message: str = strawberry.field(description="The reason, for people.")
    code: str = strawberry.field(description="The reason, for programs; stable.")


class ErrorTypes:
    """The error types of one schema, each made from an exception class."""

    def __init__(self) -> None:
        self._types: dict[type[DomainError], type] = {}

    def of(self, error: type[DomainError]) -> type:
        """The GraphQL type of an error. Raises ConfigurationError when two errors share a name."""
        if error not in self._types:
            for other in self._types:
                if other.__name__ == error.__name__:
                    raise ConfigurationError(
                        f"The errors {_path(other)} and {_path(error)} would be one GraphQL type."
                    )
            self._types[error] = _make(error)
        return self._types[error]

    def present(self, raised: DomainError, allowed: tuple[type[DomainError], ...], place: Any) -> Any:
        """The error as a member of a result. Raises it again when the result has no such member.

        `place` is where the mutation took place: what the error shows beside itself is guarded by it.
        """
        error = next((cls for cls in type(raised).__mro__ if cls in allowed), None)
        if error is None:
            raise raised
        values: dict[str, Any] = {name: _plain(getattr(raised, name)) for name in _attributes(error)}
        if issubclass(error, ValidationError):
            values["field"] = to_camel_case(values["field"])
        if issubclass(error, WITH_RUN):
            values |= {
                "run_id": raised.run_id,  # type: ignore[attr-defined] # each of them has it
                "workspace_id": place.workspace_id,
                "tenant_id": place.tenant_id,
            }
        return self.of(error)(message=raised.message, code=raised.code, **values)


def _make(error: type[DomainError]) -> type:
    namespace: dict[str, Any] = {"__module__": __name__}
    annotations: dict[str, Any] = {}
    for name, (annotation, description) in _attributes(error).items():
        annotations[name] = annotation
        namespace[name] = strawberry.field(description=description)
    bases = (Error, WithRun) if issubclass(error, WITH_RUN) else (Error,)
    made = type(error.__name__, bases, {**namespace, "__annotations__": annotations})
    return strawberry.type(made, description=public_text(error))


def _attributes(error: type[DomainError]) -> Mapping[str, tuple[Any, str]]:
    """What an error shows beside its message: its annotated attributes, with their descriptions.

    Raises ConfigurationError for a type that GraphQL cannot show.
    """
    if issubclass(error, ValidationError):
        return {"field": (str, "The field of the input that does not fit.")}
    found = {}
    for name, hint in get_type_hints(error, include_extras=True).items():
        if name.startswith("_") or get_origin(hint) is ClassVar:
            continue
        bare, *extra = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        doc = next((item.text for item in extra if isinstance(item, Doc)), None)
        found[name] = (
            _shown(bare, f"{_path(error)}.{name}"),
            doc or f"{name.replace('_', ' ').capitalize()}.",
        )
    return found


def _shown(hint: Any, where: str) -> Any:
    if hint in (str, int, float, bool):
        return hint
    if hint is UUID:
        return str
    if get_origin(hint) in (list, tuple):
        element: Any = _shown(get_args(hint)[0], where)
        return list[element]
    if get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint):
        (inner,) = (argument for argument in get_args(hint) if argument is not type(None))
        return Optional[_shown(inner, where)]  # noqa: UP045 # a value
    raise ConfigurationError(f"{where} has a type that GraphQL cannot show.")


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, UUID) else value


def _path(error: type) -> str:
    return f"{error.__module__}.{error.__qualname__}"
