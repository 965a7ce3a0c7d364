"""Image vectors in the PostgreSQL catalog."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from pgvector import HalfVector

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.postgres.database import Connection, execute, select
from bedplate.state.protocol import Entry, ImageRows, ImageVector


def insert_images(
    db: Connection, tenant: TenantId, collection: int, documents: Sequence[tuple[int, Entry]]
) -> None:
    """Of those documents, named by their rows, that have one."""
    for document, entry in documents:
        if entry.image is not None:
            execute(
                db,
                "INSERT INTO image (tenant_id, collection_id, document, embedder, embedding)"
                " VALUES (%s, %s, %s, %s, %s)",
                (tenant, collection, document, entry.image.embedder,
                 HalfVector(entry.image.vector)),
            )  # fmt: skip


def images_of(db: Connection, collection: int, documents: Sequence[str]) -> dict[str, ImageVector]:
    rows = select(
        db,
        "SELECT d.document_id, i.embedder, i.embedding FROM image i"
        " JOIN document d ON d.id = i.document"
        " WHERE d.collection_id = %s AND d.document_id = ANY(%s::text[])",
        (collection, list(documents)),
    )
    return {row[0]: ImageVector(row[1], _vector(row[2]).astype(np.float32)) for row in rows}


def read_images(db: Connection, collection: int, embedder: str, limit: int) -> ImageRows:
    rows = select(
        db,
        "SELECT d.document_id, i.embedding FROM image i JOIN document d ON d.id = i.document"
        " WHERE i.collection_id = %s AND i.embedder = %s ORDER BY d.document_id LIMIT %s",
        (collection, embedder, limit),
    )
    vectors = [_vector(row[1]) for row in rows]
    return ImageRows(
        tuple(DocumentId(row[0]) for row in rows),
        np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float16),
    )


def _vector(embedding: Any) -> Any:
    return cast(HalfVector, embedding).to_numpy().astype(np.float16)
