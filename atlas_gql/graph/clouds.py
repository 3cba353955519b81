"""The clouds Microsoft runs Entra and Graph in; a tenant lives in exactly one.

Hosts: https://learn.microsoft.com/graph/deployments (read 2026-11-23).
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Where tokens come from and where Graph answers; URLs have no slash at their end."""

    name: str
    authority: str
    """The login service's own URL, as it stands in tokens and discovery documents."""
    audience: str
    """Graph's own URL: what a token must be for."""
    login_url: str
    """Where the login service is really reached; differs from `authority` for a simulator."""
    graph_url: str
    """Where Graph is really reached; differs from `audience` for a simulator."""

    @property
    def scope(self) -> str:
        """What an application asks a token for: everything consented to it."""
        return f"{self.audience}/.default"

    def at(self, url: str) -> Cloud:
        """The same cloud, reached at another address: a simulator that plays both services."""
        return replace(self, login_url=url.rstrip("/"), graph_url=url.rstrip("/"))


def _cloud(name: str, login: str, graph: str) -> Cloud:
    authority, audience = f"https://{login}", f"https://{graph}"
    return Cloud(name=name, authority=authority, audience=audience, login_url=authority, graph_url=audience)


GLOBAL = _cloud("GLOBAL", "login.microsoftonline.com", "graph.microsoft.com")
US_GOVERNMENT = _cloud("US_GOVERNMENT", "login.microsoftonline.us", "graph.microsoft.us")
US_GOVERNMENT_DOD = _cloud("US_GOVERNMENT_DOD", "login.microsoftonline.us", "dod-graph.microsoft.us")
CHINA = _cloud("CHINA", "login.partner.microsoftonline.cn", "microsoftgraph.chinacloudapi.cn")

CLOUDS: dict[str, Cloud] = {cloud.name: cloud for cloud in (GLOBAL, US_GOVERNMENT, US_GOVERNMENT_DOD, CHINA)}
"""Every cloud, by name."""
