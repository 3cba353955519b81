"""Certificates from strangers, opened in a process of their own.

Who makes a PFX or protects a key decides how long opening it takes - minutes, if they like - and nothing
else runs in a process meanwhile, threads or not. A child does it, and is ended when it takes too long.

    python -m atlas_gql.providers.opening      reads {"form": "pem" | "pfx", "given": {...}}, writes JSON
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson

from atlas_gql.errors import ValidationError
from atlas_gql.providers import material
from atlas_gql.providers.material import CredentialKind, Material

SECONDS = 10.0
"""How long opening may take; what people export takes far less than one."""

FORMS: dict[str, Callable[..., Material]] = {"pem": material.certificate, "pfx": material.pfx_in_base64}


async def opened(form: str, **given: str | None) -> Material:
    """What `FORMS` makes of it. Raises ValidationError, also when it takes too long."""
    asked = orjson.dumps({"form": form, "given": given})
    return await asyncio.to_thread(_ask, asked)


def _ask(asked: bytes) -> Material:
    command = [sys.executable, "-m", __name__]
    try:
        child = subprocess.run(command, input=asked, capture_output=True, timeout=SECONDS, check=True)  # noqa: S603 - our own module
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        raise ValidationError("The certificate cannot be opened, or takes too long.", "material") from None
    answer = orjson.loads(child.stdout)
    if "refused" in answer:
        raise ValidationError(answer["refused"], answer["field"])
    return Material(
        kind=CredentialKind.CERTIFICATE,
        text=answer["text"],
        expires_at=datetime.fromisoformat(answer["expires_at"]),
    )


def _answer(asked: bytes) -> dict[str, Any]:
    request = orjson.loads(asked)
    try:
        made = FORMS[request["form"]](**request["given"])
    except ValidationError as exc:
        return {"refused": exc.message, "field": exc.field}
    return {"text": made.text, "expires_at": made.expires_at}


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(_answer(sys.stdin.buffer.read())))
