"""Image vectors in the SQLite catalog."""

import apsw
import numpy as np

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.sqlite.database import select, select_one
from bedplate.state.protocol import ImageRows, ImageVector


def insert_image(
    db: apsw.Connection, tenant: TenantId, collection: int, document: int, image: ImageVector
) -> None:
    db.execute(
        "INSERT INTO image (document, tenant_id, collection_id, embedder, embedding)"
        " VALUES (?, ?, ?, ?, ?)",
        (document, tenant, collection, image.embedder, image.vector.astype("<f2").tobytes()),
    )


def image_of(db: apsw.Connection, document: int) -> ImageVector | None:
    row = select_one(db, "SELECT embedder, embedding FROM image WHERE document = ?", (document,))
    if row is None:
        return None
    return ImageVector(row[0], np.frombuffer(row[1], "<f2").astype(np.float32))


def read_images(db: apsw.Connection, collection: int, embedder: str, limit: int) -> ImageRows:
    rows = select(
        db,
        "SELECT d.document_id, i.embedding FROM image i JOIN document d ON d.id = i.document"
        " WHERE i.collection_id = ? AND i.embedder = ? ORDER BY d.document_id LIMIT ?",
        (collection, embedder, limit),
    )
    vectors = np.frombuffer(b"".join(row[1] for row in rows), "<f2")
    return ImageRows(
        tuple(DocumentId(row[0]) for row in rows),
        vectors.reshape(len(rows), -1) if rows else np.zeros((0, 0), dtype=np.float16),
    )
