"""Signatures as Standard Webhooks has them (https://www.standardwebhooks.com, read 2026-11-28)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from atlas_gql.plugins import Secret

PREFIX = "whsec_"
KEY_SIZE = range(24, 65)


def key_of(secret: Secret[str]) -> bytes:
    """The bytes of a secret. Raises ValueError for one of another form, without showing it."""
    prefix, encoded = secret.reveal()[: len(PREFIX)], secret.reveal()[len(PREFIX) :]
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if prefix != PREFIX or len(key) not in KEY_SIZE:
        raise ValueError("no secret of a webhook")
    return key


def headers(message_id: str, body: bytes, *, at: int, secrets: Sequence[Secret[str]]) -> dict[str, str]:
    """The headers that a message is told by, sent at a time in seconds, with a signature for each secret."""
    signed = f"{message_id}.{at}.".encode() + body
    signatures = (hmac.new(key_of(secret), signed, hashlib.sha256).digest() for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signatures),
    }
