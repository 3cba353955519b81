"""Every GraphQL example of the documentation works as it stands, and no query calls Microsoft."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import DocumentNode, OperationDefinitionNode, OperationType, parse

from support.documents import CLIENTS, Block, blocks
from support.world import World

BLOCKS = [(block, parse(block.text)) for block in blocks("graphql", *CLIENTS)]


def operation(document: DocumentNode) -> OperationDefinitionNode:
    (found,) = (node for node in document.definitions if isinstance(node, OperationDefinitionNode))
    return found


def examples(kind: OperationType) -> list[Any]:
    return [
        pytest.param(block, document, id=block.name)
        for block, document in BLOCKS
        if operation(document).operation is kind
    ]


def variables(document: DocumentNode, values: dict[str, Any]) -> dict[str, Any]:
    """The values of the operation's variables; those with a default are left to it."""
    declared = operation(document).variable_definitions or ()
    return {v.variable.name.value: values[v.variable.name.value] for v in declared if not v.default_value}


def empty_objects(value: Any, path: str = "data") -> Iterator[str]:
    """Where an answer shows nothing: a root field that is null, a fragment on a type that it is not."""
    if isinstance(value, dict):
        if not value:
            yield path
        for key, inner in value.items():
            if path == "data" and inner is None:
                yield f"{path}.{key}"
            yield from empty_objects(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from empty_objects(inner, f"{path}.{n}")


@pytest.mark.parametrize(("block", "document"), examples(OperationType.QUERY))
def test_a_query_is_answered_from_the_database_alone(block: Block, document: DocumentNode, world: World):
    journal = world.place.atlas.simulator.journal
    journal.clear()
    answer = world.place.ask(block.text, **variables(document, world.values))
    assert "errors" not in answer
    assert list(empty_objects(shown(answer["data"]))) == []
    assert list(journal) == []


def shown(data: dict[str, Any]) -> dict[str, Any]:
    """The answer without JSON values, whose keys are data."""
    if isinstance(data, dict):
        return {
            key: shown(value)
            for key, value in data.items()
            if key not in ("groups", "filters", "details", "input")
        }
    return [shown(value) for value in data] if isinstance(data, list) else data


def test_no_list_of_the_first_look_is_empty(world: World):
    """A query that finds nothing would show nothing."""
    for block, document in BLOCKS:
        if block.name.startswith("README") and operation(document).operation is OperationType.QUERY:
            answer = world.place.ask(block.text, **variables(document, world.values))
            assert '"nodes": []' not in str(answer).replace("'", '"'), block.name


@pytest.mark.parametrize(("block", "document"), examples(OperationType.MUTATION))
def test_a_mutation_does_what_it_says(block: Block, document: DocumentNode, world: World, queued_run: str):
    names = {v.variable.name.value for v in operation(document).variable_definitions or ()}
    values = {**world.values, "runId": queued_run}
    if "planDigest" in names:
        values |= world.plan()
    answer = world.place.ask(block.text, **variables(document, values))
    assert "errors" not in answer
    ((_, result),) = answer["data"].items()
    assert result["__typename"].endswith("Payload"), result
    if "run" not in result:  # it started none: what it says is done
        return
    run = world.place.wait(result["run"]["id"])
    assert run["outcome"] == ("CANCELLED" if result["__typename"] == "CancelRunPayload" else "SUCCEEDED")
