"""OData's query options, as far as Graph takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from atlas_gql.simulator.calls import Call
from atlas_gql.simulator.errors import bad_request

_EQUALS = re.compile(r"\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*")


def given_options(call: Call) -> dict[str, str]:
    """The query options by name, unchecked."""
    return dict(parse_qsl(call.query, keep_blank_values=True))


def options(call: Call, allowed: Sequence[str]) -> dict[str, str]:
    """The query options by name. Raises Refused for an unknown or repeated one."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(call.query, keep_blank_values=True):
        if name not in allowed:
            raise bad_request(f"The query option '{name}' is not supported here.")
        if name in found:
            raise bad_request(f"Query option '{name}' was specified more than once.")
        found[name] = value
    return found


def selected(given: Mapping[str, str], known: frozenset[str], type_name: str) -> tuple[str, ...] | None:
    """The names in `$select`, or None for all. Raises Refused for a name that the type lacks."""
    if "$select" not in given:
        return None
    names = tuple(name.strip() for name in given["$select"].split(","))
    for name in names:
        if name not in known:
            raise bad_request(f"Could not find a property named '{name}' on type '{type_name}'.")
    return names


def equals(given: Mapping[str, str], field: str | None) -> str | None:
    """The value in `$filter=<field> eq 'value'`, or None without a filter. Raises Refused.

    Without a field, no filter is taken.
    """
    if "$filter" not in given:
        return None
    match = _EQUALS.fullmatch(given["$filter"])
    if match is None or match[1] != field:
        raise bad_request("Invalid filter clause, or a filter that is not supported here.")
    return match[2].replace("''", "'")


def expanded(given: Mapping[str, str], known: frozenset[str]) -> frozenset[str]:
    """The names in `$expand`. Raises Refused for one that cannot be expanded here."""
    names = (
        frozenset(name.strip() for name in given["$expand"].split(",")) if "$expand" in given else frozenset()
    )
    for name in sorted(names - known):
        raise bad_request(f"Could not expand '{name}'.")
    return names


def chosen(document: Mapping[str, Any], names: tuple[str, ...] | None) -> dict[str, Any]:
    """The selected properties of a document, with its `@odata.type`; all of them for None."""
    if names is None:
        return dict(document)
    return {name: document[name] for name in ("@odata.type", *names) if name in document}
