"""Assertions of workload identities: files that the platform renews, read when a token is asked for.

The installation's operator decides which workspace may use which: each has a folder of its own, named by
its id, in the folder that `ATLAS_ASSERTION_DIR` names. A credential names a file in it, and never a path:
who may manage a workspace's credentials can reach neither other files nor another workspace's identity.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from atlas_gql.errors import GraphError
from atlas_gql.reasons import ReasonCode

LONGEST = 64 * 1024
"""Bytes of an assertion; a larger file is something else."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_JWT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def is_file_name(text: str) -> bool:
    """Whether a text is a plain name of a file, and surely no path."""
    return _NAME.fullmatch(text) is not None


def assertion_in(folder: Path | None, workspace_id: UUID, file: str) -> Callable[[], str]:
    """A function that gives the assertion as it is in the workspace's file now.

    It raises GraphError (MISSING_CONFIGURATION) when there is none to be had, or something else is there.
    """

    def read() -> str:
        if folder is None:
            raise _missing("The credential is federated, and ATLAS_ASSERTION_DIR is not set for the worker.")
        try:
            with (folder / str(workspace_id) / file).open("rb") as opened:
                content = opened.read(LONGEST + 1).strip()
        except OSError as exc:
            raise _missing(
                "The federated credential's file cannot be read. The worker needs it below"
                " ATLAS_ASSERTION_DIR, in the workspace's folder."
            ) from exc
        if len(content) > LONGEST or not _JWT.fullmatch(content):
            raise _missing("The federated credential's file does not hold an assertion (a JWT).")
        return content.decode()

    return read


def _missing(message: str) -> GraphError:
    return GraphError(message, reason=ReasonCode.MISSING_CONFIGURATION)
