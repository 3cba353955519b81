"""The HTTP clients that lead to Graph and to the login service, shared by all runs of a process.

Microsoft's clouds are reached through the proxies of the environment (`HTTPS_PROXY`, `ALL_PROXY`,
`NO_PROXY`), as httpx reads them. A simulator is asked directly, whatever they say.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

import httpx

from atlas_gql.errors import ConfigurationError
from atlas_gql.graph import TIMEOUT

LOGIN_TIMEOUT = 30


@dataclass(frozen=True, kw_only=True)
class Road:
    """The clients for one way out of the process."""

    graph: httpx.AsyncClient
    login: httpx.Client
    """msal blocks: it is asked in a thread."""

    async def close(self) -> None:
        await self.graph.aclose()
        await asyncio.get_running_loop().run_in_executor(None, self.login.close)


class Roads:
    """The two ways out. Raises ConfigurationError when the environment's proxies cannot be used."""

    def __init__(self) -> None:
        # Made once: reading the certificates takes longer than all the rest.
        tls = httpx.create_ssl_context()
        self.simulator = _road(tls, proxies=False)
        try:
            self.microsoft = _road(tls, proxies=True)
        except (ValueError, ImportError, httpx.InvalidURL) as exc:
            raise ConfigurationError(
                "The proxy in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY cannot be used: Atlas speaks to proxies"
                " whose URL begins with http:// or https://."
            ) from exc

    async def close(self) -> None:
        await self.microsoft.close()
        await self.simulator.close()


def _road(tls: ssl.SSLContext, *, proxies: bool) -> Road:
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=32)
    return Road(
        graph=httpx.AsyncClient(verify=tls, trust_env=proxies, timeout=TIMEOUT, limits=limits),
        login=httpx.Client(verify=tls, trust_env=proxies, timeout=LOGIN_TIMEOUT),
    )
