"""From a filter input to the parameters of a list's predicates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from strawberry.utils.str_converters import to_camel_case

from atlas_gql.errors import BadUserInput
from atlas_gql.schema import ids
from atlas_gql.schema.pages import WITHIN

MOST_VALUES = 300
"""How many values a condition may name: as many as there may be tenants in one look."""


def given(**conditions: Any) -> dict[str, Any]:
    """The conditions that were given, as values that hash and that the database takes.

    A condition is called as its field in the schema, but for the case. Raises BadUserInput, naming the
    field, for text that no column can hold, for an instant without a time zone and for too many values.
    """
    return {name: _value(value, name) for name, value in conditions.items() if value is not None}


def containing(part: str | None) -> str | None:
    """A LIKE pattern for text that contains this."""
    if part is None:
        return None
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def uuids(texts: Sequence[str] | None, field: str) -> list[UUID] | None:
    """The keys in texts. Raises BadUserInput, naming the field, for what is none."""
    try:
        return None if texts is None else [UUID(text) for text in texts]
    except ValueError:
        raise BadUserInput(f"`{field}` must hold uuids.", field) from None


def keys(given: Sequence[str] | None, field: str, *kinds: str) -> list[UUID] | None:
    """The keys in ids of these kinds. Raises BadUserInput, naming the field, for anything else."""
    if given is None:
        return None
    parsed = [ids.parse(value) for value in given]
    found = [id_.uuid for id_ in parsed if id_ is not None and id_.kind in kinds]
    if len(found) < len(parsed):
        raise BadUserInput(f"`{field}` must hold ids of the type {' or '.join(kinds)}.", field)
    return found


def within(tenant_ids: Sequence[str] | None, conditions: dict[str, Any]) -> dict[str, Any]:
    """The conditions, and that the tenant is one of these. Raises BadUserInput for what is no tenant's id."""
    tenants = given(tenant_id=keys(tenant_ids, "tenantId", "Tenant"))
    return {**conditions, **({WITHIN: tenants["tenant_id"]} if tenants else {})}


def _value(value: Any, name: str) -> Any:
    field = to_camel_case(name)
    if isinstance(value, list):
        if len(value) > MOST_VALUES:
            raise BadUserInput(f"`{field}` holds more than {MOST_VALUES} values.", field)
        # Each once: a list is read value by value.
        return tuple(dict.fromkeys(_value(item, name) for item in value))
    if isinstance(value, str):
        if "\0" in value:
            raise BadUserInput(f"`{field}` holds a NUL character.", field)
        # An enum's member is its stored value; the driver wants the plain text.
        return str(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        raise BadUserInput(f"The time in `{field}` lacks its time zone.", field)
    return value
