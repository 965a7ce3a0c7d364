"""What waits for a sweep, of every tenant."""

from bedplate.domain.batches import ENDED, Batch
from bedplate.domain.ids import TenantId
from bedplate.objects.batch_rows import batch_of, ended
from bedplate.objects.protocol import VectorStore
from bedplate.objects.store_rows import COLUMNS, store_of
from bedplate.sql import Sessions

AT_ONCE = 100
DAY = 86_400


class SqlDue:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def files(self, now: int) -> tuple[tuple[TenantId, str], ...]:
        rows = await self._sessions.read(
            lambda session: session.select(
                "SELECT tenant_id, id FROM object_file WHERE expires_at <= ?"
                " ORDER BY expires_at LIMIT ?",
                (now, AT_ONCE),
            )
        )
        return tuple((TenantId(tenant), id) for tenant, id in rows)

    async def stores(self, now: int) -> tuple[tuple[TenantId, VectorStore], ...]:
        rows = await self._sessions.read(
            lambda session: session.select(
                f"SELECT tenant_id, {COLUMNS} FROM object_store WHERE expires_days IS NOT NULL"  # noqa: S608 - constants
                f" AND expired_at IS NULL AND active_at + expires_days * {DAY} <= ? LIMIT ?",
                (now, AT_ONCE),
            )
        )
        return tuple((TenantId(row[0]), store_of(row[1:])) for row in rows)

    async def jobs(self, before: int) -> tuple[tuple[TenantId, str], ...]:
        rows = await self._sessions.read(
            lambda session: session.select(
                "SELECT DISTINCT tenant_id, job FROM object_store_file"
                " WHERE status = 'in_progress' AND created_at < ? LIMIT ?",
                (before, AT_ONCE),
            )
        )
        return tuple((TenantId(tenant), job) for tenant, job in rows)

    async def batches(self, before: int) -> tuple[tuple[TenantId, Batch], ...]:
        rows = await self._sessions.read(
            lambda session: session.select(
                "SELECT tenant_id, state FROM object_batch"  # noqa: S608 - constants
                f" WHERE status NOT IN ({ended()}) AND created_at < ? ORDER BY id LIMIT ?",
                (*ENDED, before, AT_ONCE),
            )
        )
        return tuple((TenantId(tenant), batch_of(state)) for tenant, state in rows)
