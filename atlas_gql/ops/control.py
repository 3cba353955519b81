"""How a run is told to stop: no Exceptions, so that a handler's `except Exception` lets them by."""

from __future__ import annotations


class ControlFlow(BaseException):
    """A run ends here for a reason that is not its own."""


class RunCancelled(ControlFlow):
    """Somebody asked for it."""


class LeaseLost(ControlFlow):
    """Another attempt owns the run now, or may: this one writes nothing any more."""


class RunReleased(ControlFlow):
    """The worker gives the run back to the queue: it is shutting down, or Microsoft asked for a long wait."""

    def __init__(self, after: float = 0) -> None:
        self.after = after
        super().__init__(after)
