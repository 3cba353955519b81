"""How plugins are found: entry points of the group `atlas_gql`, each a module or object with hooks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from atlas_gql.errors import ConfigurationError
from atlas_gql.plugins import api
from atlas_gql.plugins.api import PROJECT, Operation

_TYPE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_MUTATION = re.compile(r"[a-z][A-Za-z0-9]*")


def discover(only: Collection[str] | None = None) -> list[tuple[str, Any]]:
    """The installed plugins, by name, in the order of their names; `only` restricts to some.

    Raises ConfigurationError for a name in `only` that is not installed, and for a plugin that does not
    import.
    """
    found = {point.name: point for point in entry_points(group=PROJECT)}
    missing = set(only or ()) - found.keys()
    if missing:
        raise ConfigurationError(
            f"ATLAS_LOAD_PLUGINS names {', '.join(sorted(missing))}, which is not installed."
            f" Installed: {', '.join(sorted(found)) or 'none'}."
        )
    return [(name, _load(found[name])) for name in sorted(found) if only is None or name in only]


def _load(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as exc:
        raise ConfigurationError(f"The plugin {point.name} does not import: {type(exc).__name__}.") from exc


def load_operations(plugins: Iterable[tuple[str, Any]]) -> dict[str, Operation[Any]]:
    """Every plugin's operations by type, in the order of their types.

    Raises ConfigurationError when a plugin implements an unknown hook, or an operation's name is taken or
    malformed; the message names both plugins.
    """
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(api)
    taken: dict[str, str] = {}
    operations: dict[str, Operation[Any]] = {}
    for name, plugin in plugins:
        try:
            manager.register(plugin, name=name)
            manager.check_pending()
        except pluggy.PluginValidationError as exc:
            raise ConfigurationError(
                f"The plugin {name} implements a hook that Atlas does not know."
            ) from exc
        hook = manager.subset_hook_caller(
            "atlas_operations", [other for other in manager.get_plugins() if other is not plugin]
        )
        for operation in (one for offered in hook() for one in offered):
            _take(operation, name, taken)
            operations[operation.type] = operation
    return dict(sorted(operations.items()))


def _take(operation: Operation[Any], plugin: str, taken: dict[str, str]) -> None:
    if not _TYPE.fullmatch(operation.type):
        raise ConfigurationError(f"The plugin {plugin} offers an operation without a type like plugin.verb.")
    if not _MUTATION.fullmatch(operation.mutation):
        raise ConfigurationError(
            f"{operation.type} of the plugin {plugin} has no mutation name like fetchIt."
        )
    for what in (f"operation type {operation.type}", f"mutation {operation.mutation}"):
        if what in taken:
            raise ConfigurationError(f"The {what} is offered by both {taken[what]} and {plugin}.")
        taken[what] = plugin


def names(setting: str | None) -> list[str] | None:
    """The setting `ATLAS_LOAD_PLUGINS` as a list; None for all."""
    return None if setting is None else [part.strip() for part in setting.split(",") if part.strip()]


Operations = Mapping[str, Operation[Any]]
