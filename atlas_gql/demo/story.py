"""The demo's story, step by step: the public API, the command line, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from atlas_gql.children import Children, children
from atlas_gql.demo.api import Api
from atlas_gql.demo.tenant import Portal, damage
from atlas_gql.errors import AtlasError, ConfigurationError
from atlas_gql.settings import load_settings
from atlas_gql.simulator import CLIENT_ID, CLIENT_SECRET, DEMO_TENANT

PLAN = """
query Plan($id: ID!) {
  node(id: $id) {
    ... on RestoreRun {
      planDigest expiresAt
      summary { policies { write none blocked } }
      warnings { id code message }
      items(first: 100, filter: {action: [WRITE]}) {
        nodes {
          policyType targetName
          changes { change target { kind name excluded } fields { field old new } }
          warnings { code }
        }
      }
    }
  }
}
"""
VIEWER = "{ viewer { workspaces { nodes { tenants { nodes { id name } } } } } }"
WORDS = {"ADDED": "[green]+ added[/]", "REMOVED": "[red]- removed[/]", "CHANGED": "[yellow]~ changed[/]"}


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
        self._say(2, f"Set up a workspace for {DEMO_TENANT.name}, with the command line")
        api = Api(url, self._set_up())
        try:
            self._main_job(api, portal, _tenant_of(api))
        finally:
            api.close()
            portal.close()

    def _main_job(self, api: Api, portal: Portal, tenant: str) -> None:
        self._say(3, "Back up the tenant's assignments")
        before = portal.state()
        backup = self._run(api, "fetchAssignments", {"tenantId": tenant})
        self._say(4, "Damage them, as a bad day in the portal would")
        for what, policy in damage(portal):
            self._console.print(f"   [red]✗[/] {what}: {policy}")
        self._say(5, "Plan the restore: what would it do?")
        planned = self._run(
            api, "planAssignmentRestore", {"tenantId": tenant, "backupSetId": backup["subject"]["id"]}
        )
        plan = api.query(PLAN, id=planned["subject"]["id"])["node"]
        self._show(plan)
        self._say(6, "Restore exactly that, confirmed with the tenant's domain")
        restored = self._run(
            api,
            "restoreAssignments",
            {
                "restoreRunId": planned["subject"]["id"],
                "planDigest": plan["planDigest"],
                "confirmation": DEMO_TENANT.domain,
                "reason": "The demo's bad day",
                "acknowledgedWarnings": [warning["id"] for warning in plan["warnings"]],
                "idempotencyKey": f"demo-{plan['planDigest'][:16]}",
            },
        )
        self._say(7, "Prove it")
        self._prove(before, portal.state())
        self._record(restored)

    # --- the steps --------------------------------------------------------------------------------------

    def _start(self) -> tuple[str, Portal]:
        simulator = self._family.start("simulator", "--url-file", str(self._folder / "simulator.url"))
        simulator_url = self._family.url_of(simulator, self._folder / "simulator.url")
        env = {**self._env, "ATLAS_SIMULATOR_URL": simulator_url}
        api = self._family.start("serve", "--port", "0", "--url-file", str(self._folder / "api.url"), env=env)
        self._family.start("worker", env=env)
        url = self._family.url_of(api, self._folder / "api.url")
        self._console.print(f"   the API answers at {url}/graphql")
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
            env={"DEMO_CLIENT_SECRET": CLIENT_SECRET},
        )
        self._atlas(
            *("provider", "create", "--tenant", tenant["id"], "--cloud", "simulator"),
            *("--client-id", CLIENT_ID, "--credential", application, "--enable-writes"),
        )
        token = self._atlas("token", "create", "--user", user, "--name", "demo", "--days", "1")
        return str(token["token"])

    def _atlas(self, *arguments: str, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Run `atlas ...` as a person would, and give what it prints as JSON."""
        result = subprocess.run(  # noqa: S603 # our own interpreter, our own command
            [sys.executable, "-m", "atlas_gql.cli", *arguments, "--json"],
            env={**os.environ, **self._env, **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if result.returncode != 0:
            raise ConfigurationError(f"`atlas {' '.join(arguments[:2])}` failed: {result.stderr.strip()}")
        made: dict[str, Any] = json.loads(result.stdout)
        return made

    def _run(self, api: Api, mutation: str, given: dict[str, Any]) -> dict[str, Any]:
        """Start an operation, show its progress, and give its run, which must succeed."""
        run_id = api.start(mutation, mutation[0].upper() + mutation[1:] + "Input", given)
        columns = (TextColumn("   {task.description}"), BarColumn(bar_width=30), MofNCompleteColumn())
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(mutation, total=None)

            def tell(run: dict[str, Any]) -> None:
                for child in self._family.all:
                    child.check()
                counters = run["counters"]
                done = counters["processed"] + counters["failed"]
                progress.update(task, total=counters["total"], completed=done)

            run = api.watch(run_id, tell)
        if run["outcome"] != "SUCCEEDED":
            reasons = "; ".join(failure["message"] for failure in run["failures"]) or run["outcome"]
            raise ConfigurationError(f"{mutation} ended {run['outcome'].lower()}: {reasons}")
        return run

    def _show(self, plan: dict[str, Any]) -> None:
        table = Table(box=None, padding=(0, 2), header_style="bold", pad_edge=False)
        for heading in ("Policy", "Assignment", "What the restore does", "Warning"):
            table.add_column(heading)
        for item in plan["items"]["nodes"]:
            warnings = ", ".join(warning["code"] for warning in item["warnings"])
            name = item["targetName"]
            for change in item["changes"]:
                if change["change"] in WORDS:
                    table.add_row(name, _target(change["target"]), _what(change), warnings)
                    name = warnings = ""
        counts = plan["summary"]["policies"]
        self._console.print(Padding(table, (0, 0, 0, 3)))
        self._console.print(
            f"   {counts['write']} policies would be written, {counts['none']} are as wanted,"
            f" {counts['blocked']} are blocked. Digest {plan['planDigest'][:16]}…,"
            f" {len(plan['warnings'])} warnings to acknowledge."
        )

    def _prove(self, before: dict[str, Any], after: dict[str, Any]) -> None:
        if before != after:
            differing = sorted(name for name in before if before[name] != after.get(name))
            raise ConfigurationError(f"The tenant is not as it was: {', '.join(differing)} differ.")
        things = sum(len(document.get("value", ())) for document in after.values())
        self._console.print(f"   [green]✓[/] the tenant is exactly as before: {things} objects compared")

    def _record(self, run: dict[str, Any]) -> None:
        counters = run["counters"]
        self._console.print(
            f"   [green]✓[/] run {run['type']}: {run['outcome'].lower()} by {run['initiator']['name']},"
            f" total {counters['total']}, processed {counters['processed']}, failed {counters['failed']},"
            f" skipped {counters['skipped']}"
        )
        entries = [e for e in run["auditEntries"]["nodes"] if e["action"] == "restore.executed"]
        if len(entries) != 1:
            raise ConfigurationError(f"There are {len(entries)} audit entries restore.executed, not one.")
        entry = entries[0]
        self._console.print(
            f"   [green]✓[/] audit: one {entry['action']} by {entry['actor']['name']}, {entry['outcome']},"
            f" reason “{entry['reason']}”"
        )

    def _say(self, number: int, text: str) -> None:
        self._console.print(f"\n[bold]{number}. {text}[/]")


def _tenant_of(api: Api) -> str:
    """The id of the one tenant that the token's owner reaches."""
    workspaces = api.query(VIEWER)["viewer"]["workspaces"]["nodes"]
    (tenant,) = (tenant for workspace in workspaces for tenant in workspace["tenants"]["nodes"])
    return str(tenant["id"])


def _target(target: dict[str, Any]) -> str:
    return f"{'exclude ' if target['excluded'] else ''}{target['name'] or target['kind']}"


def _what(change: dict[str, Any]) -> str:
    fields = "; ".join(f"{f['field']}: {_plain(f['old'])} → {_plain(f['new'])}" for f in change["fields"])
    return WORDS[change["change"]] + (f" {fields}" if fields and change["change"] == "CHANGED" else "")


def _plain(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)
