"""How plugins are loaded: each wholly or not at all, and never at the cost of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pluggy

from atlas_gql.access.capabilities import AddedCapability, Role
from atlas_gql.access.capabilities import Capability as Own
from atlas_gql.errors import ConfigurationError
from atlas_gql.graph.contract import PolicyContract
from atlas_gql.graph.contracts import CORE
from atlas_gql.plugins import api
from atlas_gql.plugins.api import PROJECT, Listener, Operation, PluginSettings, ReasonDetail
from atlas_gql.plugins.checking import (
    NAME,
    problem_of_capability,
    problem_of_detail,
    problem_of_listener,
    problem_of_operation,
)
from atlas_gql.plugins.finding import Unusable, discover, names, versions
from atlas_gql.plugins.naming import pascal, settings_names, type_names
from atlas_gql.plugins.policy_types import names_of, problem_of
from atlas_gql.plugins.settings import problem_of_settings

__all__ = ["Installed", "Loaded", "discover", "load_operations", "load_plugins", "names"]

_Typed = TypeVar("_Typed", Operation[Any], Listener)


@dataclass(frozen=True, kw_only=True)
class Installed:
    """A plugin as operators see it; `refused` says why it is not loaded."""

    name: str
    version: str | None
    operations: tuple[str, ...] = ()
    policy_types: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()
    listeners: tuple[str, ...] = ()
    refused: str | None = None


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
    causes: Mapping[str, BaseException] = field(default_factory=dict)
    """What was raised by those of the refused that raised something."""
    plugins: tuple[Installed, ...] = ()
    """Every plugin that was found, loaded or not."""


Fits = Callable[[Loaded], str | None]
"""Why what is loaded cannot be offered together; None when it can."""


def load_plugins(plugins: Iterable[tuple[str, Any]], *, fits: Fits = lambda _: None) -> Loaded:
    """All that plugins offer.

    A plugin with anything that is malformed or that another one has already, or with a hook that Atlas
    does not know, offers nothing at all; the others are not touched by it. `fits` judges what only a whole
    can show, and is asked again for each plugin when it refuses all of them.
    """
    offers: dict[str, _Offers] = {}
    refused: dict[str, ConfigurationError] = {}
    found = []
    taken = {name: "Atlas itself" for row in CORE for name in names_of(row)}
    taken |= {f"capability {own}": "Atlas itself" for own in Own}
    for name, plugin in plugins:
        found.append(name)
        try:
            offers[name] = _offers(name, plugin, taken)
        except Exception as exc:  # also what a strange object raises when it is looked at
            refused[name] = _refusal(name, exc)
            continue
        taken |= offers[name].claimed
    if fits(_together(offers)) is not None:
        offers, misfits = _fitting(offers, fits)
        refused |= misfits
    return _together(offers, found, refused)


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


def _together(
    offers: Mapping[str, _Offers],
    found: Iterable[str] = (),
    refused: Mapping[str, ConfigurationError] | None = None,
) -> Loaded:
    every, refused = offers.values(), refused or {}
    known = versions()
    return Loaded(
        operations={o.type: o for o in _sorted(o for offer in every for o in offer.operations)},
        policy_types=tuple(row for offer in every for row in offer.policy_types),
        capabilities=tuple(capability for offer in every for capability in offer.capabilities),
        reason_details={name: offer.reason_details for name, offer in offers.items() if offer.reason_details},
        settings={name: offer.settings for name, offer in offers.items() if offer.settings},
        listeners={one.type: one for one in _sorted(one for offer in every for one in offer.listeners)},
        refused={name: error.message for name, error in refused.items()},
        causes={name: error.__cause__ for name, error in refused.items() if error.__cause__},
        plugins=tuple(_installed(name, known.get(name), offers, refused) for name in found),
    )


def _sorted(things: Iterable[_Typed]) -> list[_Typed]:
    return sorted(things, key=lambda thing: thing.type)


def _installed(
    name: str,
    version: str | None,
    offers: Mapping[str, _Offers],
    refused: Mapping[str, ConfigurationError],
) -> Installed:
    if name in refused:
        return Installed(name=name, version=version, refused=refused[name].message)
    offer = offers[name]
    return Installed(
        name=name,
        version=version,
        operations=tuple(operation.type for operation in _sorted(offer.operations)),
        policy_types=tuple(row.policy_type for row in offer.policy_types),
        capabilities=tuple(added.name for added in offer.capabilities),
        listeners=tuple(listener.type for listener in _sorted(offer.listeners)),
    )


def _fitting(
    offers: Mapping[str, _Offers], fits: Fits
) -> tuple[dict[str, _Offers], dict[str, ConfigurationError]]:
    """Those that fit together, each tried beside the ones before it, and why the others do not."""
    fitting: dict[str, _Offers] = {}
    refused = {}
    for name, offer in offers.items():
        why = fits(_together({**fitting, name: offer}))
        if why is None:
            fitting[name] = offer
        else:
            refused[name] = ConfigurationError(f"The plugin {name} does not fit into the API: {why}")
    return fitting, refused


def _refusal(name: str, error: Exception) -> ConfigurationError:
    if isinstance(error, ConfigurationError):
        return error
    refusal = ConfigurationError(f"The plugin {name} raises {_kind(error)} when it is looked at.")
    refusal.__cause__ = error
    return refusal


def _offers(name: str, plugin: Any, taken: Mapping[str, str]) -> _Offers:
    """What one plugin offers. Raises ConfigurationError."""
    if isinstance(plugin, Unusable):
        raise ConfigurationError(plugin.why) from plugin.cause
    if not NAME.fullmatch(name):
        raise ConfigurationError(f"The plugin {name} has no name like example_plugin.")
    manager = _registered(name, plugin)
    hook = _Hooks(name, manager)
    claimed: dict[str, str] = {}
    operations, listeners = hook.all("atlas_operations"), hook.all("atlas_listeners")
    rows, details = hook.all("atlas_policy_types"), hook.all("atlas_reason_details")
    added = hook.all("atlas_capabilities")
    for capability in added:
        _refuse(problem_of_capability(capability, name), name, "capability", capability, "name")
        _take(claimed, taken, name, f"capability {capability.name}")
    known = {*Own, *(capability.name for capability in added)}
    types: set[str] = set()
    for operation in operations:
        _refuse(problem_of_operation(operation, name, known), name, "operation", operation, "type")
        _take(claimed, taken, name, f"operation type {operation.type}", f"mutation {operation.mutation}")
        types |= set(type_names(operation))
    settings = hook.one("atlas_settings")
    if settings is not None:
        if problem := problem_of_settings(settings, name):
            raise ConfigurationError(f"The settings of the plugin {name} cannot be used: {problem}.")
        _take(claimed, taken, name, f"mutation set{pascal(name)}Settings")
        types |= set(settings_names(name, settings))
    _take(claimed, taken, name, *(f"GraphQL type {type_}" for type_ in sorted(types)))
    for listener in listeners:
        _refuse(problem_of_listener(listener, name, settings), name, "listener", listener, "type")
        _take(claimed, taken, name, f"operation type {listener.type}")
    for row in rows:
        _refuse(problem_of(row), name, "policy type", row, "path")
        _take(claimed, taken, name, *names_of(row))
    for detail in details:
        _refuse(problem_of_detail(detail), name, "reason detail", detail, "name")
        _take(claimed, taken, name, f"reason detail {name}.{detail.name}")
    return _Offers(
        operations=operations,
        policy_types=rows,
        capabilities=tuple(_added(capability) for capability in added),
        reason_details=details,
        settings=settings,
        listeners=listeners,
        claimed=claimed,
    )


def _registered(name: str, plugin: Any) -> pluggy.PluginManager:
    """A manager of this plugin alone. Raises ConfigurationError for hooks that are none of Atlas's."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(api)
    try:
        manager.register(plugin, name=name)
    except pluggy.PluginValidationError as exc:
        raise ConfigurationError(
            f"The plugin {name} implements a hook with an argument that Atlas does not give."
        ) from exc
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as exc:
        raise ConfigurationError(f"The plugin {name} implements a hook that Atlas does not know.") from exc
    return manager


class _Hooks:
    """The hooks of one plugin, called. Raises ConfigurationError for whatever they raise."""

    def __init__(self, plugin: str, manager: pluggy.PluginManager) -> None:
        self._plugin = plugin
        self._manager = manager

    def all(self, hook: str) -> tuple[Any, ...]:
        """All that the implementations of a hook give; each gives several things."""
        return self._called(hook, lambda given: tuple(one for offer in given for one in offer))

    def one(self, hook: str) -> Any:
        """What a hook gives that gives one thing; None where it is not implemented."""
        return self._called(hook, lambda given: tuple(given)[:1] or (None,))[0]

    def _called(self, hook: str, read: Callable[[Iterable[Any]], tuple[Any, ...]]) -> tuple[Any, ...]:
        try:
            return read(getattr(self._manager.hook, hook)())
        except KeyboardInterrupt:
            raise
        except BaseException as exc:  # SystemExit, too: a plugin does not end the service
            raise ConfigurationError(
                f"The plugin {self._plugin} raises {_kind(exc)} in its hook {hook}."
            ) from exc


def _kind(error: BaseException) -> str:
    return type(error).__name__[:100]


def _refuse(problem: str | None, plugin: str, what: str, thing: Any, name: str) -> None:
    """Raises ConfigurationError for a thing with a problem, naming it and its plugin."""
    if problem:
        known = getattr(thing, name, None)
        called = known if isinstance(known, str) else type(thing).__name__
        raise ConfigurationError(f"The {what} {called} of the plugin {plugin} cannot be used: {problem}.")


def _take(claimed: dict[str, str], taken: Mapping[str, str], plugin: str, *names: str) -> None:
    for what in names:
        owner = claimed.get(what) or taken.get(what)
        if owner is not None:
            raise ConfigurationError(f"The {what} is offered by both {owner} and {plugin}.")
        claimed[what] = plugin


def _added(capability: Any) -> AddedCapability:
    """A plugin's capability, as the table of roles takes it."""
    return AddedCapability(
        name=capability.name, description=capability.description, least=Role(capability.least)
    )
