"""Who may see a field or run a mutation: the only place that decides it.

Every guard is a permission class in a `Guard`, which prints `@requires` into the schema and says in the
field's description what it takes. A guard answers in two steps: what is out of the actor's reach is
NOT_FOUND, exactly as if it were not there; what is within reach and not allowed is FORBIDDEN.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import isasyncgen, isawaitable
from typing import Any, NamedTuple
from uuid import UUID

import strawberry
from strawberry.permission import BasePermission, PermissionExtension
from strawberry.schema_directive import Location
from strawberry.types.field import StrawberryField

from atlas_gql.access.actors import NOTHING, Actor
from atlas_gql.access.capabilities import Capability
from atlas_gql.errors import Forbidden, NotFound
from atlas_gql.schema import ids
from atlas_gql.schema.context import Context, Info
from atlas_gql.schema.lookahead import attributes
from atlas_gql.schema.maps import KINDS, TENANT
from atlas_gql.schema.rows import INSIDE, Linked, RowMap, load_row

OWN = "the operation's own"
"""What the schema says instead of a capability: it depends on the run."""


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requires",
    repeatable=True,
    description="What the caller needs: this capability, on the object or tenant at hand unless `on` says"
    " what else. What needs the capability of a run's operation says `the operation's own`.",
)
class Requires:
    capability: str
    on: str | None = strawberry.UNSET


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="withinReach",
    description="Gives only what is within the caller's reach; all else is as if it were not there.",
)
class WithinReach:
    pass


class Guard(PermissionExtension):
    """The permission classes of a field. `silently`: null instead of an error for what is out of reach."""

    def __init__(self, *permissions: Permission, silently: bool = False) -> None:
        super().__init__(list(permissions), fail_silently=silently)

    def apply(self, field: StrawberryField) -> None:
        super().apply(field)
        needs = requirement(self.permissions)
        # Types that several schemas share are prepared once for each.
        if needs and not (field.description or "").endswith(needs):
            field.description = f"{field.description or ''} {needs}".strip()

    def resolve(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        return super().resolve(self._noted(next_, info), source, info, **kwargs)

    async def resolve_async(self, next_: Any, source: Any, info: Any, **kwargs: Any) -> Any:
        for permission in self.permissions:
            allowed: Any = permission.has_permission(source, info, **kwargs)
            if isawaitable(allowed):
                allowed = await allowed
            if allowed is not True:  # whatever else it is, it is no permission
                return self._on_unauthorized(permission)
        given = self._noted(next_, info)(source, info, **kwargs)
        return given if isasyncgen(given) else await given

    def _noted(self, next_: Any, info: Info) -> Any:
        """What comes after the guard; where somebody looks on, it is noted that the guard let pass."""
        passed = info.context.passed
        if passed is None:
            return next_

        def noting(source: Any, info: Any, **kwargs: Any) -> Any:
            if any(isinstance(one, Permission) and one.asks(source) for one in self.permissions):
                passed.add(info._raw_info.path)
            return next_(source, info, **kwargs)

        return noting


def requirement(permissions: Sequence[BasePermission]) -> str:
    """The sentence about capabilities in a guarded field's description; empty when none is needed."""
    needs = dict.fromkeys(
        f"{permission.capability} on {permission.on}" if permission.on else permission.capability
        for permission in permissions
        if isinstance(permission, Permission) and permission.capability
    )
    return f"Requires capability: {', '.join(needs)}." if needs else ""


class Permission(BasePermission):
    """A guard. It gives False for what must look as if it were not there, and raises Forbidden itself."""

    capability: str | None = None
    on: str | None = None

    def asks(self, source: Any) -> bool:  # noqa: ARG002 # of most, whatever the source
        """Whether it asks for anything at all, of a field of this source."""
        return True

    @property
    def schema_directive(self) -> object:
        if self.capability is None:
            return WithinReach()
        return Requires(capability=self.capability, on=self.on or strawberry.UNSET)

    def on_unauthorized(self) -> None:
        raise NotFound


class Place(NamedTuple):
    """Where something belongs, as rows say it; without a tenant, to the workspace as a whole."""

    workspace_id: UUID
    tenant_id: UUID | None


def held(actor: Actor, row: Any) -> frozenset[str] | None:
    """The actor's capabilities on a row's tenant, or its workspace; None when it is out of reach."""
    if row.workspace_id is None:
        return None
    if row.tenant_id is None:
        return actor.in_workspace(row.workspace_id)
    return actor.in_tenant(row.workspace_id, row.tenant_id)


def owned(actor: Actor, row: Any, rows: RowMap) -> bool:
    """Whether a row is the actor's own: then it may be seen whatever else the actor may."""
    return rows.own is not None and rows.own(actor, row)


def visible(actor: Actor, row: Any, rows: RowMap) -> bool:
    """Whether the actor may see a row of this kind."""
    if owned(actor, row, rows):
        return True
    capabilities = held(actor, row)
    return capabilities is not None and (rows.capability is None or rows.capability in capabilities)


def granted(actor: Actor, workspace_id: UUID, *capabilities: str) -> tuple[UUID, ...] | None:
    """The tenants on which a workspace's member holds these capabilities; None for all of them.

    May name tenants of the actor's other workspaces: the statement asks for the workspace as well.
    """
    if actor.reaches_all_of(workspace_id):
        # A token may leave an owner without the capability.
        return None if (actor.in_workspace(workspace_id) or NOTHING).issuperset(capabilities) else ()
    return tuple(
        sorted(
            tenant_id
            for tenant_id in actor.named_tenants(workspace_id)
            if (actor.in_tenant(workspace_id, tenant_id) or NOTHING).issuperset(capabilities)
        )
    )


class HasCapability(Permission):
    """A field of an object that knows where it belongs: the capability is needed there.

    `tenant` is the attribute with the tenant's id, where it is another tenant than the object's own.
    `when` limits the guard to objects whose attribute has a value; the schema then says `on` that value.
    """

    def __init__(
        self,
        capability: str,
        *,
        tenant: str = "tenant_id",
        on: str | None = None,
        when: tuple[str, str] | None = None,
    ) -> None:
        self.capability = str(capability)
        self.on = when[1] if when else on
        self._tenant = tenant
        self._when = when

    def asks(self, source: Any) -> bool:
        return self._when is None or getattr(source, self._when[0]) == self._when[1]

    def has_permission(self, source: Any, info: Info, **_: Any) -> bool:
        return not self.asks(source) or self.held_on(info.context.actor, source)

    def held_on(self, actor: Actor, source: Any) -> bool:
        """False where the source is out of reach. Raises Forbidden."""
        tenant_id = getattr(source, self._tenant)
        capabilities = (
            actor.in_workspace(source.workspace_id)
            if tenant_id is None
            else actor.in_tenant(source.workspace_id, tenant_id)
        )
        if capabilities is None:
            return False
        if self.capability not in capabilities:
            raise Forbidden(self.capability or "")
        return True


class MaySeeResult(Permission):
    """What a run returned: the capability of its operation is needed, where there is anything to see."""

    capability = OWN

    def asks(self, source: Any) -> bool:
        return source.returned is not None

    def has_permission(self, source: Any, info: Info, **_: Any) -> bool:
        operation = info.context.engine.operations.get(source.type)
        needed = operation.capability if operation else Capability.RUNS_VIEW
        return not self.asks(source) or HasCapability(needed).held_on(info.context.actor, source)


class HasCapabilitySomewhere(Permission):
    """A list over the tenants of a workspace: the capability is needed on any of them.

    The list then holds what belongs to the tenants on which the actor holds it, and nothing else.
    """

    def __init__(self, capability: str) -> None:
        self.capability = str(capability)

    def has_permission(self, source: Any, info: Info, **_: Any) -> bool:
        return self.held_in(info.context.actor, source.workspace_id)

    def held_in(self, actor: Actor, workspace_id: UUID) -> bool:
        """False for a non-member. Raises Forbidden."""
        everywhere = actor.in_workspace(workspace_id)
        if everywhere is None:
            return False
        capability = self.capability or ""
        if capability not in everywhere and not granted(actor, workspace_id, capability):
            raise Forbidden(capability)
        return True


class ReachesTenant(Permission):
    """A field that gives the tenant named by the source's attribute: any right on that tenant will do."""

    def __init__(self, attribute: str) -> None:
        self._attribute = attribute

    def has_permission(self, source: Any, info: Info, **_: Any) -> bool:
        tenant_id = getattr(source, self._attribute)
        return info.context.actor.in_tenant(source.workspace_id, tenant_id) is not None


class ReachesWorkspace(Permission):
    """A field that gives the workspace of the source: being a member will do."""

    def has_permission(self, source: Any, info: Info, **_: Any) -> bool:
        return (
            source.workspace_id is not None
            and info.context.actor.in_workspace(source.workspace_id) is not None
        )


class CanSeeWorkspace(Permission):
    """The root field `workspace(id)`: the actor is a member. Absent and foreign cost the same: nothing."""

    def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:  # noqa: ARG002 # Strawberry's signature
        workspace_id = ids.decode(arguments["id"], kind="Workspace", argument="id")
        return info.context.actor.in_workspace(workspace_id) is not None


class CanSeeTenant(Permission):
    """The root field `tenant(id)`: the tenant is within reach. Absent and foreign cost one statement each."""

    async def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:  # noqa: ARG002 # Strawberry's signature
        row = await looked_up_first(info, TENANT, ids.decode(arguments["id"], kind="Tenant", argument="id"))
        return row is not None and visible(info.context.actor, row, TENANT)


class CanSeeNode(Permission):
    """The root field `node(id)`: the thing is within reach, and its kind's capability is held there."""

    async def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:  # noqa: ARG002 # Strawberry's signature
        found = ids.parse(arguments["id"])
        rows = KINDS.get(found.kind) if found else None
        if found is None or rows is None:
            return False
        row = await looked_up_first(info, rows, found.uuid)
        return row is not None and visible(info.context.actor, row, rows)


class CanWatchWorkspace(HasCapabilitySomewhere):
    """The subscription to a workspace's runs: the actor is a member, and may see some of them."""

    def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:  # noqa: ARG002 # Strawberry's signature
        workspace_id = ids.decode(arguments["workspace_id"], kind="Workspace", argument="workspaceId")
        return self.held_in(info.context.actor, workspace_id)


class CanWatchRun(HasCapability):
    """The subscription to one run: its tenant is within reach, and its runs may be seen."""

    async def has_permission(self, source: Any, info: Info, **arguments: Any) -> bool:  # type: ignore[override] # noqa: ARG002 # Strawberry's signature
        run_id = ids.decode(arguments["run_id"], kind="OperationRun", argument="runId")
        row = await load_row(info.context, KINDS["OperationRun"], run_id)
        return row is not None and self.held_on(info.context.actor, row)


async def looked_up(info: Info, rows: RowMap, uuid: UUID | str) -> Any:
    """The row that the field being resolved gives, with what the query selects of it; read once."""
    return await load_row(info.context, rows, uuid, attributes(info, rows, [()]))


async def looked_up_first(info: Info, rows: RowMap, uuid: UUID | str) -> Any:
    """The same for a guard that reads whoever asks; noted, so that the next time it is read ahead."""
    if info.context.reads is not None:
        info.context.reads[rows.kind] = rows, attributes(info, rows, [()])
    return await looked_up(info, rows, uuid)


async def linked(info: Info, source: Any, name: str, rows: RowMap) -> Any:
    """The row of this kind that the field being resolved leads to: read with its source, or now.

    `name` is the field's in `rows.links` of the source.
    """
    link = rows.links[name]
    if hasattr(source, f"{name}{INSIDE}uuid"):
        row = Linked(source, name)
        return row if row.uuid is not None else None
    key = getattr(source, link.by)
    return None if key is None else await looked_up(info, link.to(), key)


async def place_of(context: Context, kind: str, uuid: UUID) -> Any:
    """A row that says where a thing belongs: `workspace_id`, `tenant_id`. Raises NotFound out of reach."""
    rows = KINDS[kind]
    row = await load_row(context, rows, uuid)
    if row is None or (held(context.actor, row) is None and not owned(context.actor, row, rows)):
        raise NotFound
    return row
