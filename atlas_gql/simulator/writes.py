"""Writes: the assignments of a policy, and the policy itself."""

from __future__ import annotations

from typing import Any

from atlas_gql.simulator import query
from atlas_gql.simulator.approvals import demand
from atlas_gql.simulator.assignments import INHERITED, body_of, checked_element, replacement, shown, stored
from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.errors import Refused, bad_request
from atlas_gql.simulator.kind import Kind
from atlas_gql.simulator.lookup import held, set_context
from atlas_gql.simulator.payload import json_body
from atlas_gql.simulator.state import Collection, Document, Policy, Tenant
from atlas_gql.simulator.targets import Writing, refuse_unknown


def assign(writing: Writing) -> Answer:
    """Replace the set, by `/assign` or by the `/update` of a policy set."""
    call, kind, policy = writing.call, writing.kind, writing.policy
    query.options(call, ())
    _store(writing, replacement(writing, body_of(kind, json_body(call))))
    status = _status(call, kind)
    if status != 200 or not kind.returns_set or kind.name in call.habits.emptyBodies:
        return Answer(status=status)
    values = [shown(kind, assignment, call.version) for assignment in policy.assignments]
    return Answer(body={"@odata.context": set_context(call, kind, policy), "value": values})


def add(writing: Writing) -> Answer:
    """Add one item: what is there already is added again, so a repeated call doubles."""
    call, kind, policy = writing.call, writing.kind, writing.policy
    query.options(call, ())
    element = checked_element(writing, json_body(call))
    added = stored(kind, policy.id, element, taken=[a["id"] for a in policy.assignments])
    _store(writing, (*policy.assignments, added))
    context = f"{set_context(call, kind, policy)}/$entity"
    return Answer(status=201, body={"@odata.context": context, **shown(kind, added, call.version)})


def remove(writing: Writing, key: str) -> Answer:
    """Remove one item."""
    call, policy = writing.call, writing.policy
    query.options(call, ())
    gone = held(policy.assignments, key)
    if gone.get("source") == INHERITED:
        raise bad_request("An assignment that comes from a policy set cannot be deleted.")
    _store(writing, tuple(a for a in policy.assignments if a is not gone))
    return Answer(status=204)


def change(call: Call, kind: Kind, policies: Collection[Policy], policy: Policy, tenant: Tenant) -> Answer:
    """Rename or describe a policy."""
    query.options(call, ())
    body = json_body(call)
    if not isinstance(body, dict):
        raise bad_request("Unable to read JSON request payload.")
    refuse_unknown(body, {"@odata.type", "description", kind.name_field}, kind.name)
    fields: dict[str, Any] = {name: value for name, value in body.items() if name != "@odata.type"}
    if not all(isinstance(value, str) for value in fields.values()) or fields.get(kind.name_field) == "":
        raise bad_request("The name or the description is not valid.")
    demand(call, kind, policy.id, tenant)
    policies.change(policy, fields)
    context = f"{call.base}/{call.version}/$metadata#{kind.path}/$entity"
    return Answer(body={"@odata.context": context, **policy.document})


def delete(call: Call, kind: Kind, policies: Collection[Policy], policy: Policy, tenant: Tenant) -> Answer:
    """Delete a policy, with its assignments."""
    query.options(call, ())
    if kind.locked_while_assigned and policy.assignments:
        raise Refused(400, "BadRequest", "The profile is assigned and cannot be deleted.", nested=True)
    demand(call, kind, policy.id, tenant)
    policies.remove(policy)
    return Answer(status=204)


def _store(writing: Writing, assignments: tuple[Document, ...]) -> None:
    """Let a checked write take effect, unless an approval is wanting. Raises Refused."""
    call = writing.call
    demand(call, writing.kind, writing.policy.id, writing.tenant)
    seconds = call.habits.lagSeconds
    until = call.now + seconds if seconds else 0
    writing.policy.assign(assignments, until=until, reads=int(call.habits.lagReads))


def _status(call: Call, kind: Kind) -> int:
    return kind.documented or kind.status if call.habits.statuses == "documented" else kind.status
