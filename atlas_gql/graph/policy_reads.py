"""Policies with their assignments, each kind read in the way that its contract says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from atlas_gql.errors import GraphError
from atlas_gql.graph.answers import decode
from atlas_gql.graph.batch import Batch, Part, read_all
from atlas_gql.graph.contract import PolicyContract, ReadStrategy
from atlas_gql.graph.model import Assignment, Policy
from atlas_gql.graph.pages import pages, rest, rows
from atlas_gql.graph.readings import assignments_of, expanded, policy_fields, policy_of
from atlas_gql.graph.transport import ANSWER_TOO_LARGE, Call, Transport
from atlas_gql.reasons import ReasonCode

_EXPAND = {"$expand": "assignments"}


async def every_policy(transport: Transport, contract: PolicyContract) -> AsyncIterator[Policy]:
    """As `GraphClient.policies`."""
    seen: set[str] = set()  # a list that changes while it is read may give a policy twice
    expand = contract.read is ReadStrategy.EXPAND
    try:
        async for policy in _listed(transport, contract, seen, expand=expand):
            yield policy
    except GraphError as error:
        refused = error.reason_code is ReasonCode.INVALID_REQUEST and not seen
        if not (expand and (refused or error.detail == ANSWER_TOO_LARGE)):
            raise
        async for policy in _listed(transport, contract, seen, expand=False):
            yield policy


async def one_policy(transport: Transport, contract: PolicyContract, policy_id: str) -> Policy:
    """As `GraphClient.policy`."""
    if contract.read is not ReadStrategy.BATCH:
        params = {"$select": policy_fields(contract), **_EXPAND}
        call = _reading(contract, f"/{contract.version}{_item(contract, policy_id)}", params)
        found = policy_of(contract, decode(await transport.send(call)))
        return (await _completed(transport, contract, [found]))[0]
    urls = [f"{_item(contract, policy_id)}?$select={policy_fields(contract)}", own_url(contract, policy_id)]
    about, assignments = await read_all(transport, batch_of(contract), urls)
    if isinstance(about, GraphError):
        raise about
    return await _with(transport, contract, policy_of(contract, about), assignments)


def own_url(contract: PolicyContract, policy_id: str) -> str:
    """Where one policy's assignments are read alone, relative to the version."""
    if contract.read is ReadStrategy.EXPAND_ITEM:
        return f"{_item(contract, policy_id)}?$select=id&$expand=assignments"
    return f"{_item(contract, policy_id)}/assignments"


async def held(
    transport: Transport, contract: PolicyContract, answer: dict[str, Any]
) -> tuple[Assignment, ...]:
    """The assignments in a policy that came with them, or in the first page of their list.

    Raises GraphError unless they are whole.
    """
    if "assignments" in answer:
        return expanded(contract, answer)
    return assignments_of(contract, await rest(transport, _reading(contract, contract.collection), answer))


def batch_of(contract: PolicyContract) -> Batch:
    """What reads of the kind have in common in a `$batch`."""
    return Batch(version=contract.version, family=contract.family, permission=contract.read_permission)


async def _listed(
    transport: Transport, contract: PolicyContract, seen: set[str], *, expand: bool
) -> AsyncIterator[Policy]:
    params = {"$select": policy_fields(contract)} | (_EXPAND if expand else {})
    async for page in pages(transport, _reading(contract, contract.collection, params)):
        found = [policy_of(contract, raw) for raw in rows(page)]
        found = list({policy.id: policy for policy in found if policy.id not in seen}.values())
        seen.update(policy.id for policy in found)
        for policy in await _completed(transport, contract, found):
            yield policy


async def _completed(
    transport: Transport, contract: PolicyContract, found: Sequence[Policy]
) -> Sequence[Policy]:
    """The same policies; the assignments that did not come along are asked for."""
    lacking = [policy for policy in found if policy.error]
    suffix = (
        "?$select=id&$expand=assignments" if contract.read is ReadStrategy.EXPAND_ITEM else "/assignments"
    )
    urls = [f"{_item(contract, policy.id)}{suffix}" for policy in lacking]
    parts = await read_all(transport, batch_of(contract), urls)
    better = {
        policy.id: await _with(transport, contract, policy, part)
        for policy, part in zip(lacking, parts, strict=True)
    }
    return [better.get(policy.id, policy) for policy in found]


async def _with(transport: Transport, contract: PolicyContract, policy: Policy, part: Part) -> Policy:
    """The policy with the assignments that a part of a batch holds, or with the error that it is."""
    try:
        if isinstance(part, GraphError):
            raise part
        return replace(policy, assignments=await held(transport, contract, part), error=None)
    except GraphError as error:
        return replace(policy, assignments=(), error=error)


def _reading(contract: PolicyContract, url: str, params: dict[str, str] | None = None) -> Call:
    return Call(url=url, params=params, family=contract.family, permission=contract.read_permission)


def _item(contract: PolicyContract, policy_id: str) -> str:
    return f"/{contract.path}/{quote(policy_id, safe='')}"
