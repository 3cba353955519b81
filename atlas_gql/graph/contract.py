"""What differs between kinds of policy: the columns of the contract table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReadStrategy(StrEnum):
    """How assignments are read.

    .. versionadded:: 0.1
    """

    EXPAND = "expand"
    """`$expand=assignments`, on the list and on one policy."""
    EXPAND_ITEM = "expand_item"
    """`$expand=assignments` on one policy only: a list's are read policy by policy, in batches."""
    BATCH = "batch"
    """`/{id}/assignments`, in batches."""


class WriteStrategy(StrEnum):
    """How a set of assignments is written.

    .. versionadded:: 0.1
    """

    ASSIGN = "assign"
    """One `POST /{id}/assign` that replaces the whole set; may be repeated."""
    UPDATE = "update"
    """One `POST /{id}/update` that replaces the whole set, and leaves all else; may be repeated."""
    ITEMS = "items"
    """`POST` and `DELETE` of single items under `/{id}/assignments`; a repeated POST doubles."""
    NONE = "none"
    """Not at all: kinds that are backed up and compared, and never restored."""


class Family(StrEnum):
    """The throttling family a path belongs to; Microsoft counts requests per family.

    Source: https://learn.microsoft.com/graph/throttling-limits (read 2026-11-23).

    .. versionadded:: 0.1
    """

    CONFIGURATION = "configuration"
    SETTINGS = "settings"
    INTENTS = "intents"
    DEVICES = "devices"
    APPLICATIONS = "applications"
    MANAGED_APPS = "managed_apps"
    ENROLMENT = "enrolment"
    TERMS = "terms"
    UPDATES = "updates"
    BUNDLES = "bundles"
    RBAC = "rbac"
    CLOUD_PC = "cloud_pc"
    IDENTITY = "identity"


@dataclass(frozen=True, kw_only=True)
class PolicyContract:
    """One kind of policy, and how its assignments are read and written.

    .. versionadded:: 0.1
    """

    path: str
    """The collection's path below the version, without slashes at the ends."""
    label: str
    element_type: str
    """The `@odata.type` of one assignment, without `#microsoft.graph.`."""
    permission: str
    """The permission's stem: reading takes `<stem>.Read.All`, writing `<stem>.ReadWrite.All`."""
    family: Family
    version: str = "beta"
    """v1.0 hides filters and sources: a restore through it would reach further than the backup did."""

    name_field: str = "displayName"
    tags_field: str | None = "roleScopeTagIds"
    """The field of the policy that lists its scope tags; None where it has none."""
    platform_field: str | None = None
    """The field of the policy that names its platform."""
    platform: str | None = None
    """The platform of the whole kind. Without this and a field, a policy's `@odata.type` may tell it."""

    read: ReadStrategy = ReadStrategy.EXPAND
    write: WriteStrategy = WriteStrategy.ASSIGN
    body_key: str = "assignments"
    """The property of the body that holds the set; of no meaning for single items."""
    success: tuple[int, ...] = (200, 204)
    approval: str | None = None
    """The kind of change for which a tenant can demand a second administrator (Multi Admin Approval), as
    `policyType` of `deviceManagement/operationApprovalPolicies` names it; None where it cannot."""
    why_not: str | None = None
    """Why this kind is never restored, in public words; given exactly when `write` is NONE."""

    extra_fields: tuple[str, ...] = ()
    """Fields of an assignment, beside its target, that are part of its value."""
    intent_in_identity: bool = False
    """Whether one group may be assigned once per intent (apps)."""
    supports_filters: bool = True
    group_target: str = "groupAssignmentTarget"
    """The target type that includes a group. A kind with one of its own takes nothing but groups."""
    target_fields: tuple[str, ...] = ()
    """Fields of the target, beside the group, that are part of an assignment's value."""

    @property
    def policy_type(self) -> str:
        """Graph's own name of the collection, unique in the table."""
        return self.path.rpartition("/")[2]

    @property
    def collection(self) -> str:
        """The list's path with its version: `/beta/deviceManagement/deviceConfigurations`."""
        return f"/{self.version}/{self.path}"

    @property
    def read_permission(self) -> str:
        return f"{self.permission}.Read.All"

    @property
    def write_permission(self) -> str | None:
        """None for a kind that is never written."""
        return f"{self.permission}.ReadWrite.All" if self.supports_restore else None

    @property
    def supports_restore(self) -> bool:
        return self.write is not WriteStrategy.NONE

    @property
    def only_groups(self) -> bool:
        """Whether nothing but included groups can be assigned."""
        return self.group_target != "groupAssignmentTarget"
