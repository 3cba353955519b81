"""The webhooks plugin: one listener, and what can be set of it."""

from __future__ import annotations

from collections.abc import Iterable

from atlas_gql.plugins import Listener, PluginSettings, ReasonDetail, hookimpl
from atlas_webhooks.delivering import deliver
from atlas_webhooks.settings import WebhooksInstallationSettings, WebhooksSettings


@hookimpl
def atlas_listeners() -> Iterable[Listener]:
    """Return the listener that tells of ended runs."""
    return [
        Listener(
            type="webhooks.deliver",
            label="Tell webhooks",
            description="Tells the receivers that are set for the tenant that a run has ended.",
            handler=deliver,
            where_set=True,
        )
    ]


@hookimpl
def atlas_settings() -> PluginSettings:
    """Return where notifications go, and which private networks they may reach."""
    return PluginSettings(installation=WebhooksInstallationSettings, tenant=WebhooksSettings)


@hookimpl
def atlas_reason_details() -> Iterable[ReasonDetail]:
    """Return why a receiver was given up."""
    return [
        ReasonDetail(name="refused", description="The receiver refused the notification."),
        ReasonDetail(name="gone", description="The receiver says that it is gone for good."),
        ReasonDetail(
            name="redirected", description="The receiver leads elsewhere; redirects are not followed."
        ),
        ReasonDetail(name="not_https", description="The receiver's URL is not https."),
        ReasonDetail(
            name="address_refused",
            description="The receiver's address is not public, and its network not allowed.",
        ),
    ]
