"""The client that talks to Microsoft Graph, or to a simulator of it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx

from atlas_gql.errors import GraphError, OperationFailure
from atlas_gql.graph.answers import decode
from atlas_gql.graph.batch import Batch, read_all
from atlas_gql.graph.contracts import Family, PolicyContract, WriteStrategy
from atlas_gql.graph.model import Assignment, Filter, Group, Policy
from atlas_gql.graph.pacing import Pacer, family_of
from atlas_gql.graph.pages import pages, rest, rows
from atlas_gql.graph.patience import Clock, Patience
from atlas_gql.graph.readings import (
    FILTER_FIELDS,
    GROUP_FIELDS,
    assignments_of,
    filter_of,
    group_of,
    policy_fields,
    policy_of,
)
from atlas_gql.graph.tokens import TokenSource
from atlas_gql.graph.transport import ANSWER_TOO_LARGE, Call, Transport
from atlas_gql.reasons import ReasonCode

_GROUPS = Batch(version="v1.0", family=Family.IDENTITY, permission="GroupMember.Read.All")
_JUSTIFICATION_LENGTH = 1024


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
    ) -> None:
        self._transport = Transport(
            base_url=base_url,
            tokens=tokens,
            http=http,
            tenant=tenant,
            pacer=pacer,
            patience=patience,
            clock=clock,
        )

    async def policies(self, contract: PolicyContract) -> AsyncIterator[Policy]:
        seen: set[str] = set()  # a list that changes while it is read may give a policy twice
        try:
            async for policy in self._listed(contract, seen, expand=True):
                yield policy
        except GraphError as error:
            if error.detail != ANSWER_TOO_LARGE:
                raise
            async for policy in self._listed(contract, seen, expand=False):
                yield policy

    async def _listed(
        self, contract: PolicyContract, seen: set[str], *, expand: bool
    ) -> AsyncIterator[Policy]:
        params = {"$select": policy_fields(contract)} | ({"$expand": "assignments"} if expand else {})
        async for page in pages(self._transport, _reading(contract, contract.collection, params)):
            found = [policy_of(contract, raw) for raw in rows(page)]
            found = list({policy.id: policy for policy in found if policy.id not in seen}.values())
            seen.update(policy.id for policy in found)
            for policy in await self._completed(contract, found):
                yield policy

    async def policy(self, contract: PolicyContract, policy_id: str) -> Policy:
        params = {"$select": policy_fields(contract), "$expand": "assignments"}
        call = _reading(contract, _item(contract, policy_id), params)
        found = policy_of(contract, decode(await self._transport.send(call)))
        return (await self._completed(contract, [found]))[0]

    async def _completed(self, contract: PolicyContract, found: Sequence[Policy]) -> Sequence[Policy]:
        """The same policies; the assignments that did not come along are asked for once more."""
        lacking = [policy for policy in found if policy.error]
        urls = [f"/{contract.path}/{quote(policy.id, safe='')}/assignments" for policy in lacking]
        batch = Batch(version=contract.version, family=contract.family, permission=_to_read(contract))
        parts = await read_all(self._transport, batch, urls)
        better = {}
        for policy, part in zip(lacking, parts, strict=True):
            try:
                if isinstance(part, GraphError):
                    raise part
                raw = await rest(self._transport, _reading(contract, contract.collection), part)
                better[policy.id] = replace(policy, assignments=assignments_of(contract, raw), error=None)
            except GraphError as error:
                better[policy.id] = replace(policy, assignments=(), error=error)
        return [better.get(policy.id, policy) for policy in found]

    async def groups(self, ids: Collection[str]) -> dict[str, Group | None]:
        asked = list(dict.fromkeys(ids))
        urls = [f"/groups/{quote(group_id, safe='')}?$select={GROUP_FIELDS}" for group_id in asked]
        found: dict[str, Group | None] = {}
        for group_id, part in zip(asked, await read_all(self._transport, _GROUPS, urls), strict=True):
            if isinstance(part, GraphError) and part.reason_code is not ReasonCode.NOT_FOUND:
                raise part
            found[group_id] = None if isinstance(part, GraphError) else group_of(part)
        return found

    async def groups_named(self, names: Collection[str]) -> dict[str, list[Group]]:
        asked = list(dict.fromkeys(names))
        urls = [f"/groups?$filter={_equal('displayName', name)}&$select={GROUP_FIELDS}" for name in asked]
        call = Call(url="/v1.0/groups", family=Family.IDENTITY, permission=_GROUPS.permission)
        found = {}
        for name, part in zip(asked, await read_all(self._transport, _GROUPS, urls), strict=True):
            if isinstance(part, GraphError):
                raise part
            found[name] = [group_of(raw) for raw in await rest(self._transport, call, part)]
        return found

    async def filters(self) -> list[Filter]:
        call = Call(
            url="/beta/deviceManagement/assignmentFilters",
            params={"$select": FILTER_FIELDS},
            family=Family.BUNDLES,
            permission="DeviceManagementConfiguration.Read.All",
        )
        return [filter_of(raw) async for page in pages(self._transport, call) for raw in rows(page)]

    async def assign(
        self,
        contract: PolicyContract,
        policy_id: str,
        assignments: Sequence[Assignment],
        *,
        justification: str | None = None,
    ) -> str | None:
        _demand(contract, WriteStrategy.ASSIGN)
        url = f"{_item(contract, policy_id)}/assign"
        call = _writing(contract, "POST", url, justification)
        body = {contract.body_key: [assignment.body(contract) for assignment in assignments]}
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
        call = replace(call, body=assignment.body(contract), repeatable=False)
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

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        return decode(await self._transport.send(Call(url=path, params=params, family=family_of(path))))

    def pages(self, path: str, params: Mapping[str, str] | None = None) -> AsyncIterator[dict[str, Any]]:
        return pages(self._transport, Call(url=path, params=params, family=family_of(path)))

    async def aclose(self) -> None:
        """Nothing: the HTTP client and its connections belong to the caller."""


def _reading(contract: PolicyContract, url: str, params: Mapping[str, str] | None = None) -> Call:
    return Call(url=url, params=params, family=contract.family, permission=_to_read(contract))


def _to_read(contract: PolicyContract) -> str:
    return f"{contract.permission}.Read.All"


def _writing(contract: PolicyContract, method: str, url: str, justification: str | None) -> Call:
    headers = {}
    if justification:
        # Microsoft wants base64 of UTF-8, of at most so many characters.
        text = justification[:_JUSTIFICATION_LENGTH].encode()
        headers["x-msft-approval-justification"] = b64encode(text).decode()
    return Call(
        method=method,
        url=url,
        headers=headers,
        family=contract.family,
        permission=f"{contract.permission}.ReadWrite.All",
        writing=True,
        success=contract.success,
    )


def _demand(contract: PolicyContract, strategy: WriteStrategy) -> None:
    if contract.write is not strategy:
        raise OperationFailure(
            "This kind of policy is not written in this way.", reason=ReasonCode.UNSUPPORTED
        )


def _item(contract: PolicyContract, policy_id: str) -> str:
    return f"{contract.collection}/{quote(policy_id, safe='')}"


def _equal(name: str, value: str) -> str:
    """An OData filter, quoted for a URL; an apostrophe in the value is doubled."""
    doubled = value.replace("'", "''")
    return quote(f"{name} eq '{doubled}'", safe="'")
