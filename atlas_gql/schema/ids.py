"""Opaque ids: base64 of `Type:uuid`, in one spelling only."""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import strawberry

from atlas_gql.errors import BadUserInput

LONGEST = 200
"""Characters; no type has a name that long."""


class GlobalId(NamedTuple):
    """What an id says: a GraphQL type's name and a key."""

    kind: str
    uuid: UUID


def encode(kind: str, uuid: UUID | str) -> strawberry.ID:
    return strawberry.ID(b64encode(f"{kind}:{uuid}".encode()).decode())


def parse(value: str) -> GlobalId | None:
    """What an id says; None for what is none."""
    return _parsed(value) if len(value) <= LONGEST else None


@lru_cache(maxsize=1024)
def _parsed(value: str) -> GlobalId | None:
    # Kept, since a guard and the field behind it ask one after the other.
    try:
        kind, _, key = b64decode(value, validate=True).decode().partition(":")
        uuid = UUID(key)
    except ValueError:
        return None
    # One thing has one id, so that clients may compare them.
    return GlobalId(kind, uuid) if encode(kind, uuid) == value else None


def decode(value: str, *, kind: str, argument: str) -> UUID:
    """The key in an id of this kind. Raises BadUserInput naming the argument for anything else."""
    parsed = parse(value)
    if parsed is None or parsed.kind != kind:
        raise BadUserInput(f"`{argument}` must be an id of the type {kind}.", argument)
    return parsed.uuid
