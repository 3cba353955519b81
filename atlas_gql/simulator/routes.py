"""Which part of Graph answers a call."""

from __future__ import annotations

from atlas_gql.simulator.calls import VERSIONS, Answer, Call
from atlas_gql.simulator.directory import DIRECTORY, answer_directory
from atlas_gql.simulator.errors import Refused, no_such_segment
from atlas_gql.simulator.policies import answer_filters, answer_policies
from atlas_gql.simulator.state import Tenant
from atlas_gql.simulator.table import FILTERS_PATH, kind_of


def answer_call(call: Call, tenant: Tenant) -> Answer:
    """The answer to an authenticated call. Raises Refused."""
    if call.version not in VERSIONS:
        raise Refused(404, "ResourceNotFound", f"Invalid version: {call.version}")
    kind = kind_of(call.segments)
    if kind is not None:
        return answer_policies(call, kind, tenant)
    if "/".join(call.segments[:2]) == FILTERS_PATH:
        return answer_filters(call, tenant)
    if call.segments[:1] and call.segments[0] in DIRECTORY:
        return answer_directory(call, tenant)
    raise no_such_segment(call.segments[min(1, len(call.segments) - 1)] if call.segments else "")
