"""Lists that come in pages. A nextLink is opaque: it is followed as given, and only on Graph's own host."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from atlas_gql.graph.answers import decode, invalid_response
from atlas_gql.graph.transport import Call, Transport

MAX_PAGES = 5000
NEXT = "@odata.nextLink"


async def pages(transport: Transport, call: Call) -> AsyncIterator[dict[str, Any]]:
    """Every page of a list, as Graph gives it; a page may be empty and still not be the last.

    Raises GraphError; INVALID_RESPONSE for links that lead to another host, in a circle or nowhere.
    """
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        page = decode(await transport.send(call))
        yield page
        link = page.get(NEXT)
        if link is None:
            return
        if not isinstance(link, str) or link in seen or not link.startswith(("https://", "http://")):
            raise invalid_response("Microsoft's pages do not end; the list was not used.")
        seen.add(link)
        call = replace(call, url=link, params=None)
    raise invalid_response("Microsoft's list has more pages than Atlas reads.")


def rows(page: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of a page. Raises GraphError (INVALID_RESPONSE) where there is no list of objects."""
    values = page.get("value")
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise invalid_response()
    return values


async def rest(transport: Transport, call: Call, page: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of a first page that came inside a batch, and of all pages after it."""
    found = list(rows(page))
    link = page.get(NEXT)
    if link is not None:
        async for following in pages(transport, replace(call, url=str(link), params=None)):
            found += rows(following)
    return found
