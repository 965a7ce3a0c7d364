"""Versions of assistants in SQL that both databases read."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from bedplate.blueprints.protocol import MOST_NAMES, MOST_VERSIONS, Blueprint, Named
from bedplate.domain.ids import TenantId
from bedplate.errors import InvalidInput
from bedplate.sql import Row, Session, Sessions

COLUMNS = "name, version, body, note, by_key, created"
WHERE = "WHERE tenant_id = ? AND name = ?"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class SqlBlueprints:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(
        self, tenant: TenantId, name: str, body: str, *, note: str = "", by: str | None = None
    ) -> Blueprint:
        created = datetime.now(UTC)

        def work(session: Session) -> Blueprint:
            is_new = session.execute(
                "INSERT INTO blueprint_name (tenant_id, name, newest, holds) VALUES (?, ?, 0, 0)"
                " ON CONFLICT DO NOTHING",
                (tenant, name),
            )
            if is_new:
                [(count,)] = session.select(
                    "SELECT count(*) FROM blueprint_name WHERE tenant_id = ?", (tenant,)
                )
                _check_room(int(count), MOST_NAMES, "assistants")
            [(newest,)] = session.select(
                f"SELECT newest FROM blueprint_name {WHERE}{session.locking}",  # noqa: S608 - constants
                (tenant, name),
            )
            version = int(newest) + 1
            _check_room(version, MOST_VERSIONS, f"versions of {name!r}")
            session.execute(
                f"UPDATE blueprint_name SET newest = ?, holds = ? {WHERE}",  # noqa: S608 - constants
                (version, version, tenant, name),
            )
            session.execute(
                f"INSERT INTO blueprint (tenant_id, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constants
                (tenant, name, version, body, note, by, (created - EPOCH) // MICROSECOND),
            )
            return Blueprint(name, version, body, note, by, created)

        return await self._sessions.write(work)

    async def get(
        self, tenant: TenantId, name: str, version: int | None = None
    ) -> Blueprint | None:
        wanted = "(SELECT holds FROM blueprint_name WHERE tenant_id = ? AND name = ?)"
        values: tuple[object, ...] = (tenant, name, tenant, name)
        if version is not None:
            wanted, values = "?", (tenant, name, version)
        rows = await self._sessions.read(
            lambda session: session.select(
                f"SELECT {COLUMNS} FROM blueprint {WHERE} AND version = {wanted}",  # noqa: S608 - constants
                values,
            )
        )
        return _blueprint(rows[0]) if rows else None

    async def versions(self, tenant: TenantId, name: str) -> Sequence[Blueprint]:
        rows = await self._sessions.read(
            lambda session: session.select(
                f"SELECT {COLUMNS} FROM blueprint {WHERE} ORDER BY version DESC",  # noqa: S608 - constants
                (tenant, name),
            )
        )
        return tuple(_blueprint(row) for row in rows)

    async def names(self, tenant: TenantId) -> Sequence[Named]:
        rows = await self._sessions.read(
            lambda session: session.select(
                "SELECT name, holds, newest FROM blueprint_name WHERE tenant_id = ? ORDER BY name",
                (tenant,),
            )
        )
        return tuple(Named(name, int(holds), int(newest)) for name, holds, newest in rows)

    async def hold(self, tenant: TenantId, name: str, version: int) -> bool:
        changed = await self._sessions.write(
            lambda session: session.execute(
                f"UPDATE blueprint_name SET holds = ? {WHERE} AND ? BETWEEN 0 AND newest",  # noqa: S608 - constants
                (version, tenant, name, version),
            )
        )
        return bool(changed)

    async def remove(self, tenant: TenantId, name: str) -> bool:
        def work(session: Session) -> bool:
            session.execute(f"DELETE FROM blueprint {WHERE}", (tenant, name))  # noqa: S608 - constants
            return bool(session.execute(f"DELETE FROM blueprint_name {WHERE}", (tenant, name)))  # noqa: S608 - constants

        return await self._sessions.write(work)


def _check_room(count: int, most: int, what: str) -> None:
    if count > most:
        raise InvalidInput(f"There may be {most:,} {what}: remove some first.", param="name")


def _blueprint(row: Row) -> Blueprint:
    name, version, body, note, by, created = row
    return Blueprint(name, int(version), body, note, by, EPOCH + int(created) * MICROSECOND)
