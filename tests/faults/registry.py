"""The faults, each with the operation it is tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from faults.invariants import Findings
from faults.stage import Stage
from faults.subjects import Subjects

Inject: TypeAlias = Callable[..., Findings]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row of the table. A `control` is right when it finds problems."""

    name: str
    operation: str
    inject: Inject
    options: dict[str, Any]
    control: bool = False

    def run(self, stage: Stage, subjects: Subjects) -> Findings:
        """Let it happen on a calm stage, and leave a calm stage."""
        stage.calm()
        try:
            return self.inject(stage, subjects, self.operation, **self.options)
        finally:
            stage.calm()


FAULTS: list[Fault] = []


def fault(name: str, *operations: str, control: bool = False, **options: Any) -> Callable[[Inject], Inject]:
    """Enter a function as a fault, once for each operation; the options are passed to it."""

    def enter(inject: Inject) -> Inject:
        # Of several decorators the last one enters first.
        at = next((n for n, known in enumerate(FAULTS) if known.inject is inject), len(FAULTS))
        FAULTS[at:at] = [
            Fault(name=name, operation=operation, inject=inject, options=options, control=control)
            for operation in operations
        ]
        return inject

    return enter
