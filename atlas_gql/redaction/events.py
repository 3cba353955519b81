"""Redaction as a step of structured logging."""

from __future__ import annotations

import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

from atlas_gql.redaction.values import redact, redact_text, safe_text

_TRACEBACK_LIMIT = 16_000


def redact_event(_logger: Any, _name: str, event_dict: MutableMapping[str, Any]) -> dict[str, Any]:
    """The event with every value redacted; a structlog processor, to stand right before the renderer.

    `exc_info` (true, an exception, or `sys.exc_info()`'s triple) becomes the text `exception`: a later
    step would print the exception as it is.
    """
    event = dict(event_dict)
    raised = _exception(event.pop("exc_info", None))
    if raised is not None:
        event["exception"] = _traceback(raised)
    text = event.pop("exception", None)
    result: dict[str, Any] = redact(event)
    if text is not None:
        result["exception"] = redact_text(text, _TRACEBACK_LIMIT) if isinstance(text, str) else redact(text)
    return result


def _exception(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    triple = exc_info if isinstance(exc_info, tuple) else sys.exc_info() if exc_info else (None, None, None)
    raised = triple[1] if len(triple) > 1 else None
    return raised if isinstance(raised, BaseException) else None


def _traceback(raised: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(raised))
    except Exception:  # hostile notes or attributes: the traceback is lost, the event is not
        return safe_text(raised)
