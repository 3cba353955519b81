"""Assignment filters, which are only read here."""

from __future__ import annotations

from atlas_gql.simulator import query
from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.errors import method_not_allowed, no_route, no_such_segment
from atlas_gql.simulator.lookup import found
from atlas_gql.simulator.pages import paged
from atlas_gql.simulator.permissions import require_intune
from atlas_gql.simulator.state import Collection, Tenant
from atlas_gql.simulator.table import FILTER_PROPERTIES, FILTERS_PATH, FILTERS_STEM

_TYPE = "microsoft.graph.deviceAndAppManagementFilter"


def answer_filters(call: Call, tenant: Tenant) -> Answer:
    """The answer to a read of assignment filters. Raises Refused."""
    if call.version != "beta":
        raise no_such_segment("assignmentFilters") if call.method == "GET" else method_not_allowed()
    require_intune(call, ((f"{FILTERS_STEM}.Read.All", f"{FILTERS_STEM}.ReadWrite.All"),))
    filters = tenant.filters or Collection()
    metadata = f"{call.base}/beta/$metadata#{FILTERS_PATH}"
    match call.method, *call.segments[2:]:
        case ["GET"]:
            given = query.options(call, ("$top", "$select", "$filter", "$skiptoken"))
            names = query.selected(given, FILTER_PROPERTIES, _TYPE)
            return paged(call, given, filters, lambda f: query.chosen(f.document, names), metadata, 1000)
        case ["GET", key]:
            names = query.selected(query.options(call, ("$select",)), FILTER_PROPERTIES, _TYPE)
            document = query.chosen(found(filters, key).document, names)
            return Answer(body={"@odata.context": f"{metadata}/$entity", **document})
    raise no_route(call)
