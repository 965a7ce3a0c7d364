"""What a slow reading of a blob gave, by fingerprints alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from bedplate.domain.ids import DocumentId


@dataclass(frozen=True, slots=True)
class Reading:
    """`digest` is of the bytes and of all else that a reading depends on; `documents` are those that
    it gave, each with its fingerprint; `warnings` are what it remarked.
    """

    digest: str
    documents: Mapping[DocumentId, str]
    warnings: tuple[str, ...] = ()
