"""Pages of a list: `$top`, skip tokens that only this process can make, absolute next links."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from atlas_gql.simulator.calls import Answer, Call
from atlas_gql.simulator.errors import Refused, bad_request
from atlas_gql.simulator.query import equals
from atlas_gql.simulator.state import Collection, Document, Entity

T = TypeVar("T")

_KEY = secrets.token_bytes(16)
"""Signs skip tokens, so that a made-up one is refused."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A slice of a list, from `offset`, of at most `size`; a `blank` one is empty and leads to it."""

    offset: int
    size: int
    blank: bool = False


def paged(
    call: Call,
    given: dict[str, str],
    collection: Collection[Any],
    show: Callable[[Any], Document],
    context: str,
    size: int,
    *,
    name_field: str | None = "displayName",
    maximum: int | None = None,
    counts_page: bool = False,
    flag: str | None = None,
) -> Answer:
    """One page of a collection, filtered by name (or by `flag`, a true or false property)."""
    entities: Sequence[Entity] = collection.entities
    if flag is not None and given.get("$filter") in (f"{flag} eq true", f"{flag} eq false"):
        wanted = given["$filter"].endswith("true")
        entities = [entity for entity in entities if entity.document.get(flag) is wanted]
    elif (named := equals(given, name_field)) is not None:
        entities = collection.named(named)
    page = page_of(call, given, default=size, maximum=maximum or size)
    values = [show(entity) for entity in cut(entities, page)]
    count = {"@odata.count": len(values)} if counts_page else {}
    link = next_link(call, given, page, len(entities))
    return Answer(body={"@odata.context": context, **count, **link, "value": values})


def page_of(call: Call, given: Mapping[str, str], *, default: int, maximum: int) -> Page:
    """The page that `$top` and `$skiptoken` ask for; `$top` above the maximum is capped."""
    size = default
    if "$top" in given:
        if not given["$top"].isdecimal() or int(given["$top"]) < 1:
            raise bad_request(f"Invalid value '{given['$top']}' for $top query option found.")
        size = min(int(given["$top"]), maximum)
    offset, was_blank = _position(call, given["$skiptoken"]) if "$skiptoken" in given else (0, False)
    return Page(offset=offset, size=size, blank=call.habits.emptyPages and not was_blank)


def cut(items: Sequence[T], wanted: Page) -> Sequence[T]:
    return items[:0] if wanted.blank else items[wanted.offset : wanted.offset + wanted.size]


def next_link(call: Call, given: Mapping[str, str], wanted: Page, total: int) -> dict[str, str]:
    """`{"@odata.nextLink": ...}`, absolute and on the host that was asked; empty on the last page."""
    offset = wanted.offset + (0 if wanted.blank else wanted.size)
    if offset >= total and not wanted.blank:
        return {}
    token = _token(call.path, offset, wanted.blank)
    query = urlencode({**given, "$skiptoken": token}, quote_via=quote, safe="$(),'")
    path = quote(call.path, safe="/()'$,")
    return {"@odata.nextLink": f"{call.base}{path}?{query}"}


def _token(path: str, offset: int, was_blank: bool) -> str:
    text = f"{offset}:{int(was_blank)}:{_signature(path, offset)}".encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _position(call: Call, token: str) -> tuple[int, bool]:
    """Where a token leads, and whether a blank page gave it. Raises Refused."""
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        offset, was_blank, signature = text.split(":")
        genuine = hmac.compare_digest(signature, _signature(call.path, int(offset)))
    except ValueError:
        genuine = False
    if not genuine:
        status = call.habits.brokenToken
        raise Refused(status, "BadRequest" if status == 400 else "Gone", "The skip token is not valid.")
    return int(offset), was_blank == "1"


def _signature(path: str, offset: int) -> str:
    return hmac.new(_KEY, f"{path}\n{offset}".encode(), hashlib.sha256).hexdigest()
