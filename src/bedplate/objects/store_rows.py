"""Vector stores."""

import json
from typing import Any

from bedplate.domain.ids import TenantId
from bedplate.errors import NotFound
from bedplate.objects.protocol import VectorStore
from bedplate.sql import Row, Session, Sessions

COLUMNS = (
    "id, collection, made_at, name, created_at, active_at, description, metadata, expires_days,"
    " expired_at"
)


class SqlVectorStores:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, tenant: TenantId, store: VectorStore) -> VectorStore:
        def work(session: Session) -> VectorStore:
            session.lock(f"object_store {tenant} {store.collection}")
            rows = session.select(
                f"SELECT {COLUMNS} FROM object_store WHERE tenant_id = ? AND collection = ?",  # noqa: S608 - constants
                (tenant, store.collection),
            )
            if rows and (found := store_of(rows[0])).made_at == store.made_at:
                return found
            session.execute(
                "DELETE FROM object_store WHERE tenant_id = ? AND collection = ?",
                (tenant, store.collection),
            )
            session.execute(
                f"INSERT INTO object_store (tenant_id, {COLUMNS})"  # noqa: S608 - constants
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (tenant, store.id, store.collection, store.made_at, store.name, store.created_at,
                 store.active_at, store.description, json.dumps(dict(store.metadata)),
                 store.expires_days, store.expired_at),
            )  # fmt: skip
            return store

        return await self._sessions.write(work)

    async def get(self, tenant: TenantId, id: str) -> VectorStore:
        sql = f"SELECT {COLUMNS} FROM object_store WHERE tenant_id = ? AND id = ?"  # noqa: S608 - constants
        rows = await self._sessions.read(lambda session: session.select(sql, (tenant, id)))
        if not rows:
            raise NotFound(f"There is no vector store {id!r}.", param="vector_store_id")
        return store_of(rows[0])

    async def list(self, tenant: TenantId) -> tuple[VectorStore, ...]:
        sql = f"SELECT {COLUMNS} FROM object_store WHERE tenant_id = ? ORDER BY created_at, id"  # noqa: S608 - constants
        rows = await self._sessions.read(lambda session: session.select(sql, (tenant,)))
        return tuple(store_of(row) for row in rows)

    async def save(self, tenant: TenantId, store: VectorStore) -> None:
        sql = (
            "UPDATE object_store SET name = ?, active_at = ?, metadata = ?, expires_days = ?,"
            " expired_at = ? WHERE tenant_id = ? AND id = ?"
        )
        values = (
            store.name, store.active_at, json.dumps(dict(store.metadata)), store.expires_days,
            store.expired_at, tenant, store.id,
        )  # fmt: skip
        await self._sessions.write(lambda session: session.execute(sql, values))

    async def touch(self, tenant: TenantId, id: str, now: int) -> None:
        sql = (
            "UPDATE object_store SET active_at = ?"
            " WHERE tenant_id = ? AND id = ? AND active_at < ? AND expired_at IS NULL"
        )
        await self._sessions.write(lambda session: session.execute(sql, (now, tenant, id, now)))

    async def delete(self, tenant: TenantId, id: str) -> bool:
        sql = "DELETE FROM object_store WHERE tenant_id = ? AND id = ?"
        return bool(await self._sessions.write(lambda session: session.execute(sql, (tenant, id))))


def store_of(row: Row) -> VectorStore:
    values: list[Any] = list(row)
    values[7] = json.loads(values[7])
    return VectorStore(*values)
