"""`atlas simulator`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atlas_gql import simulator as simulators
from atlas_gql.children import follow_parent, write_url
from atlas_gql.errors import ConfigurationError


def register(app: typer.Typer) -> None:
    app.command()(simulator)


def simulator(
    host: Annotated[str, typer.Option(help="IPv4 address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 lets the system choose.")] = 0,
    load: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Tenants as Graph returns them: DIR/<tenant guid>/groups.json and so on; else demo tenants.",
            show_default=False,
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Demo tenants with policies of every kind.")] = False,
    policies: Annotated[
        int | None,
        typer.Option(min=1, help="One demo tenant with so many policies instead.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another number, other demo tenants and choices.")] = 0,
    latency_ms: Annotated[int, typer.Option(min=0, help="Milliseconds that every answer takes.")] = 0,
    faults: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Faults and habits to begin with, JSON.", show_default=False),
    ] = None,
    url_file: Annotated[
        Path | None,
        typer.Option(help="Write the URL to this file once it answers.", show_default=False),
    ] = None,
) -> None:
    """Play Microsoft Graph and its login service on loopback until Ctrl-C.

    Set ATLAS_SIMULATOR_URL to the URL it prints, and give tenants a provider of the cloud `simulator`.
    """

    def ready(url: str) -> None:
        typer.echo(url)
        typer.echo(
            f"A simulated Microsoft Graph. Client id {simulators.CLIENT_ID}, secret"
            f" {simulators.CLIENT_SECRET!r}. Ctrl-C ends it.",
            err=True,
        )
        if url_file is not None:
            write_url(url_file, url)

    follow_parent()
    try:
        simulators.serve(
            host=host,
            port=port,
            load=load,
            full=full,
            policies=policies,
            seed=seed,
            latency_ms=latency_ms,
            faults=faults,
            ready=ready,
        )
    except simulators.LoadError as exc:
        raise ConfigurationError(str(exc)) from exc
    except OSError as exc:
        raise ConfigurationError(f"Cannot listen on {host}:{port}: {exc.strerror}.") from exc
