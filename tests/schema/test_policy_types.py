"""The kinds of policy, as any client sees them."""

import asyncio
from typing import Any

from atlas_gql.plugins import CONTRACTS
from atlas_gql.schema import build_schema
from atlas_gql.schema.context import Context
from atlas_gql.schema.execution import Executor

QUERY = """{
  policyTypes {
    type label path platform readPermission writePermission supportsFilters supportsRestore whyNot
  }
}"""


def answered() -> list[dict[str, Any]]:
    executor = Executor(build_schema([]))
    context = Context(actor=None, database=None, engine=None, sealer=None, request_id="r-1")  # type: ignore[arg-type]
    done = asyncio.run(executor.execute(executor.read(QUERY), context, variables=None, operation_name=None))
    types: list[dict[str, Any]] = done.body["data"]["policyTypes"]
    return types


def test_every_contract_is_a_type_in_the_order_of_the_table():
    assert [each["type"] for each in answered()] == list(CONTRACTS)


def test_a_type_says_what_a_restore_needs_or_why_there_is_none():
    by_type = {each["type"]: each for each in answered()}
    assert by_type["deviceShellScripts"] == {
        "type": "deviceShellScripts",
        "label": "macOS shell script",
        "path": "deviceManagement/deviceShellScripts",
        "platform": "macOS",
        "readPermission": "DeviceManagementScripts.Read.All",
        "writePermission": "DeviceManagementScripts.ReadWrite.All",
        "supportsFilters": False,
        "supportsRestore": True,
        "whyNot": None,
    }
    tags = by_type["roleScopeTags"]
    assert (tags["supportsRestore"], tags["writePermission"], tags["whyNot"]) == (
        False,
        None,
        CONTRACTS["roleScopeTags"].why_not,
    )
