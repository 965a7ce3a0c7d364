"""What was put into a store, as the PostgreSQL catalog remembers it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.postgres.database import Connection, Database, execute, select
from bedplate.state.documents import to_difference
from bedplate.state.postgres_collection import find_collection, locked_place
from bedplate.state.protocol import Difference

# One statement, so that both halves are of one moment; those too many have no chunks.
DIFFERENCE = """
SELECT document_id, chunks FROM (
  (SELECT d.document_id, d.chunks FROM document d LEFT JOIN placement p
   ON p.collection_id = d.collection_id AND p.store = %s AND p.document_id = d.document_id
   WHERE d.collection_id = %s AND (p.document_id IS NULL OR p.updated_at <> d.updated_at)
   ORDER BY d.document_id LIMIT %s)
  UNION ALL
  (SELECT p.document_id, NULL FROM placement p
   WHERE p.store = %s AND p.collection_id = %s AND NOT EXISTS (
     SELECT FROM document d
     WHERE d.collection_id = p.collection_id AND d.document_id = p.document_id)
   ORDER BY p.document_id LIMIT %s)
) AS x ORDER BY document_id
"""


class PostgresPlacements:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def difference(self, scope: Scope, store: str, limit: int) -> Difference:
        return await self._database.read(
            lambda db: placement_difference(db, find_collection(db, scope), store, limit)
        )

    async def note(
        self,
        scope: Scope,
        store: str,
        placed: Mapping[DocumentId, datetime],
        removed: Sequence[DocumentId] = (),
    ) -> None:
        def work(db: Connection) -> None:
            # Locked, so that two that fill the same store take turns.
            collection = locked_place(db, scope).collection
            execute(
                db,
                "INSERT INTO placement (tenant_id, collection_id, store, document_id, updated_at)"
                " SELECT %s, %s, %s, name, at FROM unnest(%s::text[], %s::timestamptz[])"
                " AS placed (name, at) ON CONFLICT (collection_id, store, document_id)"
                " DO UPDATE SET updated_at = excluded.updated_at",
                (scope.tenant, collection, store, list(placed), list(placed.values())),
            )
            execute(
                db,
                "DELETE FROM placement WHERE collection_id = %s AND store = %s"
                " AND document_id = ANY(%s::text[])",
                (collection, store, list(removed)),
            )

        await self._database.write(work)

    async def forget(self, scope: Scope, store: str) -> None:
        def work(db: Connection) -> None:
            execute(
                db,
                "DELETE FROM placement WHERE collection_id = %s AND store = %s",
                (locked_place(db, scope).collection, store),
            )

        await self._database.write(work)


def placement_difference(db: Connection, collection: int, store: str, limit: int) -> Difference:
    return read_difference(db, DIFFERENCE, (store, collection, limit))


def read_difference(db: Connection, query: str, half: tuple[object, ...]) -> Difference:
    """Of a query for document_id and chunks, which those too many lack; each half binds the same."""
    rows = select(db, query, (*half, *half))
    return to_difference(
        [row for row in rows if row[1] is not None], [row for row in rows if row[1] is None]
    )
