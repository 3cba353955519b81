"""Which addresses may be told anything: public ones, and those of networks that the installation names.

Who sets a URL is a tenant's manager, and where Atlas runs is not theirs: without this, a URL would reach the
metadata service of the machine's cloud, or whatever listens beside Atlas.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Where a translator reaches the IPv4 address in the last bits (RFC 6052)."""
_REFUSED = (
    # Of public form, and each machine's own: Azure's host
    # (https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16, read 2026-11-28).
    ipaddress.IPv4Network("168.63.129.16/32"),
    # What Python 3.11 holds for global in part.
    ipaddress.IPv4Network("192.0.0.0/24"),
    # Relays for 6to4, and what holds an IPv4 address somewhere: nobody has receivers there.
    ipaddress.IPv4Network("192.88.99.0/24"),
    ipaddress.IPv6Network("::/96"),
    ipaddress.IPv6Network("::ffff:0:0:0/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
    ipaddress.IPv6Network("2001::/32"),
    ipaddress.IPv6Network("2002::/16"),
    ipaddress.IPv6Network("fec0::/10"),
)


def networks_of(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks that are named. Raises ValueError for what is none."""
    return tuple(ipaddress.ip_network(text.strip()) for text in texts)


def is_named(address: Address, networks: Iterable[Network]) -> bool:
    """Whether it is in one of these networks."""
    return any(_within(_plain(address), network) for network in networks)


def is_public(address: Address) -> bool:
    """Whether it is an address of the internet, and of nothing else."""
    address = _plain(address)
    if _within(address, _NAT64):
        address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(_within(address, network) for network in _REFUSED)
    )


def _plain(address: Address) -> Address:
    """The address, as IPv4 where it is one in IPv6's clothes."""
    return getattr(address, "ipv4_mapped", None) or address


def _within(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
