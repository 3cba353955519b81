"""What can be set: where a tenant's notifications go, and which private networks the installation allows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import httpx

from atlas_gql.plugins import Doc, FinishedRun, Secret, ValidationError
from atlas_webhooks.networks import networks_of
from atlas_webhooks.signing import key_of

MOST_ENDPOINTS = 10
LONGEST_URL = 2000


class WebhooksOutcome(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


# The API shows these: a string below a member would be lost.
WebhooksOutcome.SUCCEEDED.__doc__ = "All that it attempted is done."
WebhooksOutcome.PARTIALLY_SUCCEEDED.__doc__ = "Some is done, and some is not."
WebhooksOutcome.FAILED.__doc__ = "Nothing is done, or it could not go on."
WebhooksOutcome.CANCELLED.__doc__ = "Somebody asked it to stop."


@dataclass(frozen=True, kw_only=True)
class WebhooksEndpoint:
    """A receiver, and which runs it is told of; all conditions must hold."""

    url: Annotated[
        str, Doc("Where notifications are posted: https, unless the installation allows its network.")
    ]
    types: Annotated[tuple[str, ...], Doc("Only runs of these operation types; all when empty.")] = ()
    outcomes: Annotated[tuple[WebhooksOutcome, ...], Doc("Only runs that ended so; all when empty.")] = ()

    def wants(self, ended: FinishedRun) -> bool:
        return (not self.types or ended.type in self.types) and (
            not self.outcomes or ended.outcome in self.outcomes
        )


@dataclass(frozen=True, kw_only=True)
class WebhooksSettings:
    """Who is told when a run of the tenant has ended."""

    endpoints: Annotated[tuple[WebhooksEndpoint, ...], Doc("The receivers, 10 at most.")] = ()
    secret: Annotated[
        Secret[str] | None,
        Doc("What notifications are signed with: `whsec_` and 24 to 64 random bytes in base64."),
    ] = None
    previous_secret: Annotated[
        Secret[str] | None, Doc("The secret before: while it is set, notifications are signed with both.")
    ] = None

    def __post_init__(self) -> None:
        """Raises ValidationError for what cannot be used."""
        if len(self.endpoints) > MOST_ENDPOINTS:
            raise ValidationError(f"At most {MOST_ENDPOINTS} endpoints.", field="endpoints")
        for endpoint in self.endpoints:
            if not _is_usable(endpoint.url):
                raise ValidationError(
                    "An endpoint's URL is https://host/path, without a user, a password or a fragment.",
                    field="endpoints",
                )
        for field, secret in (("secret", self.secret), ("previous_secret", self.previous_secret)):
            if secret:
                _check_secret(secret, field)


@dataclass(frozen=True, kw_only=True)
class WebhooksInstallationSettings:
    """What notifications may reach."""

    private_networks: Annotated[
        tuple[str, ...],
        Doc("Networks that receivers may be in although they are not public, as 10.1.0.0/16."),
    ] = ()

    def __post_init__(self) -> None:
        """Raises ValidationError for what is no network."""
        try:
            networks_of(self.private_networks)
        except ValueError:
            raise ValidationError(
                "A network is an address and a length, as 10.1.0.0/16 or fd00:1::/64.",
                field="private_networks",
            ) from None


def _is_usable(url: str) -> bool:
    if len(url) > LONGEST_URL or not url.isprintable():
        return False
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return (
        parsed.scheme in ("https", "http")
        and bool(parsed.host)
        and not parsed.userinfo
        and not parsed.fragment
    )


def _check_secret(secret: Secret[str], field: str) -> None:
    try:
        key_of(secret)
    except ValueError:
        raise ValidationError(
            "A secret is `whsec_` and 24 to 64 random bytes in base64.", field=field
        ) from None
