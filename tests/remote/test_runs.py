"""`atlas runs`: listed, shown, watched through a lost connection, cancelled, retried."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time

from atlas_gql.client import runs
from support.patterns import UUID
from support.runs import add_line, add_runs
from support.steps import backed_up, damaged, faults

SLOW = {"path": "deviceConfigurations", "latencyMs": 1500, "times": 1}


def test_runs_of_a_tenant_and_of_a_workspace(shell, place):
    backed_up(place)
    (run,) = shell.json("runs", "list")
    assert (run["type"], run["outcome"]) == ("assignments.fetch", "SUCCEEDED")
    workspace = str(place.workspace)
    assert shell.json("runs", "list", "--workspace", workspace) == [run]
    assert "Larkspur" in shell.says("runs", "list", "--workspace", f"workspace {workspace}")
    assert shell.json("runs", "list", "--outcome", "failed", "--outcome", "partially-succeeded") == []
    assert shell.says("runs", "list", "--status", "queued") == "There is no such run.\n"


def test_more_runs_than_a_page(shell, place, admin_url):
    add_runs(admin_url, place, 130)
    assert len(shell.json("runs", "list", "--limit", "120")) == 120
    assert len(UUID.findall(shell.says("runs", "list"))) == 20


def test_a_run_is_shown_with_what_failed_in_it(shell, place, admin_url):
    (run,) = add_runs(admin_url, place, 1)
    said = shell.says("runs", "show", str(run))
    assert "partially succeeded: 1 done, 1 failed" in said
    assert [line.split() for line in said.splitlines() if "THROTTLED" in line] == [
        ["an", "item", "failed", "THROTTLED", "a", "message"]
    ]
    assert len(shell.json("runs", "show", str(run))["items"]) == 2
    assert len(re.findall("an item +(succeeded|failed)", shell.says("runs", "show", str(run), "--all"))) == 2


def test_what_a_run_logged_is_shown(shell, place, admin_url):
    run, quiet = add_runs(admin_url, place, 2)
    add_line(admin_url, run, "looked at \x1b[1mPilot Ring", {"members": 3, "name": "a\nb"})
    _, said = shell.says("runs", "log", str(run)).splitlines()
    shown = "2026-11-01 09:00:05 UTC 1 looked at \ufffd[1mPilot Ring name=a\ufffdb members=3"
    assert " ".join(said.split()) == shown
    (line,) = shell.json("runs", "log", str(run))
    assert (line["event"], line["data"]["members"]) == ("looked at \x1b[1mPilot Ring", 3)
    assert shell.says("runs", "log", str(quiet)) == "Nothing was logged.\n"


def test_a_queued_run_is_cancelled_and_its_watch_ends_with_7(shell, place, admin_url):
    (run,) = add_runs(admin_url, place, 1, status="queued")
    assert "asked to stop" in shell.says("runs", "cancel", str(run))
    assert "cancelled" in shell.says("runs", "watch", str(run), code=7)
    assert "RUN_FINISHED" in shell.says("runs", "cancel", str(run), code=5)


def test_a_failed_backup_is_retried(shell, place):
    faults(place, {"path": "deviceHealthScripts", "status": 403})
    shell.says("backup", "create", code=3)
    faults(place)
    (run,) = shell.json("runs", "list")
    assert "succeeded: 3 done" in shell.says("runs", "retry", run["uuid"])
    assert shell.json("backup", "show")["state"] == "COMPLETE"
    assert "NOTHING_TO_RETRY" in shell.says("runs", "retry", run["uuid"], code=5)


def test_a_retried_restore_is_confirmed_again(shell, place):
    backed_up(place)
    damaged(place)
    plan = shell.json("restore", "plan")["uuid"]
    faults(place, {"path": "configurationPolicies/.*/assign", "method": "POST", "status": 400})
    confirmed = ("--reason", "x", "--confirm", "larkspur.example")
    said = shell.says("restore", "execute", plan, *confirmed, "--acknowledge", "all", code=3)
    assert "Baseline - BitLocker" in said
    faults(place)
    run = shell.json("runs", "list")[0]["uuid"]
    assert "--confirm DOMAIN" in shell.says("runs", "retry", run, code=2)
    assert "primary domain" in shell.says("runs", "retry", run, "--reason", "x", "--confirm", "y", code=2)
    assert "succeeded: 2 done" in shell.says("runs", "retry", run, *confirmed)


def test_who_may_not_cancel_is_told_and_strangers_see_nothing(as_user, place, admin_url):
    (run,) = add_runs(admin_url, place, 1, status="queued")
    reader = as_user(place.member("readonly"))
    assert "runs.cancel" in reader.says("runs", "cancel", str(run), code=6)
    stranger = as_user(place.atlas.new_place(provider=False).token)
    for command in ("show", "watch", "retry"):
        said = stranger.says("runs", command, str(run), code=6)
        assert said == "error: There is no operation run of that id, or it is not yours to see.\n"
    assert stranger.says("runs", "cancel", str(run), code=6) == "error: Not found.\n"


def test_a_watch_goes_on_after_a_lost_connection(as_user, place, door):
    """The API is away in the middle of a run, and back before the patience ends."""
    shell = as_user(place.token, door.url)
    faults(place, SLOW)
    started = shell.json("backup", "create", "--no-wait")["run"]["uuid"]
    threading.Timer(0.3, door.shut).start()
    threading.Timer(1.2, door.open).start()
    said = shell.says("runs", "watch", started)
    assert door.refused > 0
    assert said.startswith("The API does not answer; trying again.\n")
    assert "succeeded: 63 done" in said


def test_a_watch_that_gives_up_says_that_the_run_goes_on(as_user, place, door, monkeypatch):
    monkeypatch.setattr(runs, "PATIENCE", 0.3)
    shell = as_user(place.token, door.url)
    faults(place, SLOW)
    threading.Timer(0.5, door.shut).start()
    said = shell.says("backup", "create", code=1)
    assert "The run goes on: `atlas runs watch " in said
    door.open()
    run = shell.json("runs", "list")[0]["uuid"]
    assert "succeeded" in shell.says("runs", "watch", run)


def test_ctrl_c_stops_the_watching_and_not_the_run(as_user, place, admin_url, door):
    shell = as_user(place.token, door.url)
    (run,) = add_runs(admin_url, place, 1, status="queued")
    with subprocess.Popen(
        [sys.executable, "-m", "atlas_gql.cli", "runs", "watch", str(run)],
        env={**os.environ, **shell.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has it ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as watching:
        while door.passed < 3 and watching.poll() is None:  # it has looked at the run more than once
            time.sleep(0.02)
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=30)
    assert (watching.returncode, said) == (
        130,
        f"\nStopped watching. The run goes on: `atlas runs watch {run}` follows it, `atlas runs cancel {run}`"
        " ends it.\n",
    )
    assert shell.json("runs", "show", str(run))["status"] == "QUEUED"
