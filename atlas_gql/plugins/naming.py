"""Names that plugins bring into GraphQL: whose they are, and that they are told apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, get_args, get_type_hints

from atlas_gql.errors import ConfigurationError
from atlas_gql.plugins.api import PROJECT, Operation, PluginSettings

OWN = frozenset({"assignments", "providers"})
"""Plugins whose names in GraphQL are those of Atlas itself, as `fetchAssignments`."""


def normal(name: str) -> str:
    """A plugin's name as it is used in Python and GraphQL: `-` is read as `_`."""
    return name.replace("-", "_")


def pascal(plugin: str) -> str:
    """A name in Python as types are called, and what a plugin's begin with: `ExampleOne` of `example_one`."""
    return "".join(part[:1].upper() + part[1:] for part in plugin.split("_"))


def camel(plugin: str) -> str:
    """A name in Python as fields are called, and what a plugin's mutations begin with."""
    whole = pascal(plugin)
    return whole[:1].lower() + whole[1:]


def type_names(operation: Operation[Any]) -> Iterator[str]:
    """The names of the GraphQL types that are made for an operation, from its mutation and its classes.

    Raises ConfigurationError for annotations that cannot be read, and for a class that holds itself.
    """
    mutation = operation.mutation[:1].upper() + operation.mutation[1:]
    yield from (f"{mutation}Input", f"{mutation}Result")
    yield from class_names(operation)


def class_names(operation: Operation[Any]) -> Iterator[str]:
    """Those of them that come from its classes: nested inputs, results, enums, errors."""
    yield from _nested(operation.input, (operation.input,), "Input")
    result = operation.result
    if result is not None:
        yield from () if _of_atlas(result) else (result.__name__,)
        yield from _nested(result, (result,))
    yield from (error.__name__ for error in operation.errors if not _of_atlas(error))


def settings_names(plugin: str, settings: PluginSettings) -> Iterator[str]:
    """The names of the GraphQL types that are made for a plugin's settings."""
    whole = pascal(plugin)
    yield from (f"{whole}Settings", f"{whole}SettingsPayload")
    yield from (f"Set{whole}SettingsInput", f"Set{whole}SettingsResult")
    yield from settings_class_names(settings)


def settings_class_names(settings: PluginSettings) -> Iterator[str]:
    """Those of them that come from nested classes; what is taken and what is shown are types of their own."""
    for cls in (settings.installation, settings.tenant):
        if cls is not None:
            yield from _nested(cls, (cls,))
            yield from _nested(cls, (cls,), "Input")


def _nested(cls: type, within: tuple[Any, ...], ending: str = "") -> Iterator[str]:
    try:
        hints = get_type_hints(cls, include_extras=True)
    except Exception as exc:
        raise ConfigurationError(
            f"the annotations of {cls.__name__} cannot be read ({type(exc).__name__})"
        ) from exc
    for field in dataclasses.fields(cls):
        for part in _classes(hints[field.name]):
            if part in within:
                raise ConfigurationError(f"{part.__name__} holds itself, in its field {field.name}")
            if _of_atlas(part):
                continue
            if issubclass(part, StrEnum):
                yield part.__name__
            elif dataclasses.is_dataclass(part):
                yield part.__name__ if part.__name__.endswith(ending) else part.__name__ + ending
                yield from _nested(part, (*within, part), ending)


def _of_atlas(cls: type) -> bool:
    """Whether it is a class that the plugin API has; it belongs to no plugin."""
    return cls.__module__.partition(".")[0] == PROJECT


def _classes(hint: Any) -> Iterator[type]:
    """The classes that an annotation is made of."""
    if isinstance(hint, type) and not get_args(hint):
        yield hint
    for argument in get_args(hint):
        yield from _classes(argument)
