"""Numbers of one process, as Prometheus reads them: text, one line a number.

The format is https://prometheus.io/docs/instrumenting/exposition_formats/ (read 2026-11-23). Counters and
gauges are all that is needed, and a process may hold several meters (a worker beside an API, in tests):
that is shorter than a client library with one registry for the whole process.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from atlas_gql.reasons import ReasonCode

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Counter:
    """A number for each combination of its labels; it only grows. Safe to use on any thread."""

    def __init__(self, name: str, help: str, *labels: str) -> None:
        self.name = name
        self.help = help
        self.labels = labels
        self._values: dict[tuple[str, ...], int] = {} if labels else {(): 0}
        self._lock = threading.Lock()

    def add(self, *values: str) -> None:
        """Count one more under these values of the labels, in their order."""
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}")
        with self._lock:
            self._values[values] = self._values.get(values, 0) + 1

    def lines(self) -> Iterator[str]:
        with self._lock:
            values = sorted(self._values.items())
        samples = [(dict(zip(self.labels, labels, strict=True)), value) for labels, value in values]
        return described(self.name, "counter", self.help, samples)


class Gauge:
    """A number for each value of a label; it grows and shrinks."""

    def __init__(self, name: str, help: str, label: str) -> None:
        self.name = name
        self.help = help
        self.label = label
        self._values: dict[str, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def one_more(self, value: str) -> Iterator[None]:
        """Count one more under this value of the label for as long as the context lasts."""
        self._add(value, 1)
        try:
            yield
        finally:
            self._add(value, -1)

    def _add(self, value: str, count: int) -> None:
        with self._lock:
            self._values[value] = self._values.get(value, 0) + count

    def lines(self) -> Iterator[str]:
        with self._lock:
            values = sorted(self._values.items())
        return described(self.name, "gauge", self.help, [({self.label: key}, value) for key, value in values])


class Meter:
    """What one process counts since it began."""

    def __init__(self) -> None:
        self.claimed = Counter("atlas_runs_claimed_total", "Runs that this process took up.", "operation")
        self.ended = Counter(
            "atlas_runs_ended_total", "Runs that this process ended.", "operation", "outcome"
        )
        self.lost = Counter(
            "atlas_leases_lost_total", "Runs that this process carried until another took them over."
        )
        self.reaped = Counter(
            "atlas_runs_reaped_total",
            "Runs of lost workers, and of operations that no worker offers, that this process put back in"
            " the queue or ended.",
            "result",
        )
        self.ticks = Counter(
            "atlas_schedule_ticks_total",
            "Ticks of schedules that this process worked off, skipped, or could not work off.",
            "result",
        )
        self.calls = Counter(
            "atlas_graph_calls_total",
            "Calls to Microsoft Graph by HTTP status; `none` when no answer came.",
            "method",
            "status",
        )
        self.errors = Counter(
            "atlas_graph_errors_total",
            "Calls, and parts of batches, that did not succeed, by reason code; repeated ones each time.",
            "reason",
        )
        self.watching = Gauge(
            "atlas_live_subscriptions", "Subscriptions that this process serves now.", "transport"
        )
        self.told = Counter(
            "atlas_live_events_total", "Events of subscriptions that this process sent.", "transport"
        )

    def call(self, method: str, status: int | None) -> None:
        """A call to Graph was answered, or not."""
        self.calls.add(method, "none" if status is None else str(status))

    def error(self, reason: ReasonCode) -> None:
        """A call to Graph, or a part of one, did not succeed."""
        self.errors.add(reason.value)

    def lines(self) -> Iterator[str]:
        yield from described(
            "atlas_build_info",
            "gauge",
            "Which Atlas this is; always 1.",
            [({"version": version("atlas-gql"), "python": platform.python_version()}, 1)],
        )
        for counter in (
            *(self.claimed, self.ended, self.lost, self.reaped, self.ticks),
            *(self.calls, self.errors, self.watching, self.told),
        ):
            yield from counter.lines()


def described(
    name: str, kind: str, help: str, samples: Iterable[tuple[Mapping[str, str], float]]
) -> Iterator[str]:
    """The lines of one metric: what it is, then each sample with its labels."""
    yield f"# HELP {name} {help}\n"
    yield f"# TYPE {name} {kind}\n"
    for labels, value in samples:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{inside}}} {value}\n" if inside else f"{name} {value}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
