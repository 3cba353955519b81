"""Which part of Graph answers a call."""

from __future__ import annotations

from dataclasses import replace

from atlas_gql.simulator.approvals import answer_approvals
from atlas_gql.simulator.calls import VERSIONS, Answer, Call
from atlas_gql.simulator.devices import answer_devices
from atlas_gql.simulator.directory import answer_directory
from atlas_gql.simulator.errors import Refused, no_such_segment
from atlas_gql.simulator.filters import answer_filters
from atlas_gql.simulator.policies import answer_policies
from atlas_gql.simulator.state import Tenant
from atlas_gql.simulator.table import (
    APPROVAL_POLICIES,
    APPROVAL_REQUESTS,
    DEVICES_PATH,
    DIRECTORY,
    FILTERS_PATH,
    KINDS,
    PROTECTED,
    PROTECTIONS,
    kind_of,
)


def answer_call(call: Call, tenant: Tenant) -> Answer:
    """The answer to an authenticated call. Raises Refused."""
    if call.version not in VERSIONS:
        raise Refused(404, "ResourceNotFound", f"Invalid version: {call.version}")
    call = _by_its_kind(call, tenant)
    kind = kind_of(call.segments)
    if kind is not None:
        return answer_policies(call, kind, tenant)
    path = "/".join(call.segments[:2])
    if path == DEVICES_PATH:
        return answer_devices(call, tenant)
    if path == FILTERS_PATH:
        return answer_filters(call, tenant)
    if path in (APPROVAL_POLICIES, APPROVAL_REQUESTS):
        return answer_approvals(call, tenant)
    if call.segments[:1] and call.segments[0] in DIRECTORY:
        return answer_directory(call, tenant)
    raise no_such_segment(call.segments[min(1, len(call.segments) - 1)] if call.segments else "")


def _by_its_kind(call: Call, tenant: Tenant) -> Call:
    """`managedAppPolicies/{id}/assign` as the call to the collection that has the policy."""
    path = "/".join(call.segments[:2])
    if path != PROTECTIONS or call.method != "POST" or call.segments[3:] != ("assign",):
        return call
    for protected in PROTECTED:
        if tenant.policies_of(KINDS[protected]).get(call.segments[2]) is not None:
            return replace(call, path=f"/{call.version}/{protected}/{call.segments[2]}/assign")
    return call
