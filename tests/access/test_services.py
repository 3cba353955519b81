"""What the services refuse of callers that name things by id, as mutations do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from atlas_gql.access import tokens
from atlas_gql.access.members import add_member, create_user
from atlas_gql.access.tenants import create_tenant
from atlas_gql.access.workspaces import create_workspace
from atlas_gql.audit import By
from atlas_gql.db.database import ENGINE, Database, Transaction
from atlas_gql.errors import ValidationError
from atlas_gql.providers import material
from atlas_gql.providers.credentials import create_credential
from atlas_gql.providers.providers import create_provider
from atlas_gql.providers.sealing import Sealer, generate_key

SEALER = Sealer.from_text(generate_key())
BY = By(kind="user", name="anna", user_id=uuid4(), token_id=uuid4(), request_id="request-1")
CLIENT = "3b1f7a52-5d0e-4f7c-8a54-0c6c5c0c1d22"
NOBODY = UUID(int=7)
TOMORROW = datetime.now(UTC) + timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A workspace with a tenant and a credential."""

    workspace: UUID
    tenant: UUID
    credential: UUID
    user: UUID

    @classmethod
    async def make(cls, tx: Transaction) -> Place:
        workspace = await create_workspace(tx, BY, name=str(uuid4()))
        return cls(
            workspace=workspace,
            user=await create_user(tx, BY, name=str(uuid4())),
            tenant=await tenant(tx, workspace),
            credential=await credential(tx, workspace),
        )


async def tenant(tx: Transaction, workspace: UUID) -> UUID:
    return await create_tenant(
        tx, BY, workspace_id=workspace, name="T", entra_tenant_id=str(uuid4()), primary_domain="t.example"
    )


async def credential(tx: Transaction, workspace: UUID) -> UUID:
    return await create_credential(
        tx, BY, SEALER, workspace_id=workspace, name="C", material=material.secret("a~value")
    )


async def member(tx: Transaction, **changes: Any) -> None:
    await add_member(tx, BY, **{"role": "operator", **changes})


async def provider(tx: Transaction, **changes: Any) -> UUID:
    return await create_provider(tx, BY, **{"cloud": "global", "client_id": CLIENT, **changes})


async def token(tx: Transaction, **changes: Any) -> str:
    given = {"name": "t", "plane": "workspace", "expires_at": TOMORROW, "by": BY, **changes}
    return await tokens.create(tx, **given)


def in_transaction(url: str, work: Callable[[Transaction], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        database = Database(url, max_connections=1)
        await database.open()
        try:
            async with database.scope(ENGINE).begin() as tx:
                return await work(tx)
        finally:
            await database.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("work", "field"),
    [
        pytest.param(lambda tx, *_: tenant(tx, NOBODY), "workspace", id="tenant-of-no-workspace"),
        pytest.param(lambda tx, *_: credential(tx, NOBODY), "workspace", id="credential-of-no-workspace"),
        pytest.param(
            lambda tx, own, _: member(tx, workspace_id=NOBODY, user_id=own.user, tenant_ids=[own.tenant]),
            "workspace",
            id="member-of-no-workspace",
        ),
        pytest.param(
            lambda tx, own, _: member(
                tx, workspace_id=own.workspace, user_id=NOBODY, tenant_ids=[own.tenant]
            ),
            "user",
            id="nobody-as-member",
        ),
        pytest.param(
            lambda tx, own, _: member(tx, workspace_id=own.workspace, user_id=own.user, tenant_ids=[NOBODY]),
            "tenants",
            id="member-of-no-tenant",
        ),
        pytest.param(
            lambda tx, own, other: member(
                tx, workspace_id=own.workspace, user_id=own.user, tenant_ids=[own.tenant, other.tenant]
            ),
            "tenants",
            id="member-of-a-foreign-tenant",
        ),
        pytest.param(
            lambda tx, own, _: member(tx, workspace_id=own.workspace, user_id=own.user, role="member"),
            "role",
            id="no-role",
        ),
        pytest.param(
            lambda tx, own, _: provider(tx, tenant_id=NOBODY, credential_id=own.credential),
            "tenant",
            id="provider-of-no-tenant",
        ),
        pytest.param(
            lambda tx, own, other: provider(tx, tenant_id=own.tenant, credential_id=other.credential),
            "credential",
            id="foreign-credential",
        ),
        pytest.param(
            lambda tx, own, other: provider(
                tx,
                tenant_id=own.tenant,
                credential_id=own.credential,
                write_credential_id=other.credential,
            ),
            "writeCredential",
            id="foreign-write-credential",
        ),
        pytest.param(
            lambda tx, own, _: provider(
                tx, tenant_id=own.tenant, credential_id=own.credential, cloud="germany"
            ),
            "cloud",
            id="no-cloud",
        ),
        pytest.param(lambda tx, *_: token(tx, user_id=NOBODY), "user", id="token-of-nobody"),
        pytest.param(
            lambda tx, own, _: token(tx, user_id=own.user, plane="astral"), "plane", id="token-of-no-plane"
        ),
    ],
)
def test_what_does_not_fit_is_refused(database_url, work, field):
    async def refused(tx: Transaction) -> None:
        with pytest.raises(ValidationError) as error:
            await work(tx, await Place.make(tx), await Place.make(tx))
        assert error.value.field == field

    in_transaction(database_url, refused)


def test_entries_name_the_actor_its_token_and_its_request(database_url, admin_url):
    place = in_transaction(database_url, Place.make)
    with psycopg.connect(admin_url) as connection:
        found = connection.execute(
            "SELECT action, workspace_id, tenant_id, resource_kind, resource_id::uuid, actor_kind,"
            " actor_name, actor_id, token_id, request_id FROM audit_entries"
            " WHERE workspace_id = %s ORDER BY id",
            (place.workspace,),
        ).fetchall()
    anna = ("user", BY.name, BY.user_id, BY.token_id, BY.request_id)
    assert found == [
        ("workspace.created", place.workspace, None, "Workspace", place.workspace, *anna),
        ("tenant.created", place.workspace, place.tenant, "Tenant", place.tenant, *anna),
        ("credential.created", place.workspace, None, "Credential", place.credential, *anna),
    ]
