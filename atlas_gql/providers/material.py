"""What an application proves its identity with, checked before it is sealed.

Microsoft's rules: https://learn.microsoft.com/entra/identity-platform/howto-create-service-principal-portal
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import orjson
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from atlas_gql.errors import ValidationError
from atlas_gql.values import is_guid


class Kind(StrEnum):
    """The kinds of credential that can be made."""

    SECRET = "secret"  # noqa: S105 - the name of a kind
    CERTIFICATE = "certificate"


@dataclass(frozen=True, kw_only=True)
class Material:
    """A checked secret or certificate, as text in the form that `open_credential` reads."""

    kind: Kind
    text: str = field(repr=False)
    expires_at: datetime | None = None
    """When it ends by itself, where it tells."""


def secret(value: str) -> Material:
    """A client secret. Raises ValidationError when it is empty or clearly not the secret's value."""
    value = value.strip()
    if not value:
        raise ValidationError("The secret is empty.", field="secret")
    if not value.isprintable() or " " in value:
        raise ValidationError("A client secret holds no spaces or line breaks.", field="secret")
    if is_guid(value):
        raise ValidationError(
            "This looks like the secret's id. Its value is needed, which Entra shows once.", field="secret"
        )
    return Material(kind=Kind.SECRET, text=value)


def certificate(certificates: str, private_key: str, *, passphrase: str | None = None) -> Material:
    """A certificate (PEM; its issuers may follow it) and its RSA key (PEM, maybe under a passphrase).

    The key is kept without the passphrase. Raises ValidationError when either cannot be used, or they do
    not belong together.
    """
    chain = _chain(certificates)
    key = _key(private_key, passphrase)
    if chain[0].public_key() != key.public_key():
        raise ValidationError("The private key does not belong to the certificate.", field="privateKey")
    content = {
        "certificate": "".join(one.public_bytes(Encoding.PEM).decode() for one in chain),
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }
    return Material(
        kind=Kind.CERTIFICATE,
        text=orjson.dumps(content).decode(),
        expires_at=chain[0].not_valid_after_utc,
    )


def is_encrypted(private_key: str) -> bool:
    """Whether a PEM key needs a passphrase."""
    return "ENCRYPTED" in private_key


def _chain(pem: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError as exc:
        raise ValidationError("The certificate is not in PEM form.", field="certificate") from exc


def _key(pem: str, passphrase: str | None) -> RSAPrivateKey:
    encrypted = is_encrypted(pem)
    if encrypted and not passphrase:
        raise ValidationError("The private key needs its passphrase.", field="privateKey")
    try:
        key = load_pem_private_key(pem.encode(), passphrase.encode() if encrypted and passphrase else None)
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise ValidationError(
            "The private key is not in PEM form, or the passphrase is wrong.", field="privateKey"
        ) from exc
    if not isinstance(key, RSAPrivateKey):
        raise ValidationError("Microsoft Entra takes RSA keys only.", field="privateKey")
    return key
