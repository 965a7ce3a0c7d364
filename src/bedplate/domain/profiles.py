"""What a document says of itself, and how it relates to others of its collection."""

from dataclasses import dataclass
from typing import Literal

from bedplate.domain.ids import DocumentId

Likeness = Literal["exact", "near"]


@dataclass(frozen=True, slots=True)
class Profile:
    """Found out about a document when it is read.

    `text_sha256` is of its text without differences of white space. `signature` is its MinHash
    (quality/likeness.py), empty for short texts. Documents of one `family` may be versions of each
    other, in the order of `stage`; `declared` says that the sender put it into that family.
    `valid_from` is an ISO 8601 day and `dated_by` what told it.
    """

    text_sha256: str
    signature: bytes = b""
    family: str = ""
    declared: bool = False
    stage: str = ""
    valid_from: str | None = None
    dated_by: str | None = None


@dataclass(frozen=True, slots=True)
class Relations:
    """A document among the others: the first with the same text or nearly so, and the newest
    version of it that is in force, where that is another one.

    `likeness` says which of both the text of `duplicate_of` is.
    """

    valid_from: str | None = None
    dated_by: str | None = None
    duplicate_of: DocumentId | None = None
    superseded_by: DocumentId | None = None
    likeness: Likeness | None = None
