"""Batches and what became of their lines."""

import json
from collections.abc import Sequence
from dataclasses import asdict, astuple
from typing import Any

from bedplate.domain.ids import TenantId
from bedplate.errors import Busy, NotFound
from bedplate.objects.batches import (
    ENDED,
    Batch,
    BatchError,
    BatchLine,
    BatchStatus,
    BatchUsage,
    Lines,
)
from bedplate.objects.sessions import Row, Session, Sessions, places


class SqlBatches:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, tenant: TenantId, batch: Batch, *, most: int) -> None:
        def work(session: Session) -> None:
            session.lock(f"object_batch {tenant}")
            count = session.select(
                "SELECT count(*) FROM object_batch WHERE tenant_id = ?"  # noqa: S608 - constants
                f" AND status NOT IN ({places(len(ENDED))})",
                (tenant, *ENDED),
            )
            if int(count[0][0]) >= most:
                raise Busy(
                    f"{most:,} batches have not ended, as many as batches.max_waiting allows: try "
                    "again later."
                )
            session.execute(
                "INSERT INTO object_batch (tenant_id, id, created_at, status, state)"
                " VALUES (?, ?, ?, ?, ?)",
                (tenant, batch.id, batch.created_at, batch.status, _state(batch)),
            )

        await self._sessions.write(work)

    async def get(self, tenant: TenantId, id: str) -> Batch:
        rows = await self._sessions.read(
            lambda session: session.select(
                "SELECT state FROM object_batch WHERE tenant_id = ? AND id = ?", (tenant, id)
            )
        )
        if not rows:
            raise NotFound(f"There is no batch {id!r}.", param="batch_id")
        return _batch(rows[0])

    async def list(self, tenant: TenantId, *, after: str | None, limit: int) -> tuple[Batch, ...]:
        beyond, values = ("", ()) if after is None else (" AND id < ?", (after,))
        rows = await self._sessions.read(
            lambda session: session.select(
                f"SELECT state FROM object_batch WHERE tenant_id = ?{beyond}"  # noqa: S608 - constants
                " ORDER BY id DESC LIMIT ?",
                (tenant, *values, limit),
            )
        )
        return tuple(_batch(row) for row in rows)

    async def change(self, tenant: TenantId, batch: Batch, was: BatchStatus) -> bool:
        def work(session: Session) -> bool:
            changed = session.execute(
                "UPDATE object_batch SET status = ?, state = ?"
                " WHERE tenant_id = ? AND id = ? AND status = ?",
                (batch.status, _state(batch), tenant, batch.id, was),
            )
            if changed and batch.ended:
                session.execute(
                    "DELETE FROM object_batch_line WHERE tenant_id = ? AND batch_id = ?",
                    (tenant, batch.id),
                )
            return bool(changed)

        return await self._sessions.write(work)

    async def keep(self, tenant: TenantId, id: str, lines: Sequence[BatchLine]) -> None:
        await self._sessions.write(
            lambda session: session.execute_many(
                "INSERT INTO object_batch_line (tenant_id, batch_id, number, failed, input, cached,"
                " output, reasoning, content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (tenant_id, batch_id, number) DO NOTHING",
                (
                    (tenant, id, line.number, int(line.failed), *astuple(line.usage), line.content)
                    for line in lines
                ),
            )
        )

    async def lines(self, tenant: TenantId, id: str) -> Lines:
        rows = await self._sessions.read(
            lambda session: session.select(
                "SELECT number, failed FROM object_batch_line WHERE tenant_id = ? AND batch_id = ?",
                (tenant, id),
            )
        )
        return Lines(
            frozenset(number for number, failed in rows if not failed),
            frozenset(number for number, failed in rows if failed),
        )


def _state(batch: Batch) -> str:
    return json.dumps(asdict(batch))


def _batch(row: Row) -> Batch:
    state: dict[str, Any] = json.loads(row[0])
    state["errors"] = tuple(BatchError(**each) for each in state["errors"])
    state["usage"] = BatchUsage(**state["usage"])
    return Batch(**state)
