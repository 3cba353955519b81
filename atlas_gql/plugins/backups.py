"""Backup sets as operations see them: part of the plugin API, re-exported by it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from atlas_gql.errors import OperationFailure


@dataclass(frozen=True, kw_only=True)
class CapturedPolicy:
    """One policy as a backup keeps it; `key` is its key among the items of the run.

    `assignments` are Graph's own objects, verbatim. `groups` and `filters` say, by id, what is known of
    what the assignments refer to: `{"name", "kind", "rule", "orphaned"}` and `{"name", "platform",
    "rule", "orphaned"}`; `orphaned` is what is gone, and a group that can still be brought back has
    `deletedAt` besides. `error` set means that the assignments are not known. `suspicious` are those of the
    assignments whose settings came back empty, each as the last backup that had its settings gave it.

    .. versionadded:: 0.1
    """

    policy_type: str
    id: str
    name: str
    platform: str | None = None
    scope_tag_ids: tuple[str, ...] = ()
    assignments: tuple[Mapping[str, Any], ...] = ()
    groups: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    filters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    suspicious: tuple[Mapping[str, Any], ...] = ()
    error: OperationFailure | None = None

    @property
    def key(self) -> str:
        return policy_key(self.policy_type, self.id)


def policy_key(policy_type: str, policy_id: str) -> str:
    """The key of a captured policy among the items of the run that captures it.

    .. versionadded:: 0.1
    """
    return f"{policy_type}/{policy_id}"


@dataclass(frozen=True, kw_only=True)
class WholeBackup:
    """A complete backup set of all kinds of policy.

    .. versionadded:: 0.1
    """

    id: UUID
    completed_at: datetime


class Backups(Protocol):
    """The tenant's backups, and the set that this run captures, if it captures one.

    The last backup of a kind is the newest complete or partial set that was to hold all its policies.

    .. versionadded:: 0.1
    """

    async def newest(self) -> WholeBackup | None:
        """The newest complete backup set of all kinds; None where there is none.

        Neither the state before a restore nor an imported set is one.

        .. versionadded:: 0.1
        """
        ...

    async def had(self, policy_type: str) -> bool:
        """Whether the last backup of a kind holds policies of it whose assignments are known."""
        ...

    async def last(self, policy_type: str, ids: Collection[str]) -> Mapping[str, CapturedPolicy]:
        """Those of the policies, by id, whose assignments the last backup of their kind holds."""
        ...

    async def save(self, captured: Sequence[CapturedPolicy]) -> None:
        """Keep policies in the set, and count each as an item of the run; one transaction.

        Those already kept, by an earlier attempt or by a run that this one retries, stay as they are.
        """
        ...
