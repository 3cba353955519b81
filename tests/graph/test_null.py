"""A tenant without a provider."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from atlas_gql.errors import GraphError
from atlas_gql.graph import GraphClient, NullGraphClient
from atlas_gql.reasons import ReasonCode

METHODS = [
    name
    for name, member in inspect.getmembers(GraphClient, inspect.isfunction)
    if not name.startswith("_") and name != "aclose"
]


@pytest.mark.parametrize("name", METHODS)
def test_every_call_says_what_is_missing(name):
    async def call():
        result = getattr(NullGraphClient("Add a provider."), name)()
        if hasattr(result, "__aenter__"):
            return await result.__aenter__()
        return [item async for item in result] if hasattr(result, "__aiter__") else await result

    with pytest.raises(GraphError, match="Add a provider") as caught:
        asyncio.run(call())
    assert caught.value.reason_code is ReasonCode.MISSING_CONFIGURATION
