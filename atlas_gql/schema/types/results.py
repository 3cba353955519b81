"""What runs returned: one interface, and a type for each class of results that operations declare."""

from __future__ import annotations

from typing import Any

import strawberry
from strawberry.scalars import JSON

from atlas_gql.errors import OperationFailure
from atlas_gql.ops.inputs import load
from atlas_gql.plugins.api import Operation


@strawberry.interface(
    description="What a run returned; each operation that returns something has a type of its own."
)
class OperationResult:
    json: JSON = strawberry.field(description="All of it as it is kept, by the names that its plugin gave.")

    @classmethod
    def resolve_type(cls, result: Any, *_: Any) -> str:
        kind: str = result.kind_
        return kind

    @classmethod
    def is_type_of(cls, *_: Any) -> bool:
        # As rows, results are told apart by what they say of themselves.
        return True


@strawberry.type(
    description="What a run returned whose operation is not installed any more, or has changed since."
)
class UnknownOperationResult(OperationResult):
    pass


class Returned:
    """A result to be read as the GraphQL type `kind_`: its fields are those of `value`."""

    __slots__ = ("_value", "json", "kind_")

    def __init__(self, kind: str, json: Any, value: Any = None) -> None:
        self.kind_, self.json, self._value = kind, json, value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._value, name)


def result_of(operation: Operation[Any] | None, stored: Any) -> OperationResult | None:
    """What an operation's run returned, from the JSON that is kept of it; None for none."""
    if stored is None:
        return None
    try:
        if operation is not None and operation.result is not None:
            value = load(operation.result, stored)
            return Returned(operation.result.__name__, stored, value)  # type: ignore[return-value] # read as one
    except OperationFailure:
        pass
    return Returned(UnknownOperationResult.__name__, stored)  # type: ignore[return-value] # read as one
