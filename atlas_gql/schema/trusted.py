"""Trusted documents: texts known by their SHA-256, so that a client sends the hash alone.

Optional, they save bytes; enforced, nothing else is executed, whatever a stolen token is used for.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import orjson

from atlas_gql.errors import AtlasError, ConfigurationError
from atlas_gql.schema.requests import GraphQLRequest


class DocumentRefused(AtlasError):
    """The document is not executed."""


class UnknownDocument(DocumentRefused):
    """No document with this SHA-256 is known here."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class OtherDocument(DocumentRefused):
    """The text has another SHA-256 than the request says."""

    code = "PERSISTED_QUERY_MISMATCH"


class NotTrusted(DocumentRefused):
    """Only documents that are on this installation's list are executed."""

    code = "DOCUMENT_NOT_TRUSTED"


class TrustedDocuments:
    """The known texts, by SHA-256. `only`: no other text is executed."""

    def __init__(self, texts: Mapping[str, str], *, only: bool) -> None:
        self._texts = texts
        self._only = only

    def text_of(self, asked: GraphQLRequest) -> str:
        """The text to execute. Raises DocumentRefused."""
        if asked.query is None:
            known = self._texts.get(asked.sha256 or "")
            if known is None:
                raise UnknownDocument
            return known
        if asked.sha256 is None and not self._only:
            return asked.query
        real = _sha256(asked.query)
        if asked.sha256 not in (None, real):
            raise OtherDocument
        if self._only and real not in self._texts:
            raise NotTrusted
        return asked.query


def load(place: Path | None, *, only: bool) -> TrustedDocuments:
    """The documents in a folder (each file `*.graphql` is one) or a JSON file (SHA-256 to text).

    Raises ConfigurationError for a place that cannot be read, a text under another's hash, and for `only`
    without a place.
    """
    if place is None:
        if only:
            raise ConfigurationError(
                "ATLAS_TRUSTED_DOCUMENTS_ONLY is set, and ATLAS_TRUSTED_DOCUMENTS names no documents."
            )
        return TrustedDocuments({}, only=False)
    try:
        texts = _of_folder(place) if place.is_dir() else _of_file(place)
    except (OSError, ValueError) as exc:
        raise ConfigurationError(
            f"ATLAS_TRUSTED_DOCUMENTS: {place} is neither a folder of *.graphql files nor a JSON object that"
            " maps the SHA-256 of each text to the text."
        ) from exc
    return TrustedDocuments(texts, only=only)


def _of_folder(folder: Path) -> dict[str, str]:
    texts = [file.read_bytes().decode() for file in sorted(folder.rglob("*.graphql"))]
    return {_sha256(text): text for text in texts}


def _of_file(file: Path) -> dict[str, str]:
    found = orjson.loads(file.read_bytes())
    if not isinstance(found, dict):
        raise ValueError("no object")  # as all that is malformed
    for name, text in found.items():
        if not isinstance(text, str) or name.removeprefix("sha256:") != _sha256(text):
            raise ConfigurationError(f"ATLAS_TRUSTED_DOCUMENTS: the text of {name} has another SHA-256.")
    return {name.removeprefix("sha256:"): text for name, text in found.items()}


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
