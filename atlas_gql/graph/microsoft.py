"""The client that talks to Microsoft Graph, or to a simulator of it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx

from atlas_gql.errors import GraphError, OperationFailure
from atlas_gql.graph import directory
from atlas_gql.graph.answers import decode, decode_any
from atlas_gql.graph.company import Company
from atlas_gql.graph.contract import PolicyContract, WriteStrategy
from atlas_gql.graph.model import Assignment, Filter, Group, Policy
from atlas_gql.graph.observer import Observer
from atlas_gql.graph.pacing import Pacer, family_of
from atlas_gql.graph.pages import pages
from atlas_gql.graph.patience import Clock, Patience
from atlas_gql.graph.policy_reads import batch_of, every_policy, held, one_policy, own_url
from atlas_gql.graph.probes import probe
from atlas_gql.graph.tokens import TokenSource
from atlas_gql.graph.transport import Call, Transport
from atlas_gql.reasons import ReasonCode

_JUSTIFICATION_LENGTH = 1024
_REPLACED_BY = {WriteStrategy.ASSIGN: "assign", WriteStrategy.UPDATE: "update"}
"""The action that replaces a policy's whole set."""
_NO_OTHER_CHANGE: dict[str, list[Any]] = {
    "addedPolicySetItems": [],
    "updatedPolicySetItems": [],
    "deletedPolicySetItems": [],
}
"""What the `update` of a policy set takes beside the assignments."""


class MicrosoftGraphClient:
    """A GraphClient of one tenant. `http` and `pacer` are shared by the process and owned by the caller.

    `tenant` names the tenant to the pacer: the same text for every client of one real tenant.
    """

    def __init__(
        self,
        *,
        base_url: str,
        tokens: TokenSource,
        http: httpx.AsyncClient,
        tenant: str,
        pacer: Pacer,
        patience: Patience | None = None,
        clock: Clock | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._transport = Transport(
            base_url=base_url,
            tokens=tokens,
            http=http,
            tenant=tenant,
            pacer=pacer,
            patience=patience,
            clock=clock,
            observer=observer,
        )
        self._writers = pacer.writers(tenant)
        self._company = Company(self._transport, expected=lambda: self._writers.busy)

    def policies(self, contract: PolicyContract) -> AsyncIterator[Policy]:
        return every_policy(self._transport, contract)

    async def policy(self, contract: PolicyContract, policy_id: str) -> Policy:
        return await one_policy(self._transport, contract, policy_id)

    async def assignments(self, contract: PolicyContract, policy_id: str) -> tuple[Assignment, ...]:
        answer = await self._company.read(batch_of(contract), own_url(contract, policy_id))
        return await held(self._transport, contract, answer)

    async def groups(self, ids: Collection[str]) -> dict[str, Group | None]:
        return await directory.groups_by_id(self._transport, ids)

    async def member_counts(self, ids: Collection[str]) -> dict[str, int]:
        return await directory.member_counts(self._transport, ids)

    async def deleted_groups(self, ids: Collection[str]) -> dict[str, Group]:
        return await directory.deleted_groups(self._transport, ids)

    async def groups_named(self, names: Collection[str]) -> dict[str, list[Group]]:
        return await directory.groups_by_name(self._transport, names)

    async def filters(self) -> list[Filter]:
        return await directory.filters(self._transport)

    async def permissions(self) -> frozenset[str]:
        return await self._transport.permissions()

    async def probe(self, contracts: Collection[PolicyContract]) -> dict[str, GraphError | None]:
        return await probe(self._transport, contracts)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        try:
            async with self._writers.place():
                yield
        finally:
            if not self._writers.busy:
                self._company.hurry()

    async def assign(
        self,
        contract: PolicyContract,
        policy_id: str,
        assignments: Sequence[Assignment],
        *,
        justification: str | None = None,
        approval: str | None = None,
    ) -> str | None:
        _demand(contract, *_REPLACED_BY)
        url = f"{_item(contract, policy_id)}/{_REPLACED_BY[contract.write]}"
        call = _writing(contract, "POST", url, justification, approval)
        body = {contract.body_key: [assignment.body(contract) for assignment in assignments]}
        if contract.write is WriteStrategy.UPDATE:
            body |= _NO_OTHER_CHANGE
        return (await self._transport.send(replace(call, body=body))).request_id

    async def add_assignment(
        self,
        contract: PolicyContract,
        policy_id: str,
        assignment: Assignment,
        *,
        justification: str | None = None,
    ) -> str | None:
        _demand(contract, WriteStrategy.ITEMS)
        url = f"{_item(contract, policy_id)}/assignments"
        call = _writing(contract, "POST", url, justification)
        call = replace(call, body=assignment.body(contract))
        return (await self._transport.send(call)).request_id

    async def delete_assignment(
        self,
        contract: PolicyContract,
        policy_id: str,
        assignment_id: str,
        *,
        justification: str | None = None,
    ) -> str | None:
        _demand(contract, WriteStrategy.ITEMS)
        url = f"{_item(contract, policy_id)}/assignments/{quote(assignment_id, safe='')}"
        return (await self._transport.send(_writing(contract, "DELETE", url, justification))).request_id

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        call = Call(
            method=method,
            url=path,
            body=body,
            family=family_of(path),
            writing=True,
            # Whether another one does harm, only whoever asks for it knows.
            repeatable=False,
            success=(200, 201, 202, 204),
        )
        answer = await self._transport.send(call)
        return decode_any(answer) if answer.content.strip() else None

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        return decode(await self._transport.send(Call(url=path, params=params, family=family_of(path))))

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        return pages(self._transport, Call(url=path, params=params, family=family_of(path)))

    async def aclose(self) -> None:
        """Nothing: the HTTP client and its connections belong to the caller."""


def _writing(
    contract: PolicyContract, method: str, url: str, justification: str | None, approval: str | None = None
) -> Call:
    headers = {}
    if approval:
        headers["x-msft-approval-code"] = approval
    elif justification:
        # Microsoft wants base64 of UTF-8, of at most so many characters.
        text = justification[:_JUSTIFICATION_LENGTH].encode()
        headers["x-msft-approval-justification"] = b64encode(text).decode()
    return Call(
        method=method,
        url=url,
        headers=headers,
        family=contract.family,
        permission=contract.write_permission,
        writing=True,
        # Whoever sends a write again must look first: somebody else may have been there meanwhile.
        repeatable=False,
        success=contract.success,
    )


def _demand(contract: PolicyContract, *strategies: WriteStrategy) -> None:
    if contract.write not in strategies:
        raise OperationFailure(
            contract.why_not or "This kind of policy is not written in this way.",
            reason=ReasonCode.UNSUPPORTED,
        )


def _item(contract: PolicyContract, policy_id: str) -> str:
    return f"{contract.collection}/{quote(policy_id, safe='')}"
