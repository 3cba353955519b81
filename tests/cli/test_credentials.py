"""Where a secret may come from, what is taken for one, and that it is never shown."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
import time
import uuid
from datetime import UTC, datetime

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from atlas_gql.graph import Certificate, Secret
from atlas_gql.providers.clients import open_credential
from atlas_gql.providers.sealing import Sealed, Sealer
from support.certificates import ENDS, certificate_of, pem

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def opened(rows, environment, tmp_path):
    """A function that opens a stored credential as the worker does."""

    def give(credential_id: str):
        [row] = rows(
            "SELECT workspace_id, kind, sealed, key_id FROM credentials WHERE id = %s", credential_id
        )
        sealed = Sealed(row["sealed"], row["key_id"])
        sealer = Sealer.from_text(environment["ATLAS_SECRET_KEY"])
        text = sealer.open(sealed, row=uuid.UUID(credential_id))
        return open_credential(row["kind"], text, workspace_id=row["workspace_id"], assertion_dir=tmp_path)

    return give


@pytest.fixture
def files(tmp_path):
    """A function that writes a certificate and a key, and gives the options that name them."""

    def write(certificate: str, key: str) -> list[str]:
        (tmp_path / "atlas.crt").write_text(certificate)
        (tmp_path / "atlas.key").write_text(key)
        return [
            "--kind", "certificate", "--certificate", str(tmp_path / "atlas.crt"),
            "--private-key", str(tmp_path / "atlas.key"),
        ]  # fmt: skip

    return write


def test_a_secret_from_the_environment(made, place, opened, monkeypatch):
    value = "s3cret~" + uuid.uuid4().hex
    monkeypatch.setenv("APP_SECRET", value)
    credential = made(
        "credential", "create", "from env", "--workspace", place.workspace, "--from-env", "APP_SECRET"
    )
    assert opened(credential["id"]) == Secret(value=value)


def test_a_secret_that_is_asked_for_is_not_echoed(place, opened, environment):
    value = "s3cret~" + uuid.uuid4().hex
    terminal, theirs = pty.openpty()
    with os.fdopen(terminal, "r+b", buffering=0) as screen, subprocess.Popen(
        [sys.executable, "-m", "atlas_gql.cli", "credential", "create", "asked", "--json",
         "--workspace", place.workspace, "--kind", "secret"],
        stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True,
        env={**os.environ, **environment},
    ) as process:  # fmt: skip
        os.close(theirs)
        try:
            end = time.monotonic() + 20
            while termios.tcgetattr(screen)[3] & termios.ECHO:
                assert time.monotonic() < end, "the terminal echoes what is typed"
                time.sleep(0.01)
            screen.write(value.encode() + b"\n")
            out, _ = process.communicate(timeout=30)
            shown = screen.read(1024)
        finally:
            process.kill()
    assert (process.returncode, shown) == (0, b"Secret: \r\n")
    assert opened(orjson.loads(out)["id"]) == Secret(value=value)


@pytest.mark.parametrize("passphrase", [None, "correct horse"], ids=["plain-key", "key-under-a-passphrase"])
def test_a_certificate_brings_its_own_end(atlas, place, opened, files, rows, passphrase):
    result = atlas(
        "credential", "create", "certificate", "--workspace", place.workspace, "--json", "--from-stdin",
        *files(certificate_of(KEY), pem(KEY, passphrase)),
        input=f"{passphrase or ''}\n",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    made = orjson.loads(result.stdout)["id"]
    assert opened(made) == Certificate(certificate=certificate_of(KEY), private_key=pem(KEY))
    assert rows("SELECT kind, expires_at FROM credentials WHERE id = %s", made) == [
        {"kind": "certificate", "expires_at": ENDS}
    ]


@pytest.mark.parametrize(
    ("certificate", "key", "passphrase", "error"),
    [
        pytest.param(
            lambda: "no certificate",
            lambda: pem(KEY),
            "",
            "The certificate is not in PEM form. (certificate)",
            id="no-certificate",
        ),
        pytest.param(
            lambda: certificate_of(KEY),
            lambda: "no key",
            "",
            "The private key is not in PEM form, or the passphrase is wrong. (private-key)",
            id="no-key",
        ),
        pytest.param(
            lambda: certificate_of(KEY),
            lambda: pem(KEY, "right"),
            "wrong",
            "The private key is not in PEM form, or the passphrase is wrong. (private-key)",
            id="wrong-passphrase",
        ),
        pytest.param(
            lambda: certificate_of(KEY),
            lambda: pem(KEY, "right"),
            "",
            "The private key needs its passphrase. (private-key)",
            id="no-passphrase",
        ),
        pytest.param(
            lambda: certificate_of(KEY),
            lambda: pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
            "",
            "The private key does not belong to the certificate. (private-key)",
            id="another-key",
        ),
        pytest.param(
            lambda: certificate_of(KEY),
            lambda: pem(ec.generate_private_key(ec.SECP256R1())),
            "",
            "Microsoft Entra takes RSA keys only. (private-key)",
            id="elliptic-key",
        ),
        pytest.param(
            lambda: certificate_of(KEY, ends=datetime(2020, 1, 1, tzinfo=UTC)),
            lambda: pem(KEY),
            "",
            "The credential has expired already. (expires-at)",
            id="expired",
        ),
    ],
)
def test_a_certificate_that_cannot_work_is_refused(atlas, place, files, certificate, key, passphrase, error):
    result = atlas(
        "credential", "create", "c", "--workspace", place.workspace, "--from-stdin",
        *files(certificate(), key()), input=passphrase + "\n",
    )  # fmt: skip
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"error: {error}\n")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        pytest.param("\n", "The secret is empty. (secret)", id="empty"),
        pytest.param("two words", "A client secret holds no spaces or line breaks. (secret)", id="two-words"),
        pytest.param(
            str(uuid.uuid4()),
            "This looks like the secret's id. Its value is needed, which Entra shows once. (secret)",
            id="the-secrets-id",
        ),
    ],
)
def test_what_is_no_secret_is_refused(atlas, place, value, error):
    result = atlas("credential", "create", "c", "--workspace", place.workspace, "--from-stdin", input=value)
    assert (result.exit_code, result.stderr) == (1, f"error: {error}\n")


def test_a_name_is_unique_in_the_workspace(atlas, place):
    again = ("credential", "create", place.credential, "--workspace", place.workspace, "--from-stdin")
    result = atlas(*again, input="another~value")
    assert result.stderr == "error: The workspace has a credential of this name already. (name)\n"


def test_an_empty_variable_is_told(atlas, monkeypatch):
    monkeypatch.setenv("APP_SECRET", "")
    result = atlas("credential", "create", "c", "--workspace", "w", "--from-env", "APP_SECRET")
    assert result.stderr == "error: The environment variable is not set, or empty. (from-env)\n"


def test_an_unreadable_file_is_named(atlas, tmp_path):
    (tmp_path / "atlas.pfx").write_bytes(b"\x30\x82\xff")
    files = ("--certificate", str(tmp_path / "none.pem"), "--private-key", str(tmp_path / "atlas.pfx"))
    create = ("credential", "create", "c", "--workspace", "w", "--kind", "certificate")
    assert atlas(*create, *files).stderr == (
        f"error: {tmp_path}/atlas.pfx is not in PEM form. (private-key)\n"
    )
    swapped = ("--certificate", files[3], "--private-key", files[1])
    assert atlas(*create, *swapped).stderr == (
        f"error: {tmp_path}/none.pem cannot be read: No such file or directory. (private-key)\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--from-env", "X", "--from-stdin"), id="two-sources"),
        pytest.param(("--certificate", "x.pem"), id="a-secret-in-a-file"),
        pytest.param(("--kind", "certificate", "--certificate", "x.pem"), id="no-private-key"),
        pytest.param((), id="nobody-to-ask"),
    ],
)
def test_sources_that_do_not_fit_are_wrong_usage(atlas, arguments):
    result = atlas("credential", "create", "c", "--workspace", "w", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
