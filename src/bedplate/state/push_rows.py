"""Pushed documents as clients put them in, in either catalog.

Each change is one transaction that begins with the source's own row: it counts the sequence, and
nobody else changes its documents until the transaction ends.
"""

import json
from collections.abc import Set
from dataclasses import dataclass

from bedplate.domain.ids import TenantId
from bedplate.domain.pushes import Push, Pushed, PushLimits, PushState, Receipt, Stated
from bedplate.errors import Busy, Conflict, NotFound, TooLarge
from bedplate.sql import Row, Session, Sessions
from bedplate.state.source_rows import source_id

KIND = "push"
PAGE = 2_000
"""Documents that one transaction holds against a listing."""

SHOWN = 100
RETRY_SECONDS = 5.0

COUNTS = "SELECT sequence, documents, waiting FROM push_source WHERE source_id = ?"
FOUND = """
SELECT p.state, p.version, p.sequence, p.size, c.size, i.state, i.version, i.listed, i.code, i.error
FROM push p LEFT JOIN push_content c ON c.source_id = p.source_id AND c.key = p.key
LEFT JOIN source_item i ON i.source_id = p.source_id AND i.key = p.key
WHERE p.source_id = ? AND p.key = ?
"""
PUT = """
INSERT INTO push (source_id, tenant_id, key, sequence, version, size, state)
VALUES (?, ?, ?, ?, ?, ?, 'there')
ON CONFLICT (source_id, key) DO UPDATE SET sequence = excluded.sequence,
  version = excluded.version, size = excluded.size, state = excluded.state
"""
CONTENT = """
INSERT INTO push_content (source_id, tenant_id, key, head, size, content)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (source_id, key) DO UPDATE SET head = excluded.head, size = excluded.size,
  content = excluded.content
"""
REVIVED = """
UPDATE source_item SET state = 'pending', attempts = 0
WHERE source_id = ? AND key = ? AND state IN ('failed', 'dead')
"""
STATED = """
SELECT p.key, p.state, p.sequence,
  CASE WHEN c.size IS NOT NULL OR (i.state = 'done' AND i.version = p.version) THEN 1 ELSE 0 END
FROM push p LEFT JOIN push_content c ON c.source_id = p.source_id AND c.key = p.key
LEFT JOIN source_item i ON i.source_id = p.source_id AND i.key = p.key
WHERE p.source_id = ? AND p.key > ? ORDER BY p.key LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class _Found:
    """A pushed document beside its content, where that is kept, and its item, where a sync saw it."""

    state: str
    version: str
    sequence: int
    size: int
    kept: int | None
    item: str | None
    ingested: str | None
    listed: str | None
    code: str | None
    error: str | None

    @property
    def indexed(self) -> bool:
        return self.item == "done" and self.ingested == self.version

    @property
    def shown(self) -> PushState:
        if self.state != "there":
            return "absent" if self.state == "absent" else "removed"
        if self.indexed:
            return "indexed"
        if self.item in ("failed", "dead") and self.listed == self.version:
            return "dead" if self.item == "dead" else "failed"
        return "wanted" if self.kept is None else "waiting"


class SqlPushes:
    """See Pushes."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def put(self, tenant: TenantId, name: str, push: Push, limits: PushLimits) -> Receipt:
        def work(db: Session) -> Receipt:
            source, sequence, documents, waiting = _hold(db, tenant, name)
            found = _find(db, source, push.key)
            if found and found.state == "there" and found.version == push.version:
                waits = found.kept is not None and found.item != "dead"
                if waits or found.indexed:
                    return Receipt(push.key, found.sequence, changed=False)
            kept = found.kept if found else None
            size = len(push.content)
            if found is None and documents >= limits.documents:
                raise TooLarge(
                    f"The source {name!r} has {documents:,} documents, as many as "
                    "push.max_documents allows: delete some, or raise the limit."
                )
            _check_room(db, name, waiting + (kept is None), size - (kept or 0), limits)
            at = sequence + 1
            db.execute(PUT, (source, tenant, push.key, at, push.version, size))
            head = json.dumps({"media_type": push.media_type, "metadata": dict(push.metadata)})
            db.execute(CONTENT, (source, tenant, push.key, head, size, push.content))
            # Whoever sends it again wants it tried again.
            db.execute(REVIVED, (source, push.key))
            db.execute(
                "UPDATE push_source SET sequence = ?, documents = documents + ?,"
                " waiting = waiting + ?, bytes = bytes + ? WHERE source_id = ?",
                (at, int(found is None), int(kept is None), size - (kept or 0), source),
            )
            return Receipt(push.key, at, changed=True)

        return await self._sessions.write(work)

    async def remove(self, tenant: TenantId, name: str, key: str) -> Receipt:
        def work(db: Session) -> Receipt:
            source, sequence, _, _ = _hold(db, tenant, name)
            found = _find(db, source, key)
            if found is None or found.state == "gone":
                at = sequence if found is None else found.sequence
                return Receipt(key, at, changed=False)
            db.execute(
                "UPDATE push SET state = 'gone', sequence = ? WHERE source_id = ? AND key = ?",
                (sequence + 1, source, key),
            )
            drop_contents(db, source, [key])
            _count(db, source, sequence + 1)
            return Receipt(key, sequence + 1, changed=True)

        return await self._sessions.write(work)

    async def state(
        self, tenant: TenantId, name: str, keys: Set[str], *, as_of: int | None
    ) -> Stated:
        def begin(db: Session) -> int:
            source, sequence, _, _ = _hold(db, tenant, name)
            _count(db, source, sequence + 1)
            return sequence + 1

        def compare(db: Session, until: int, after: str) -> "_Compared":
            source, sequence, _, _ = _hold(db, tenant, name)
            return _compare(db, source, sequence, keys, until, after)

        def end(db: Session, at: int, absent: int) -> None:
            source, _, _, _ = _hold(db, tenant, name)
            if absent:
                db.execute(
                    "UPDATE push_source SET stated = ? WHERE source_id = ? AND stated < ?",
                    (at, source, at),
                )

        at = await self._sessions.write(begin)
        until = at if as_of is None else min(as_of, at)
        known: set[str] = set()
        absent, after = 0, ""
        while True:
            page = await self._sessions.write(lambda db, last=after: compare(db, until, last))
            known |= page.known
            absent += page.absent
            if page.last is None:
                break
            after = page.last
        await self._sessions.write(lambda db: end(db, at, absent))
        unknown = sorted(keys - known)
        return Stated(at, len(known), absent, len(unknown), tuple(unknown[:SHOWN]))

    async def get(self, tenant: TenantId, name: str, key: str) -> Pushed:
        def work(db: Session) -> Pushed:
            found = _find(db, push_source_id(db, tenant, name), key)
            if found is None:
                raise NotFound(f"The source {name!r} has no document {key!r}.", param="key")
            state = found.shown
            failed = state in ("failed", "dead")
            return Pushed(
                key,
                found.sequence,
                found.version,
                found.size,
                state,
                found.code if failed else None,
                found.error if failed else None,
            )

        return await self._sessions.read(work)


@dataclass(frozen=True, slots=True)
class _Compared:
    """A page of documents held against a listing; `last` is None when it was the last one."""

    known: set[str]
    absent: int
    last: str | None


def _compare(
    db: Session, source: int, sequence: int, keys: Set[str], until: int, after: str
) -> _Compared:
    rows = db.select(STATED, (source, after, PAGE))
    known = {key for key, state, _, there in rows if there and state != "gone" and key in keys}
    back = [key for key, state, *_ in rows if state == "absent" and key in known]
    lost = [
        key for key, state, at, _ in rows if state == "there" and key not in keys and at <= until
    ]
    still = sum(state == "absent" and key not in keys for key, state, *_ in rows)
    db.execute_many(
        "UPDATE push SET state = 'there', sequence = ? WHERE source_id = ? AND key = ?",
        [(sequence + number, source, key) for number, key in enumerate(back, 1)],
    )
    db.execute_many(
        "UPDATE push SET state = 'absent' WHERE source_id = ? AND key = ?",
        [(source, key) for key in lost],
    )
    drop_contents(db, source, lost)
    _count(db, source, sequence + len(back))
    last = str(rows[-1][0]) if len(rows) == PAGE else None
    return _Compared(known, len(lost) + still, last)


def push_source_id(db: Session, tenant: TenantId, name: str) -> int:
    """NotFound, or Conflict for a source of another kind."""
    source = source_id(db, tenant, name)
    ((kind,),) = db.select("SELECT kind FROM source WHERE id = ?", (source,))
    if kind != KIND:
        raise Conflict(
            f"The source {name!r} is of the kind {kind!r}, and only one of the kind 'push' is sent "
            "its documents."
        )
    return source


def drop_contents(db: Session, source: int, keys: list[str]) -> None:
    """Contents of documents, and what they count for."""
    named = (source, json.dumps(keys))
    ((number, size),) = db.select(
        "SELECT count(*), coalesce(sum(size), 0) FROM push_content"
        " WHERE source_id = ? AND key IN (members(?))",
        named,
    )
    if number:
        db.execute("DELETE FROM push_content WHERE source_id = ? AND key IN (members(?))", named)
        db.execute(
            "UPDATE push_source SET waiting = waiting - ?, bytes = bytes - ? WHERE source_id = ?",
            (int(number), int(size), source),
        )


def hold(db: Session, tenant: TenantId, source: int) -> Row:
    """The source's sequence, documents and waiting ones; nobody else changes them meanwhile."""
    db.execute(
        "INSERT INTO push_source (source_id, tenant_id) VALUES (?, ?)"
        " ON CONFLICT (source_id) DO UPDATE SET tenant_id = excluded.tenant_id",
        (source, tenant),
    )
    return db.select(COUNTS, (source,))[0]


def _hold(db: Session, tenant: TenantId, name: str) -> tuple[int, int, int, int]:
    source = push_source_id(db, tenant, name)
    sequence, documents, waiting = map(int, hold(db, tenant, source))
    return source, sequence, documents, waiting


def _find(db: Session, source: int, key: str) -> _Found | None:
    rows = db.select(FOUND, (source, key))
    return _Found(*rows[0]) if rows else None


def _count(db: Session, source: int, sequence: int) -> None:
    db.execute("UPDATE push_source SET sequence = ? WHERE source_id = ?", (sequence, source))


def _check_room(db: Session, name: str, waiting: int, more: int, limits: PushLimits) -> None:
    """Busy, when so many would wait and so many bytes more."""
    if waiting > limits.waiting:
        raise Busy(
            f"{limits.waiting:,} documents of the source {name!r} wait to be indexed, as many as "
            "push.max_waiting allows: try again later.",
            retry_after=RETRY_SECONDS,
        )
    ((total,),) = db.select("SELECT coalesce(sum(bytes), 0) FROM push_source")
    if int(total) + more > limits.waiting_bytes:
        raise Busy(
            f"Pushed documents of {int(total):,} bytes wait to be indexed, and {more:,} more are over "
            f"the {limits.waiting_bytes:,} of push.max_waiting_bytes: try again later.",
            retry_after=RETRY_SECONDS,
        )
