"""Groups and assignment filters: found by id or by name, counted, told from those that were deleted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from urllib.parse import quote

from atlas_gql.errors import GraphError
from atlas_gql.graph.batch import COUNT, Batch, read_all
from atlas_gql.graph.contract import Family
from atlas_gql.graph.model import Filter, Group
from atlas_gql.graph.pages import pages, rest, rows
from atlas_gql.graph.readings import FILTER_FIELDS, GROUP_FIELDS, filter_of, group_of
from atlas_gql.graph.transport import Call, Transport
from atlas_gql.reasons import ReasonCode

_GROUPS = Batch(version="v1.0", family=Family.IDENTITY, permission="GroupMember.Read.All")
_COUNTS = replace(_GROUPS, counting=True)
_DELETED = replace(_GROUPS, permission="Group.Read.All")


async def groups_by_id(transport: Transport, ids: Collection[str]) -> dict[str, Group | None]:
    """As `GraphClient.groups`."""
    urls = [f"/groups/{_id(group_id)}?$select={GROUP_FIELDS}" for group_id in dict.fromkeys(ids)]
    found: dict[str, Group | None] = {}
    for group_id, part in zip(dict.fromkeys(ids), await read_all(transport, _GROUPS, urls), strict=True):
        if isinstance(part, GraphError) and part.reason_code is not ReasonCode.NOT_FOUND:
            raise part
        found[group_id] = None if isinstance(part, GraphError) else group_of(part)
    return found


async def member_counts(transport: Transport, ids: Collection[str]) -> dict[str, int]:
    """As `GraphClient.member_counts`."""
    asked = list(dict.fromkeys(ids))
    parts = await read_all(
        transport, _COUNTS, [f"/groups/{_id(group_id)}/members/$count" for group_id in asked]
    )
    return {
        group_id: part[COUNT]
        for group_id, part in zip(asked, parts, strict=True)
        if not isinstance(part, GraphError)
    }


async def deleted_groups(transport: Transport, ids: Collection[str]) -> dict[str, Group]:
    """As `GraphClient.deleted_groups`."""
    asked = list(dict.fromkeys(ids))
    urls = [f"/directory/deletedItems/{_id(group_id)}" for group_id in asked]
    found = {}
    for group_id, part in zip(asked, await read_all(transport, _DELETED, urls), strict=True):
        if not isinstance(part, GraphError):
            found[group_id] = group_of(part)
        elif part.reason_code is not ReasonCode.NOT_FOUND:
            raise part
    return found


async def groups_by_name(transport: Transport, names: Collection[str]) -> dict[str, list[Group]]:
    """As `GraphClient.groups_named`."""
    asked = list(dict.fromkeys(names))
    urls = [f"/groups?$filter={_equal('displayName', name)}&$select={GROUP_FIELDS}" for name in asked]
    call = Call(url="/v1.0/groups", family=Family.IDENTITY, permission=_GROUPS.permission)
    found = {}
    for name, part in zip(asked, await read_all(transport, _GROUPS, urls), strict=True):
        if isinstance(part, GraphError):
            raise part
        found[name] = [group_of(raw) for raw in await rest(transport, call, part)]
    return found


async def filters(transport: Transport) -> list[Filter]:
    """As `GraphClient.filters`."""
    call = Call(
        url="/beta/deviceManagement/assignmentFilters",
        params={"$select": FILTER_FIELDS},
        family=Family.BUNDLES,
        permission="DeviceManagementConfiguration.Read.All",
    )
    return [filter_of(raw) async for page in pages(transport, call) for raw in rows(page)]


def _id(value: str) -> str:
    return quote(value, safe="")


def _equal(name: str, value: str) -> str:
    """An OData filter, quoted for a URL; an apostrophe in the value is doubled."""
    doubled = value.replace("'", "''")
    return quote(f"{name} eq '{doubled}'", safe="'")
