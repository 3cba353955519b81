"""Requests to the servers of this machine."""

from __future__ import annotations

import atexit

import httpx

from atlas_gql.testing.installation import PLAIN

loopback = httpx.Client(
    verify=PLAIN,
    trust_env=False,
    timeout=30,
    limits=httpx.Limits(keepalive_expiry=2),  # sooner than any server here gives a connection up
)
"""Keeps its connections, asks no proxy and reads no certificates: the last takes longer than all the rest."""
atexit.register(loopback.close)
