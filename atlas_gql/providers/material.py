"""What an application proves its identity with, checked before it is sealed.

Microsoft's rules: https://learn.microsoft.com/entra/identity-platform/howto-create-service-principal-portal
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
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
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates, load_pkcs12

from atlas_gql.errors import ValidationError
from atlas_gql.providers.assertions import is_file_name
from atlas_gql.values import is_guid


class CredentialKind(StrEnum):
    """The kinds of credential that can be made."""

    SECRET = "secret"  # noqa: S105 - the name of a kind
    CERTIFICATE = "certificate"
    FEDERATED = "federated"


@dataclass(frozen=True, kw_only=True)
class Material:
    """What was checked, as text in the form that `open_credential` reads."""

    kind: CredentialKind
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
    return Material(kind=CredentialKind.SECRET, text=value)


def certificate(certificate: str, private_key: str, *, passphrase: str | None = None) -> Material:
    """A certificate (PEM; its issuers may follow it) and its RSA key (PEM, maybe under a passphrase).

    The key is kept without the passphrase. Raises ValidationError when either cannot be used, or they do
    not belong together.
    """
    chain = _chain(certificate)
    key = _key(private_key, passphrase)
    if chain[0].public_key() != key.public_key():
        raise ValidationError("The private key does not belong to the certificate.", field="privateKey")
    return _certified(chain, key)


def pfx(content: bytes, *, passphrase: str | None = None) -> Material:
    """A certificate and its RSA key in one PFX (PKCS#12), with their issuers where they are in it.

    Kept like those of PEM files. Raises ValidationError when it cannot be opened, or lacks either.
    """
    opened = _opened(content, passphrase)
    if opened.key is None or opened.cert is None:
        raise ValidationError(
            "The PFX must hold a certificate with its private key: export it with the key.", field="pfx"
        )
    if not isinstance(opened.key, RSAPrivateKey):
        raise ValidationError("Microsoft Entra takes RSA keys only.", field="pfx")
    issuers = [issuer.certificate for issuer in opened.additional_certs]
    return _certified([opened.cert.certificate, *issuers], opened.key)


def pfx_in_base64(content: str, *, passphrase: str | None = None) -> Material:
    """A PFX whose bytes are given as base64; as `pfx` else."""
    try:
        raw = base64.b64decode("".join(content.split()), validate=True)
    except ValueError:
        raise ValidationError("The PFX must be given as base64.", field="pfx") from None
    return pfx(raw, passphrase=passphrase)


def federated(file: str) -> Material:
    """The name of the file in which the workspace's assertion will be found when it is needed.

    Raises ValidationError for what is no plain file name.
    """
    if not is_file_name(file):
        raise ValidationError(
            "Give the assertion file's plain name: letters, digits, dots, hyphens and underscores, no path.",
            field="file",
        )
    return Material(kind=CredentialKind.FEDERATED, text=file)


def is_encrypted(private_key: str) -> bool:
    """Whether a PEM key needs a passphrase."""
    return "ENCRYPTED" in private_key


def _certified(chain: Sequence[x509.Certificate], key: RSAPrivateKey) -> Material:
    content = {
        "certificate": "".join(one.public_bytes(Encoding.PEM).decode() for one in chain),
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }
    return Material(
        kind=CredentialKind.CERTIFICATE,
        text=orjson.dumps(content).decode(),
        expires_at=chain[0].not_valid_after_utc,
    )


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


def _opened(content: bytes, passphrase: str | None) -> PKCS12KeyAndCertificates:
    # "No passphrase" is written in two ways, and nothing in the file tells which.
    for password in (passphrase.encode(),) if passphrase else (None, b""):
        try:
            return load_pkcs12(content, password)
        except (ValueError, UnsupportedAlgorithm):
            continue
    raise ValidationError(
        "The PFX cannot be opened: it is damaged, protected in an outdated way, or the passphrase is wrong.",
        field="pfx",
    )
