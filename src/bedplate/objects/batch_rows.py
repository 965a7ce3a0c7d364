"""Batches and what became of their lines."""

import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, replace
from typing import Any

from bedplate.domain.batches import (
    ENDED,
    Batch,
    BatchError,
    BatchLine,
    BatchStatus,
    BatchSums,
    BatchUsage,
)
from bedplate.domain.ids import TenantId
from bedplate.errors import Busy, NotFound
from bedplate.objects.file_rows import insert_facts, insert_parts
from bedplate.objects.protocol import File
from bedplate.sql import Session, Sessions

LINE = "tenant_id, batch_id, number, failed, content, input, cached, output, reasoning"
LINES_AT_ONCE = 200
SUMS = (
    "SELECT coalesce(sum(1 - failed), 0), coalesce(sum(failed), 0), coalesce(sum(input), 0),"
    " coalesce(sum(cached), 0), coalesce(sum(output), 0), coalesce(sum(reasoning), 0)"
    " FROM object_batch_line WHERE tenant_id = ? AND batch_id = ?"
)


class SqlBatches:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, tenant: TenantId, batch: Batch, *, most: int) -> None:
        def work(session: Session) -> None:
            session.lock(f"object_batch {tenant}")
            count = session.select(
                "SELECT count(*) FROM object_batch WHERE tenant_id = ?"  # noqa: S608 - constants
                f" AND status NOT IN ({ended()})",
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
        return batch_of(rows[0][0])

    async def list(self, tenant: TenantId, *, after: str | None, limit: int) -> tuple[Batch, ...]:
        beyond, values = ("", ()) if after is None else (" AND id < ?", (after,))
        rows = await self._sessions.read(
            lambda session: session.select(
                f"SELECT state FROM object_batch WHERE tenant_id = ?{beyond}"  # noqa: S608 - constants
                " ORDER BY id DESC LIMIT ?",
                (tenant, *values, limit),
            )
        )
        return tuple(batch_of(row[0]) for row in rows)

    async def change(self, tenant: TenantId, batch: Batch, was: BatchStatus) -> bool:
        return await self._sessions.write(lambda session: _change(session, tenant, batch, was))

    async def finish(
        self, tenant: TenantId, batch: Batch, output: File, errors: File, was: BatchStatus
    ) -> bool:
        def work(session: Session) -> bool:
            # Before anything is written: a batch that somebody else ended gets no second files.
            if not _change(session, tenant, batch, was):
                return False
            kept = replace(
                batch,
                output_file=_write(session, tenant, batch.id, output, failed=False),
                error_file=_write(session, tenant, batch.id, errors, failed=True),
            )
            _change(session, tenant, kept, batch.status)
            # The numbers stay, which `sums` are made of.
            session.execute(
                "UPDATE object_batch_line SET content = ? WHERE tenant_id = ? AND batch_id = ?",
                (b"", tenant, batch.id),
            )
            return True

        return await self._sessions.write(work)


class SqlBatchLines:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def keep(self, tenant: TenantId, id: str, lines: Sequence[BatchLine]) -> None:
        await self._sessions.write(
            lambda session: session.execute_many(
                f"INSERT INTO object_batch_line ({LINE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
                " ON CONFLICT (tenant_id, batch_id, number) DO NOTHING",
                (
                    (tenant, id, line.number, int(line.failed), line.content,
                     line.usage.input, line.usage.cached, line.usage.output, line.usage.reasoning)
                    for line in lines
                ),
            )
        )  # fmt: skip

    async def done(self, tenant: TenantId, id: str) -> frozenset[int]:
        sql = "SELECT number FROM object_batch_line WHERE tenant_id = ? AND batch_id = ?"
        rows = await self._sessions.read(lambda session: session.select(sql, (tenant, id)))
        return frozenset(int(row[0]) for row in rows)

    async def sums(self, tenant: TenantId, id: str) -> BatchSums:
        rows = await self._sessions.read(lambda session: session.select(SUMS, (tenant, id)))
        completed, failed, *tokens = map(int, rows[0])
        return BatchSums(completed, failed, BatchUsage(*tokens))


def ended() -> str:
    return ", ".join("?" for _ in ENDED)


def batch_of(state: str) -> Batch:
    values: dict[str, Any] = json.loads(state)
    values["errors"] = tuple(BatchError(**each) for each in values["errors"])
    return Batch(**values)


def _change(session: Session, tenant: TenantId, batch: Batch, was: BatchStatus) -> bool:
    sql = "UPDATE object_batch SET status = ?, state = ? WHERE tenant_id = ? AND id = ? AND status = ?"
    return bool(session.execute(sql, (batch.status, _state(batch), tenant, batch.id, was)))


def _write(
    session: Session, tenant: TenantId, batch: str, file: File, *, failed: bool
) -> str | None:
    """The file's id, or None where there is nothing to be put into it."""
    found = session.select(
        "SELECT coalesce(sum(length(content)), 0) FROM object_batch_line"
        " WHERE tenant_id = ? AND batch_id = ? AND failed = ?",
        (tenant, batch, int(failed)),
    )
    if not (size := int(found[0][0])):
        return None
    insert_facts(session, tenant, replace(file, bytes=size))
    insert_parts(session, tenant, file.id, _contents(session, tenant, batch, failed=failed))
    return file.id


def _contents(session: Session, tenant: TenantId, batch: str, *, failed: bool) -> Generator[bytes]:
    after = -1
    while rows := session.select(
        "SELECT number, content FROM object_batch_line WHERE tenant_id = ? AND batch_id = ?"
        " AND failed = ? AND number > ? ORDER BY number LIMIT ?",
        (tenant, batch, int(failed), after, LINES_AT_ONCE),
    ):
        after = int(rows[-1][0])
        yield b"".join(bytes(row[1]) for row in rows)


def _state(batch: Batch) -> str:
    return json.dumps(asdict(batch))
