"""Certificates made on the spot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

ENDS = datetime(2099, 1, 31, tzinfo=UTC)


def pem(key: Any, passphrase: str | None = None) -> str:
    """A private key as PEM, encrypted when there is a passphrase."""
    hidden = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden).decode()


def certificate_of(key: Any, *, ends: datetime = ENDS, host: str = "atlas.example") -> str:
    """A self-signed certificate of a key, as PEM; a server's, for this host."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Atlas")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(min(datetime(2019, 1, 1, tzinfo=UTC), ends))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
        .decode()
    )


def pfx(key: Any, passphrase: str | None = None, *, rounds: int = 2048, alone: bool = False) -> bytes:
    """A key and its self-signed certificate as PFX; `alone`: without the key."""
    hidden: Any = NoEncryption()
    if passphrase:
        hidden = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds).build(passphrase.encode())
    certificate = x509.load_pem_x509_certificate(certificate_of(key).encode())
    return serialize_key_and_certificates(b"atlas", None if alone else key, certificate, None, hidden)
