"""How Microsoft Graph says no: the plain envelope, and Intune's document inside the message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.table import kind_of

API_VERSION = "5025-10-14"
SERVICE_HOST = "https://fef.msub09.manage.microsoft.com"
OTHER_SERVICE = "StatelessDeviceFEService"
NO_OPERATION = "00000000-0000-0000-0000-000000000000"


class LoadError(Exception):
    """A document for the simulator cannot be used; the text names the file and what is wrong in it."""


class Refused(Exception):
    """A call that Graph answers with an error. `nested`: the message is Intune's JSON document."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        nested: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.nested = nested
        self.headers = dict(headers or {})


def bad_request(message: str) -> Refused:
    """A 400 in the plain envelope."""
    return Refused(400, "BadRequest", message)


def intune_bad_request(message: str) -> Refused:
    """A 400 from the Intune service behind Graph."""
    return Refused(400, "BadRequest", message, nested=True)


def no_such_segment(segment: str) -> Refused:
    return Refused(404, "ResourceNotFound", f"Resource not found for the segment '{segment}'.")


def bad_directory_request(message: str) -> Refused:
    """A 400 from the directory."""
    return Refused(400, "Request_BadRequest", message)


def not_found(message: str) -> Refused:
    """A 404 from the Intune service behind Graph."""
    return Refused(404, "ResourceNotFound", message, nested=True)


def no_such_object(key: str) -> Refused:
    """The directory's 404."""
    return Refused(
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
    )


def method_not_allowed() -> Refused:
    return Refused(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")


def no_route(call: Call) -> Refused:
    """What Intune says to a path or verb that it does not have."""
    kind = kind_of(call.segments)
    depth = 2 if kind is None else kind.depth
    names = ["singleton", *["navigation"] * (depth - 1)]
    names += ["navigation" if i % 2 else "key" for i in range(len(call.segments) - depth)]
    return bad_request(
        f"No OData route exists that match template ~/{'/'.join(names)} with http verb {call.method} "
        f"for request /{_service(call)}/{_odata_path(call)}."
    )


def render(refused: Refused, call: Call) -> Answer:
    """The answer to a refused call."""
    message = nested_message(call, refused.message) if refused.nested else refused.message
    return Answer(
        status=refused.status,
        headers=refused.headers,
        body=envelope(call, refused.code, message),
    )


def envelope(call: Call, code: str, message: str) -> dict[str, Any]:
    """`{"error": {code, message, innerError}}` for a call."""
    inner = {
        "date": datetime.fromtimestamp(call.now, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": call.request_id,
        "client-request-id": call.client_request_id,
    }
    return {"error": {"code": code, "message": message, "innerError": inner}}


def nested_message(call: Call, text: str) -> str:
    """Intune's `_version 3` document as a string, as it stands in `error.message`."""
    url = f"{SERVICE_HOST}/{_service(call)}/{_odata_path(call)}?api-version={API_VERSION}"
    if call.query:
        url += f"&{call.query}"
    document = {
        "_version": 3,
        "Message": f"{text} - Operation ID (for customer support): {NO_OPERATION} - Activity ID: "
        f"{call.client_request_id} - Url: {url}",
        "CustomApiErrorPhrase": "",
        "RetryAfter": None,
        "ErrorSourceService": "",
        "HttpHeaders": "{}",
    }
    return json.dumps(document, indent=2).replace("\n", "\r\n")


def _service(call: Call) -> str:
    kind = kind_of(call.segments)
    return (OTHER_SERVICE if kind is None else kind.service).format(account=call.tenant)


def _odata_path(call: Call) -> str:
    """The path as Intune logs it: keys in brackets, actions with their namespace."""
    kind = kind_of(call.segments)
    if kind is None:
        return "/".join(call.segments)
    path = kind.path
    for i, segment in enumerate(call.segments[kind.depth :]):
        if i % 2 == 0:
            path += f"('{segment}')"
        elif segment in ("assign", "update"):
            path += f"/microsoft.management.services.api.{segment}"
        else:
            path += f"/{segment}"
    return path
