"""Documents read back from the tables as an index is built from them."""

import json
from collections.abc import Sequence
from datetime import datetime

import apsw
import numpy as np

from bedplate.domain.documents import Chunk, Document
from bedplate.domain.ids import ChunkId, DocumentId
from bedplate.errors import StorageError
from bedplate.sqlite.database import Row, one_moment, select, select_one
from bedplate.state.protocol import Entry
from bedplate.state.sqlite_images import image_of
from bedplate.terms import TermVector

DOCUMENT = """
SELECT d.id, d.document_id, d.title, d.source, d.media_type, d.sha256, d.origin, d.pages,
       d.metadata, d.updated_at, d.chunks, c.dimensions
FROM document d JOIN collection c ON c.id = d.collection_id
WHERE d.collection_id = ? AND d.document_id = ?
"""
CHUNKS = """
SELECT c.ordinal, c.text, c.start, c."end", c.page, c.heading, v.embedding, v.terms
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
    (
        rowid,
        name,
        title,
        source,
        media_type,
        sha256,
        origin,
        pages,
        metadata,
        updated,
        count,
        width,
    ) = row
    rows = select(db, CHUNKS, (rowid,))
    if len(rows) != count:
        raise StorageError(
            f"Document {name!r} has {count} passages, and rows of {len(rows)}: the catalog is "
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
        chunks=tuple(Chunk(ChunkId(f"{name}#{each[0]}"), document, *each[:6]) for each in rows),
        vectors=np.frombuffer(b"".join(each[6] for each in rows), "<f2")
        .astype(np.float32)
        .reshape(-1, width),
        terms=tuple(TermVector.from_bytes(each[7]) for each in rows),
        updated_at=datetime.fromisoformat(updated),
        image=image_of(db, rowid),
    )
