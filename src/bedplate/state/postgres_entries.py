"""Documents read back from PostgreSQL as an index is built from them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from pgvector import HalfVector

from bedplate.domain.ids import DocumentId
from bedplate.embedders.protocol import Matrix
from bedplate.postgres.database import Connection, Row, select
from bedplate.state.documents import to_entry
from bedplate.state.postgres_images import images_of
from bedplate.state.protocol import Entry

# One statement, so that all of a document is of one moment.
ENTRIES = """
SELECT d.document_id, d.title, d.source, d.media_type, d.sha256, d.origin, d.pages, d.metadata,
  d.chunks, d.updated_at, col.dimensions,
  c.ordinal, c.text, c.start, c."end", c.page, c.heading, c.window_first, c.window_last, p.terms,
  v.embedding
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
    *facts, updated_at, width = rows[0][:FACTS]
    chunks = [row[FACTS:] for row in rows if row[FACTS] is not None]
    vectors = [to_vector(each[-1]) for each in chunks]
    matrix = np.stack(vectors) if vectors else np.zeros((0, width), dtype=np.float32)
    return to_entry(facts, updated_at, chunks, matrix)


def to_vector(embedding: Any) -> Matrix:
    return cast(Matrix, cast(HalfVector, embedding).to_numpy().astype(np.float32))
