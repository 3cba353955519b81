"""Opaque cursors: where in an order a row stands.

A cursor holds the row's sort keys and the name of the order, so that one made for another order, or by
hand, is refused instead of giving a page that means nothing.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from atlas_gql.errors import BadUserInput

LARGEST_INTEGER = 2**31 - 1


def encode(order: str, keys: Sequence[Any]) -> str:
    return urlsafe_b64encode(orjson.dumps([order, *keys])).decode()


def decode(value: str, order: str, types: Sequence[type]) -> tuple[Any, ...]:
    """The sort keys in a cursor of this order. Raises BadUserInput for anything else."""
    try:
        keys = _keys(value, order)
        return tuple(_read(key, wanted) for key, wanted in zip(keys, types, strict=True))
    except ValueError:
        raise BadUserInput("`after` is not a cursor of this list.", "after") from None


def _keys(value: str, order: str) -> list[Any]:
    """The raw keys in a cursor. Raises ValueError for what is none, and for one of another order."""
    found = orjson.loads(urlsafe_b64decode(value))
    if not isinstance(found, list) or found[:1] != [order]:
        raise ValueError("not of this order")
    return found[1:]


def _read(key: Any, wanted: type) -> Any:
    """A key as the type of its column. Raises ValueError."""
    if wanted is int:
        if type(key) is not int or abs(key) > LARGEST_INTEGER:
            raise ValueError("no integer")
        return key
    if not isinstance(key, str) or "\0" in key:
        raise ValueError("no text")
    if wanted is UUID:
        return UUID(key)
    if wanted is datetime:
        instant = datetime.fromisoformat(key)
        if instant.tzinfo is None:
            raise ValueError("no time zone")
        return instant
    return key
