"""Everything Atlas raises on purpose.

    AtlasError
    ├── AccessError            who may; answered in GraphQL's errors[]
    │   ├── Unauthenticated
    │   ├── NotFound
    │   ├── Forbidden
    │   └── TooManySubscriptions
    ├── BadUserInput           malformed input; answered in GraphQL's errors[]
    │   └── CursorExpired
    ├── RateLimited            too many requests; answered before anything is read
    ├── DomainError            what the caller can act on; answered as data
    │   ├── ValidationError
    │   ├── RunConflict
    │   ├── IdempotencyConflict
    │   ├── WritesNotEnabled
    │   ├── RunFinished
    │   ├── RunNotFinished
    │   ├── NothingToRetry
    │   ├── CredentialInUse
    │   ├── BackupSetInUse
    │   ├── TenantInUse
    │   ├── TenantArchived
    │   ├── LastOwner
    │   ├── NotForMany
    │   ├── ArchiveRefused     why a file is not taken in
    │   │   ├── ArchiveForeign
    │   │   ├── ArchiveTooNew
    │   │   ├── ArchiveTooLarge
    │   │   ├── ArchiveDamaged
    │   │   └── ArchiveInvalid
    │   └── ...                operations add their own
    ├── OperationFailure       why a run, or one item of it, failed
    │   └── GraphError         said by, or on the way to, Microsoft
    └── ConfigurationError     a setting or an installation that cannot work

Access errors and domain errors share no ancestor but the root, so that a handler for one never
swallows the other. The text given to an error is public: it is a literal, or made of values that the
caller may see, and never another exception's text.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from atlas_gql.reasons import NO_ENTRY, ReasonCode


def public_text(error: type[Exception]) -> str:
    """What the docstring of an error says in its first paragraph: what clients are told of it."""
    return " ".join((error.__doc__ or "").strip().split("\n\n")[0].split())


class AtlasError(Exception):
    """Something Atlas knows how to explain.

    .. versionadded:: 0.1
    """

    code: ClassVar[str] = "ERROR"

    def __init__(self, message: str = "") -> None:
        self.message = message or public_text(type(self))
        super().__init__(self.message)


class AccessError(AtlasError):
    """Access was refused."""

    status: ClassVar[int] = 403


class Unauthenticated(AccessError):
    """A valid API token is needed: send it as `Authorization: Bearer atlas_...`."""

    code = "UNAUTHENTICATED"
    status = 401


class NotFound(AccessError):
    """Not found."""

    code = "NOT_FOUND"
    status = 404


class Forbidden(AccessError):
    """Your role lacks a capability that this needs."""

    code = "FORBIDDEN"
    status = 403

    def __init__(self, capability: str) -> None:
        self.capability = capability
        super().__init__(f"This needs the capability {capability}.")


class TooManySubscriptions(AccessError):
    """Too many subscriptions are open: end some, or watch all runs of a workspace with one."""

    code = "TOO_MANY_SUBSCRIPTIONS"
    status = 429


class BadUserInput(AtlasError):
    """The request holds a malformed value."""

    code = "BAD_USER_INPUT"

    def __init__(self, message: str, field: str | None = None) -> None:
        self.field = field
        super().__init__(message)


class RateLimited(AtlasError):
    """Too much is asked at once; `retry_after` seconds from now there is room for the next."""

    code = "RATE_LIMITED"

    def __init__(
        self,
        *,
        retry_after: int,
        message: str = "Too many requests with this token. Wait for as long as `retryAfter` says.",
    ) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class CursorExpired(BadUserInput):
    """This `eventCursor` is too old: read the runs anew, and watch from the `eventCursor` they come with."""

    code = "CURSOR_EXPIRED"

    def __init__(self) -> None:
        super().__init__((type(self).__doc__ or "").strip(), "after")


class DomainError(AtlasError):
    """The request was understood and cannot be carried out; nothing was done.

    .. versionadded:: 0.1
    """


class ValidationError(DomainError):
    """A value of the input does not fit.

    .. versionadded:: 0.1
    """

    code = "VALIDATION_FAILED"

    def __init__(self, message: str, field: str) -> None:
        self.field = field
        super().__init__(message)


class RunConflict(DomainError):
    """Another run on the same target is active, and was started with other input."""

    code = "RUN_CONFLICT"

    def __init__(self, run_id: UUID, message: str = "") -> None:
        self.run_id = run_id
        super().__init__(message)


class IdempotencyConflict(DomainError):
    """This idempotency key was used before, with other input."""

    code = "IDEMPOTENCY_CONFLICT"

    def __init__(self, run_id: UUID, message: str = "") -> None:
        self.run_id = run_id
        super().__init__(message)


class WritesNotEnabled(DomainError):
    """The tenant has no provider, or its provider may not write."""

    code = "WRITES_NOT_ENABLED"


class RunFinished(DomainError):
    """The run has ended already."""

    code = "RUN_FINISHED"

    def __init__(self, run_id: UUID, message: str = "") -> None:
        self.run_id = run_id
        super().__init__(message)


class RunNotFinished(DomainError):
    """The run has not ended yet; cancel it, or wait for its end."""

    code = "RUN_NOT_FINISHED"

    def __init__(self, run_id: UUID, message: str = "") -> None:
        self.run_id = run_id
        super().__init__(message)


class NothingToRetry(DomainError):
    """The run left nothing that a retry could do."""

    code = "NOTHING_TO_RETRY"


class CredentialInUse(DomainError):
    """Providers use the credential."""

    code = "CREDENTIAL_IN_USE"

    def __init__(self, providers: int) -> None:
        users = "a provider uses" if providers == 1 else f"{providers} providers use"
        super().__init__(f"The credential cannot be deleted: {users} it. Give them another one first.")


class BackupSetInUse(DomainError):
    """Something needs the backup set still."""

    code = "BACKUP_SET_IN_USE"


class TenantInUse(DomainError):
    """Something needs the tenant still."""

    code = "TENANT_IN_USE"


class TenantArchived(DomainError):
    """The tenant is archived: it can be read, and nothing is started or changed there."""

    code = "TENANT_ARCHIVED"


class NotForMany(DomainError):
    """This is started in one tenant at a time: it writes to Microsoft, or works on one tenant's things."""

    code = "NOT_FOR_MANY"


class LastOwner(DomainError):
    """A workspace keeps an owner: make somebody else an owner first."""

    code = "LAST_OWNER"


class ArchiveRefused(DomainError):
    """The archive cannot be used."""

    code = "ARCHIVE_REFUSED"


class ArchiveForeign(ArchiveRefused):
    """This is no backup archive that Atlas made."""

    code = "ARCHIVE_FOREIGN"


class ArchiveTooNew(ArchiveRefused):
    """A newer version of Atlas made this archive: upgrade Atlas to import it."""

    code = "ARCHIVE_TOO_NEW"


class ArchiveTooLarge(ArchiveRefused):
    """The archive is larger than this installation takes in (ATLAS_ARCHIVE_MEGABYTES)."""

    code = "ARCHIVE_TOO_LARGE"


class ArchiveDamaged(ArchiveRefused):
    """The archive is not as it was made: it was cut, or changed. Export or copy it again."""

    code = "ARCHIVE_DAMAGED"


class ArchiveInvalid(ArchiveRefused):
    """The archive is whole, and holds what no backup holds."""

    code = "ARCHIVE_INVALID"


class OperationFailure(AtlasError):
    """A run, or one item of it, failed for a reason that can be told.

    `code` here is the operation's own, namespaced code without its prefix (`item_failed`); the host
    puts the operation's type before it.

    .. versionadded:: 0.1
    """

    reason: ClassVar[ReasonCode] = ReasonCode.UNKNOWN_ERROR

    def __init__(
        self,
        message: str,
        *,
        reason: ReasonCode | None = None,
        detail: str | None = None,
        code: str = "failed",
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason_code = reason or type(self).reason
        self.detail = detail
        self.failure_code = code
        self.request_id = request_id


class GraphError(OperationFailure):
    """A call to Microsoft Graph, or to its login service, did not succeed.

    `status` is the HTTP status where there was an answer; `retry_after` seconds; `may_have_happened`
    is true for a write whose effect is unknown (no answer, or an answer after which it may have run).
    `request_id` is Microsoft's where there is one, `client_request_id` the one that Atlas sent.

    .. versionadded:: 0.1
    """

    def __init__(
        self,
        message: str,
        *,
        reason: ReasonCode,
        status: int | None = None,
        retry_after: float | None = None,
        may_have_happened: bool = False,
        detail: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, reason=reason, detail=detail, request_id=request_id)
        self.status = status
        self.retry_after = retry_after
        self.may_have_happened = may_have_happened
        self.client_request_id: str | None = None

    @property
    def no_entry(self) -> bool:
        """Whether Atlas did not get into the tenant, so that every other call would end in the same way."""
        return self.reason_code in NO_ENTRY and self.status is None


class ConfigurationError(AtlasError):
    """A setting or the installation does not allow this."""

    code = "CONFIGURATION"
