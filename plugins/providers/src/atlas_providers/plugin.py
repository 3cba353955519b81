"""The providers plugin: its one operation, as data."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from atlas_gql.plugins import Operation, ProviderReport, hookimpl, new
from atlas_providers.verify import VerifyProviderInput, verify


@hookimpl
def atlas_operations() -> Iterable[Operation[Any]]:
    """Return verify."""
    return [
        Operation(
            type="providers.verify",
            mutation="verifyProvider",
            label="Verify the provider",
            description="Finds out what Atlas may read and write in a tenant, and what will be refused;"
            " changes nothing there.",
            input=VerifyProviderInput,
            target=new(whole=True),
            capability="providers.manage",
            handler=verify,
            result=ProviderReport,
            time_limit=timedelta(minutes=15),
        )
    ]
