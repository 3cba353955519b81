"""`make faults`: every fault on every operation, and a table of what was seen."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
import traceback

from rich.console import Console
from rich.table import Table

from atlas_gql import logs
from atlas_gql.testing.postgres import TEST_URL, fresh_database
from faults import (  # noqa: F401 - each enters its faults
    database_faults,
    graph_faults,
    killing,
    plugin_faults,
    queue_faults,
    sharing,
)
from faults.evidence import remember, secrets_found, unchanged
from faults.invariants import Findings
from faults.registry import FAULTS, Fault
from faults.server import own_server
from faults.stage import Stage, stage
from faults.subjects import Subjects
from support.paths import ROOT

HEADINGS = ("Fault", "Operation", "Injected", "Lost", "Doubled", "Lost writes", "Audits", "Result")


def main() -> int:
    """Run the faults that are asked for; gives the exit code."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--only", default="", help="only faults whose name or operation contains this")
    chosen = parser.parse_args().only.lower()
    faults = [f for f in FAULTS if chosen in f"{f.name} / {f.operation}".lower()]
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
    # The driver's own log: it uses parts of the product, whose connections break too.
    logs.configure(format_="console", level="error")
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    rows: list[tuple[Fault, Findings]] = []
    began = time.monotonic()
    with own_server(ROOT / ".atlas" / "fault-postgres") as server:
        os.environ[TEST_URL] = server.admin_url
        with fresh_database(ROOT / ".atlas") as database, stage(database, server) as where:
            subjects = Subjects(where)
            for fault in faults:
                rows.append((fault, _seen(fault, where, subjects, console)))
                remember(where)
            last = Findings()
            last.demand(unchanged(where), "a run that had ended has changed")
            last.problems += secrets_found(where)
    console.print(_table(rows))
    for problem in last.problems:
        console.print(f"[red]{problem}")
    bad = [fault for fault, seen in rows if bool(seen.problems) != fault.control]
    runs = "every run ended, nothing was lost or done twice" if not bad else f"{len(bad)} rows are wrong"
    console.print(f"{len(rows)} rows in {time.monotonic() - began:.0f} seconds: {runs}.")
    return 1 if bad or last.problems else 0


def _seen(fault: Fault, where: Stage, subjects: Subjects, console: Console) -> Findings:
    began = time.monotonic()
    try:
        seen = fault.run(where, subjects)
    except Exception:
        seen = Findings()
        # A control must find what it is about, not break.
        seen.problems = [] if fault.control else [traceback.format_exc().strip().splitlines()[-1]]
        console.print(traceback.format_exc())
    right = bool(seen.problems) == fault.control
    console.print(
        f"{'ok ' if right else '[red]BAD[/]'} {fault.name} / {fault.operation}"
        f" ({time.monotonic() - began:.1f} s) {'; '.join(seen.problems)}"
    )
    return seen


def _table(rows: list[tuple[Fault, Findings]]) -> Table:
    table = Table(*HEADINGS, box=None, header_style="bold")
    for fault, seen in rows:
        audits = "/".join(str(n) for n in sorted(seen.audits)) or "-"
        if fault.control:
            result = "fails, as it must" if seen.problems else "[red]does not fail[/]"
        else:
            result = "[red]" + "; ".join(seen.problems) + "[/]" if seen.problems else "ok"
        numbers = (seen.injected, seen.lost, seen.doubled, seen.lost_writes)
        table.add_row(fault.name, fault.operation, *(str(n) for n in numbers), audits, result)
    return table


if __name__ == "__main__":
    sys.exit(main())
