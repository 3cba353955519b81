"""How commands end: a closed set of exit codes that scripts can rely on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from atlas_gql.client import Invalid, NotAllowed, Refused
from atlas_gql.errors import AtlasError

FETCH = "assignments.fetch"


class ExitCode(IntEnum):
    """What a command's end means; the table in docs/administrators.md is made of these."""

    def __new__(cls, code: int, description: str) -> ExitCode:
        member = int.__new__(cls, code)
        member._value_ = code
        member.description = description
        return member

    description: str

    DONE = 0, "Everything that was asked for was done."
    ERROR = 1, "Something went wrong, such as an API that does not answer; the message says what."
    USAGE = 2, "The command was called wrongly, or a value does not fit."
    FAILED_ITEMS = 3, "The run ended, and some of its items failed; or of many runs, some did not succeed."
    LEFT_OUT = 4, "Nothing failed, and something was left out on purpose, such as blocked policies."
    REFUSED = (
        5,
        "Nothing was done: an expired plan, warnings not acknowledged, a damaged archive, a run in the way.",
    )
    NOT_ALLOWED = 6, "Not logged in, not permitted, or not there."
    RUN_FAILED = 7, "The run failed as a whole, or was cancelled."
    DIFFERENT = 8, "A comparison found differences."
    STOPPED = 130, "Ctrl-C: the command stopped. A run goes on."


def of_error(error: AtlasError) -> ExitCode:
    """The code for an error that ends a command."""
    match error:
        case Invalid():
            return ExitCode.USAGE
        case NotAllowed():
            return ExitCode.NOT_ALLOWED
        case Refused():
            return ExitCode.REFUSED
        case _:
            return ExitCode.ERROR


def of_run(run: Mapping[str, Any]) -> ExitCode:
    """The code for a run that has ended."""
    if run["outcome"] in ("FAILED", "CANCELLED"):
        return ExitCode.RUN_FAILED
    if run["outcome"] == "PARTIALLY_SUCCEEDED":
        return ExitCode.FAILED_ITEMS
    # What a backup skips is what the tenant has no licence for: there is nothing to back up.
    complete = run["type"] == FETCH or not run["counters"]["skipped"]
    return ExitCode.DONE if complete else ExitCode.LEFT_OUT


def of_plan(plan: Mapping[str, Any]) -> ExitCode:
    """The code for a plan or a comparison that was made."""
    counts = plan["summary"]["policies"]
    if plan["purpose"] == "COMPARE":
        same = not (counts["write"] or counts["blocked"] or counts["notInBackup"])
        return ExitCode.DONE if same else ExitCode.DIFFERENT
    return ExitCode.LEFT_OUT if counts["blocked"] else ExitCode.DONE
