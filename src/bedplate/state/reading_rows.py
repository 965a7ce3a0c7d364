"""What slow readings gave as rows, in SQL that SQLite and PostgreSQL both read."""

import json

from bedplate.domain.ids import DocumentId
from bedplate.domain.reading import Reading
from bedplate.domain.retrieval import Scope
from bedplate.sql import Session, Sessions

ONE = "tenant_id = ? AND collection = ? AND origin = ?"


class ReadingRows:
    """Kept by a collection's name: another index may take it."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def put(self, scope: Scope, origin: str, reading: Reading) -> None:
        def work(db: Session) -> None:
            place = (scope.tenant, scope.collection, origin)
            db.execute(f"DELETE FROM reading WHERE {ONE}", place)  # noqa: S608
            db.execute(
                "INSERT INTO reading (tenant_id, collection, origin, digest, documents, warnings)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (*place, reading.digest, json.dumps(dict(reading.documents)),
                 json.dumps(reading.warnings)),
            )  # fmt: skip

        await self._sessions.write(work)

    async def get(self, scope: Scope, origin: str) -> Reading | None:
        def work(db: Session) -> Reading | None:
            rows = db.select(
                f"SELECT digest, documents, warnings FROM reading WHERE {ONE}",  # noqa: S608
                (scope.tenant, scope.collection, origin),
            )
            if not rows:
                return None
            digest, documents, warnings = rows[0]
            found = {DocumentId(id): sha256 for id, sha256 in json.loads(documents).items()}
            return Reading(digest, found, tuple(json.loads(warnings)))

        return await self._sessions.read(work)

    async def clear(self, scope: Scope) -> None:
        await self._sessions.write(
            lambda db: db.execute(
                "DELETE FROM reading WHERE tenant_id = ? AND collection = ?",
                (scope.tenant, scope.collection),
            )
        )
