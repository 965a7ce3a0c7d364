"""The items of sources and their documents, in either catalog. What changed is told by the database."""

import json
from collections.abc import Iterator, Mapping, Sequence

from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.sources import NEVER, Claim, FailedItem, KnownItem, Outcome, Survey
from bedplate.sql import Session, Sessions
from bedplate.state.source_rows import check_claim, source_id

# An item that is done stays so while its version is there and the same; one that is dead while it
# is not another one. Whatever is another version has all its attempts.
NOTE = """
INSERT INTO source_item (source_id, tenant_id, key, state, listed, size, seen)
VALUES (?, ?, ?, 'pending', ?, ?, ?)
ON CONFLICT (source_id, key) DO UPDATE SET
  state = CASE
    WHEN source_item.state = 'done' AND source_item.version = excluded.listed THEN 'done'
    WHEN source_item.state = 'dead' AND NOT source_item.listed IS DISTINCT FROM excluded.listed
      THEN 'dead'
    ELSE 'pending' END,
  attempts = CASE WHEN source_item.listed IS DISTINCT FROM excluded.listed THEN 0
    ELSE source_item.attempts END,
  code = CASE WHEN source_item.listed IS DISTINCT FROM excluded.listed THEN NULL
    ELSE source_item.code END,
  listed = excluded.listed, size = excluded.size, seen = excluded.seen
"""
OWN = """
INSERT INTO source_document (tenant_id, collection, document_id, source_id, key)
SELECT tenant_id, collection, ?, id, ? FROM source WHERE id = ?
ON CONFLICT (tenant_id, collection, document_id) DO UPDATE SET key = excluded.key
WHERE source_document.source_id = excluded.source_id AND (
  source_document.key = excluded.key OR NOT EXISTS (
    SELECT 1 FROM source_item i WHERE i.source_id = source_document.source_id
    AND i.key = source_document.key AND i.seen >= ?))
"""
OWNERS = """
SELECT d.document_id, o.id, o.name, d.key FROM source s
JOIN source_document d ON d.tenant_id = s.tenant_id AND d.collection = s.collection
JOIN source o ON o.id = d.source_id WHERE s.id = ? AND d.document_id IN (members(?))
"""
SURVEY = """
SELECT
  count(CASE WHEN documents > 0 OR state = 'done' THEN 1 END),
  count(CASE WHEN (documents > 0 OR state = 'done') AND seen < ? THEN 1 END),
  count(CASE WHEN state = 'pending' AND seen >= ? AND documents = 0 AND code IS NULL THEN 1 END),
  count(CASE WHEN state = 'pending' AND seen >= ? AND documents > 0 AND code IS NULL THEN 1 END),
  count(CASE WHEN state = 'pending' AND seen >= ? AND code IS NOT NULL THEN 1 END),
  count(CASE WHEN state = 'done' AND seen >= ? THEN 1 END),
  count(CASE WHEN state = 'dead' AND seen >= ? THEN 1 END)
FROM source_item WHERE source_id = ?
"""
DONE = """
UPDATE source_item SET state = 'done', version = ?, documents = ?, attempts = 0, code = NULL,
  error = NULL
WHERE source_id = ? AND key = ?
"""
FAILED = """
UPDATE source_item SET attempts = attempts + 1, code = ?, error = ?, documents = ?,
  state = CASE WHEN attempts + 1 >= ? THEN 'dead' ELSE 'failed' END
WHERE source_id = ? AND key = ?
"""
# `state <> 'done'` stands in queries beside what implies it: else SQLite does not use the index that
# has this condition (https://www.sqlite.org/partialindex.html, section 3).
CUT_OFF = "It was cut off; the next one took it up."
LAST = "\U0010ffff"
PART = 20_000
"""Items that one statement changes: SQLite remembers in memory what it would have to undo."""


def _parts(db: Session, claim: Claim, prefix: str) -> Iterator[tuple[int, str, str]]:
    """The source and the bounds of its keys with a prefix, so many at a time."""
    low, end = prefix, prefix + LAST
    while low != end:
        rows = db.select(
            "SELECT key FROM source_item WHERE source_id = ? AND key >= ? AND key < ?"
            " ORDER BY key LIMIT 1 OFFSET ?",
            (claim.source, low, end, PART),
        )
        high = str(rows[0][0]) if rows else end
        yield claim.source, low, high
        low = high


class SqlSourceItems:
    """See SourceItems."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def begin(self, claim: Claim, *, afresh: bool) -> int:
        def work(db: Session) -> int:
            check_claim(db, claim)
            db.execute(
                "UPDATE source_item SET state = 'pending' WHERE source_id = ? AND state = 'failed'"
                " AND state <> 'done'",
                (claim.source,),
            )
            for part in _parts(db, claim, "") if afresh else ():
                # Without its version it is read even by a source that only then sees a change.
                db.execute(
                    "UPDATE source_item SET version = NULL,"
                    " state = CASE state WHEN 'done' THEN 'pending' ELSE state END"
                    " WHERE source_id = ? AND key >= ? AND key < ?",
                    part,
                )
            db.execute(
                "UPDATE source_sync SET status = 'failed', error = ?"
                " WHERE source_id = ? AND status = 'running'",
                (CUT_OFF, claim.source),
            )
            db.execute("UPDATE source SET listing = listing + 1 WHERE id = ?", (claim.source,))
            return int(db.select("SELECT listing FROM source WHERE id = ?", (claim.source,))[0][0])

        return await self._sessions.write(work)

    async def note(
        self, claim: Claim, listing: int, items: Sequence[tuple[str, str | None, int | None]]
    ) -> None:
        def work(db: Session) -> None:
            check_claim(db, claim)
            db.execute_many(
                NOTE,
                [
                    (claim.source, claim.tenant, key, version, size, listing)
                    for key, version, size in items
                ],
            )

        await self._sessions.write(work)

    async def cover(self, claim: Claim, listing: int, prefix: str) -> None:
        def work(db: Session) -> None:
            check_claim(db, claim)
            for part in _parts(db, claim, prefix):
                db.execute(
                    "UPDATE source_item SET seen = ? WHERE source_id = ? AND key >= ? AND key < ?",
                    (listing, *part),
                )

        await self._sessions.write(work)

    async def unlist(self, claim: Claim, keys: Sequence[str], *, told: bool = False) -> None:
        seen = NEVER - 1 if told else NEVER

        def work(db: Session) -> None:
            check_claim(db, claim)
            db.execute(
                "UPDATE source_item SET seen = ? WHERE source_id = ? AND key IN (members(?))",
                (seen, claim.source, json.dumps(keys)),
            )

        await self._sessions.write(work)

    async def survey(self, claim: Claim, since: int) -> Survey:
        def work(db: Session) -> Survey:
            (row,) = db.select(SURVEY, (*[since] * 6, claim.source))
            return Survey(*map(int, row))

        return await self._sessions.read(work)

    async def due(
        self, claim: Claim, *, since: int, after: str, limit: int
    ) -> tuple[KnownItem, ...]:
        def work(db: Session) -> tuple[KnownItem, ...]:
            rows = db.select(
                "SELECT key, listed, size, version FROM source_item WHERE source_id = ?"
                " AND state = 'pending' AND state <> 'done' AND key > ? AND seen >= ? ORDER BY key LIMIT ?",
                (claim.source, after, since, limit),
            )
            return tuple(KnownItem(*row) for row in rows)

        return await self._sessions.read(work)

    async def finish(
        self,
        claim: Claim,
        outcomes: Sequence[Outcome],
        released: Sequence[DocumentId],
        *,
        attempts: int,
    ) -> None:
        def work(db: Session) -> None:
            check_claim(db, claim)
            db.execute(
                "DELETE FROM source_document WHERE source_id = ? AND document_id IN (members(?))",
                (claim.source, json.dumps(released)),
            )
            done = [each for each in outcomes if each.code is None]
            failed = [each for each in outcomes if each.code is not None]
            db.execute_many(
                DONE, [(each.version, each.documents, claim.source, each.key) for each in done]
            )
            db.execute_many(
                FAILED,
                [
                    (each.code, each.error, each.documents, attempts, claim.source, each.key)
                    for each in failed
                ],
            )

        await self._sessions.write(work)


class SqlSourceDocuments:
    """See SourceDocuments."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def own(
        self, claim: Claim, listing: int, keys: Mapping[DocumentId, str]
    ) -> dict[DocumentId, str]:
        def work(db: Session) -> dict[DocumentId, str]:
            check_claim(db, claim)
            db.execute_many(OWN, [(id, key, claim.source, listing) for id, key in keys.items()])
            rows = db.select(OWNERS, (claim.source, json.dumps(list(keys))))
            return {
                DocumentId(id): f"{name}: {key}"
                for id, source, name, key in rows
                if source != claim.source or key != keys[id]
            }

        return await self._sessions.write(work)

    async def owned(self, claim: Claim, keys: Sequence[str]) -> dict[DocumentId, str]:
        def work(db: Session) -> dict[DocumentId, str]:
            rows = db.select(
                "SELECT document_id, key FROM source_document WHERE source_id = ?"
                " AND key IN (members(?))",
                (claim.source, json.dumps(keys)),
            )
            return {DocumentId(id): key for id, key in rows}

        return await self._sessions.read(work)

    async def gone(self, claim: Claim, listing: int, limit: int) -> tuple[str, ...]:
        def work(db: Session) -> tuple[str, ...]:
            rows = db.select(
                "SELECT key FROM source_item WHERE source_id = ? AND seen < ? ORDER BY key LIMIT ?",
                (claim.source, listing, limit),
            )
            return tuple(key for (key,) in rows)

        return await self._sessions.read(work)

    async def forget(self, claim: Claim, keys: Sequence[str]) -> None:
        def work(db: Session) -> None:
            check_claim(db, claim)
            named = (claim.source, json.dumps(keys))
            db.execute(
                "DELETE FROM source_document WHERE source_id = ? AND key IN (members(?))", named
            )
            db.execute("DELETE FROM source_item WHERE source_id = ? AND key IN (members(?))", named)

        await self._sessions.write(work)

    async def failures(
        self, tenant: TenantId, name: str, *, after: str, limit: int
    ) -> tuple[FailedItem, ...]:
        def work(db: Session) -> tuple[FailedItem, ...]:
            rows = db.select(
                "SELECT key, state, attempts, coalesce(code, ''), coalesce(error, '')"
                " FROM source_item WHERE source_id = ? AND state <> 'done' AND state IN ('failed', 'dead')"
                " AND key > ? ORDER BY key LIMIT ?",
                (source_id(db, tenant, name), after, limit),
            )
            return tuple(FailedItem(*row) for row in rows)

        return await self._sessions.read(work)

    async def retry(self, tenant: TenantId, name: str) -> int:
        def work(db: Session) -> int:
            return db.execute(
                "UPDATE source_item SET state = 'pending', attempts = 0 WHERE source_id = ?"
                " AND state <> 'done' AND state IN ('failed', 'dead')",
                (source_id(db, tenant, name),),
            )

        return await self._sessions.write(work)
