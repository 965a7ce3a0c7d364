"""Sources and their leases, in either catalog."""

import json

from bedplate.domain.ids import TenantId
from bedplate.domain.sources import Claim, Lease, SourceSpec, SourceState, Sync
from bedplate.errors import Conflict
from bedplate.sql import Session, Sessions
from bedplate.state.source_rows import (
    SOURCE,
    SYNC,
    check_claim,
    now,
    put_sync,
    source_id,
    to_state,
    to_sync,
)


class SqlSources:
    """See Sources."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, spec: SourceSpec) -> None:
        def work(db: Session) -> int:
            return db.execute(
                "INSERT INTO source (tenant_id, name, collection, kind, options, schedule,"
                " created_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (spec.tenant, spec.name, spec.collection, spec.kind,
                 json.dumps(dict(spec.options), ensure_ascii=False), spec.schedule, now()),
            )  # fmt: skip

        if not await self._sessions.write(work):
            raise Conflict(
                f"There is a source {spec.name!r} already: remove it first, or choose another name."
            )

    async def get(self, tenant: TenantId, name: str) -> SourceState:
        def work(db: Session) -> SourceState:
            rows = db.select(f"{SOURCE} WHERE id = ?", (source_id(db, tenant, name),))
            return to_state(db, rows[0], counted=True)

        return await self._sessions.read(work)

    async def list(self, tenant: TenantId | None) -> tuple[SourceState, ...]:
        def work(db: Session) -> tuple[SourceState, ...]:
            chosen, values = ("", ()) if tenant is None else ("WHERE tenant_id = ?", (tenant,))
            rows = db.select(f"{SOURCE} {chosen} ORDER BY name, tenant_id", values)
            return tuple(to_state(db, row, counted=False) for row in rows)

        return await self._sessions.read(work)

    async def drop(self, claim: Claim) -> None:
        def work(db: Session) -> None:
            check_claim(db, claim)
            db.execute("DELETE FROM source WHERE id = ?", (claim.source,))

        await self._sessions.write(work)

    async def syncs(self, tenant: TenantId, name: str, limit: int) -> tuple[Sync, ...]:
        def work(db: Session) -> tuple[Sync, ...]:
            source = source_id(db, tenant, name)
            rows = db.select(
                f"{SYNC} WHERE source_id = ? ORDER BY number DESC LIMIT ?", (source, limit)
            )
            return tuple(to_sync(row) for row in rows)

        return await self._sessions.read(work)

    async def schedule(self, tenant: TenantId, name: str, schedule: str | None) -> None:
        def work(db: Session) -> None:
            source = source_id(db, tenant, name)
            db.execute("UPDATE source SET schedule = ? WHERE id = ?", (schedule, source))

        await self._sessions.write(work)


class SqlSourceLeases:
    """See SourceLeases."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def take(
        self, tenant: TenantId, name: str, owner: str, *, over: Lease | None
    ) -> tuple[Claim, Lease]:
        def work(db: Session) -> tuple[Claim, Lease]:
            source = source_id(db, tenant, name)
            former = (None, -1) if over is None else (over.owner, over.beat)
            db.execute(
                "UPDATE source SET lease = ?, beat = beat + 1"
                " WHERE id = ? AND (lease IS NULL OR (lease = ? AND beat = ?))",
                (owner, source, *former),
            )
            ((found, beat),) = db.select("SELECT lease, beat FROM source WHERE id = ?", (source,))
            return Claim(source, owner, tenant), Lease(found, beat)

        return await self._sessions.write(work)

    async def beat(self, claim: Claim) -> None:
        def work(db: Session) -> None:
            check_claim(db, claim)
            db.execute("UPDATE source SET beat = beat + 1 WHERE id = ?", (claim.source,))

        await self._sessions.write(work)

    async def release(self, claim: Claim) -> None:
        def work(db: Session) -> None:
            db.execute(
                "UPDATE source SET lease = NULL WHERE id = ? AND lease = ?",
                (claim.source, claim.owner),
            )

        await self._sessions.write(work)

    async def record(self, claim: Claim, sync: Sync) -> None:
        def work(db: Session) -> None:
            check_claim(db, claim)
            put_sync(db, claim, sync)

        await self._sessions.write(work)

    async def level(self, claim: Claim, *, cursor: str | None, complete: bool, recipe: str) -> None:
        def work(db: Session) -> None:
            check_claim(db, claim)
            db.execute(
                "UPDATE source SET cursor = ?, recipe = ?, partial = CASE WHEN ? = 1 THEN 0"
                " ELSE partial + 1 END WHERE id = ?",
                (cursor, recipe, int(complete), claim.source),
            )

        await self._sessions.write(work)
