"""What an archive holds, as values, and as the JSON in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from atlas_gql.errors import ArchiveInvalid
from atlas_gql.reasons import ReasonCode
from atlas_gql.redaction import redact_text
from atlas_gql.values import is_guid

T = TypeVar("T")

LONGEST_TEXT = 2_000
"""Characters of a name or an id."""


class ItemState(StrEnum):
    """Whether the assignments of a policy are known."""

    FETCHED = "fetched"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Where a backup set came from: what is true of it wherever it is imported."""

    set_id: UUID
    """The set's id where it was captured."""
    origin: str
    state: str
    policy_types: tuple[str, ...] | None
    """The kinds that were chosen; None for all."""
    overlapped_write: bool
    entra_tenant_id: UUID
    primary_domain: str
    captured_at: datetime
    completed_at: datetime

    def to_json(self) -> dict[str, Any]:
        return {
            "setId": str(self.set_id),
            "origin": self.origin,
            "state": self.state,
            "policyTypes": None if self.policy_types is None else list(self.policy_types),
            "overlappedWrite": self.overlapped_write,
            "entraTenantId": str(self.entra_tenant_id),
            "primaryDomain": self.primary_domain,
            "capturedAt": _instant(self.captured_at),
            "completedAt": _instant(self.completed_at),
        }

    @classmethod
    def from_json(cls, given: Any) -> Facts:
        """Raises ArchiveInvalid."""
        fields = Fields(given, "The manifest's `set`")
        facts = cls(
            set_id=fields.guid("setId"),
            origin=fields.one_of("origin", ("requested", "before_restore")),
            state=fields.one_of("state", ("complete", "partial", "failed")),
            policy_types=fields.optional("policyTypes", fields.texts),
            overlapped_write=fields.flag("overlappedWrite"),
            entra_tenant_id=fields.guid("entraTenantId"),
            primary_domain=fields.text("primaryDomain"),
            captured_at=fields.instant("capturedAt"),
            completed_at=fields.instant("completedAt"),
        )
        fields.end()
        return facts


@dataclass(frozen=True, kw_only=True)
class Record:
    """One policy of the set. `content` is the key of its content; None when its assignments are not known."""

    policy_type: str
    id: str
    name: str
    platform: str | None
    state: ItemState
    content: str | None
    reason: str | None
    message: str | None
    captured_at: datetime

    @property
    def order(self) -> tuple[str, str]:
        """Records are sorted by this, and no two are the same in it."""
        return (self.policy_type, self.id)

    def to_json(self) -> dict[str, Any]:
        return {
            "policyType": self.policy_type,
            "id": self.id,
            "name": self.name,
            "platform": self.platform,
            "state": self.state.value,
            "content": self.content,
            "reason": self.reason,
            "message": self.message,
            "capturedAt": _instant(self.captured_at),
        }

    @classmethod
    def from_json(cls, given: Any) -> Record:
        """Raises ArchiveInvalid. Messages are cleaned as those of Atlas's own failures are."""
        fields = Fields(given, "An item")
        message = fields.optional("message", fields.any_text)
        record = cls(
            policy_type=fields.text("policyType"),
            id=fields.text("id"),
            name=fields.any_text("name"),
            platform=fields.optional("platform", fields.text),
            state=ItemState(fields.one_of("state", tuple(ItemState))),
            content=fields.optional("content", fields.text),
            reason=fields.optional("reason", lambda name: fields.one_of(name, tuple(ReasonCode))),
            message=None if message is None else redact_text(message),
            captured_at=fields.instant("capturedAt"),
        )
        fields.end()
        if (record.state is ItemState.FETCHED) != (record.content is not None):
            raise ArchiveInvalid("An item has a content exactly when its assignments are known.")
        return record


class Fields:
    """A JSON object that is taken apart field by field; every reader raises ArchiveInvalid."""

    def __init__(self, given: Any, what: str) -> None:
        self._what = what
        if not isinstance(given, dict):
            raise ArchiveInvalid(f"{what} is no object.")
        self._left = dict(given)

    def take(self, name: str, of: type[T]) -> T:
        """A field that must be there and be of this type."""
        value = self._left.pop(name, None)
        # True is an int for Python, and none for JSON.
        if not isinstance(value, of) or (isinstance(value, bool) and of is not bool):
            raise self.wrong(name)
        return value

    def any_text(self, name: str) -> str:
        """A text that a database column can hold."""
        value = self.take(name, str)
        if "\0" in value or len(value) > LONGEST_TEXT:
            raise self.wrong(name)
        return value

    def text(self, name: str) -> str:
        """The same, not empty."""
        value = self.any_text(name)
        if not value:
            raise self.wrong(name)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        values = self.take(name, list)
        if not all(isinstance(value, str) and value and "\0" not in value for value in values):
            raise self.wrong(name)
        return tuple(values)

    def one_of(self, name: str, values: tuple[str, ...]) -> str:
        value = self.take(name, str)
        if value not in values:
            raise self.wrong(name)
        return value

    def count(self, name: str) -> int:
        """A number of things."""
        value = self.take(name, int)
        if not 0 <= value < 2**31:
            raise self.wrong(name)
        return value

    def flag(self, name: str) -> bool:
        return self.take(name, bool)

    def guid(self, name: str) -> UUID:
        value = self.take(name, str)
        if not is_guid(value):
            raise self.wrong(name)
        return UUID(value)

    def instant(self, name: str) -> datetime:
        try:
            value = datetime.fromisoformat(self.take(name, str))
        except ValueError:
            raise self.wrong(name) from None
        if value.tzinfo is None or not 2000 <= value.year <= 9000:
            raise self.wrong(name)
        return value.astimezone(UTC)

    def optional(self, name: str, read: Callable[[str], T]) -> T | None:
        """A field that must be there and may be null."""
        if name in self._left and self._left[name] is None:
            del self._left[name]
            return None
        return read(name)

    def end(self) -> None:
        """Nothing else may be there."""
        if self._left:
            raise ArchiveInvalid(f"{self._what} has a field too many.")

    def wrong(self, name: str) -> ArchiveInvalid:
        return ArchiveInvalid(f"{self._what} has no valid `{name}`.")


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
