"""Managed devices: read, renamed, and told to check in.

Sources: https://learn.microsoft.com/graph/api/resources/intune-devices-manageddevice and its `syncDevice`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from atlas_gql.simulator import query
from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.errors import bad_request, no_route
from atlas_gql.simulator.lookup import found
from atlas_gql.simulator.pages import paged
from atlas_gql.simulator.payload import json_body
from atlas_gql.simulator.permissions import require_intune
from atlas_gql.simulator.state import Collection, Entity, Tenant
from atlas_gql.simulator.table import DEVICE_ACTION_ROLE, DEVICE_PROPERTIES, DEVICE_ROLES, DEVICES_PATH

_TYPE = "microsoft.graph.managedDevice"


def answer_devices(call: Call, tenant: Tenant) -> Answer:
    """The answer to a call on managed devices. Raises Refused."""
    devices = tenant.devices or Collection()
    metadata = f"{call.base}/{call.version}/$metadata#{DEVICES_PATH}"
    match call.method, *call.segments[2:]:
        case ["GET"]:
            require_intune(call, (DEVICE_ROLES,))
            given = query.options(call, ("$top", "$select", "$skiptoken"))
            names = query.selected(given, DEVICE_PROPERTIES, _TYPE)
            return paged(call, given, devices, lambda d: query.chosen(d.document, names), metadata, 1000)
        case ["GET", key]:
            require_intune(call, (DEVICE_ROLES,))
            return _one(found(devices, key), metadata)
        case ["PATCH", key]:
            require_intune(call, (DEVICE_ROLES[1:],))
            return _one(_renamed(call, devices, found(devices, key)), metadata)
        case ["POST", key, "syncDevice"]:
            require_intune(call, ((DEVICE_ACTION_ROLE,),))
            _sync(call, found(devices, key))
            return Answer(status=204)
    raise no_route(call)


def _one(device: Entity, metadata: str) -> Answer:
    return Answer(body={"@odata.context": f"{metadata}/$entity", **device.document})


def _renamed(call: Call, devices: Collection[Entity], device: Entity) -> Entity:
    body = json_body(call)
    name = body.get("managedDeviceName") if isinstance(body, dict) and len(body) == 1 else None
    if not isinstance(name, str) or not name:
        raise bad_request("The property cannot be updated.")
    devices.change(device, {"managedDeviceName": name})
    return device


def _sync(call: Call, device: Entity) -> None:
    """Each call is an action of its own."""
    at = datetime.fromtimestamp(call.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    action: dict[str, Any] = {"actionName": "syncDevice", "actionState": "pending", "startDateTime": at}
    done = [*device.document.get("deviceActionResults", []), action]
    device.document = {**device.document, "deviceActionResults": done}
