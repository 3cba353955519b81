"""`atlas serve`, `worker`, `dev`, `demo` and `schema`."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer

from atlas_gql import logs
from atlas_gql.children import children, follow_parent, write_url
from atlas_gql.db.location import Location, ensure_current, located
from atlas_gql.errors import ConfigurationError
from atlas_gql.settings import Settings, load_settings

if TYPE_CHECKING:
    from atlas_gql.plugins.loading import Loaded

# What only a process needs is imported by its command: `atlas token create` should not wait for a web server.

UrlFile = Annotated[
    Path | None, typer.Option(help="Write the URL to this file once the process answers.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands that run processes."""
    app.command()(serve)
    app.command()(worker)
    app.command()(dev)
    app.command()(demo)
    app.command()(schema)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else ATLAS_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on, 0 for any; else ATLAS_PORT.")
    ] = None,
    url_file: UrlFile = None,
) -> None:
    """Serve the GraphQL API until Ctrl-C."""
    from atlas_gql.app import Server, running_app, serve_until_signalled, url_of
    from atlas_gql.providers.keys import sealer_of

    with _process() as (settings, location):
        plugins = _plugins(settings)
        listener = _listening(
            host or settings.host, settings.port if port is None else port, "--port or ATLAS_PORT"
        )

        def ready() -> None:
            typer.echo(f"Atlas answers at {url_of(listener)}/graphql", err=True)
            if url_file is not None:
                write_url(url_file, url_of(listener))

        async def run() -> None:
            async with running_app(settings, location.url, sealer_of(settings), plugins) as api:
                server = Server(api.app, ready=ready, stopping=api.stopping)
                await serve_until_signalled(server, listener)

        with listener:
            _run(run())


def worker(
    threads: Annotated[
        int | None, typer.Option(min=1, max=64, help="Runs carried at once; else ATLAS_WORKER_THREADS.")
    ] = None,
    url_file: UrlFile = None,
) -> None:
    """Carry runs until Ctrl-C. Any number of workers, on any number of machines, share one database."""
    from starlette.applications import Starlette

    from atlas_gql.app import Server, serve_until_signalled, url_of
    from atlas_gql.health import health_routes
    from atlas_gql.providers.keys import sealer_of
    from atlas_gql.worker import running_worker

    with _process() as (settings, location):
        if threads is not None:
            settings = settings.model_copy(update={"worker_threads": threads})
        plugins = _plugins(settings)
        listener = _listening(settings.worker_host, settings.worker_port, "ATLAS_WORKER_PORT")

        def ready() -> None:
            typer.echo(
                f"Atlas carries {settings.worker_threads} runs at once"
                f" ({', '.join(plugins.operations) or 'none'}); its health is at {url_of(listener)}/readyz",
                err=True,
            )
            if url_file is not None:
                write_url(url_file, url_of(listener))

        async def run() -> None:
            async with running_worker(settings, location.url, sealer_of(settings), plugins) as working:
                routes = health_routes(working.database, working.meter, trouble=working.trouble)
                await serve_until_signalled(Server(Starlette(routes=routes), ready=ready), listener)
            if working.left_behind():
                # Everything of ours is closed; at its end Python would wait for theirs for ever.
                os._exit(0)

        with listener:
            _run(run())


def dev(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="The API's port; else ATLAS_PORT.")
    ] = None,
) -> None:
    """Run API, worker, simulator and (without ATLAS_DATABASE_URL) PostgreSQL until Ctrl-C."""
    from atlas_gql.app import until_signalled

    with _process() as (settings, _location), children() as (family, folder):
        simulator = family.start("simulator", "--url-file", str(folder / "simulator.url"))
        simulator_url = family.url_of(simulator, folder / "simulator.url")
        env = {"ATLAS_SIMULATOR_URL": simulator_url}
        api = family.start(
            "serve",
            "--port",
            str(settings.port if port is None else port),
            "--url-file",
            str(folder / "api.url"),
            env=env,
        )
        family.start("worker", env=env)
        url = family.url_of(api, folder / "api.url")
        typer.echo(
            f"GraphQL    {url}/graphql\nSimulator  {simulator_url}\n"
            "A token is needed: `atlas --help` lists the first steps, in order (a provider of the cloud"
            " `simulator` reaches the simulated tenants).\nCtrl-C ends everything."
        )

        async def run() -> None:
            signalled = asyncio.create_task(until_signalled())
            while not signalled.done():
                for child in family.all:
                    child.check()
                await asyncio.wait([signalled], timeout=0.5)

        _run(run())


def demo() -> None:
    """Do the whole main job against the simulator, and tell it as it happens."""
    from atlas_gql.demo import run_demo

    follow_parent()
    raise typer.Exit(run_demo())


def schema(
    system: Annotated[
        bool, typer.Option("--system", help="That of the platform, at /system/graphql, instead.")
    ] = False,
) -> None:
    """Print the GraphQL schema of the installed plugins."""
    from atlas_gql.plugins.loading import discover, load_all, names
    from atlas_gql.schema.build import build_schema, print_sdl
    from atlas_gql.schema.system import build_system_schema

    plugins = load_all(discover(names(load_settings().load_plugins)))
    made = (
        build_system_schema(plugins.settings)
        if system
        else build_schema(plugins.operations.values(), plugins.settings)
    )
    sys.stdout.write(print_sdl(made))


def _listening(host: str, port: int, choice: str) -> socket.socket:
    from atlas_gql.app import listen

    try:
        return listen(host, port)
    except OSError as exc:
        raise ConfigurationError(
            f"Cannot listen on {host}:{port}: {exc.strerror}. Choose another with {choice}."
        ) from exc


@contextmanager
def _process() -> Iterator[tuple[Settings, Location]]:
    """What every process of the service begins with: settings, logs, and a database that is current."""
    follow_parent()
    settings = load_settings()
    logs.configure(format_=settings.log_format, level=settings.log_level)
    with located(settings) as location:
        ensure_current(location)
        yield settings, location


def _plugins(settings: Settings) -> Loaded:
    """What plugins offer; the kinds of policy, capabilities and reason details that they add are known from
    here on.

    A plugin that is not loaded is logged.
    """
    from atlas_gql.access import capabilities
    from atlas_gql.graph.contracts import offer
    from atlas_gql.plugins import details
    from atlas_gql.plugins.loading import discover, load_plugins, names
    from atlas_gql.schema.offering import misfit

    loaded = load_plugins(discover(names(settings.load_plugins)), fits=misfit)
    for name, why in loaded.refused.items():
        structlog.get_logger("atlas.plugin").error(
            "plugin not loaded", plugin=name, reason=why, exc_info=loaded.causes.get(name)
        )
    offer(loaded.policy_types)
    capabilities.offer(loaded.capabilities)
    details.offer(loaded.reason_details)
    return loaded


def _run(main: Coroutine[Any, Any, None]) -> None:
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
