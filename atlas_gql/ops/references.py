"""What inputs name: ids, anywhere in them, each with what its `Ref` asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from uuid import UUID

from atlas_gql.plugins.api import Ref


@dataclass(frozen=True, kw_only=True)
class Named:
    """An id in an input, as it is there: a UUID, or text. `place` says where, by Python's names."""

    place: tuple[str | int, ...]
    ref: Ref
    id: Any

    @property
    def path(self) -> str:
        """The place as `references` has it."""
        return ".".join(part for part in self.place if isinstance(part, str))


def metadata(hint: Any, kind: type) -> Any:
    """The first of an annotation's extras that is of this kind, as a Doc or a Ref; None without one."""
    found = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((item for item in found if isinstance(item, kind)), None)


def ref_in(hint: Any) -> Ref | None:
    """What the UUIDs in an annotation are ids of: `Id[Policy] | None`, `tuple[Id[Policy], ...]`."""
    found = metadata(hint, Ref)
    inner = get_args(hint)[:1] if get_origin(hint) is Annotated else get_args(hint)
    return found or next(filter(None, map(ref_in, inner)), None)


def references(input_type: Any) -> Mapping[str, Ref]:
    """Where an input can name things, by the names of its fields in Python: `policy_id`, `pairs.policy_id`.

    One place stands for all items of a list.
    """
    return _references(input_type)


@cache
def _references(input_type: Any) -> Mapping[str, Ref]:
    return dict(_in_class(input_type, (), ()))


def _in_class(cls: Any, path: tuple[str, ...], within: tuple[Any, ...]) -> Iterator[tuple[str, Ref]]:
    hints = get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        yield from _in_hint(hints[field.name], (*path, field.name), (*within, cls))


def _in_hint(hint: Any, path: tuple[str, ...], within: tuple[Any, ...]) -> Iterator[tuple[str, Ref]]:
    if ref := metadata(hint, Ref):
        yield ".".join(path), ref
    elif dataclasses.is_dataclass(hint) and hint not in within:
        yield from _in_class(hint, path, within)
    else:
        inner = get_args(hint)[:1] if get_origin(hint) is Annotated else get_args(hint)
        for argument in inner:
            yield from _in_hint(argument, path, within)


def named(input_type: Any, given: Any) -> list[Named]:
    """All that an input names.

    `given` is an instance of the input, or what GraphQL makes of it.
    """
    return [
        Named(place=place, ref=ref, id=id_)
        for path, ref in references(input_type).items()
        for place, id_ in _values(given, path.split("."), ())
    ]


def _values(
    given: Any, path: Sequence[str], place: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(given, (list, tuple)):
        for number, item in enumerate(given):
            yield from _values(item, path, (*place, number))
    elif path:
        yield from _values(getattr(given, path[0], None), path[1:], (*place, path[0]))
    elif isinstance(given, (str, UUID)):
        yield place, given
