"""What a simulator is told besides its tenants: fault rules, habits, the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from atlas_gql.simulator.clock import Clock
from atlas_gql.simulator.faults import Fault, FaultError, Faults, parse_faults
from atlas_gql.simulator.habits import HabitError, Habits, parse_habits
from atlas_gql.simulator.throttle import Buckets


@dataclass(kw_only=True)
class Conditions:
    """The conditions in force; all of them can be changed while calls are served."""

    faults: Faults
    habits: Habits = field(default_factory=Habits)
    clock: Clock = field(default_factory=Clock)
    buckets: Buckets = field(default_factory=Buckets)

    def adopt(self, habits: Habits) -> None:
        """Put habits in force, with full buckets."""
        self.habits = habits
        self.buckets.clear()


def parse_conditions(document: object) -> tuple[Sequence[Fault], Habits]:
    """The rules and habits in a document: a list of rules, or `{"rules": [...], "habits": {...}}`.

    Raises FaultError.
    """
    if not isinstance(document, dict):
        return parse_faults(document), Habits()
    unknown = sorted(document.keys() - {"rules", "habits"})
    if unknown:
        raise FaultError(f"There is no field '{unknown[0]}' beside 'rules' and 'habits'.")
    try:
        return parse_faults(document.get("rules", [])), parse_habits(document.get("habits", {}))
    except HabitError as exc:
        raise FaultError(str(exc)) from exc
