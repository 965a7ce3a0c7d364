"""Documents, passages and entries as every catalog makes them of its rows."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bedplate.domain.documents import BLOCK_SEPARATOR, Chunk, Document
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.domain.retrieval import Hit, Scope, StoredDocument
from bedplate.embedders.protocol import Matrix
from bedplate.errors import NotFound, StorageError
from bedplate.state.protocol import Difference, Entry
from bedplate.terms import TermVector

PAGE = 500
"""Documents of a list that are read at once."""

Row = Sequence[Any]


def to_document(row: Row, updated_at: datetime) -> StoredDocument:
    """Of document_id, title, source, media_type, sha256, origin, chunks, pages and metadata."""
    return StoredDocument(
        DocumentId(row[0]), *row[1:7], updated_at=updated_at, pages=row[7],
        metadata=json.loads(row[8]),
    )  # fmt: skip


def to_hit(chunk_id: ChunkId, score: float, row: Row) -> Hit:
    """Of document_id, text, title, source, start, end, page, heading and metadata."""
    return Hit(
        DocumentId(row[0]), chunk_id, score, *row[1:8], metadata=json.loads(row[8])
    )  # fmt: skip


def widened(hit: Hit, window: Sequence[Row]) -> Hit:
    """The hit, its text that of all chunks of its window: of each text, start, end, page, heading."""
    parts: list[str] = []
    end: int = window[0][1] if window else 0
    for text, start, its_end, _, _ in window:
        parts.append(text[end - start :] if start <= end else f"{BLOCK_SEPARATOR}{text}")
        end = max(end, its_end)
    if not parts:
        return hit
    _, start, _, page, heading = window[0]
    return replace(hit, text="".join(parts), start=start, end=end, page=page, heading=heading)


def _window(row: Row) -> tuple[int, int] | None:
    first, last = row
    return None if first is None else (first, last)


def to_entry(row: Row, updated_at: datetime, chunks: Sequence[Row], vectors: Matrix) -> Entry:
    """Of document_id, title, source, media_type, sha256, origin, pages, metadata and chunks; and of
    each chunk ordinal, text, start, end, page, heading, first and last of its window, and terms.

    StorageError for a document that has not all of its rows.
    """
    name, title, source, media_type, sha256, origin, pages, metadata, count = row
    if len(chunks) != count:
        raise StorageError(
            f"Document {name!r} has {count} passages, and rows of {len(chunks)}: the catalog is "
            "damaged. Restore it from a backup, or delete the document and ingest it again."
        )
    document = DocumentId(name)
    return Entry(
        document=Document(
            id=document,
            title=title,
            source=source,
            media_type=media_type,
            blocks=(),
            sha256=sha256,
            origin=origin,
            pages=pages,
            metadata=json.loads(metadata),
        ),
        chunks=tuple(
            Chunk(ChunkId(f"{name}#{each[0]}"), document, *each[:6], window=_window(each[6:8]))
            for each in chunks
        ),
        vectors=vectors,
        terms=tuple(TermVector.from_bytes(each[8]) for each in chunks),
        updated_at=updated_at,
    )


def to_difference(missing: Sequence[Row], surplus: Sequence[Row]) -> Difference:
    """Of document_id and chunks of what is missing, and document_id of what is too many."""
    return Difference(
        {DocumentId(row[0]): int(row[1]) for row in missing},
        tuple(DocumentId(row[0]) for row in surplus),
    )


def unknown_document(scope: Scope, document: DocumentId) -> NotFound:
    return NotFound(
        f"There is no document {document!r} in collection {scope.collection!r}.",
        param="document_id",
    )
