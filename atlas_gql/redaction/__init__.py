"""Nothing secret and nothing personal leaves the process: what every log, message and audit text passes.

The order is: by key on parsed structures, then JSON inside strings, then patterns in text. Support needs
GUIDs, request ids, error codes, timestamps, paths and status codes, so these stay.
"""

from __future__ import annotations

from atlas_gql.redaction.events import redact_event
from atlas_gql.redaction.patterns import REDACTED
from atlas_gql.redaction.values import redact, redact_text, safe_text

__all__ = ["REDACTED", "redact", "redact_event", "redact_text", "safe_text"]
