"""Files in vector stores, and their batches."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from bedplate.domain.ids import TenantId
from bedplate.errors import NotFound
from bedplate.objects.clock import now, position
from bedplate.objects.paging import page_of, turned
from bedplate.objects.protocol import (
    FILE_STATUSES,
    Chosen,
    Chunking,
    FileBatch,
    FileStatus,
    Page,
    StoreFile,
    Sums,
)
from bedplate.sql import Row, Session, Sessions

COLUMNS = (
    "store_id, file_id, job, created_at, status, batch_id, attributes, chunking, bytes, documents,"
    " error_code, error"
)
CURSOR = (
    "(SELECT position, file_id FROM object_store_file"
    " WHERE tenant_id = ? AND store_id = ? AND file_id = ?)"
)
FORGET_SECONDS = 86_400
"""How long a list can be gone through from a file on that was taken out of it."""


class SqlStoreFiles:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def put(self, tenant: TenantId, files: Sequence[StoreFile]) -> None:
        await self._sessions.write(lambda session: put_files(session, tenant, files))

    async def list(self, tenant: TenantId, chosen: Chosen, page: Page) -> tuple[StoreFile, ...]:
        where, given = _where(tenant, chosen)
        conditions, cursors, order = page_of(page, "(position, file_id)", CURSOR)
        beyond = [value for id in cursors for value in (tenant, chosen.store, id)]
        sql = (
            f"SELECT {COLUMNS} FROM object_store_file WHERE {where}{conditions}"  # noqa: S608 - constants
            f" ORDER BY {order} LIMIT ?"
        )
        values = (*given, *beyond, page.limit)
        rows = await self._sessions.read(lambda session: session.select(sql, values))
        return tuple(_file(row) for row in (reversed(rows) if turned(page) else rows))

    async def sums(self, tenant: TenantId, chosen: Chosen) -> Sums:
        where, values = _where(tenant, chosen)
        sql = (
            "SELECT status, count(*), coalesce(sum(bytes), 0), coalesce(sum(documents), 0)"  # noqa: S608 - constants
            f" FROM object_store_file WHERE {where} GROUP BY status"
        )
        rows = await self._sessions.read(lambda session: session.select(sql, values))
        by_status = {str(row[0]): int(row[1]) for row in rows}
        counts: dict[FileStatus, int] = {each: by_status.get(each, 0) for each in FILE_STATUSES}
        return Sums(counts, sum(int(row[2]) for row in rows), sum(int(row[3]) for row in rows))

    async def finish(self, tenant: TenantId, file: StoreFile) -> bool:
        sql = (
            "UPDATE object_store_file SET status = ?, bytes = ?, documents = ?, error_code = ?,"
            " error = ? WHERE tenant_id = ? AND store_id = ? AND file_id = ? AND job = ?"
            " AND status = 'in_progress'"
        )
        values = (
            file.status, file.bytes, file.documents, file.error_code, file.error, tenant,
            file.store, file.file, file.job,
        )  # fmt: skip
        return bool(await self._sessions.write(lambda session: session.execute(sql, values)))

    async def end(
        self, tenant: TenantId, chosen: Chosen, status: FileStatus, *, error: str | None = None
    ) -> int:
        where, values = _where(tenant, chosen)
        sql = (
            "UPDATE object_store_file SET status = ?, error_code = ?, error = ?"  # noqa: S608 - constants
            f" WHERE {where} AND status = 'in_progress'"
        )
        ended = (status, error and "server_error", error)
        return await self._sessions.write(lambda session: session.execute(sql, (*ended, *values)))

    async def delete(self, tenant: TenantId, store: str, file: str) -> bool:
        def work(session: Session) -> bool:
            session.execute(
                "DELETE FROM object_store_file WHERE tenant_id = ? AND store_id = ?"
                " AND status = 'deleted' AND created_at < ?",
                (tenant, store, now() - FORGET_SECONDS),
            )
            return bool(
                session.execute(
                    "UPDATE object_store_file SET status = 'deleted', created_at = ?, bytes = 0,"
                    " documents = 0 WHERE tenant_id = ? AND store_id = ? AND file_id = ?"
                    " AND status <> 'deleted'",
                    (now(), tenant, store, file),
                )
            )

        return await self._sessions.write(work)


class SqlFileBatches:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, tenant: TenantId, batch: FileBatch, files: Sequence[StoreFile]) -> None:
        def work(session: Session) -> None:
            session.execute(
                "INSERT INTO object_file_batch (tenant_id, id, store_id, created_at)"
                " VALUES (?, ?, ?, ?)",
                (tenant, batch.id, batch.store, batch.created_at),
            )
            put_files(session, tenant, files)

        await self._sessions.write(work)

    async def get(self, tenant: TenantId, store: str, id: str) -> FileBatch:
        rows = await self._sessions.read(
            lambda session: session.select(
                "SELECT id, store_id, created_at, cancelled FROM object_file_batch"
                " WHERE tenant_id = ? AND store_id = ? AND id = ?",
                (tenant, store, id),
            )
        )
        if not rows:
            raise NotFound(
                f"There is no file batch {id!r} in vector store {store!r}.", param="batch_id"
            )
        return FileBatch(rows[0][0], rows[0][1], rows[0][2], bool(rows[0][3]))

    async def cancel(self, tenant: TenantId, store: str, id: str) -> None:
        def work(session: Session) -> None:
            session.execute(
                "UPDATE object_file_batch SET cancelled = 1"
                " WHERE tenant_id = ? AND store_id = ? AND id = ?",
                (tenant, store, id),
            )
            session.execute(
                "UPDATE object_store_file SET status = 'cancelled' WHERE tenant_id = ?"
                " AND store_id = ? AND batch_id = ? AND status = 'in_progress'",
                (tenant, store, id),
            )

        await self._sessions.write(work)


def put_files(session: Session, tenant: TenantId, files: Sequence[StoreFile]) -> None:
    first = position()
    names = COLUMNS.split(", ")
    changed = ", ".join(f"{name} = excluded.{name}" for name in names[2:])
    session.execute_many(
        f"INSERT INTO object_store_file (tenant_id, position, {COLUMNS})"  # noqa: S608 - constants
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        f" ON CONFLICT (tenant_id, store_id, file_id) DO UPDATE SET {changed},"
        # One that was taken out comes back at the end.
        " position = CASE WHEN object_store_file.status = 'deleted' THEN excluded.position"
        " ELSE object_store_file.position END",
        ((tenant, first + number, *_row(file)) for number, file in enumerate(files)),
    )


def _where(tenant: TenantId, chosen: Chosen) -> tuple[str, list[Any]]:
    columns = {"store": "store_id", "batch": "batch_id", "job": "job", "file": "file_id",
               "status": "status"}  # fmt: skip
    given = {columns[name]: value for name, value in asdict(chosen).items() if value is not None}
    where = "".join(f" AND {column} = ?" for column in given)
    return f"tenant_id = ? AND status <> 'deleted'{where}", [tenant, *given.values()]


def _row(file: StoreFile) -> Row:
    return (
        file.store, file.file, file.job, file.created_at, file.status, file.batch,
        json.dumps(dict(file.attributes)), file.chunking and json.dumps(asdict(file.chunking)),
        file.bytes, file.documents, file.error_code, file.error,
    )  # fmt: skip


def _file(row: Row) -> StoreFile:
    values: list[Any] = list(row)
    values[6] = json.loads(values[6])
    values[7] = values[7] and Chunking(**json.loads(values[7]))
    return StoreFile(*values)
