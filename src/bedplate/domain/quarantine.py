"""Documents that were kept out of the index."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bedplate.domain.ids import DocumentId


@dataclass(frozen=True, slots=True)
class Held:
    """A document in quarantine: where it came from and what was found in it, by type, never what.

    `sha256` is the fingerprint of what was looked at. Once `released`, it goes in when it comes
    again as it was.
    """

    document_id: DocumentId
    source: str
    origin: str
    sha256: str
    reasons: Mapping[str, int]
    found_at: datetime
    released: bool = False
