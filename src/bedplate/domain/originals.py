"""The files that documents were made from, kept beside them."""

from dataclasses import dataclass

from bedplate.domain.ids import DocumentId


@dataclass(frozen=True, slots=True)
class Original:
    """The file of one document, of the version that `fingerprint` (its sha256) names.

    `content` is as it is kept, and `sealed` says that it is encrypted; `size` is in bytes, of the
    file itself.
    """

    document: DocumentId
    fingerprint: str
    name: str
    media_type: str | None
    size: int
    content: bytes
    sealed: bool
