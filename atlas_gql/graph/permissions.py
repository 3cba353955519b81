"""What an application may do, by the roles in its access token."""

from __future__ import annotations

from collections.abc import Collection

_DIRECTORY = (
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
)
_ALSO = {
    "GroupMember.Read.All": ("GroupMember.ReadWrite.All", *_DIRECTORY),
    "Group.Read.All": _DIRECTORY[1:],
}
"""Permissions of the directory, and those that include them.

Source: https://learn.microsoft.com/graph/permissions-reference (read 2026-11-23).
"""


def grants(roles: Collection[str], permission: str) -> bool:
    """Whether roles include a permission: itself, or one that reaches further.

    .. versionadded:: 0.1
    """
    including = _ALSO.get(permission, (permission.replace(".Read.All", ".ReadWrite.All"),))
    return any(role in roles for role in (permission, *including))
