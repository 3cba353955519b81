"""The JSON that a call carries."""

from __future__ import annotations

from typing import Any

import orjson

from atlas_gql.simulator.calls import Call
from atlas_gql.simulator.errors import Refused, bad_request


def json_body(call: Call) -> Any:
    """The call's body. Raises Refused when it is none, no JSON, or not said to be JSON."""
    kind = call.headers.get("content-type", "")
    if call.content and not kind.lower().startswith("application/json"):
        raise Refused(415, "UnsupportedMediaType", f"The content type '{kind}' is not supported.")
    try:
        return orjson.loads(call.content)
    except orjson.JSONDecodeError:
        raise bad_request("Unable to read JSON request payload.") from None
