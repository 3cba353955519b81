"""What the settings of a plugin must be like, so that the host can show, take and keep them."""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from atlas_gql.plugins.api import PluginSettings, Ref
from atlas_gql.plugins.naming import OWN, pascal, settings_class_names
from atlas_gql.plugins.secrets import Secret

RESERVED = ("tenant_id",)
"""A name that the host uses for itself, beside the fields."""
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_SECRETS = (Secret[str], Secret[str] | None)
_PLAIN = (str, int, float, bool)


@cache
def hints_of(of: Any) -> Mapping[str, Any]:
    """The annotations of a settings class by its fields, with what is said beside the types."""
    hints = get_type_hints(of, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(of)}


@cache
def secrets_of(of: Any) -> frozenset[str]:
    """The fields of a settings class that are secrets."""
    return frozenset(name for name, hint in hints_of(of).items() if _bare(hint) in _SECRETS)


def defaults_of(of: Any) -> dict[str, Any]:
    """What the fields of a settings class are where nothing is set."""
    made = of()
    return {name: getattr(made, name) for name in hints_of(of)}


def problem_of_settings(declared: Any, plugin: str) -> str | None:
    """What is wrong with a plugin's settings, as the end of a sentence; None when nothing is."""
    if not isinstance(declared, PluginSettings):
        return "they are no PluginSettings"
    classes = [of for of in (declared.installation, declared.tenant) if of is not None]
    if not classes:
        return "they name neither a class for the installation nor one for tenants"
    if declared.installation is declared.tenant:
        return f"{classes[0].__name__} cannot be that of the installation and that of tenants"
    problems = (problem for of in classes if (problem := _problem_of_class(of)))
    return next(problems, None) or _problem_of_names(declared, plugin)


def _problem_of_names(declared: PluginSettings, plugin: str) -> str | None:
    prefix = pascal(plugin)
    strangers = [name for name in settings_class_names(declared) if not name.startswith(prefix)]
    if strangers and plugin not in OWN:
        return f"the name of their class {strangers[0]} does not begin with {prefix}"
    return None


def _problem_of_class(of: Any) -> str | None:
    if not (isinstance(of, type) and dataclasses.is_dataclass(of)):
        return f"{getattr(of, '__name__', of)!r} is no dataclass"
    if not of.__dataclass_params__.frozen:  # type: ignore[attr-defined] # what dataclasses leave on a class
        return f"{of.__name__} is not frozen"
    if not dataclasses.fields(of):
        return f"{of.__name__} has no fields"
    try:
        problems = map(_problem_of_field, dataclasses.fields(of), hints_of(of).values())
        if problem := next(filter(None, problems), None):
            return f"in {of.__name__}, {problem}"
    except Exception as exc:
        return f"the annotations of {of.__name__} cannot be read ({type(exc).__name__})"
    if clash := {f"{name}_is_set" for name in secrets_of(of)} & hints_of(of).keys():
        return f"in {of.__name__}, the field {min(clash)} says what the host says of a secret"
    try:
        of()
    except Exception as exc:
        return f"{of.__name__} refuses its own defaults ({type(exc).__name__})"
    return None


def _problem_of_field(field: dataclasses.Field[Any], hint: Any) -> str | None:
    what = f"the field {field.name}"
    if not _NAME.fullmatch(field.name) or field.name in RESERVED:
        return f"{what} has a name that cannot be used"
    if not field.init:
        return f"{what} cannot be given"
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        return f"{what} has no default"
    if _bare(hint) in _SECRETS:
        # A secret in the code of a plugin is none.
        empty = field.default is None or (isinstance(field.default, Secret) and not field.default)
        return None if empty else f"the default of the secret {field.name} is neither None nor empty"
    return None if _fits(hint) else f"{what} has a type that settings cannot have"


def _fits(hint: Any, within: tuple[type, ...] = ()) -> bool:
    """Whether it is what inputs take: plain values, enums, dataclasses, several of them, or None."""
    if any(isinstance(extra, Ref) for extra in get_args(hint)[1:]):
        return False  # settings name no things: nobody's rights would be asked for
    hint = _bare(hint)
    if hint in _PLAIN:
        return True
    if get_origin(hint) in (Union, types.UnionType):
        inner = [argument for argument in get_args(hint) if argument is not type(None)]
        return len(inner) == 1 and _fits(inner[0], within)
    if get_origin(hint) is list or (get_origin(hint) is tuple and get_args(hint)[1:] == (...,)):
        return _fits(get_args(hint)[0], within)
    if not isinstance(hint, type) or hint in within:
        return False
    return issubclass(hint, StrEnum) or all(_fits(each, (*within, hint)) for each in _parts(hint))


def _parts(hint: type) -> Iterator[Any]:
    """The types of a dataclass's fields; one that does not fit for what is none, or has none."""
    yield from (hints_of(hint) if dataclasses.is_dataclass(hint) else {}).values() or (None,)


def _bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint
