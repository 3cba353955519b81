"""Secrets at rest: AES-256-GCM under a key that is not in the database.

`ATLAS_SECRET_KEY` may name several keys: the first seals, all of them open, so that a new key can be put
in front while old seals still open.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from atlas_gql.errors import ConfigurationError

KEY_BYTES = 32
_NONCE_BYTES = 12


@dataclass(frozen=True)
class Sealed:
    """A sealed secret: nonce and ciphertext, and the name of the key that opens it."""

    data: bytes = field(repr=False)
    key_id: str


def generate_key() -> str:
    """A new key in the form that `ATLAS_SECRET_KEY` takes."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


class Sealer:
    """Seals and opens secrets, each bound to the row it belongs to."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {_key_id(key): key for key in keys}
        self._first = next(iter(self._keys))

    @classmethod
    def from_text(cls, text: str) -> Sealer:
        """From the setting's text. Raises ConfigurationError without repeating it."""
        keys = []
        for part in text.split(","):
            try:
                key = base64.b64decode(part.strip(), validate=True)
            except ValueError:
                key = b""
            if len(key) != KEY_BYTES:
                raise ConfigurationError(
                    "ATLAS_SECRET_KEY must be base64 of 32 random bytes, or several such keys separated by"
                    " commas. `atlas keys generate` makes one."
                )
            keys.append(key)
        return cls(keys)

    def seal(self, secret: str, *, row: UUID) -> Sealed:
        """Seal a secret for the row with this id; it cannot be opened as another row's."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._keys[self._first]).encrypt(nonce, secret.encode(), row.bytes)
        return Sealed(nonce + sealed, self._first)

    def open(self, sealed: Sealed, *, row: UUID) -> str:
        """The secret. Raises ConfigurationError when its key is not among ours, or it was tampered with."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise ConfigurationError("A stored credential was sealed with a key that is not configured.")
        nonce, data = sealed.data[:_NONCE_BYTES], sealed.data[_NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, data, row.bytes).decode()
        except InvalidTag:
            raise ConfigurationError("A stored credential cannot be opened: it was changed.") from None

    def derive(self, purpose: str) -> bytes:
        """A key for another purpose, that tells nothing of the sealing key."""
        kdf = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode())
        return kdf.derive(self._keys[self._first])


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"atlas key id" + key).hexdigest()[:12]
