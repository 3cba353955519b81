"""What the fields of an input hold at most and at least, as `annotated_types` says it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from annotated_types import BaseMetadata, Ge, GroupedMetadata, Gt, Le, Lt, MaxLen, MinLen, MultipleOf

from atlas_gql.errors import ConfigurationError, ValidationError

LONGEST_TEXT = 65_536
"""Characters of a text that says nothing else."""
LONGEST_LIST = 10_000
"""Items of a list that says nothing else."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """One of them: its name in JSON Schema, and the words behind "Give"."""

    keyword: str
    limit: float
    holds: Callable[[Any, Any], bool]
    words: str


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """All that hold for one value; `said` are those that the plugin named."""

    all: tuple[Bound, ...] = ()
    said: tuple[Bound, ...] = ()

    def check(self, value: Any, place: str) -> None:
        """Raises ValidationError naming the place of a value that is out of bounds."""
        if not all(bound.holds(value, bound.limit) for bound in self.all):
            raise ValidationError(f"Give {_words(self.all)}.", field=place)

    @property
    def sentence(self) -> str:
        """What the plugin named, for a description; empty when that is nothing."""
        words = _words(self.said)
        return f"{words[:1].upper()}{words[1:]}." if words else ""

    @property
    def schema(self) -> dict[str, Any]:
        """The same in JSON Schema."""
        return {bound.keyword: bound.limit for bound in self.all}


def _words(bounds: Iterable[Bound]) -> str:
    return " and ".join(bound.words for bound in bounds)


def of_number(extras: Iterable[Any], place: str) -> Bounds:
    """The bounds of a number. Raises ConfigurationError for what is none of a number."""
    found = _found(extras, _OF_NUMBERS, place)
    said = tuple(
        Bound(keyword=keyword, limit=limit, holds=holds, words=f"{words} {limit:,}")
        for limit, (_, keyword, holds, words) in found
    )
    return Bounds(all=said, said=said)


def of_text(extras: Iterable[Any], place: str) -> Bounds:
    """The bounds of a text, in characters. Raises ConfigurationError as `of_number`."""
    return _of_size(extras, place, suffix="Length", unit="characters", most=LONGEST_TEXT)


def of_list(extras: Iterable[Any], place: str) -> Bounds:
    """The bounds of a list, in items. Raises ConfigurationError as `of_number`."""
    return _of_size(extras, place, suffix="Items", unit="items", most=LONGEST_LIST)


def of_nothing(extras: Iterable[Any], place: str) -> None:
    """Raises ConfigurationError for any bound of what knows none."""
    list(_found(extras, {}, place))


def _of_size(extras: Iterable[Any], place: str, *, suffix: str, unit: str, most: int) -> Bounds:
    def bound(limit: float, rule: _Rule) -> Bound:
        _, keyword, holds, words = rule
        return Bound(
            keyword=keyword + suffix,
            limit=limit,
            holds=lambda value, limit: holds(len(value), limit),
            words=f"{words} {limit:,} {unit.removesuffix('s') if limit == 1 else unit}",
        )

    said = tuple(bound(limit, rule) for limit, rule in _found(extras, _OF_SIZES, place))
    if any(one.keyword == f"max{suffix}" for one in said):
        return Bounds(all=said, said=said)
    return Bounds(all=(*said, bound(most, _OF_SIZES[MaxLen])), said=said)


_Rule = tuple[str, str, Callable[[Any, Any], bool], str]
"""The attribute with the limit, the name in JSON Schema, what must hold, in words."""
_OF_NUMBERS: dict[type, _Rule] = {
    Ge: ("ge", "minimum", operator.ge, "at least"),
    Gt: ("gt", "exclusiveMinimum", operator.gt, "more than"),
    Le: ("le", "maximum", operator.le, "at most"),
    Lt: ("lt", "exclusiveMaximum", operator.lt, "less than"),
    MultipleOf: ("multiple_of", "multipleOf", lambda value, of: value % of == 0, "a multiple of"),
}
_OF_SIZES: dict[type, _Rule] = {
    MinLen: ("min_length", "min", operator.ge, "at least"),
    MaxLen: ("max_length", "max", operator.le, "at most"),
}


def _found(extras: Iterable[Any], rules: Mapping[type, _Rule], place: str) -> Iterator[tuple[float, _Rule]]:
    for extra in _flat(extras):
        rule = rules.get(type(extra))
        limit = getattr(extra, rule[0]) if rule else None
        if rule is None or isinstance(limit, bool) or not isinstance(limit, (int, float)):
            raise ConfigurationError(f"{place} has the constraint {extra!r}, which its type cannot have.")
        yield limit, rule


def _flat(extras: Iterable[Any]) -> Iterator[BaseMetadata]:
    """Each constraint by itself: `Interval` and `Len` are several."""
    for extra in extras:
        if isinstance(extra, GroupedMetadata):
            yield from _flat(extra)
        elif isinstance(extra, BaseMetadata):
            yield extra
