"""Documents changed where they stand in SQLite."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import apsw

from bedplate.domain.ids import DocumentId
from bedplate.domain.retrieval import Scope
from bedplate.sqlite.database import Database, select
from bedplate.sqlite.sessions import SqliteSession
from bedplate.state.protocol import Entry
from bedplate.state.sqlite_collection import find_collection, writable_collection
from bedplate.state.sqlite_rows import put
from bedplate.state.unsent_rows import forget_unsent, list_unsent, note_unsent


class SqliteAmendments:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, scope: Scope, entries: Sequence[Entry]) -> tuple[DocumentId, ...]:
        def work(db: apsw.Connection) -> tuple[DocumentId, ...]:
            collection = writable_collection(db, scope)
            there = _times(db, collection, [entry.document.id for entry in entries])
            current = [
                replace(entry, updated_at=None)
                for entry in entries
                if entry.document.id in there and there[entry.document.id] == entry.updated_at
            ]
            if not current:
                return ()
            put(db, scope.tenant, collection, current)
            ids = tuple(entry.document.id for entry in current)
            note_unsent(SqliteSession(db), collection, ids)
            return ids

        return await self._database.write(work)

    async def unsent(self, scope: Scope, limit: int) -> tuple[DocumentId, ...]:
        return await self._database.read(
            lambda db: list_unsent(SqliteSession(db), find_collection(db, scope), limit)
        )

    async def sent(
        self, scope: Scope, sent: Mapping[DocumentId, datetime]
    ) -> tuple[DocumentId, ...]:
        def work(db: apsw.Connection) -> tuple[DocumentId, ...]:
            collection = find_collection(db, scope)
            there = _times(db, collection, list(sent))
            same = [name for name, time in sent.items() if there.get(name) == time]
            forget_unsent(SqliteSession(db), scope.tenant, collection, same)
            return tuple(name for name in sent if name not in set(same))

        return await self._database.write(work)


def _times(
    db: apsw.Connection, collection: int, ids: Sequence[DocumentId]
) -> dict[DocumentId, datetime]:
    rows = select(
        db,
        "SELECT document_id, updated_at FROM document WHERE collection_id = ?"
        " AND document_id IN (SELECT value FROM json_each(?))",
        (collection, json.dumps(list(ids))),
    )
    return {DocumentId(name): datetime.fromisoformat(time) for name, time in rows}
