"""Every GraphQL example of the operators' page works at the platform's API."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from graphql import parse

from atlas_gql.schema import ids
from atlas_gql.testing.installation import Place
from support.documents import Block, blocks
from support.paths import ROOT

BLOCKS = [pytest.param(b, id=b.name) for b in blocks("graphql", ROOT / "docs" / "operations.md")]
PATH = "/system/graphql"
MAKE = "mutation M($name: String!) { createWorkspace(input: {name: $name}) {"
MAKE += " ... on WorkspacePayload { workspace { id } } } }"


@pytest.fixture
def place(atlas: Any) -> Place:
    place: Place = atlas.new_place(provider=False)
    return place


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_of_the_platform_works(block: Block, place: Place) -> None:
    token = place.member(None, plane="platform")
    made = place.atlas.post(MAKE, {"name": str(uuid4())}, token=token, path=PATH).json()
    values = {
        "name": str(uuid4()),
        "workspaceId": made["data"]["createWorkspace"]["workspace"]["id"],
        "userId": ids.encode("User", place.user),
    }
    (definition,) = parse(block.text).definitions
    names = {v.variable.name.value for v in definition.variable_definitions or ()}
    variables = {name: values[name] for name in names}
    answer = place.atlas.post(block.text, variables, token=token, path=PATH).json()
    assert "errors" not in answer
    for value in answer["data"].values():
        assert value
        if isinstance(value, dict):
            assert value.get("__typename", "Payload").endswith("Payload"), value


def test_there_are_examples() -> None:
    assert len(BLOCKS) == 7
