"""Options that say where a credential's secret, certificate or assertion comes from; never an argument."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from atlas_gql.cli.secrets import check_sources, read_secret
from atlas_gql.errors import ValidationError
from atlas_gql.providers import material
from atlas_gql.providers.material import CredentialKind, Material

OfKind = Annotated[
    CredentialKind,
    typer.Option(
        help="A client secret, a certificate with its private key, or the assertion of a workload identity."
    ),
]
CertificateFile = Annotated[
    Path | None, typer.Option(help="The certificate, a PEM file.", show_default=False)
]
KeyFile = Annotated[Path | None, typer.Option(help="Its private key, a PEM file.", show_default=False)]
PfxFile = Annotated[
    Path | None,
    typer.Option(help="Certificate and private key in one PFX (PKCS#12) file.", show_default=False),
]
AssertionFile = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Name of the assertion's file in the workspace's folder below ATLAS_ASSERTION_DIR.",
        show_default=False,
    ),
]
Expires = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d"], help="When it ends; a certificate tells that itself.", show_default=False
    ),
]


@dataclass(frozen=True, kw_only=True)
class Given:
    """The options as they were given."""

    kind: CredentialKind
    from_env: str | None
    from_stdin: bool
    certificate: Path | None
    private_key: Path | None
    pfx: Path | None
    assertion_file: str | None

    def material(self) -> Material:
        """What they name, read and checked.

        Raises typer.BadParameter for options that do not fit each other, ValidationError for what is
        found there.
        """
        self._check()
        if self.assertion_file is not None:
            return material.federated(self.assertion_file)
        if self.pfx is not None:
            return self._packed(_bytes(self.pfx, "pfx"))
        if self.certificate is None or self.private_key is None:
            return material.secret(self._read("Secret"))
        key = _text(self.private_key, "privateKey")
        return material.certificate(
            _text(self.certificate, "certificate"),
            key,
            passphrase=self._read("Passphrase") if material.is_encrypted(key) else None,
        )

    def _packed(self, content: bytes) -> Material:
        """What a PFX holds. It does not say whether it has a passphrase: without one it is tried first."""
        if not (self.from_env or self.from_stdin):
            try:
                return material.pfx(content)
            except ValidationError:
                if not sys.stdin.isatty():
                    raise
        return material.pfx(content, passphrase=self._read("Passphrase"))

    def _check(self) -> None:
        check_sources(self.from_env, self.from_stdin)
        federated = self.assertion_file is not None
        files = [self.certificate is not None, self.private_key is not None, self.pfx is not None]
        if any(files) and self.kind is not CredentialKind.CERTIFICATE:
            raise typer.BadParameter("--certificate, --private-key and --pfx need --kind certificate.")
        if federated is not (self.kind is CredentialKind.FEDERATED):
            raise typer.BadParameter("--kind federated and --assertion-file need each other.")
        if self.kind is CredentialKind.CERTIFICATE and files not in (
            [True, True, False],
            [False, False, True],
        ):
            raise typer.BadParameter(
                "--kind certificate needs either --certificate and --private-key, or --pfx."
            )

    def _read(self, what: str) -> str:
        return read_secret(what, self.from_env, self.from_stdin)


def instant_of(expires: datetime | None) -> datetime | None:
    """The instant that `--expires` means: the beginning of that day, in UTC."""
    return expires.replace(tzinfo=UTC) if expires else None


def _bytes(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise ValidationError(f"{path} cannot be read: {exc.strerror}.", field=field) from exc


def _text(path: Path, field: str) -> str:
    try:
        return _bytes(path, field).decode("ascii")
    except UnicodeDecodeError as exc:
        raise ValidationError(f"{path} is not in PEM form.", field=field) from exc
