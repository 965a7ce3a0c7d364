"""Documents that a store has yet to be sent, in SQL that SQLite and PostgreSQL both read."""

import json
from collections.abc import Iterable, Sequence

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.sql import Session

LISTED = """
SELECT d.document_id FROM unsent u JOIN document d ON d.id = u.document
WHERE u.collection_id = ? ORDER BY d.document_id LIMIT ?
"""
NOTED = """
INSERT INTO unsent (document, tenant_id, collection_id)
SELECT id, tenant_id, collection_id FROM document
WHERE collection_id = ? AND document_id IN (members(?))
"""
FORGOTTEN = """
DELETE FROM unsent WHERE tenant_id = ? AND document IN (
  SELECT id FROM document WHERE collection_id = ? AND document_id IN (members(?)))
"""


def list_unsent(db: Session, collection: int, limit: int) -> tuple[DocumentId, ...]:
    """In order of id."""
    return tuple(DocumentId(name) for (name,) in db.select(LISTED, (collection, limit)))


def note_unsent(db: Session, collection: int, ids: Sequence[DocumentId]) -> None:
    """These were just put in."""
    db.execute(NOTED, (collection, json.dumps(list(ids))))


def forget_unsent(
    db: Session, tenant: TenantId, collection: int, ids: Iterable[DocumentId]
) -> None:
    """The store has these."""
    db.execute(FORGOTTEN, (tenant, collection, json.dumps(list(ids))))
