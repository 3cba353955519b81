"""What the documentation says of webhooks: its receiver's check, and the message that it shows."""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from atlas_gql.plugins import FinishedRun, Secret, Tenant
from atlas_webhooks.message import Message
from atlas_webhooks.signing import headers
from support.documents import blocks
from support.paths import ROOT

PAGE = ROOT / "docs" / "administrators.md"
(CHECK,) = (block.text for block in blocks("python", PAGE) if "is_from_atlas" in block.text)
(SHOWN,) = (json.loads(block.text) for block in blocks("json", PAGE) if "run.finished" in block.text)
BODY = b'{"type":"run.finished"}'


def new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.mark.parametrize(
    ("age", "body", "signers", "good"),
    [
        pytest.param(0, BODY, ("ours",), True, id="ours"),
        pytest.param(0, BODY, ("another", "ours"), True, id="one of two"),
        pytest.param(0, BODY, ("another",), False, id="signed with another"),
        pytest.param(0, BODY + b" ", ("ours",), False, id="changed"),
        pytest.param(400, BODY, ("ours",), False, id="old"),
    ],
)
def test_the_check_of_a_receiver_works(age: int, body: bytes, signers: tuple[str, ...], good: bool) -> None:
    known: dict[str, Any] = {}
    exec(CHECK, known)
    ours = new_secret()
    keys = [Secret(ours if signer == "ours" else new_secret()) for signer in signers]
    sent = headers("a-run", BODY, at=int(time.time()) - age, secrets=keys)
    assert known["is_from_atlas"](ours, sent, body) is good


def test_a_message_has_the_form_that_is_shown() -> None:
    now = datetime.now(UTC)
    values: dict[str, Any] = {field.name: 0 for field in fields(FinishedRun)}
    values |= {"created_at": now, "started_at": now, "finished_at": now, "subject_id": uuid4()}
    values |= {"subject_kind": "BackupSet", "failure_code": None, "failure_reason": None}
    tenant = Tenant(id=uuid4(), name="a", primary_domain="b", entra_tenant_id=uuid4())
    message = Message.of(FinishedRun(**values), tenant)
    assert form(json.loads(message.body)) == form(SHOWN)


def form(value: Any) -> Any:
    """The fields of a value, in order."""
    return [(name, form(inner)) for name, inner in value.items()] if isinstance(value, dict) else None
