"""A validator of JSON Schema, of the part that Atlas speaks; any other keyword is a failure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

ANNOTATIONS = {"$schema", "title", "description", "default"}


def valid(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a value is what the schema says. Raises KeyError for a keyword that is not known here."""
    return all(
        CHECKS[keyword](wanted, value, schema)
        for keyword, wanted in schema.items()
        if keyword not in ANNOTATIONS
    )


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


TYPES: Mapping[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "number": _number,
    "integer": lambda value: _number(value) and value == int(value),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def _of(type_: str, holds: Callable[[Any, Any], bool]) -> Callable[[Any, Any, Mapping[str, Any]], bool]:
    """A check that says nothing of values of other types."""
    return lambda wanted, value, _: not TYPES[type_](value) or holds(wanted, value)


CHECKS: Mapping[str, Callable[[Any, Any, Mapping[str, Any]], bool]] = {
    "type": lambda wanted, value, _: TYPES[wanted](value),
    "anyOf": lambda wanted, value, _: any(valid(schema, value) for schema in wanted),
    "enum": lambda wanted, value, _: value in wanted,
    "minimum": _of("number", lambda limit, value: value >= limit),
    "exclusiveMinimum": _of("number", lambda limit, value: value > limit),
    "maximum": _of("number", lambda limit, value: value <= limit),
    "exclusiveMaximum": _of("number", lambda limit, value: value < limit),
    "multipleOf": _of("number", lambda of, value: value % of == 0),
    "minLength": _of("string", lambda limit, value: len(value) >= limit),
    "maxLength": _of("string", lambda limit, value: len(value) <= limit),
    "pattern": _of("string", lambda pattern, value: re.search(pattern, value) is not None),
    "minItems": _of("array", lambda limit, value: len(value) >= limit),
    "maxItems": _of("array", lambda limit, value: len(value) <= limit),
    "items": _of("array", lambda schema, value: all(valid(schema, item) for item in value)),
    "required": _of("object", lambda names, value: set(names) <= value.keys()),
    "properties": lambda wanted, value, schema: (
        not isinstance(value, dict)
        or all(valid(wanted[name], item) for name, item in value.items() if name in wanted)
    ),
    "additionalProperties": lambda wanted, value, schema: (
        wanted is not False or not isinstance(value, dict) or value.keys() <= schema["properties"].keys()
    ),
}
