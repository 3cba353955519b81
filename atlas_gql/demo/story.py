"""The demo's story, step by step: the commands that anybody types, and nothing else."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from atlas_gql.children import Children, children
from atlas_gql.demo.tenant import Portal, damage
from atlas_gql.errors import AtlasError, ConfigurationError
from atlas_gql.settings import load_settings
from atlas_gql.simulator import CLIENT_ID, CLIENT_SECRET, DEMO_TENANT


def run_demo() -> int:
    """Tell the story; gives the exit code: 0 when the tenant is proved to be as before."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 110
    started = time.monotonic()
    try:
        with children(quiet=True) as (family, folder):
            Story(console, family, folder).tell()
    except (AtlasError, httpx.HTTPError, subprocess.SubprocessError) as exc:
        console.print(f"\n[red]The demo stopped:[/] {exc}", markup=True)
        console.print("Try again; if it stays, `make dev` shows what each process says.")
        return 1
    console.print(
        f"\nDone in {time.monotonic() - started:.0f} seconds; everything that was started has ended."
    )
    return 0


class Story:
    """One telling."""

    def __init__(self, console: Console, family: Children, folder: Path) -> None:
        self._console = console
        self._family = family
        self._folder = folder
        data = load_settings().data_dir / "demo"
        # A database and a key of its own, whatever is configured here: the demo touches nothing real.
        self._env = {
            "ATLAS_DATA_DIR": str(data.absolute()),
            "ATLAS_DATABASE_URL": "",
            "ATLAS_SECRET_KEY": "",
            "ATLAS_LOG_FORMAT": "console",
        }

    def tell(self) -> None:
        self._say(1, "Start PostgreSQL, the simulated Microsoft Graph, the API and a worker")
        url, portal = self._start()
        try:
            self._say(2, f"Set up a workspace for {DEMO_TENANT.name}, and log in")
            self._env |= {"ATLAS_URL": url, "ATLAS_TOKEN": self._set_up()}
            self._main_job(portal)
        finally:
            portal.close()

    def _main_job(self, portal: Portal) -> None:
        self._say(3, "Back up the tenant's assignments")
        before = portal.state()
        self._show("backup", "create")
        self._say(4, "Damage them, as a bad day in the portal would")
        for what, policy in damage(portal):
            self._console.print(f"[red]✗[/] {what}: {policy}")
        self._say(5, "Plan the restore: what would it do?")
        plan = self._told("restore", "plan", "latest")
        self._show("restore", "show", plan["uuid"])
        self._say(6, "Restore exactly that, confirmed with the tenant's domain")
        confirmed = ("--confirm", DEMO_TENANT.domain, "--reason", "A bad day in the portal")
        restored = self._told("restore", "execute", plan["uuid"], "--acknowledge", "all", *confirmed)
        self._say(7, "Prove it")
        self._prove(before, portal.state())
        self._show("runs", "show", restored["uuid"])

    # --- the steps --------------------------------------------------------------------------------------

    def _start(self) -> tuple[str, Portal]:
        simulator = self._family.start("simulator", "--url-file", str(self._folder / "simulator.url"))
        simulator_url = self._family.url_of(simulator, self._folder / "simulator.url")
        env = {**self._env, "ATLAS_SIMULATOR_URL": simulator_url}
        api = self._family.start("serve", "--port", "0", "--url-file", str(self._folder / "api.url"), env=env)
        self._family.start("worker", env=env)
        url = self._family.url_of(api, self._folder / "api.url")
        self._console.print(f"the API answers at {url}/graphql")
        return url, Portal(simulator_url)

    def _set_up(self) -> str:
        """Make everything a tenant needs; gives a token of the workspace's owner."""
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"
        workspace, user, application = f"Demo of {now}", f"demo {now}", "Demo application"
        of_workspace = ("--workspace", workspace)
        self._atlas("workspace", "create", workspace)
        self._atlas("user", "create", user)
        self._atlas("membership", "create", *of_workspace, "--user", user, "--role", "owner")
        tenant = self._atlas(
            *("tenant", "create", DEMO_TENANT.name, *of_workspace),
            *("--entra-tenant-id", DEMO_TENANT.id, "--primary-domain", DEMO_TENANT.domain),
        )
        self._atlas(
            *("credential", "create", application, *of_workspace, "--kind", "secret"),
            *("--from-env", "DEMO_CLIENT_SECRET"),
            DEMO_CLIENT_SECRET=CLIENT_SECRET,
        )
        self._atlas(
            *("provider", "create", "--tenant", tenant["id"], "--cloud", "simulator"),
            *("--client-id", CLIENT_ID, "--credential", application, "--enable-writes"),
        )
        token = self._atlas("token", "create", "--user", user, "--name", "demo", "--days", "1")
        return str(token["token"])

    def _atlas(self, *arguments: str, **env: str) -> dict[str, Any]:
        """Run `atlas ...` as a person would, and give what it prints as JSON."""
        result = self._run(*arguments, "--json", capture=True, **env)
        made: dict[str, Any] = json.loads(result.stdout)
        return made

    def _told(self, *arguments: str) -> dict[str, Any]:
        """As `_atlas`, and tell which command it is."""
        self._type(arguments)
        return self._atlas(*arguments)

    def _show(self, *arguments: str) -> None:
        """Run `atlas ...` before everybody's eyes."""
        self._type(arguments)
        self._run(*arguments, capture=False)

    def _type(self, arguments: tuple[str, ...]) -> None:
        self._console.print(f"$ atlas {shlex.join(arguments)}", style="bold", markup=False, soft_wrap=True)

    def _run(self, *arguments: str, capture: bool, **env: str) -> subprocess.CompletedProcess[str]:
        sys.stdout.flush()
        result = subprocess.run(  # noqa: S603 # our own interpreter, our own command
            [sys.executable, "-m", "atlas_gql.cli", *arguments],
            env={**os.environ, **self._env, "COLUMNS": str(self._console.width), **env},
            capture_output=capture,
            text=True,
            timeout=120,
            check=False,
        )
        if result.returncode != 0:
            said = result.stderr.strip() if capture else ""
            raise ConfigurationError(f"`atlas {' '.join(arguments[:2])}` failed. {said}")
        return result

    def _prove(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        if before != after:
            differing = sorted(name for name in before if before[name] != after.get(name))
            raise ConfigurationError(f"The tenant is not as it was: {', '.join(differing)} differ.")
        things = sum(len(document.get("value", ())) for document in after.values())
        self._console.print(f"[green]✓[/] the tenant is exactly as before: {things} objects compared")

    def _say(self, number: int, text: str) -> None:
        self._console.print(f"\n[bold]{number}. {text}[/]")
