"""Whether kinds of policy can be read: the cheapest question of each, many in one call."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence

from atlas_gql.errors import GraphError
from atlas_gql.graph.batch import Batch, Part, read_all
from atlas_gql.graph.contract import PolicyContract
from atlas_gql.graph.policy_reads import batch_of
from atlas_gql.graph.transport import Transport


async def probe(transport: Transport, contracts: Collection[PolicyContract]) -> dict[str, GraphError | None]:
    """As `GraphClient.probe`."""
    alike: dict[Batch, list[PolicyContract]] = defaultdict(list)
    for contract in contracts:
        alike[batch_of(contract)].append(contract)
    parts = await asyncio.gather(*(_ask(transport, batch, some) for batch, some in alike.items()))
    found = {
        contract.policy_type: part if isinstance(part, GraphError) else None
        for some, answers in zip(alike.values(), parts, strict=True)
        for contract, part in zip(some, answers, strict=True)
    }
    return {contract.policy_type: found[contract.policy_type] for contract in contracts}


async def _ask(transport: Transport, batch: Batch, contracts: Sequence[PolicyContract]) -> Sequence[Part]:
    urls = [f"/{contract.path}?$top=1&$select=id" for contract in contracts]
    try:
        return await read_all(transport, batch, urls)
    except GraphError as error:  # the batch as a whole was refused, and with it every part
        return [error] * len(urls)
