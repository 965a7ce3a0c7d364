"""Sources as rows, in SQL that SQLite and PostgreSQL both read; parameters are written "?"."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

from bedplate.domain.ids import TenantId
from bedplate.domain.sources import Claim, ItemState, SourceSpec, SourceState, Sync, SyncCounts
from bedplate.errors import Conflict, NotFound
from bedplate.spelling import did_you_mean, shown
from bedplate.sql import Row, Session

SOURCE = """
SELECT id, tenant_id, name, collection, kind, options, schedule, created_at, cursor, partial, recipe
FROM source
"""
SYNC = "SELECT id, started_at, ended_at, status, complete, counts, error FROM source_sync"
KEPT_SYNCS = 100


def now() -> str:
    return datetime.now(UTC).isoformat()


def source_id(db: Session, tenant: TenantId, name: str) -> int:
    """NotFound, with the nearest name."""
    rows = db.select("SELECT id FROM source WHERE tenant_id = ? AND name = ?", (tenant, name))
    if rows:
        return int(rows[0][0])
    known = [str(row[0]) for row in
             db.select("SELECT name FROM source WHERE tenant_id = ?", (tenant,))]  # fmt: skip
    raise NotFound(f"There is no source {shown(name)}.{did_you_mean(name, known)}", param="source")


def check_claim(db: Session, claim: Claim) -> None:
    """Conflict when the lease is another's. Until the transaction ends it cannot become so."""
    held = db.execute(
        "UPDATE source SET lease = lease WHERE id = ? AND lease = ?", (claim.source, claim.owner)
    )
    if not held:
        raise Conflict("This sync was taken over by another one: it gave no sign of life in time.")


def to_state(db: Session, row: Row, *, counted: bool) -> SourceState:
    items: dict[ItemState, int] = {}
    if counted:
        counts = db.select(
            "SELECT state, count(*) FROM source_item WHERE source_id = ? GROUP BY state", (row[0],)
        )
        items = {state: int(count) for state, count in sorted(counts)}
    last = db.select(f"{SYNC} WHERE source_id = ? ORDER BY number DESC LIMIT 1", (row[0],))
    return SourceState(
        spec=SourceSpec(
            tenant=TenantId(row[1]),
            name=row[2],
            collection=row[3],
            kind=row[4],
            options=json.loads(row[5]),
            schedule=row[6],
        ),
        created_at=datetime.fromisoformat(row[7]),
        cursor=row[8],
        partial=row[9],
        recipe=row[10],
        items=items,
        last=to_sync(last[0]) if last else None,
    )


def to_sync(row: Row) -> Sync:
    return Sync(
        id=row[0],
        started_at=datetime.fromisoformat(row[1]),
        ended_at=datetime.fromisoformat(row[2]) if row[2] else None,
        status=row[3],
        complete=bool(row[4]),
        counts=SyncCounts(**json.loads(row[5])),
        error=row[6],
    )


def put_sync(db: Session, claim: Claim, sync: Sync) -> None:
    """In place of what had its id, as the newest; the oldest beyond KEPT_SYNCS go."""
    db.execute("DELETE FROM source_sync WHERE id = ?", (sync.id,))
    # Counted, since times of a clock that was set back would put it before others.
    ((number,),) = db.select(
        "SELECT coalesce(max(number), 0) + 1 FROM source_sync WHERE source_id = ?", (claim.source,)
    )
    db.execute(
        "INSERT INTO source_sync (id, tenant_id, source_id, started_at, ended_at, status, complete,"
        " counts, error, number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (sync.id, claim.tenant, claim.source, sync.started_at.isoformat(),
         sync.ended_at and sync.ended_at.isoformat(), sync.status, int(sync.complete),
         json.dumps(asdict(sync.counts)), sync.error, number),
    )  # fmt: skip
    db.execute(
        "DELETE FROM source_sync WHERE source_id = ? AND number <= ?",
        (claim.source, number - KEPT_SYNCS),
    )
