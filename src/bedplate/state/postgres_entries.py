"""Documents read back from PostgreSQL as an index is built from them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from pgvector import HalfVector

from bedplate.domain.documents import Chunk, Document
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.embedders.protocol import Matrix
from bedplate.errors import StorageError
from bedplate.postgres.database import Connection, Row, select
from bedplate.state.postgres_images import images_of
from bedplate.state.protocol import Entry
from bedplate.terms import TermVector

# One statement, so that all of a document is of one moment.
ENTRIES = """
SELECT d.document_id, d.title, d.source, d.media_type, d.sha256, d.origin, d.pages, d.metadata,
  d.updated_at, d.chunks, col.dimensions,
  c.ordinal, c.text, c.start, c."end", c.page, c.heading, v.embedding, p.terms
FROM unnest(%s::text[]) WITH ORDINALITY AS wanted (document_id, number)
JOIN document d ON d.document_id = wanted.document_id AND d.collection_id = %s
JOIN collection col ON col.id = d.collection_id
LEFT JOIN (chunk c JOIN vector v ON v.document = c.document AND v.ordinal = c.ordinal
  JOIN posting p ON p.document = c.document AND p.ordinal = c.ordinal) ON c.document = d.id
ORDER BY wanted.number, c.ordinal
"""
FACTS = 11


def read_entries(db: Connection, collection: int, ids: Sequence[DocumentId]) -> tuple[Entry, ...]:
    """StorageError for a document that has not all of its rows."""
    wanted = [document for document in dict.fromkeys(ids) if "\0" not in document]
    documents: dict[str, list[Row]] = {}
    for row in select(db, ENTRIES, (wanted, collection)):
        documents.setdefault(row[0], []).append(row)
    images = images_of(db, collection, wanted)
    return tuple(replace(_entry(rows), image=images.get(name)) for name, rows in documents.items())


def _entry(rows: Sequence[Row]) -> Entry:
    name, title, source, media_type, sha256, origin, pages, metadata, updated, count, width = rows[
        0
    ][:FACTS]
    chunks = [row[FACTS:] for row in rows if row[FACTS] is not None]
    if len(chunks) != count:
        raise StorageError(
            f"Document {name!r} has {count} passages, and rows of {len(chunks)}: the catalog is "
            "damaged. Restore it from a backup, or delete the document and ingest it again."
        )
    document = DocumentId(name)
    vectors = [_vector(each[6]) for each in chunks]
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
        chunks=tuple(Chunk(ChunkId(f"{name}#{each[0]}"), document, *each[:6]) for each in chunks),
        vectors=np.stack(vectors) if vectors else np.zeros((0, width), dtype=np.float32),
        terms=tuple(TermVector.from_bytes(bytes(each[7])) for each in chunks),
        updated_at=updated,
    )


def _vector(embedding: Any) -> Matrix:
    return cast(Matrix, cast(HalfVector, embedding).to_numpy().astype(np.float32))
