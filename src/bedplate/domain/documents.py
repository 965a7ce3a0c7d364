"""What enters: a Blob is read into Documents, a Document is cut into Chunks."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bedplate.domain.ids import ChunkId, DocumentId

Scalar = str | int | float | bool
MetadataValue = Scalar | None | Sequence[Scalar]
"""What a metadata field may hold; dates are ISO 8601 text and are recognised when indexed."""

Metadata = Mapping[str, MetadataValue]

BlockKind = Literal["heading", "paragraph", "list", "table", "code"]

ChunkHeader = Literal["full", "title", "headings", "none"]
"""What an embedder reads before the text of a chunk: title, path of headings, both, nothing."""

BLOCK_SEPARATOR = "\n\n"


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes as they came from a file, an upload or a source.

    `source` is what a reader is shown (a path or URI). `media_type` is what the sender claimed;
    parsers look at the bytes and do not trust it.
    """

    content: bytes
    source: str
    media_type: str | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Block:
    """One structural unit in reading order.

    `heading` is the path of headings above it, joined with " > "; a heading block carries its own
    path, itself included. `page` counts from 1. `level` is the depth of a heading (1 is the top).
    """

    text: str
    kind: BlockKind = "paragraph"
    page: int | None = None
    heading: str | None = None
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One parsed document; its text is its blocks joined by a blank line, and offsets count there.

    `sha256` fingerprints the input this document was made from (text and metadata), so that an
    unchanged document can be skipped. `source` is what a reader is shown; `origin` is the blob it
    was read from, the same for all rows of one file. `left_out` counts characters that the file
    has in menus and the like, or hides, and that are in no block.
    """

    id: DocumentId
    title: str
    source: str
    media_type: str
    blocks: tuple[Block, ...]
    sha256: str
    origin: str = ""
    pages: int | None = None
    metadata: Metadata = field(default_factory=dict[str, MetadataValue])
    left_out: int = 0

    @property
    def text(self) -> str:
        return BLOCK_SEPARATOR.join(block.text for block in self.blocks)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a document: what is embedded, found and cited.

    `text == document.text[start:end]`. `id` is the document's id and the ordinal: "<doc>#<n>".
    `window` are the ordinals of the first and the last chunk of what a reader is shown in its
    place, itself included; None where it is shown as it is.
    """

    id: ChunkId
    document_id: DocumentId
    ordinal: int
    text: str
    start: int
    end: int
    page: int | None = None
    heading: str | None = None
    window: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that could not be read, with its reason; nothing else stops because of it."""

    source: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one blob held: documents, the rows or parts that failed, and remarks worth showing."""

    documents: tuple[Document, ...]
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()
