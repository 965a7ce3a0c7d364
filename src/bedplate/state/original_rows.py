"""Originals as rows, in SQL that SQLite and PostgreSQL both read.

What they take is counted in a row of each tenant, which every change touches first.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.originals import Original
from bedplate.domain.retrieval import Scope
from bedplate.sql import Session, Sessions

PAGE = 200
"""Originals that one transaction forgets."""

HERE = "tenant_id = ? AND collection = ?"
NAMED = f"{HERE} AND document_id IN (members(?))"
PUT = """
INSERT INTO original (tenant_id, collection, document_id, fingerprint, name, media_type, size, stored,
  sealed, created_at, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
LOST = """
SELECT o.tenant_id, o.collection, o.document_id, o.fingerprint FROM original o
WHERE o.created_at < ? AND NOT EXISTS (
  SELECT 1 FROM collection c JOIN document d ON d.collection_id = c.id
  WHERE c.tenant_id = o.tenant_id AND c.name = o.collection AND d.document_id = o.document_id
  AND d.sha256 = o.fingerprint)
LIMIT ?
"""
VERSIONS = f"SELECT document_id, fingerprint FROM original WHERE {NAMED}"  # noqa: S608
ONE = f"{HERE} AND document_id = ? AND fingerprint = ?"


class OriginalRows:
    """See Originals."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def put(self, scope: Scope, original: Original, *, max_bytes: int) -> bool:
        stored = len(original.content)
        place = (scope.tenant, scope.collection, original.document, original.fingerprint)

        def work(db: Session) -> bool:
            _hold(db, scope.tenant)
            _forget(db, scope.tenant, ONE, place)
            if _used(db, scope.tenant) + stored > max_bytes:
                return False
            db.execute(
                PUT,
                (*place, original.name, original.media_type, original.size, stored,
                 int(original.sealed), datetime.now(UTC).isoformat(), original.content),
            )  # fmt: skip
            _count(db, scope.tenant, stored)
            return True

        return await self._sessions.write(work)

    async def get(self, scope: Scope, document: DocumentId, fingerprint: str) -> Original | None:
        def work(db: Session) -> Original | None:
            rows = db.select(
                f"SELECT name, media_type, size, content, sealed FROM original WHERE {ONE}",  # noqa: S608
                (scope.tenant, scope.collection, document, fingerprint),
            )
            if not rows:
                return None
            ((name, media_type, size, content, sealed),) = rows
            return Original(
                document, fingerprint, name, media_type, int(size), bytes(content), bool(sealed)
            )

        return await self._sessions.read(work)

    async def settle(self, scope: Scope, kept: Mapping[DocumentId, str]) -> None:
        def find(db: Session) -> list[tuple[str, str]]:
            rows = db.select(
                VERSIONS,
                (scope.tenant, scope.collection, json.dumps(list(kept))),
            )
            return [(id, now) for id, now in rows if kept[DocumentId(id)] != now]

        def work(db: Session) -> None:
            _hold(db, scope.tenant)
            for id, fingerprint in former:
                _forget(db, scope.tenant, ONE, (scope.tenant, scope.collection, id, fingerprint))

        # Most often there is none, and nobody has to wait.
        if former := await self._sessions.read(find):
            await self._sessions.write(work)

    async def remove(self, scope: Scope, ids: Sequence[DocumentId]) -> None:
        await self._drop(scope, NAMED, (scope.tenant, scope.collection, json.dumps(list(ids))))

    async def clear(self, scope: Scope) -> None:
        await self._drop(scope, HERE, (scope.tenant, scope.collection))

    async def used(self, tenant: TenantId) -> int:
        return await self._sessions.read(lambda db: _used(db, tenant))

    async def sweep(self, *, older_seconds: float) -> int:
        before = (datetime.now(UTC) - timedelta(seconds=older_seconds)).isoformat()

        def work(db: Session) -> int:
            rows = db.select(LOST, (before, PAGE))
            # In one order, so that two sweeps do not wait for each other.
            for tenant in sorted({str(row[0]) for row in rows}):
                _hold(db, TenantId(tenant))
            for row in rows:
                _forget(db, TenantId(row[0]), ONE, row)
            return len(rows)

        total = 0
        while found := await self._sessions.write(work):
            total += found
        return total

    async def _drop(self, scope: Scope, where: str, values: tuple[str, ...]) -> None:
        def find(db: Session) -> bool:
            sql = f"SELECT 1 FROM original WHERE {where} LIMIT 1"  # noqa: S608
            return bool(db.select(sql, values))

        def work(db: Session) -> None:
            _hold(db, scope.tenant)
            _forget(db, scope.tenant, where, values)

        if await self._sessions.read(find):
            await self._sessions.write(work)


def _hold(db: Session, tenant: TenantId) -> None:
    db.execute(
        "INSERT INTO original_use (tenant_id, bytes) VALUES (?, 0)"
        " ON CONFLICT (tenant_id) DO UPDATE SET tenant_id = excluded.tenant_id",
        (tenant,),
    )


def _used(db: Session, tenant: TenantId) -> int:
    rows = db.select("SELECT bytes FROM original_use WHERE tenant_id = ?", (tenant,))
    return int(rows[0][0]) if rows else 0


def _forget(db: Session, tenant: TenantId, where: str, values: Sequence[str]) -> None:
    ((stored,),) = db.select(
        f"SELECT coalesce(sum(stored), 0) FROM original WHERE {where}",  # noqa: S608
        values,
    )
    if db.execute(f"DELETE FROM original WHERE {where}", values):  # noqa: S608
        _count(db, tenant, -int(stored))


def _count(db: Session, tenant: TenantId, more: int) -> None:
    db.execute("UPDATE original_use SET bytes = bytes + ? WHERE tenant_id = ?", (more, tenant))
