"""Pushed documents as a sync finds them, in either catalog."""

import json

from bedplate.domain.ids import TenantId
from bedplate.domain.pushes import Backlog, Push, PushedRow, Standing
from bedplate.errors import NotFound, TooLarge, Unreadable
from bedplate.sql import Session, Sessions
from bedplate.state.push_rows import drop_contents, hold, push_source_id

PAGE = 500
"""Contents that one transaction drops."""

LISTED = """
SELECT key, sequence, version, size, CASE state WHEN 'gone' THEN 1 ELSE 0 END FROM push
WHERE source_id = ? AND sequence >= ? AND state <> 'absent' ORDER BY sequence LIMIT ?
"""
READ = """
SELECT p.version, p.size, c.head, CASE WHEN p.size <= ? THEN c.content END FROM push p
LEFT JOIN push_content c ON c.source_id = p.source_id AND c.key = p.key
WHERE p.source_id = ? AND p.key = ? AND p.state = 'there'
"""
# The version counts, and not the state alone: another one may have been sent since.
SETTLED = """
SELECT c.key FROM push_content c JOIN push p ON p.source_id = c.source_id AND p.key = c.key
JOIN source_item i ON i.source_id = c.source_id AND i.key = c.key
WHERE c.source_id = ? AND c.key > ? AND ((i.state = 'done' AND i.version = p.version)
  OR (i.state = 'dead' AND i.listed = p.version))
ORDER BY c.key LIMIT ?
"""
# A deletion that no sync has listed yet stays, since one under way may have listed the document.
FORGOTTEN = """
SELECT p.key FROM push p JOIN source s ON s.id = p.source_id WHERE p.source_id = ?
AND p.state <> 'there' AND (p.state = 'absent'
  OR p.sequence <= CAST(coalesce(s.cursor, '0') AS bigint))
AND NOT EXISTS (SELECT 1 FROM source_item i WHERE i.source_id = p.source_id AND i.key = p.key)
LIMIT ?
"""
BACKLOG = """
SELECT s.tenant_id, s.name, p.sequence,
  (SELECT id FROM source_sync y WHERE y.source_id = s.id AND status <> 'running'
    ORDER BY number DESC LIMIT 1),
  (SELECT status FROM source_sync y WHERE y.source_id = s.id AND status <> 'running'
    ORDER BY number DESC LIMIT 1)
FROM push_source p JOIN source s ON s.id = p.source_id
WHERE p.waiting > 0 OR p.stated > p.judged
  OR EXISTS (SELECT 1 FROM push g WHERE g.source_id = p.source_id AND g.state = 'gone')
ORDER BY s.tenant_id, s.name
"""


class SqlPushedRows:
    """See PushedRows."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def standing(self, tenant: TenantId, name: str) -> Standing:
        def work(db: Session) -> Standing:
            rows = db.select(
                "SELECT p.sequence, p.stated, p.judged FROM push_source p"
                " JOIN source s ON s.id = p.source_id WHERE s.tenant_id = ? AND s.name = ?",
                (tenant, name),
            )
            return Standing(*map(int, rows[0])) if rows else Standing()

        return await self._sessions.read(work)

    async def list(
        self, tenant: TenantId, name: str, *, since: int, limit: int
    ) -> tuple[PushedRow, ...]:
        def work(db: Session) -> tuple[PushedRow, ...]:
            # Before it is set up it is probed, too.
            found = db.select(
                "SELECT id FROM source WHERE tenant_id = ? AND name = ?", (tenant, name)
            )
            rows = db.select(LISTED, (found[0][0], since, limit)) if found else []
            return tuple(
                PushedRow(key, int(sequence), version, int(size), bool(gone))
                for key, sequence, version, size, gone in rows
            )

        return await self._sessions.read(work)

    async def read(self, tenant: TenantId, name: str, key: str, *, max_bytes: int) -> Push:
        def work(db: Session) -> Push:
            source = push_source_id(db, tenant, name)
            rows = db.select(READ, (max_bytes, source, key))
            if not rows:
                raise NotFound(f"The document {key!r} of source {name!r} is gone.")
            ((version, size, head, content),) = rows
            if int(size) > max_bytes:
                raise TooLarge(
                    f"The document {name}/{key} has more than {max_bytes:,} bytes "
                    "(ingest.max_file_bytes)."
                )
            if head is None:
                raise Unreadable(
                    "Its content is kept no more since it was indexed: send it again.",
                    reason="not_kept",
                )
            told = json.loads(head)
            return Push(key, version, bytes(content), told["media_type"], told["metadata"])

        return await self._sessions.read(work)

    async def settle(self, tenant: TenantId, name: str, *, judged: int | None) -> None:
        def note(db: Session) -> None:
            source = push_source_id(db, tenant, name)
            hold(db, tenant, source)
            db.execute(
                "UPDATE push_source SET judged = ? WHERE source_id = ? AND judged < ?",
                (judged, source, judged),
            )

        def drop(db: Session, after: str) -> str | None:
            source = push_source_id(db, tenant, name)
            hold(db, tenant, source)
            keys = [str(key) for (key,) in db.select(SETTLED, (source, after, PAGE))]
            drop_contents(db, source, keys)
            return keys[-1] if len(keys) == PAGE else None

        def forget(db: Session) -> int:
            source = push_source_id(db, tenant, name)
            hold(db, tenant, source)
            keys = [str(key) for (key,) in db.select(FORGOTTEN, (source, PAGE))]
            gone = db.execute(
                "DELETE FROM push WHERE source_id = ? AND key IN (members(?))",
                (source, json.dumps(keys)),
            )
            db.execute(
                "UPDATE push_source SET documents = documents - ? WHERE source_id = ?",
                (gone, source),
            )
            return gone

        if judged is not None:
            await self._sessions.write(note)
        after: str | None = ""
        while after is not None:
            after = await self._sessions.write(lambda db, last=after: drop(db, last))
        while await self._sessions.write(forget) == PAGE:
            pass

    async def backlog(self) -> tuple[Backlog, ...]:
        def work(db: Session) -> tuple[Backlog, ...]:
            return tuple(
                Backlog(TenantId(tenant), name, int(sequence), last, status == "failed")
                for tenant, name, sequence, last, status in db.select(BACKLOG)
            )

        return await self._sessions.read(work)
