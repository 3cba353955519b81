"""Secrets among a plugin's settings: part of the plugin API, re-exported by it."""

from __future__ import annotations

from typing import Any, Generic, NoReturn, Self, TypeVar

from atlas_gql.redaction import REDACTED

Value = TypeVar("Value")


class Secret(Generic[Value]):
    """A value that shows itself to nobody by mistake; `reveal()` gives it.

    What prints it, logs it or formats it has `[redacted]`; JSON and pickle refuse it.

    .. versionadded:: 0.1
    """

    __slots__ = ("__value",)

    def __init__(self, value: Value) -> None:
        self.__value = value

    def reveal(self) -> Value:
        """The value, for where it is needed: do not keep it, and put it into no text."""
        return self.__value

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__value == other.__value

    def __hash__(self) -> int:
        return hash(self.__value)

    def __repr__(self) -> str:
        return f"Secret({REDACTED})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not pickled.")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: dict[int, Any]) -> Self:
        return self
