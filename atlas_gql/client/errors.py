"""What a request to the API can end with.

ApiError        the API answered with an error, or with something that is no answer
├── NotAllowed  not logged in, not permitted, or not there: which of the last two is never told
├── Invalid     a value does not fit
├── Refused     understood and not done, for a reason that the caller can act on
└── NoAnswer    nothing came back; whether the request arrived is not known
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atlas_gql.errors import AtlasError


class ApiError(AtlasError):
    """The API answered with an error."""


class NotAllowed(ApiError):
    """Not logged in, not permitted, or not there."""


class Invalid(ApiError):
    """A value does not fit."""


class NoAnswer(ApiError):
    """The API does not answer."""


class Refused(ApiError):
    """The API understood what was asked, and did not do it; `result` is its error, as GraphQL gave it."""

    def __init__(self, message: str, *, result: Mapping[str, Any]) -> None:
        self.result = result
        super().__init__(message)
