"""What a URL that a tenant's manager sets may reach, however the address is written."""

from __future__ import annotations

import asyncio
import ipaddress

import pytest

from atlas_webhooks.networks import is_named, is_public, networks_of
from atlas_webhooks.posting import post

PRIVATE = (
    *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.1"),
    *(
        "169.254.169.254",
        "100.64.0.1",
        "100.100.100.200",
        "192.0.0.192",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
    ),
    *("255.255.255.255", "168.63.129.16", "192.88.99.1", "203.0.113.1"),
    *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1", "2001::1"),
    *("::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::127.0.0.1", "::ffff:0:127.0.0.1", "2002:7f00:1::"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808"),
)
PUBLIC = ("8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808")


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_allowed(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("10.2.0.1", False),
        ("fd00:1::5", True),
        ("fd00:2::5", False),
    ],
)
def test_a_network_that_is_named(address: str, named: bool) -> None:
    assert is_named(ipaddress.ip_address(address), networks_of(["10.1.0.0/16", " fd00:1::/64"])) is named


@pytest.mark.parametrize("text", ["10.1.0.1/16", "example.com", "10.0.0.0/33", ""])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match=r"network|host bits"):
        networks_of([text])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "127.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_however_loopback_is_written_nothing_is_sent_there(host: str) -> None:
    heard: list[bytes] = []

    async def main() -> str | None:
        server = await asyncio.start_server(lambda *_: heard.append(b"somebody"), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            posted = await post(f"https://{host}:{port}/x", b"{}", {}, networks=())
        assert posted.problem is not None
        return posted.problem.detail

    assert (asyncio.run(main()), heard) == ("address_refused", [])
