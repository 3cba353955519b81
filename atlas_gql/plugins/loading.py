"""How plugins are found: entry points of the group `atlas_gql`, each a module or object with hooks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import pluggy

from atlas_gql.access.capabilities import AddedCapability, Role
from atlas_gql.access.capabilities import Capability as Own
from atlas_gql.errors import ConfigurationError
from atlas_gql.graph.contract import PolicyContract
from atlas_gql.graph.contracts import CORE
from atlas_gql.plugins import api
from atlas_gql.plugins.api import PROJECT, Capability, Listener, Operation, PluginSettings, ReasonDetail
from atlas_gql.plugins.policy_types import names_of, problem_of
from atlas_gql.plugins.settings import pascal, problem_of_settings
from atlas_gql.settings import split

_TYPE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_SUBJECTS = frozenset(own.partition(".")[0] for own in Own)
_MUTATION = re.compile(r"[a-z][A-Za-z0-9]*")
_Typed = TypeVar("_Typed", Operation[Any], Listener)


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


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What plugins offer together; `refused` says by plugin why it was not loaded."""

    operations: Mapping[str, Operation[Any]] = field(default_factory=dict)
    """By type, in the order of the types."""
    policy_types: tuple[PolicyContract, ...] = ()
    capabilities: tuple[AddedCapability, ...] = ()
    reason_details: Mapping[str, tuple[ReasonDetail, ...]] = field(default_factory=dict)
    """By plugin, as the settings."""
    settings: Mapping[str, PluginSettings] = field(default_factory=dict)
    listeners: Mapping[str, Listener] = field(default_factory=dict)
    """By type, in the order of the types."""
    refused: Mapping[str, str] = field(default_factory=dict)


def load_plugins(plugins: Iterable[tuple[str, Any]]) -> Loaded:
    """All that plugins offer.

    A plugin with anything that is malformed or that another one has already, or with a hook that Atlas
    does not know, offers nothing at all; the others are not touched by it.
    """
    offers: dict[str, _Offers] = {}
    refused: dict[str, str] = {}
    taken = {name: "Atlas itself" for row in CORE for name in names_of(row)}
    taken |= {f"capability {own}": "Atlas itself" for own in Own}
    for name, plugin in plugins:
        try:
            offers[name] = _offers(name, plugin, taken)
        except ConfigurationError as exc:
            refused[name] = exc.message
            continue
        taken |= offers[name].claimed
    every = offers.values()
    return Loaded(
        operations={o.type: o for o in _sorted(o for offer in every for o in offer.operations)},
        policy_types=tuple(row for offer in every for row in offer.policy_types),
        capabilities=tuple(capability for offer in every for capability in offer.capabilities),
        reason_details={name: offer.reason_details for name, offer in offers.items() if offer.reason_details},
        settings={name.replace("-", "_"): offer.settings for name, offer in offers.items() if offer.settings},
        listeners={one.type: one for one in _sorted(one for offer in every for one in offer.listeners)},
        refused=refused,
    )


def _sorted(things: Iterable[_Typed]) -> list[_Typed]:
    return sorted(things, key=lambda thing: thing.type)


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A plugin as operators see it; `refused` says why it is not loaded."""

    name: str
    version: str | None
    operations: tuple[str, ...]
    refused: str | None


def installed(only: Collection[str] | None = None) -> tuple[Installed, ...]:
    """The installed plugins and what each adds; `only` restricts to some. Raises as `discover` does."""
    found = discover(only)
    refused = load_plugins(found).refused  # together: they must not take each other's names
    versions = {
        point.name: point.dist.version if point.dist else None for point in entry_points(group=PROJECT)
    }
    return tuple(
        Installed(
            name=name,
            version=versions.get(name),
            operations=tuple(() if name in refused else load_plugins([(name, plugin)]).operations),
            refused=refused.get(name),
        )
        for name, plugin in found
    )


def load_all(plugins: Iterable[tuple[str, Any]]) -> Loaded:
    """All that plugins offer. Raises ConfigurationError when one of them is not loaded."""
    loaded = load_plugins(plugins)
    if loaded.refused:
        raise ConfigurationError(next(iter(loaded.refused.values())))
    return loaded


def load_operations(plugins: Iterable[tuple[str, Any]]) -> Mapping[str, Operation[Any]]:
    """Every plugin's operations by type. Raises as `load_all` does."""
    return load_all(plugins).operations


@dataclass(frozen=True, kw_only=True)
class _Offers:
    """What one plugin offers, and the names that it takes with that."""

    operations: tuple[Operation[Any], ...]
    policy_types: tuple[PolicyContract, ...]
    capabilities: tuple[AddedCapability, ...]
    reason_details: tuple[ReasonDetail, ...]
    settings: PluginSettings | None
    listeners: tuple[Listener, ...]
    claimed: Mapping[str, str]


def _offers(name: str, plugin: Any, taken: Mapping[str, str]) -> _Offers:
    """What one plugin offers. Raises ConfigurationError."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(api)
    try:
        manager.register(plugin, name=name)
        manager.check_pending()
    except pluggy.PluginValidationError as exc:
        raise ConfigurationError(f"The plugin {name} implements a hook that Atlas does not know.") from exc
    hook = manager.hook
    claimed: dict[str, str] = {}
    operations, listeners = _all(hook.atlas_operations()), _all(hook.atlas_listeners())
    rows, details = _all(hook.atlas_policy_types()), _all(hook.atlas_reason_details())
    added = [_added(one, name) for one in _all(hook.atlas_capabilities())]
    for capability in added:
        _take(claimed, taken, name, f"capability {capability.name}")
    known = {*Own, *(capability.name for capability in added)}
    for operation in operations:
        _check(operation, name, known)
        _take(claimed, taken, name, f"operation type {operation.type}", f"mutation {operation.mutation}")
    for listener in listeners:
        _take(claimed, taken, name, f"operation type {listener.type}")
    settings = next(iter(hook.atlas_settings()), None)
    if settings is not None and (problem := problem_of_settings(settings)):
        raise ConfigurationError(f"The settings of the plugin {name} cannot be used: {problem}.")
    if settings is not None:
        _take(claimed, taken, name, f"mutation set{pascal(name)}Settings")
    for row in rows:
        if problem := problem_of(row):
            what = getattr(row, "path", None) or type(row).__name__
            raise ConfigurationError(
                f"The policy type {what} of the plugin {name} cannot be used: {problem}."
            )
        _take(claimed, taken, name, *names_of(row))
    return _Offers(
        operations=operations,
        policy_types=rows,
        capabilities=tuple(added),
        reason_details=details,
        settings=settings,
        listeners=listeners,
        claimed=claimed,
    )


def _all(offered: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    """What all implementations of a hook give."""
    return tuple(one for offer in offered for one in offer)


def _take(claimed: dict[str, str], taken: Mapping[str, str], plugin: str, *names: str) -> None:
    for what in names:
        owner = claimed.get(what) or taken.get(what)
        if owner is not None:
            raise ConfigurationError(f"The {what} is offered by both {owner} and {plugin}.")
        claimed[what] = plugin


def _added(capability: Capability, plugin: str) -> AddedCapability:
    """A plugin's capability, as the table of roles takes it. Raises ConfigurationError."""
    name = getattr(capability, "name", type(capability).__name__)
    problem = _problem_of(capability)
    if problem:
        raise ConfigurationError(f"The capability {name} of the plugin {plugin} cannot be used: {problem}.")
    return AddedCapability(
        name=capability.name, description=capability.description, least=Role(capability.least)
    )


def _problem_of(capability: Any) -> str | None:
    if not isinstance(capability, Capability):
        return "it is no Capability"
    if not _TYPE.fullmatch(capability.name):
        return "its name is not like plugin.verb"
    if capability.name not in list(Own) and capability.name.partition(".")[0] in _SUBJECTS:
        return "what comes before the dot is Atlas's own"
    if not capability.description.strip():
        return "nothing describes it"
    if capability.least not in list(Role):
        return f"its least role is none of {', '.join(Role)}"
    return None


def _check(operation: Operation[Any], plugin: str, capabilities: Collection[str]) -> None:
    if not _TYPE.fullmatch(operation.type):
        raise ConfigurationError(f"The plugin {plugin} offers an operation without a type like plugin.verb.")
    if not _MUTATION.fullmatch(operation.mutation):
        raise ConfigurationError(
            f"{operation.type} of the plugin {plugin} has no mutation name like fetchIt."
        )
    if operation.capability not in capabilities:
        raise ConfigurationError(
            f"{operation.type} of the plugin {plugin} takes the capability {operation.capability},"
            " which is neither Atlas's nor the plugin's."
        )


def names(setting: str | None) -> list[str] | None:
    """The setting `ATLAS_LOAD_PLUGINS` as a list; None for all."""
    return None if setting is None else split(setting)
