"""`atlas credential`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from atlas_gql.audit import COMMAND
from atlas_gql.cli.materials import (
    AssertionFile,
    CertificateFile,
    Expires,
    Given,
    KeyFile,
    OfKind,
    PfxFile,
    instant_of,
)
from atlas_gql.cli.output import AsJson, show, tell
from atlas_gql.cli.references import find
from atlas_gql.cli.secrets import FromEnv, FromStdin
from atlas_gql.cli.session import in_transaction
from atlas_gql.db.database import Row, Transaction
from atlas_gql.db.tables import credentials, workspaces
from atlas_gql.providers import credentials as service
from atlas_gql.providers.keys import sealer_of
from atlas_gql.providers.material import CredentialKind
from atlas_gql.settings import load_settings

app = typer.Typer(
    name="credential", help="What Atlas proves its identity to Microsoft with.", no_args_is_help=True
)

Named = Annotated[str, typer.Argument(metavar="CREDENTIAL", help="The credential, by name or id.")]
OfWorkspace = Annotated[str, typer.Option("--workspace", help="The workspace that owns it, by name or id.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Its name, unique in the workspace.")],
    workspace: OfWorkspace,
    kind: OfKind = CredentialKind.SECRET,
    from_env: FromEnv = None,
    from_stdin: FromStdin = False,
    certificate: CertificateFile = None,
    private_key: KeyFile = None,
    pfx: PfxFile = None,
    assertion_file: AssertionFile = None,
    expires: Expires = None,
    as_json: AsJson = False,
) -> None:
    """Seal a secret or a certificate for a workspace. It may serve many providers."""
    given = Given(
        kind=kind,
        from_env=from_env,
        from_stdin=from_stdin,
        certificate=certificate,
        private_key=private_key,
        pfx=pfx,
        assertion_file=assertion_file,
    )
    settings = load_settings()
    sealer, material = sealer_of(settings), given.material()

    async def work(tx: Transaction) -> dict[str, Any]:
        of = await find(tx, workspaces, workspace, option="workspace")
        made = await service.create_credential(
            tx,
            COMMAND,
            sealer,
            workspace_id=of.id,
            name=name,
            material=material,
            expires_at=instant_of(expires),
        )
        return {"id": made, "name": name, "kind": kind}

    made = in_transaction(work, settings)
    tell(f"Made the credential {name} ({made['id']}).", made, as_json=as_json)


@app.command()
def rotate(
    credential: Named,
    workspace: OfWorkspace,
    kind: OfKind = CredentialKind.SECRET,
    from_env: FromEnv = None,
    from_stdin: FromStdin = False,
    certificate: CertificateFile = None,
    private_key: KeyFile = None,
    pfx: PfxFile = None,
    assertion_file: AssertionFile = None,
    expires: Expires = None,
    as_json: AsJson = False,
) -> None:
    """Put a new secret or certificate in a credential's place. Every provider that uses it follows."""
    given = Given(
        kind=kind,
        from_env=from_env,
        from_stdin=from_stdin,
        certificate=certificate,
        private_key=private_key,
        pfx=pfx,
        assertion_file=assertion_file,
    )
    settings = load_settings()
    sealer, material = sealer_of(settings), given.material()

    async def work(tx: Transaction) -> dict[str, Any]:
        of = await _credential(tx, credential, workspace)
        await service.rotate_credential(
            tx,
            COMMAND,
            sealer,
            credential_id=of.id,
            material=material,
            expires_at=instant_of(expires),
        )
        return {"id": of.id, "name": of.name, "kind": kind}

    done = in_transaction(work, settings)
    tell(
        f"Rotated the credential {done['name']}. Runs that begin from now on use the new {kind}.",
        done,
        as_json=as_json,
    )


@app.command()
def rename(
    credential: Named,
    new_name: Annotated[str, typer.Argument(help="Its new name, unique in the workspace.")],
    workspace: OfWorkspace,
    as_json: AsJson = False,
) -> None:
    """Give a credential another name; the providers that use it go on."""

    async def work(tx: Transaction) -> dict[str, Any]:
        of = await _credential(tx, credential, workspace)
        changed = await service.rename_credential(tx, COMMAND, credential_id=of.id, name=new_name)
        return {"id": of.id, "name": new_name, "changed": changed}

    done = in_transaction(work)
    tell(f"The credential is called {new_name}.", done, as_json=as_json)


@app.command()
def delete(credential: Named, workspace: OfWorkspace, as_json: AsJson = False) -> None:
    """Forget a credential that no provider uses any more."""

    async def work(tx: Transaction) -> dict[str, Any]:
        of = await _credential(tx, credential, workspace)
        await service.delete_credential(tx, COMMAND, credential_id=of.id)
        return {"id": of.id, "name": of.name}

    done = in_transaction(work)
    tell(f"Deleted the credential {done['name']}.", done, as_json=as_json)


@app.command("list")
def list_(workspace: OfWorkspace, as_json: AsJson = False) -> None:
    """List a workspace's credentials, by name; not what is sealed in them."""

    async def work(tx: Transaction) -> list[Row]:
        of = await find(tx, workspaces, workspace, option="workspace")
        return await service.credentials_of(tx, of.id)

    show(
        (row._asdict() for row in in_transaction(work)),
        {
            "name": "Name",
            "id": "Id",
            "kind": "Kind",
            "expires_at": "Ends (UTC)",
            "rotated_at": "Rotated (UTC)",
            "providers": "Providers",
        },
        empty=f"{workspace} has no credential: `atlas credential create` makes one.",
        as_json=as_json,
    )


async def _credential(tx: Transaction, credential: str, workspace: str) -> Row:
    of = await find(tx, workspaces, workspace, option="workspace")
    return await find(tx, credentials, credential, option="credential", workspace_id=of.id)
