"""A credential is deleted while a provider begins to use it: one of the two waits, and is refused."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from atlas_gql.access.tenants import create_tenant
from atlas_gql.access.workspaces import create_workspace
from atlas_gql.audit import COMMAND
from atlas_gql.db.database import ENGINE, Database, Transaction
from atlas_gql.errors import DomainError
from atlas_gql.providers import material
from atlas_gql.providers.credentials import create_credential, delete_credential
from atlas_gql.providers.providers import create_provider
from atlas_gql.providers.sealing import Sealer, generate_key

SEALER = Sealer.from_text(generate_key())


async def connect(tx: Transaction, tenant: UUID, credential: UUID) -> None:
    await create_provider(
        tx, COMMAND, tenant_id=tenant, cloud="global", client_id=str(uuid4()), credential_id=credential
    )


async def forget(tx: Transaction, _tenant: UUID, credential: UUID) -> None:
    await delete_credential(tx, COMMAND, credential_id=credential)


@pytest.mark.parametrize(
    ("first", "second", "refusal"),
    [
        pytest.param(connect, forget, "CREDENTIAL_IN_USE", id="used first"),
        pytest.param(forget, connect, "VALIDATION_FAILED", id="deleted first"),
    ],
)
def test_whoever_comes_second_is_refused(database_url: str, first, second, refusal: str) -> None:
    async def meet() -> str:
        database = Database(database_url, max_connections=2)
        await database.open()
        scope = database.scope(ENGINE)
        async with scope.begin() as tx:
            workspace = await create_workspace(tx, COMMAND, name=str(uuid4()))
            tenant = await create_tenant(
                tx, COMMAND, workspace_id=workspace, name="T", entra_tenant_id=str(uuid4()),
                primary_domain="t.example",
            )  # fmt: skip
            credential = await create_credential(
                tx, COMMAND, SEALER, workspace_id=workspace, name="C", material=material.secret("a~value")
            )
        done = asyncio.Event()

        async def come_second() -> str:
            try:
                async with scope.begin() as tx:
                    await second(tx, tenant, credential)
            except DomainError as exc:
                return exc.code
            finally:
                done.set()
            return "done"

        try:
            async with scope.begin() as tx:
                await first(tx, tenant, credential)
                coming = asyncio.create_task(come_second())
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(done.wait(), 0.3)
            return await coming
        finally:
            await database.close()

    assert asyncio.run(meet()) == refusal
