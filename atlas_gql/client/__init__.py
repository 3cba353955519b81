"""A client of the public GraphQL API, as the commands and the demo use it."""

from atlas_gql.client.api import Api
from atlas_gql.client.errors import ApiError, Invalid, NoAnswer, NotAllowed, Refused
from atlas_gql.client.profiles import Access, Profiles, choose_access

__all__ = [
    "Access",
    "Api",
    "ApiError",
    "Invalid",
    "NoAnswer",
    "NotAllowed",
    "Profiles",
    "Refused",
    "choose_access",
]
