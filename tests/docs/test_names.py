"""Whatever a reader can meet is named in the documentation, and described as it is."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLObjectType
from typer.main import get_command

import atlas_gql.plugins
import atlas_gql.testing
from atlas_gql.access.capabilities import CAPABILITIES, Capability
from atlas_gql.cli import app
from atlas_gql.client.profiles import VARIABLES
from atlas_gql.plugins import (
    GraphClient,
    Operation,
    RestorePlan,
    Restores,
    Run,
    RunContext,
    Start,
    Tenant,
    api,
)
from atlas_gql.schema.execution import MAX_TOKENS
from atlas_gql.schema.limits import SHORT_LIST, Limits
from atlas_gql.schema.requests import BODY_SECONDS, LARGEST_BODY
from atlas_gql.settings import Settings
from atlas_gql.testing import Graph, Outcome, plugin
from support.documents import PAGES, blocks, words
from support.paths import ROOT
from support.shipped import shipped_schema
from support.tables import Table, tables

README = ROOT / "README.md"
API, PLUGINS, OPERATIONS, ADMINISTRATORS = (
    ROOT / "docs" / f"{name}.md" for name in ("api", "plugins", "operations", "administrators")
)


@pytest.mark.parametrize("table", [pytest.param(table, id=table.name) for table in tables()])
def test_a_table_says_what_the_code_says(table: Table):
    """Where it does not: `make docs`."""
    assert table.page.read_text() == table.in_place()


def test_the_documentation_names_no_setting_that_is_none():
    known = {f"ATLAS_{name.upper()}" for name in Settings.model_fields} | set(VARIABLES)
    named = {name for page in PAGES for name in re.findall(r"\bATLAS_[A-Z_]+\b", page.read_text())}
    assert named == known


def commands(command: Any = None, path: tuple[str, ...] = ()) -> Iterator[str]:
    command = command or get_command(app)
    below = getattr(command, "commands", {})
    if not below:
        yield " ".join(("atlas", *path))
    for name, inner in below.items():
        yield from commands(inner, (*path, name))


def test_every_command_has_its_place_in_the_page_of_who_uses_it():
    told = OPERATIONS.read_text() + ADMINISTRATORS.read_text()
    assert [name for name in commands() if f"`{name}`" not in told] == []


def hooks() -> dict[str, Any]:
    return {name: hook for name, hook in vars(api).items() if hasattr(hook, f"{api.PROJECT}_spec")}


@pytest.mark.parametrize(("name", "hook"), hooks().items())
def test_a_hook_and_its_arguments_have_a_section(name: str, hook: Any):
    section = PLUGINS.read_text().split(f"\n## The hook `{name}`\n", 1)[1].split("\n## ", 1)[0]
    assert [p for p in inspect.signature(hook).parameters if f"`{p}`" not in section] == []
    assert inspect.getdoc(hook).startswith("Return ")


def members(of: type) -> list[str]:
    if dataclasses.is_dataclass(of):
        return [field.name for field in dataclasses.fields(of)]
    own = {**vars(of), **inspect.get_annotations(of)}
    return [name for name in own if not name.startswith("_")]


@pytest.mark.parametrize(
    "part", [Operation, RunContext, Start, Run, Tenant, Restores, RestorePlan], ids=lambda part: part.__name__
)
def test_a_part_of_the_plugin_api_is_described(part: type):
    assert [name for name in members(part) if name not in words(PLUGINS)] == []


def test_reading_graph_is_described():
    writing = {"writing", "assign", "add_assignment", "delete_assignment", "aclose"}
    assert [name for name in members(GraphClient) if name not in words(PLUGINS) | writing] == []


@pytest.mark.parametrize("package", [atlas_gql.plugins, atlas_gql.testing], ids=lambda one: one.__name__)
def test_what_a_plugin_may_import_is_named(package: Any):
    used = set(re.findall(r"\w+", "".join(block.text for block in blocks("python", PLUGINS))))
    assert [name for name in package.__all__ if name not in words(PLUGINS) | used] == []


@pytest.mark.parametrize("part", [Outcome, Graph], ids=lambda part: part.__name__)
def test_a_part_of_what_tests_use_is_described(part: type):
    assert [name for name in members(part) if name not in words(PLUGINS)] == []


def test_every_fixture_has_its_row():
    made = type(pytest.fixture(lambda: None))
    fixtures = [name for name, found in vars(plugin).items() if isinstance(found, made)]
    assert len(fixtures) > 5
    assert [name for name in fixtures if f"| `{name}` |" not in PLUGINS.read_text()] == []


@pytest.fixture(scope="module")
def schema() -> Any:
    return shipped_schema()._schema


def test_every_mutation_has_its_row(schema: Any):
    assert [name for name in schema.mutation_type.fields if f"| `{name}` |" not in API.read_text()] == []


def test_every_error_of_a_mutation_has_its_row(schema: Any):
    errors = [
        type_.name
        for type_ in schema.type_map.values()
        if isinstance(type_, GraphQLObjectType) and "Error" in {i.name for i in type_.interfaces}
    ]
    assert len(errors) > 5
    assert [name for name in errors if f"| `{name}` | `" not in API.read_text()] == []


def test_the_limits_of_requests_are_those_of_the_code():
    section = API.read_text().split("\n## Limits\n")[1].split("\n## ")[0]
    limits, settings = Limits(), Settings()
    assert [
        part
        for part in (
            f"| {settings.rate_limit}: all at once",
            f"| {LARGEST_BODY // 1024} KB, within {BODY_SECONDS:g} seconds |",
            f"| {MAX_TOKENS} tokens |",
            f"| levels of fields | {limits.depth};",
            f"| {limits.fields}; {limits.aliases}; {limits.directives} |",
            f"| {limits.root_fields}; {limits.mutations} |",
            f"| {limits.repeats} times |",
            f"| cost | {limits.cost:,} |",
            f"| time | {settings.query_seconds:g} seconds |",
            f"a list without pages for {SHORT_LIST}.",
        )
        if part not in section
    ] == []
    assert limits.cost == settings.query_cost


def test_every_capability_has_its_row():
    rows = re.findall(r"^\| (`[a-z]+\.[a-z`, .]+`) \| ([a-z, ]+) \|", API.read_text(), re.MULTILINE)
    said = {
        capability: set(CAPABILITIES) if roles == "all" else set(roles.split(", "))
        for names, roles in rows
        for capability in re.findall(r"`([\w.]+)`", names)
    }
    assert said == {
        capability.value: {role.value for role, held in CAPABILITIES.items() if capability.value in held}
        for capability in Capability
    }


def test_every_permission_that_graph_is_asked_for_is_named():
    sources = (ROOT / "atlas_gql" / "graph").glob("*.py")
    asked = {found for source in sources for found in re.findall(r'"(\w+\.Read\.All)"', source.read_text())}
    assert "GroupMember.Read.All" in asked
    named = README.read_text() + PLUGINS.read_text()
    assert [permission for permission in asked if permission not in named] == []


def test_what_the_log_says_is_explained_in_the_words_of_the_log():
    table = OPERATIONS.read_text().split("\n## Logs\n")[1].split("\n## ")[0]
    events = {
        span
        for row in table.splitlines()
        if row.startswith("| `")
        for span in re.findall(r"`([a-z][^`]+)`", row.split("|")[1])
    }
    sources = "".join(path.read_text() for path in (ROOT / "atlas_gql").rglob("*.py"))
    assert len(events) > 10
    assert [event for event in events if f'"{event}"' not in sources] == []


def test_links_between_pages_lead_somewhere():
    broken = [
        (page.name, target)
        for page in PAGES
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []
