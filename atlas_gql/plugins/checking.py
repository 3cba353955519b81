"""What is wrong with something that a plugin offers, found when it is loaded: half a sentence, or None."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Collection
from datetime import timedelta
from typing import Any

from atlas_gql.access.capabilities import Capability as Own
from atlas_gql.access.capabilities import Role
from atlas_gql.errors import ConfigurationError, DomainError
from atlas_gql.graph.paths import problem_of_declared
from atlas_gql.plugins.api import Capability, Listener, Operation, PluginSettings, ReasonDetail, Target
from atlas_gql.plugins.naming import OWN, camel, class_names, pascal

NAME = re.compile(r"[a-z][a-z0-9_]*")
_TYPE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_MUTATION = re.compile(r"[a-z][A-Za-z0-9]*")
_SUBJECTS = frozenset(own.partition(".")[0] for own in Own)
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=7)
"""Between these is a `time_limit`."""


def problem_of_operation(operation: Any, plugin: str, capabilities: Collection[str]) -> str | None:
    """`capabilities` are those that it may take."""
    if not isinstance(operation, Operation):
        return "it is no Operation"
    return (
        _problem_of_work(operation, plugin)
        or _problem_of_mutation(operation.mutation, plugin)
        or _problem_of_dataclass(operation.input, "input")
        or (None if operation.result is None else _problem_of_dataclass(operation.result, "result"))
        or _problem_of_target(operation.target)
        or _problem_of_rights(operation, capabilities)
        or _problem_of_audit(operation)
        or _problem_of_classes(operation, plugin)
    )


def problem_of_listener(listener: Any, plugin: str, settings: PluginSettings | None) -> str | None:
    if not isinstance(listener, Listener):
        return "it is no Listener"
    if not _texts(listener.types):
        return "its types are no tuple of operation types"
    if listener.where_set and (settings is None or settings.tenant is None):
        return "it hears of tenants where something is set, and nothing can be set for a tenant"
    return _problem_of_work(listener, plugin)


def problem_of_capability(capability: Any, plugin: str) -> str | None:
    if not isinstance(capability, Capability):
        return "it is no Capability"
    if not _matches(_TYPE, capability.name):
        return "its name is not like plugin.verb"
    subject = capability.name.partition(".")[0]
    if capability.name not in list(Own) and subject in _SUBJECTS:
        return "what comes before the dot is Atlas's own"
    if capability.name not in list(Own) and subject != plugin:
        return f"its name does not begin with the plugin's, like {plugin}.review"
    if not _says_something(capability.description):
        return "nothing describes it"
    if capability.least not in list(Role):
        return f"its least role is none of {', '.join(Role)}"
    return None


def problem_of_detail(detail: Any) -> str | None:
    if not isinstance(detail, ReasonDetail):
        return "it is no ReasonDetail"
    if not _matches(NAME, detail.name):
        return "its name is not in lower case, like out_of_date"
    if not _says_something(detail.description):
        return "nothing describes it"
    return None


def _problem_of_work(work: Operation[Any] | Listener, plugin: str) -> str | None:
    """What operations and listeners have in common."""
    if not _matches(_TYPE, work.type):
        return "its type is not like plugin.verb"
    if work.type.partition(".")[0] != plugin:
        return f"its type does not begin with the plugin's name, like {plugin}.fetch"
    if not _says_something(work.label):
        return "it has no label"
    if not _says_something(work.description):
        return "nothing describes it"
    if not isinstance(work.time_limit, timedelta) or not SHORTEST <= work.time_limit <= LONGEST:
        return "its time_limit is no timedelta between a second and seven days"
    return _problem_of_function(work.handler, "handler")


def _problem_of_mutation(mutation: Any, plugin: str) -> str | None:
    if not _matches(_MUTATION, mutation):
        return "its mutation is no name like exampleFetch"
    prefix = camel(plugin)
    rest = mutation.removeprefix(prefix)
    if plugin not in OWN and (rest == mutation or not rest[:1].isupper()):
        return f"its mutation {mutation} does not begin with the plugin's name, like {prefix}Fetch"
    return None


def _problem_of_dataclass(given: Any, name: str) -> str | None:
    if not isinstance(given, type) or not dataclasses.is_dataclass(given):
        return f"its {name} is no dataclass"
    if not given.__dataclass_params__.frozen:  # type: ignore[attr-defined] # every dataclass has them
        return f"its {name} {given.__name__} is a dataclass that is not frozen"
    return None


def _problem_of_target(target: Any) -> str | None:
    if not isinstance(target, Target):
        return "its target was made by neither new nor existing"
    return next(
        (
            problem
            for name in ("check", "create")
            if (step := getattr(target, name)) is not None and (problem := _problem_of_function(step, name))
        ),
        None,
    )


def _problem_of_rights(operation: Operation[Any], capabilities: Collection[str]) -> str | None:
    if not isinstance(operation.capability, str) or operation.capability not in capabilities:
        return f"it takes the capability {operation.capability}, which is neither Atlas's nor the plugin's"
    if not isinstance(operation.writes, bool):
        return "its writes is neither True nor False"
    if problem := _problem_of_graph_writes(operation):
        return problem
    fields = {field.name for field in dataclasses.fields(operation.input)}
    if not _texts(operation.confirmed) or not fields.issuperset(operation.confirmed):
        return "its confirmed is no tuple of fields of its input"
    return None


def _problem_of_graph_writes(operation: Operation[Any]) -> str | None:
    if not _texts(operation.graph_writes):
        return "its graph_writes is no tuple of paths"
    if operation.graph_writes and not operation.writes:
        return "it has graph_writes, and does not say that it writes"
    for path in operation.graph_writes:
        if problem := problem_of_declared(path):
            return f"its graph_writes has {path}, which is {problem}"
    return None


def _problem_of_audit(operation: Operation[Any]) -> str | None:
    if operation.audit_action is not None and not _matches(_TYPE, operation.audit_action):
        return "its audit_action is not like backup.started"
    if operation.writes and operation.audit_action is None:
        return "it writes, and has no audit_action"
    if operation.audit_details is not None:
        return _problem_of_function(operation.audit_details, "audit_details")
    return None


def _problem_of_classes(operation: Operation[Any], plugin: str) -> str | None:
    if not isinstance(operation.errors, tuple) or not all(
        isinstance(error, type) and issubclass(error, DomainError) for error in operation.errors
    ):
        return "its errors are no tuple of DomainError classes"
    try:
        found = list(class_names(operation))
    except ConfigurationError as exc:
        return exc.message
    prefix = pascal(plugin)
    strangers = [name for name in found if not name.startswith(prefix)] if plugin not in OWN else []
    if strangers:
        return f"the name of its class {strangers[0]} does not begin with {prefix}"
    return None


def _problem_of_function(function: Any, name: str) -> str | None:
    """Handlers, steps and details are all `async def` and take two things."""
    call = function if inspect.isroutine(function) else getattr(function, "__call__", None)  # noqa: B004 # its code
    if not callable(function) or not (
        inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)
    ):
        return f"its {name} is no async function"
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return f"its {name} does not take two arguments"
    return None


def _matches(pattern: re.Pattern[str], text: Any) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None


def _says_something(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip())


def _texts(values: Any) -> bool:
    return isinstance(values, tuple) and all(isinstance(value, str) for value in values)
