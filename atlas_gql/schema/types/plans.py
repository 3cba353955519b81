"""What a restore's plan says: changes, warnings, mappings, counts; read from the JSON stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import strawberry
from strawberry.scalars import JSON

from atlas_gql.schema.enums import (
    AssignmentChangeKind,
    AssignmentTargetKind,
    FoundBy,
    MappingKind,
    PlanNote,
    RestoreWarningCode,
)

Stored = Mapping[str, Any]


@strawberry.type(description="Whom an assignment targets.")
class AssignmentTarget:
    kind: AssignmentTargetKind = strawberry.field(description="What kind of target it is.")
    id: str | None = strawberry.field(description="The group's id, in the tenant that is restored to.")
    name: str | None = strawberry.field(description="The group's name.")
    excluded: bool = strawberry.field(description="Whether it is excluded instead of included.")
    member_count: int | None = strawberry.field(
        description="How many direct members the group had when the plan was made; null where nothing would"
        " change for it, and where Microsoft does not count them.",
        default=None,
    )


@strawberry.type(description="A value of an assignment that a restore would change.")
class FieldChange:
    field: str = strawberry.field(description="What changes, such as `filter`.")
    old: JSON | None = strawberry.field(description="As it is in the tenant.")
    new: JSON | None = strawberry.field(description="As it would be.")


@strawberry.type(description="What a restore would do to one assignment.")
class AssignmentChange:
    change: AssignmentChangeKind = strawberry.field(description="What would be done.")
    target: AssignmentTarget = strawberry.field(description="Whom the assignment targets.")
    intent: str | None = strawberry.field(description="The intent, for an app: `required`, `available`, ...")
    fields: list[FieldChange] = strawberry.field(description="What changes in it, where it is changed.")
    reason: PlanNote | None = strawberry.field(description="Why it is blocked or left out.")
    message: str | None = strawberry.field(description="The same, for people.")


@strawberry.type(description="Something about a plan that a person must have seen before it is executed.")
class RestoreWarning:
    id: str = strawberry.field(description="What acknowledging it names.")
    code: RestoreWarningCode = strawberry.field(description="What kind of warning it is.")
    message: str = strawberry.field(description="The warning, for people.")
    policy: str | None = strawberry.field(description="The name of the policy concerned.")
    policy_type: str | None = strawberry.field(description="The kind of policy concerned.")
    target: AssignmentTarget | None = strawberry.field(
        description="Whom the assignment concerned targets; null for a warning about the whole policy."
    )
    rule_then: str | None = strawberry.field(description="The rule that was backed up, where a rule differs.")
    rule_now: str | None = strawberry.field(description="The rule as it is, where a rule differs.")


@strawberry.type(description="A group or filter that might be meant.")
class MappingCandidate:
    id: str = strawberry.field(description="Its id in the target tenant.")
    name: str = strawberry.field(description="Its name.")
    kind: str = strawberry.field(
        description="`assigned`, `dynamic` or `microsoft365` for a group, its platform for a filter."
    )
    created_at: str | None = strawberry.field(
        description="When the group was made, as Microsoft says it; null for a filter."
    )
    member_count: int | None = strawberry.field(
        description="How many direct members the group has; null for a filter, and where that is not known."
    )


@strawberry.type(description="How a group or filter of the backup is found in the target tenant.")
class RestoreMapping:
    kind: MappingKind = strawberry.field(description="What is translated.")
    source_id: str = strawberry.field(description="Its id in the backup.")
    source_name: str | None = strawberry.field(description="Its name in the backup.")
    target_id: str | None = strawberry.field(description="Its id in the target tenant; null if not found.")
    target_name: str | None = strawberry.field(description="Its name in the target tenant.")
    found: FoundBy | None = strawberry.field(description="How it was found; null if it was not.")
    reason: PlanNote | None = strawberry.field(description="Why it was not found.")
    candidates: list[MappingCandidate] = strawberry.field(
        description="What it might be, where that is ambiguous."
    )
    member_count: int | None = strawberry.field(
        description="How many direct members the group has, where the plan would change something for it."
    )
    rule_then: str | None = strawberry.field(description="Its membership rule when it was backed up.")
    rule_now: str | None = strawberry.field(description="Its membership rule in the target tenant.")


@strawberry.type(description="How many policies a restore would write, leave, or not be able to write.")
class PolicyCounts:
    write: int = strawberry.field(description="Written.")
    none: int = strawberry.field(description="Already as wanted.")
    blocked: int = strawberry.field(description="Nothing is written; each says why.")
    not_in_backup: int = strawberry.field(
        description="In the tenant, of the kinds that were planned as a whole, and not in the backup."
    )


@strawberry.type(description="How many assignments a restore would treat how.")
class AssignmentCounts:
    kept: int = strawberry.field(description="Staying as they are.")
    added: int = strawberry.field(description="Are added to what the policy has.")
    removed: int = strawberry.field(description="Are taken from what the policy has.")
    changed: int = strawberry.field(description="Staying with other values.")
    blocked: int = strawberry.field(description="Not restorable, blocking their policy.")
    left_out: int = strawberry.field(description="Not restorable and left out.")


@strawberry.type(description="How often a plan warns of something.")
class WarningCount:
    code: RestoreWarningCode = strawberry.field(description="The kind of warning.")
    count: int = strawberry.field(description="How often.")


@strawberry.type(description="A plan in numbers.")
class RestoreSummary:
    policies: PolicyCounts = strawberry.field(description="By policy.")
    assignments: AssignmentCounts = strawberry.field(description="By assignment.")
    warnings: list[WarningCount] = strawberry.field(description="By kind of warning, those that there are.")


def changes(stored: Iterable[Stored] | None) -> list[AssignmentChange]:
    return [
        AssignmentChange(
            change=change["change"],
            target=_target(change.get("target") or {}),
            intent=change.get("intent"),
            fields=[
                FieldChange(field=field["field"], old=field.get("old"), new=field.get("new"))
                for field in change.get("fields") or ()
            ],
            reason=change.get("reason"),
            message=change.get("message"),
        )
        for change in stored or ()
    ]


def _target(stored: Stored) -> AssignmentTarget:
    return AssignmentTarget(
        kind=stored.get("kind") or AssignmentTargetKind.UNKNOWN,
        id=stored.get("id"),
        name=stored.get("name"),
        excluded=bool(stored.get("excluded")),
        member_count=stored.get("members"),
    )


def warnings(stored: Iterable[Stored] | None) -> list[RestoreWarning]:
    return [
        RestoreWarning(
            id=warning["id"],
            code=warning["code"],
            message=warning["message"],
            policy=warning.get("policy"),
            policy_type=warning.get("policyType"),
            target=_target(warning["target"]) if warning.get("target") else None,
            rule_then=warning.get("ruleThen"),
            rule_now=warning.get("ruleNow"),
        )
        for warning in stored or ()
    ]


def mappings(stored: Iterable[Stored] | None) -> list[RestoreMapping]:
    return [
        RestoreMapping(
            kind=mapping["kind"],
            source_id=mapping["sourceId"],
            source_name=mapping.get("sourceName"),
            target_id=mapping.get("targetId"),
            target_name=mapping.get("targetName"),
            found=mapping.get("found"),
            reason=mapping.get("reason"),
            candidates=[
                MappingCandidate(
                    id=candidate["id"],
                    name=candidate["name"],
                    kind=candidate["kind"],
                    created_at=candidate.get("created"),
                    member_count=candidate.get("members"),
                )
                for candidate in mapping.get("candidates") or ()
            ],
            member_count=mapping.get("members"),
            rule_then=mapping.get("ruleThen"),
            rule_now=mapping.get("ruleNow"),
        )
        for mapping in stored or ()
    ]


def summary(stored: Stored) -> RestoreSummary:
    policies, assignments = stored.get("policies") or {}, stored.get("assignments") or {}
    return RestoreSummary(
        policies=PolicyCounts(
            **{name: policies.get(name, 0) for name in ("write", "none", "blocked")},
            not_in_backup=policies.get("notInBackup", 0),
        ),
        assignments=AssignmentCounts(
            **{name: assignments.get(name, 0) for name in ("kept", "added", "removed", "changed", "blocked")},
            left_out=assignments.get("leftOut", 0),
        ),
        warnings=[
            WarningCount(code=code, count=count)
            for code, count in sorted((stored.get("warnings") or {}).items())
        ],
    )
