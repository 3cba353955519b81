"""What people and plugins give, checked: names, GUIDs, domains, JSON."""

from __future__ import annotations

import re
import unicodedata
from uuid import UUID

from atlas_gql.errors import ValidationError

LONGEST_NAME = 200

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{4,253}}$)({_LABEL}\.)+[a-z][a-z0-9-]*[a-z0-9]")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,253}")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def checked_name(text: str, *, field: str = "name") -> str:
    """A name without space around it, composed (NFC), so that what looks alike is alike.

    Raises ValidationError for one that is empty, too long, or holds characters that cannot be seen.
    """
    name = unicodedata.normalize("NFC", text.strip())
    if not name:
        raise ValidationError("A name is needed.", field=field)
    if len(name) > LONGEST_NAME:
        raise ValidationError(f"A name has at most {LONGEST_NAME} characters.", field=field)
    if not name.isprintable():
        raise ValidationError(
            "A name holds no control characters, line breaks or invisible ones.", field=field
        )
    return name


def is_guid(text: str) -> bool:
    """Whether a text is a GUID that is written out in full."""
    return _GUID.fullmatch(text) is not None


def checked_guid(text: str, *, field: str) -> UUID:
    """The GUID that is written out in full, with hyphens. Raises ValidationError."""
    if not is_guid(text.strip()):
        raise ValidationError(
            "This is not a GUID: 32 hexadecimal digits in five groups (8-4-4-4-12).", field=field
        )
    return UUID(text.strip())


def checked_domain(text: str, *, field: str) -> str:
    """The domain in lower case, like `contoso.onmicrosoft.com`. Raises ValidationError."""
    domain = text.strip().lower()
    if not _DOMAIN.fullmatch(domain):
        raise ValidationError("This is not a domain like contoso.onmicrosoft.com.", field=field)
    return domain


def checked_email(text: str, *, field: str = "email") -> str:
    """An address that could be one. Raises ValidationError."""
    email = text.strip()
    if not _EMAIL.fullmatch(email) or not email.isprintable():
        raise ValidationError("This is not a mail address.", field=field)
    return email


def holds_nul(json: bytes) -> bool:
    """Whether a JSON text holds a NUL character anywhere, which no column of the database can hold."""
    return _NUL.search(json) is not None
