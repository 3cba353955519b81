"""Ids in inputs: `Id[BackupSet]` is a UUID that Atlas has looked up and asked rights for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar
from uuid import UUID

from atlas_gql.graph.model import Policy
from atlas_gql.plugins.api import Ref, Tenant


class BackupSet:
    """The kind of backup sets, for `Id[BackupSet]`.

    .. versionadded:: 0.1
    """


class BackupItem:
    """The kind of the policies in a backup set, for `Id[BackupItem]`.

    .. versionadded:: 0.1
    """


class RestoreRun:
    """The kind of plans of restores, for `Id[RestoreRun]`.

    .. versionadded:: 0.1
    """


class RestoreItem:
    """The kind of the policies in a plan, for `Id[RestoreItem]`.

    .. versionadded:: 0.1
    """


class OperationRun:
    """The kind of runs, for `Id[OperationRun]`.

    .. versionadded:: 0.1
    """


class RunItem:
    """The kind of what a run did one by one, for `Id[RunItem]`.

    .. versionadded:: 0.1
    """


class AuditEntry:
    """The kind of entries of the audit trail, for `Id[AuditEntry]`.

    .. versionadded:: 0.1
    """


LOOKING: dict[type, Ref] = {
    Tenant: Ref("Tenant"),
    Policy: Ref("Policy", "policies.view"),
    BackupSet: Ref("BackupSet", "backups.view"),
    BackupItem: Ref("BackupItem", "backups.view"),
    RestoreRun: Ref("RestoreRun", "backups.view"),
    RestoreItem: Ref("RestoreItem", "backups.view"),
    OperationRun: Ref("OperationRun", "runs.view"),
    RunItem: Ref("RunItem", "runs.view"),
    AuditEntry: Ref("AuditEntry", "audit.view"),
}
"""What inputs can name, each with what looking at it takes."""

if TYPE_CHECKING:
    from typing_extensions import TypeAliasType

    Kind = TypeVar("Kind")
    Id = TypeAliasType("Id", UUID, type_params=(Kind,))
else:

    class Id:
        """The id of a thing, in an input: `Id[BackupSet]`, `Id[Policy] | None`, `tuple[Id[Policy], ...]`.

        For Python it is a UUID, in GraphQL an `ID`. Before the operation sees it, Atlas has seen that the
        thing is in the tenant's workspace and that the caller may look at it. Where that takes another
        capability: `Annotated[UUID, Ref("BackupSet", "backups.delete")]`.

        .. versionadded:: 0.1
        """

        def __class_getitem__(cls, kind):
            if kind not in LOOKING:
                known = ", ".join(one.__name__ for one in LOOKING)
                raise TypeError(f"Id[...] takes one of {known}.")
            return Annotated[UUID, LOOKING[kind]]
