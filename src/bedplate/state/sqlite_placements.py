"""What was put into a store, as the SQLite catalog remembers it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import apsw

from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.sqlite.database import Database, one_moment, select
from bedplate.state.documents import to_difference
from bedplate.state.protocol import Difference
from bedplate.state.sqlite_collection import find_collection

MISSING = """
SELECT d.document_id, d.chunks FROM document d LEFT JOIN placement p
ON p.collection_id = d.collection_id AND p.store = ? AND p.document_id = d.document_id
WHERE d.collection_id = ? AND (p.document_id IS NULL OR p.updated_at <> d.updated_at)
ORDER BY d.document_id LIMIT ?
"""
SURPLUS = """
SELECT p.document_id FROM placement p WHERE p.store = ? AND p.collection_id = ? AND NOT EXISTS (
  SELECT 1 FROM document d
  WHERE d.collection_id = p.collection_id AND d.document_id = p.document_id
) ORDER BY p.document_id LIMIT ?
"""


class SqlitePlacements:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def difference(self, scope: Scope, store: str, limit: int) -> Difference:
        def work(db: apsw.Connection) -> Difference:
            with one_moment(db):
                return placement_difference(db, find_collection(db, scope), store, limit)

        return await self._database.read(work)

    async def note(
        self,
        scope: Scope,
        store: str,
        placed: Mapping[DocumentId, datetime],
        removed: Sequence[DocumentId] = (),
    ) -> None:
        def work(db: apsw.Connection) -> None:
            collection = find_collection(db, scope)
            db.executemany(
                "INSERT OR REPLACE INTO placement"
                " (tenant_id, collection_id, store, document_id, updated_at)"
                " VALUES (?, ?, ?, ?, ?)",
                [
                    (scope.tenant, collection, store, document, at.isoformat())
                    for document, at in placed.items()
                ],
            )
            db.executemany(
                "DELETE FROM placement WHERE collection_id = ? AND store = ? AND document_id = ?",
                [(collection, store, document) for document in removed],
            )

        await self._database.write(work)

    async def forget(self, scope: Scope, store: str) -> None:
        def work(db: apsw.Connection) -> None:
            db.execute(
                "DELETE FROM placement WHERE collection_id = ? AND store = ?",
                (find_collection(db, scope), store),
            )

        await self._database.write(work)


def placement_difference(
    db: apsw.Connection, collection: int, store: str, limit: int
) -> Difference:
    """Called inside a transaction, so that both halves are of one moment."""
    missing = select(db, MISSING, (store, collection, limit))
    surplus = select(db, SURPLUS, (store, collection, limit))
    return to_difference(missing, surplus)
