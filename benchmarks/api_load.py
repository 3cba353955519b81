"""A client that sends one request again and again over so many connections, and hardly costs anything."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request, as it goes over the wire."""

    host: str
    port: int
    wire: bytes


@dataclass(kw_only=True)
class Seen:
    """What came of the load: seconds of each request."""

    waits: list[float] = field(default_factory=list)


def request(url: str, method: str, path: str, token: str, body: bytes = b"") -> Asked:
    parts = urlsplit(url)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return Asked(host=parts.hostname or "", port=parts.port or 80, wire=head.encode() + body)


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and the body of the next answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    lines = head.lower().split(b"\r\n")
    length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
    return status, await reader.readexactly(length)


async def once(asked: Asked) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(asked.host, asked.port)
    writer.write(asked.wire)
    try:
        return await answer(reader)
    finally:
        writer.close()


async def load(asked: Asked, *, connections: int, seconds: float) -> Seen:
    """Send the request over each connection, as soon as the answer before is there."""
    seen = Seen()
    end = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection(asked.host, asked.port)
        while (begun := time.perf_counter()) < end:
            writer.write(asked.wire)
            status, _ = await answer(reader)
            assert status == 200
            seen.waits.append(time.perf_counter() - begun)
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return seen
