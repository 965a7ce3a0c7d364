"""Documents read back from the tables as an index is built from them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import apsw
import numpy as np

from bedplate.domain.ids import DocumentId
from bedplate.sqlite.database import Row, one_moment, select, select_one
from bedplate.state.documents import to_entry
from bedplate.state.protocol import Entry
from bedplate.state.sqlite_images import image_of

DOCUMENT = """
SELECT d.id, d.document_id, d.title, d.source, d.media_type, d.sha256, d.origin, d.pages,
       d.metadata, d.chunks, d.updated_at, c.dimensions
FROM document d JOIN collection c ON c.id = d.collection_id
WHERE d.collection_id = ? AND d.document_id = ?
"""
CHUNKS = """
SELECT c.ordinal, c.text, c.start, c."end", c.page, c.heading, c.window_first, c.window_last,
       v.terms, v.embedding
FROM chunk c JOIN vector v ON v.chunk = c.id WHERE c.document = ? ORDER BY c.ordinal
"""


def read_entries(
    db: apsw.Connection, collection: int, ids: Sequence[DocumentId]
) -> tuple[Entry, ...]:
    """StorageError for a document that has not all of its rows."""
    with one_moment(db):
        found = [select_one(db, DOCUMENT, (collection, document)) for document in ids]
        return tuple(_entry(db, row) for row in found if row is not None)


def _entry(db: apsw.Connection, row: Row) -> Entry:
    rowid, *facts, updated_at, width = row
    chunks = select(db, CHUNKS, (rowid,))
    vectors = np.frombuffer(b"".join(each[-1] for each in chunks), "<f2").astype(np.float32)
    entry = to_entry(facts, datetime.fromisoformat(updated_at), chunks, vectors.reshape(-1, width))
    return replace(entry, image=image_of(db, rowid))
