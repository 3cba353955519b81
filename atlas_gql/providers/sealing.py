"""Secrets at rest: AES-256-GCM under a key that is not in the database.

`ATLAS_SECRET_KEY` may name several keys: the first seals, all of them open, so that a new key can be put
in front while old seals still open. `resealing` then does away with the old seals.
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

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The names of the keys, in their order: the first seals."""
        return tuple(self._keys)

    def seal(self, secret: str, *, row: UUID) -> Sealed:
        """Seal a secret for the row with this id; it cannot be opened as another row's."""
        nonce, key_id = os.urandom(_NONCE_BYTES), self.key_ids[0]
        return Sealed(nonce + AESGCM(self._keys[key_id]).encrypt(nonce, secret.encode(), row.bytes), key_id)

    def open(self, sealed: Sealed, *, row: UUID) -> str:
        """The secret. Raises ConfigurationError when its key is not among ours, or it was tampered with."""
        key = self._keys.get(sealed.key_id)
        if key is None:
            raise ConfigurationError("A stored secret was sealed with a key that is not configured.")
        nonce, data = sealed.data[:_NONCE_BYTES], sealed.data[_NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, data, row.bytes).decode()
        except InvalidTag:
            raise ConfigurationError("A stored secret cannot be opened: it was changed.") from None

    def derive(self, purpose: str) -> tuple[bytes, ...]:
        """Keys for another purpose, that tell nothing of the sealing keys: one of each, in their order.

        Sign with the first and accept all, and what was signed before a rotation still counts after it.
        """
        return tuple(
            HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(key)
            for key in self._keys.values()
        )


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"atlas key id" + key).hexdigest()[:12]
