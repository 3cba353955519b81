"""How a run is told to stop: no Exceptions, so that a handler's `except Exception` lets them by."""

from __future__ import annotations

from collections.abc import Iterator

from atlas_gql.errors import AtlasError


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


def leaves(error: BaseException) -> Iterator[BaseException]:
    """The exceptions in a group, and in the groups in it; an exception that is no group is its own leaf."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    else:
        yield error


def meant(error: BaseException) -> BaseException:
    """What a handler's exception says: of a task group's, the word to stop, else the first that is known.

    Lost leases come first: a run that is another's may not even be cancelled.
    """
    found = list(leaves(error))
    for kind in (LeaseLost, RunReleased, RunCancelled, AtlasError):
        for leaf in found:
            if isinstance(leaf, kind):
                return leaf
    return found[0] if len(found) == 1 else error
