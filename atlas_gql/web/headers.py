"""Headers that keep browsers from doing with an answer what it is not meant for."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = b"content-security-policy"
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
NOTHING_LOADED = (POLICY, b"default-src 'none'; frame-ancestors 'none'")


class SecurityHeaders:
    """Adds them to every answer; a page has a policy of its own. HSTS belongs to whoever ends TLS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message["headers"]
                policy = () if any(name == POLICY for name, _ in own) else (NOTHING_LOADED,)
                message["headers"] = [*own, *HEADERS, *policy]
            await send(message)

        await self._app(scope, receive, sending)
