"""The schema as a whole: what it must always be, whatever operations it offers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import pytest
import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    specified_directives,
)

from atlas_gql.errors import ConfigurationError, DomainError
from atlas_gql.plugins.api import Operation, Ref, existing, new
from atlas_gql.reasons import DESCRIPTIONS
from atlas_gql.schema import build_schema, print_sdl
from atlas_gql.schema.guards import FREE, guards, leading_to_things
from atlas_gql.schema.maps import KINDS
from support.shipped import shipped_schema


class TooManyThings(DomainError):
    """There are too many things."""

    code = "TOO_MANY_THINGS"
    limit: int
    thing_ids: list[UUID]


@dataclass(frozen=True, kw_only=True)
class CountInput:
    """What to count."""

    backup_set_id: Annotated[UUID, Ref("BackupSet", "backups.view")]


def operation(mutation: str = "countThings", **changes: Any) -> Operation[Any]:
    values: dict[str, Any] = {
        "type": f"test.{mutation.lower()}",
        "mutation": mutation,
        "label": "Count",
        "description": "Counts things.",
        "input": CountInput,
        "target": new(),
        "capability": "backups.create",
        "handler": None,
        "errors": (TooManyThings,),
    }
    return Operation(**{**values, **changes})


SCHEMA = build_schema([operation()])
SDL = print_sdl(SCHEMA)


def block(text: str, start: str) -> str:
    """From a line that starts so to the end of its block or line."""
    part = text[text.index(f"\n{start}") + 1 :]
    return part.split("\n}")[0] if "{" in part.splitlines()[0] else part.splitlines()[0]


def test_the_same_operations_give_the_same_text_in_any_order():
    one, two = operation("a"), operation("b")
    assert print_sdl(build_schema([one, two])) == print_sdl(build_schema([two, one]))


def test_two_schemas_in_one_process_know_nothing_of_each_other():
    build_schema([operation("other", errors=())])
    assert print_sdl(build_schema([operation()])) == SDL
    assert ("TooManyThings" in SDL, "OtherInput" in SDL) == (True, False)


def test_a_mutation_shows_its_guards_and_everything_that_can_come_of_it():
    assert (
        '@requires(capability: "backups.create") @requires(capability: "backups.view", on: "backupSetId")'
        in SDL
    )
    assert "Requires capability: backups.create, backups.view on backupSetId." in SDL
    assert block(SDL, "union CountThingsResult") == (
        "union CountThingsResult = IdempotencyConflict | RunConflict | StartRunPayload | TenantArchived"
        " | TooManyThings | ValidationError | WritesNotEnabled"
    )


def test_a_domain_error_becomes_a_type_with_its_public_attributes():
    fields = SCHEMA._schema.type_map["TooManyThings"].fields
    assert {name: str(field.type) for name, field in fields.items()} == {
        "code": "String!",
        "limit": "Int!",
        "message": "String!",
        "thingIds": "[String!]!",
    }
    assert block(SDL, "type TooManyThings").startswith("type TooManyThings implements Error")


def test_a_run_is_of_one_type_wherever_a_result_names_it():
    """So that a client may select `run` on every member of a union."""
    known = SCHEMA._schema.type_map
    named = {
        name: str(known[name].fields["run"].type)
        for name in (
            "StartRunPayload",
            "CancelRunPayload",
            "RunConflict",
            "IdempotencyConflict",
            "RunFinished",
        )
    }
    assert set(named.values()) == {"OperationRun"}


def descriptions(schema: strawberry.Schema) -> Iterator[tuple[str, str | None]]:
    """Everything in the schema that can be described, by its name, with what is said of it."""
    for name, known in schema._schema.type_map.items():
        if name.startswith("__"):
            continue
        yield name, known.description
        if isinstance(known, GraphQLEnumType):
            yield from ((f"{name}.{key}", value.description) for key, value in known.values.items())
        if isinstance(known, (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)):
            for key, field in known.fields.items():
                yield f"{name}.{key}", field.description
                arguments = getattr(field, "args", {})
                yield from ((f"{name}.{key}.{arg}", it.description) for arg, it in arguments.items())
    for directive in schema._schema.directives:
        if directive not in specified_directives:
            yield f"@{directive.name}", directive.description


def test_everything_is_described():
    assert [name for name, said in descriptions(SCHEMA) if not said] == []


def test_a_description_says_more_than_the_name():
    def letters(text: str) -> str:
        return re.sub("[^a-z]", "", text.lower()).removeprefix("the")

    shipped = shipped_schema()
    idle = [
        name
        for name, said in descriptions(shipped)
        if letters(said or "") == letters(name.rpartition(".")[2])
    ]
    assert idle == []


def test_every_reason_code_is_in_the_schema_with_its_sentence():
    values = SCHEMA._schema.type_map["ReasonCode"].values
    assert {name: value.description for name, value in values.items()} == {
        code.name: text for code, text in DESCRIPTIONS.items()
    }


def test_every_field_that_leads_to_a_thing_is_guarded_but_for_these():
    declared = guards(SCHEMA)
    assert {name for name in leading_to_things(SCHEMA) if not declared[name]} == FREE.keys()


def test_every_mutation_is_guarded_by_a_capability():
    declared = guards(SCHEMA)
    capabilities = {
        name: [permission.capability for permission in permissions]
        for name, permissions in declared.items()
        if name.startswith("Mutation.")
    }
    assert capabilities == {
        "Mutation.archiveTenant": ["tenants.manage"],
        "Mutation.cancelRun": ["runs.cancel"],
        "Mutation.changeMemberRole": ["members.manage"],
        "Mutation.countThings": ["backups.create", "backups.view"],
        "Mutation.createCredential": ["providers.manage"],
        "Mutation.createTenant": ["tenants.manage"],
        "Mutation.createProvider": ["providers.manage"] * 3,
        "Mutation.createSchedule": ["schedules.manage", "the operation's own"],
        "Mutation.createToken": [None],  # any member may, and gives nothing but what is the member's own
        "Mutation.deleteBackupSet": ["backups.delete"],
        "Mutation.deleteCredential": ["providers.manage"],
        "Mutation.deleteProvider": ["providers.manage"],
        "Mutation.deleteSchedule": ["schedules.manage"],
        "Mutation.disableSchedule": ["schedules.manage"],
        "Mutation.enableSchedule": ["schedules.manage", "the operation's own"],
        "Mutation.grantTenants": ["members.manage"],
        "Mutation.inviteMember": ["members.manage"],
        "Mutation.leaveWorkspace": [None],  # it takes nothing but being a member
        "Mutation.purgeTenant": ["tenants.purge"],
        "Mutation.removeMember": ["members.manage"],
        "Mutation.renameCredential": ["providers.manage"],
        "Mutation.renameTenant": ["tenants.manage"],
        "Mutation.retryRun": ["the operation's own"],
        "Mutation.revokeGrants": ["members.manage"],
        "Mutation.revokeInvitation": ["members.manage"],
        "Mutation.revokeToken": ["tokens.manage"],
        "Mutation.rotateCredential": ["providers.manage"],
        "Mutation.setBackupRetention": ["backups.delete"],
        "Mutation.startOnTenants": ["the operation's own"],
        "Mutation.unarchiveTenant": ["tenants.manage"],
        "Mutation.updateProvider": ["providers.manage"] * 3,
        "Mutation.updateSchedule": ["schedules.manage", "the operation's own"],
    }


def test_every_guarded_field_says_in_its_description_which_capability_it_takes():
    known = SCHEMA._schema.type_map
    for name, permissions in guards(SCHEMA).items():
        owner, field = name.split(".")
        for permission in permissions:
            if permission.capability:
                last = known[owner].fields[field].description.rsplit("Requires capability: ", 1)[-1]
                assert permission.capability in last, name


def test_every_plain_field_of_a_thing_has_a_column():
    """A field without a resolver reads the row's attribute of its name; the row map must have it."""
    missing = []
    for kind, rows in KINDS.items():
        definition = SCHEMA.get_type_by_name(kind)
        missing += [
            f"{kind}.{field.python_name}"
            for field in definition.fields
            if field.is_basic_field and field.python_name not in rows.columns
        ]
    assert missing == []


def test_every_attribute_that_a_field_reads_is_a_column():
    missing = [
        f"{kind}.{field}: {name}"
        for kind, rows in KINDS.items()
        for field, names in rows.fields.items()
        for name in names
        if name not in rows.columns
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        pytest.param([operation(), operation(type="test.other")], ["test.other", "countThings"], id="twice"),
        pytest.param([operation("cancelRun")], ["cancelRun", "Atlas itself"], id="the host's own"),
        pytest.param(
            [operation(target=existing("RestoreRun", field="backup_set_id"))],
            ["test.countthings", "backup_set_id"],
            id="target of another kind",
        ),
        pytest.param(
            [operation(target=existing("BackupSet", field="nope"))],
            ["test.countthings", "nope"],
            id="target without a field",
        ),
    ],
)
def test_an_operation_that_cannot_be_offered_is_refused_with_names(operations, words):
    with pytest.raises(ConfigurationError) as caught:
        build_schema(operations)
    assert [word in caught.value.message for word in words] == [True] * len(words)


def test_two_errors_with_one_name_are_refused():
    other = type("TooManyThings", (DomainError,), {"code": "OTHER", "__doc__": "Other."})
    with pytest.raises(ConfigurationError, match="TooManyThings"):
        build_schema([operation(), operation("other", errors=(other,))])


def test_an_error_with_the_name_of_a_core_type_is_refused():
    taken = type("Policy", (DomainError,), {"code": "X", "__doc__": "X."})
    with pytest.raises(ConfigurationError, match="same name"):
        build_schema([operation(errors=(taken,))])


def test_an_error_with_an_attribute_that_cannot_be_shown_is_refused():
    odd = type("Odd", (DomainError,), {"__annotations__": {"things": dict}, "__doc__": "Odd."})
    with pytest.raises(ConfigurationError, match=r"Odd\.things"):
        build_schema([operation(errors=(odd,))])
