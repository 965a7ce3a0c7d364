"""Documents changed where they stand in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.postgres.database import Connection, Database, select
from bedplate.postgres.sessions import PostgresSession
from bedplate.state.postgres_collection import find_collection, locked_place, writable_place
from bedplate.state.postgres_rows import count_terms, insert, remove
from bedplate.state.profile_rows import keep
from bedplate.state.protocol import Entry
from bedplate.state.quality_rows import keep_quality
from bedplate.state.unsent_rows import forget_unsent, list_unsent, note_unsent


class PostgresAmendments:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, scope: Scope, entries: Sequence[Entry]) -> tuple[DocumentId, ...]:
        def work(db: Connection) -> tuple[DocumentId, ...]:
            place = writable_place(db, scope)
            there = _times(db, place.collection, [entry.document.id for entry in entries])
            current = [
                replace(entry, updated_at=None)
                for entry in entries
                if entry.document.id in there and there[entry.document.id] == entry.updated_at
            ]
            if not current:
                return ()
            ids = tuple(entry.document.id for entry in current)
            session = PostgresSession(db)
            _, gone = remove(db, place, ids)
            insert(db, place, current)
            keep(session, place.tenant, place.collection, current)
            keep_quality(session, place.tenant, place.collection, current)
            note_unsent(session, place.collection, ids)
            count_terms(db, place, [terms for entry in current for terms in entry.terms], gone)
            return ids

        return await self._database.write(work)

    async def unsent(self, scope: Scope, limit: int) -> tuple[DocumentId, ...]:
        return await self._database.read(
            lambda db: list_unsent(PostgresSession(db), find_collection(db, scope), limit)
        )

    async def sent(
        self, scope: Scope, sent: Mapping[DocumentId, datetime]
    ) -> tuple[DocumentId, ...]:
        def work(db: Connection) -> tuple[DocumentId, ...]:
            # Locked, so that none is put in between the look and the note.
            place = locked_place(db, scope)
            there = _times(db, place.collection, list(sent))
            same = [name for name, time in sent.items() if there.get(name) == time]
            forget_unsent(PostgresSession(db), place.tenant, place.collection, same)
            return tuple(name for name in sent if name not in set(same))

        return await self._database.write(work)


def _times(
    db: Connection, collection: int, ids: Sequence[DocumentId]
) -> dict[DocumentId, datetime]:
    rows = select(
        db,
        "SELECT document_id, updated_at FROM document WHERE collection_id = %s"
        " AND document_id = ANY(%s::text[])",
        (collection, list(ids)),
    )
    return {DocumentId(name): time for name, time in rows}
