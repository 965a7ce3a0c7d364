"""How a document stands in the catalog's tables: put in, and taken out with all that belongs to it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import apsw

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.sqlite.database import select, select_one
from bedplate.sqlite.sessions import SqliteSession
from bedplate.state.fields import field_values
from bedplate.state.profile_rows import keep
from bedplate.state.protocol import Entry
from bedplate.state.quality_rows import keep_quality
from bedplate.state.sqlite_images import insert_image
from bedplate.state.sqlite_index import count_terms
from bedplate.terms import TermVector


def put(db: apsw.Connection, tenant: TenantId, collection: int, entries: Sequence[Entry]) -> None:
    """Put documents in place of what had their ids, with all that belongs to them."""
    remove(db, tenant, collection, [entry.document.id for entry in entries])
    for entry in entries:
        insert(db, tenant, collection, entry)
    session = SqliteSession(db)
    keep(session, tenant, collection, entries)
    keep_quality(session, tenant, collection, entries)
    count_terms(db, tenant, collection, [t for entry in entries for t in entry.terms], 1)
    db.execute("UPDATE collection SET generation = generation + 1 WHERE id = ?", (collection,))


def insert(db: apsw.Connection, tenant: TenantId, collection: int, entry: Entry) -> None:
    document = entry.document
    db.execute(
        "INSERT INTO document (tenant_id, collection_id, document_id, title, source, media_type,"
        " sha256, origin, pages, chunks, metadata, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (tenant, collection, document.id, document.title, document.source, document.media_type,
         document.sha256, document.origin, document.pages, len(entry.chunks),
         json.dumps(document.metadata, ensure_ascii=False),
         entry.updated_at.isoformat() if entry.updated_at else now()),
    )  # fmt: skip
    row = db.last_insert_rowid()
    fields = field_values(document.metadata)
    db.executemany(
        "INSERT OR IGNORE INTO field (tenant_id, collection_id, name, kind, value, document)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(tenant, collection, *field, row) for field in fields],
    )
    db.executemany(
        "INSERT INTO field_kind (tenant_id, collection_id, name, kind, documents)"
        " VALUES (?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET documents = documents + 1",
        [(tenant, collection, *pair) for pair in {(name, kind) for name, kind, _ in fields}],
    )
    db.execute(
        "UPDATE collection SET documents = documents + 1, chunks = chunks + ? WHERE id = ?",
        (len(entry.chunks), collection),
    )
    if entry.image is not None:
        insert_image(db, tenant, collection, row, entry.image)
    vectors = entry.vectors.astype("<f2")
    tokens = entry.tokens or [None] * len(entry.chunks)
    for chunk, vector, terms, late in zip(entry.chunks, vectors, entry.terms, tokens, strict=True):
        db.execute(
            'INSERT INTO chunk (tenant_id, collection_id, document, ordinal, text, start, "end",'
            " page, heading, window_first, window_last) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (tenant, collection, row, chunk.ordinal, chunk.text, chunk.start, chunk.end,
             chunk.page, chunk.heading, *(chunk.window or (None, None))),
        )  # fmt: skip
        rowid = db.last_insert_rowid()
        db.execute(
            "INSERT INTO vector (chunk, tenant_id, collection_id, document, ordinal, embedding,"
            " terms) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (rowid, tenant, collection, row, chunk.ordinal, vector.tobytes(), terms.to_bytes()),
        )
        if late is not None:
            db.execute(
                "INSERT INTO token (chunk, tenant_id, collection_id, width, vectors)"
                " VALUES (?, ?, ?, ?, ?)",
                (rowid, tenant, collection, late.shape[1], late.tobytes()),
            )


def remove(
    db: apsw.Connection, tenant: TenantId, collection: int, ids: Sequence[DocumentId]
) -> int:
    removed = 0
    gone: list[TermVector] = []
    for document_id in ids:
        found = select_one(
            db,
            "SELECT id, chunks FROM document WHERE collection_id = ? AND document_id = ?",
            (collection, document_id),
        )
        if found is not None:
            removed += 1
            rows = select(
                db,
                "SELECT v.terms FROM chunk c JOIN vector v ON v.chunk = c.id WHERE c.document = ?",
                (found[0],),
            )
            gone.extend(TermVector.from_bytes(terms) for (terms,) in rows)
            _remove_row(db, collection, *found)
    if gone:
        count_terms(db, tenant, collection, gone, -1)
    return removed


def _remove_row(db: apsw.Connection, collection: int, row: int, chunks: int) -> None:
    db.execute(
        "UPDATE field_kind SET documents = documents - 1 WHERE collection_id = ?"
        " AND (name, kind) IN (SELECT name, kind FROM field WHERE document = ?)",
        (collection, row),
    )
    db.execute("DELETE FROM field_kind WHERE collection_id = ? AND documents = 0", (collection,))
    db.execute("DELETE FROM field WHERE document = ?", (row,))
    db.execute("DELETE FROM band WHERE document = ?", (row,))
    db.execute("DELETE FROM profile WHERE document = ?", (row,))
    db.execute(
        "DELETE FROM vector WHERE chunk IN (SELECT id FROM chunk WHERE document = ?)", (row,)
    )
    db.execute("DELETE FROM chunk WHERE document = ?", (row,))
    db.execute("DELETE FROM image WHERE document = ?", (row,))
    db.execute("DELETE FROM document WHERE id = ?", (row,))
    db.execute(
        "UPDATE collection SET documents = documents - 1, chunks = chunks - ? WHERE id = ?",
        (chunks, collection),
    )


def now() -> str:
    """The time as the tables keep it."""
    return datetime.now(UTC).isoformat()
