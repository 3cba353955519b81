"""Every name of the plugin API is documented where it is defined, and says since when it is there."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import atlas_gql.plugins
from atlas_gql.plugins import RunContext, Start, api
from atlas_gql.plugins.ids import Id

SINCE = "\n.. versionadded:: 0.1"
FOREIGN = {"Ge", "Gt", "Interval", "Le", "Len", "Lt", "MaxLen", "MinLen", "MultipleOf"}
"""Names of the package annotated_types, there since 0.1."""
VALUES = {"CONTRACTS", "Identity", "hookimpl"}
"""Names that stand for values, which have no docstring of their own at run time."""


def said(thing: Any) -> str:
    return inspect.getdoc(thing) or ""


@pytest.mark.parametrize("name", sorted({*atlas_gql.plugins.__all__} - FOREIGN - VALUES))
def test_a_name_says_what_it_is_and_since_when(name: str) -> None:
    thing = getattr(atlas_gql.plugins, name)
    text = said(thing)
    assert SINCE in text
    assert not text.startswith(f"{name}(")  # what dataclasses write themselves


def test_a_name_without_a_docstring_is_of_a_package_or_a_value() -> None:
    assert {*atlas_gql.plugins.__all__} >= FOREIGN | VALUES
    assert {getattr(atlas_gql.plugins, name).__module__ for name in FOREIGN} == {"annotated_types"}


@pytest.mark.parametrize("part", [RunContext, Start])
def test_each_part_of_what_code_is_given_says_what_it_does(part: type) -> None:
    members = {name: member for name, member in vars(part).items() if not name.startswith("_")}
    undocumented = [
        name
        for name, member in members.items()
        if not said(member.fget if isinstance(member, property) else member)
    ]
    assert undocumented == []


def test_every_hook_says_since_when_it_is_there() -> None:
    hooks = [hook for hook in vars(api).values() if hasattr(hook, f"{api.PROJECT}_spec")]
    assert [hook.__name__ for hook in hooks if SINCE not in said(hook)] == []


def test_ids_are_documented_where_editors_look() -> None:
    assert SINCE in said(Id)
