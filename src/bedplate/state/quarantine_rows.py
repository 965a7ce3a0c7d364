"""The quarantine as rows, in SQL that SQLite and PostgreSQL both read."""

import json
from collections.abc import Sequence
from datetime import datetime

from bedplate.domain.ids import DocumentId
from bedplate.domain.quarantine import Held
from bedplate.domain.retrieval import Scope
from bedplate.errors import NotFound
from bedplate.sql import Row, Session, Sessions

COLUMNS = "document_id, source, origin, sha256, reasons, found_at, released"
HERE = "tenant_id = ? AND collection = ?"


class QuarantineRows:
    """Kept by a collection's name: another index may take it."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def put(self, scope: Scope, held: Held) -> None:
        def work(db: Session) -> None:
            place = (scope.tenant, scope.collection)
            db.execute(
                f"DELETE FROM quarantine WHERE {HERE} AND document_id = ?",  # noqa: S608
                (*place, held.document_id),
            )
            db.execute(
                f"INSERT INTO quarantine (tenant_id, collection, {COLUMNS})"  # noqa: S608
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*place, held.document_id, held.source, held.origin, held.sha256,
                 json.dumps(dict(held.reasons)), held.found_at.isoformat(), int(held.released)),
            )  # fmt: skip

        await self._sessions.write(work)

    async def list(
        self, scope: Scope, *, after: DocumentId | None = None, limit: int = 1_000
    ) -> tuple[Held, ...]:
        def work(db: Session) -> tuple[Held, ...]:
            rows = db.select(
                f"SELECT {COLUMNS} FROM quarantine WHERE {HERE} AND document_id > ?"  # noqa: S608
                " ORDER BY document_id LIMIT ?",
                (scope.tenant, scope.collection, after or "", limit),
            )
            return tuple(_held(row) for row in rows)

        return await self._sessions.read(work)

    async def get(self, scope: Scope, document_id: DocumentId) -> Held | None:
        return await self._sessions.read(lambda db: _find(db, scope, document_id))

    async def release(self, scope: Scope, document_id: DocumentId) -> Held:
        def work(db: Session) -> Held:
            db.execute(
                f"UPDATE quarantine SET released = 1 WHERE {HERE} AND document_id = ?",  # noqa: S608
                (scope.tenant, scope.collection, document_id),
            )
            found = _find(db, scope, document_id)
            if found is None:
                raise NotFound(
                    f"No document {document_id!r} of collection {scope.collection!r} is in "
                    "quarantine.",
                    param="document_id",
                )
            return found

        return await self._sessions.write(work)

    async def forget(self, scope: Scope, ids: Sequence[DocumentId]) -> None:
        def work(db: Session) -> None:
            for document_id in ids:
                db.execute(
                    f"DELETE FROM quarantine WHERE {HERE} AND document_id = ?",  # noqa: S608
                    (scope.tenant, scope.collection, document_id),
                )

        await self._sessions.write(work)

    async def clear(self, scope: Scope) -> None:
        await self._sessions.write(
            lambda db: db.execute(
                f"DELETE FROM quarantine WHERE {HERE}",  # noqa: S608
                (scope.tenant, scope.collection),
            )
        )


def _find(db: Session, scope: Scope, document_id: DocumentId) -> Held | None:
    rows = db.select(
        f"SELECT {COLUMNS} FROM quarantine WHERE {HERE} AND document_id = ?",  # noqa: S608
        (scope.tenant, scope.collection, document_id),
    )
    return _held(rows[0]) if rows else None


def _held(row: Row) -> Held:
    document_id, source, origin, sha256, reasons, found_at, released = row
    return Held(
        DocumentId(document_id), source, origin, sha256, json.loads(reasons),
        datetime.fromisoformat(found_at), bool(released),
    )  # fmt: skip
