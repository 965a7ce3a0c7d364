"""Access keys over SQL: what is the same on every database.

Moments are whole microseconds since 1970, UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

from bedplate.access.protocol import MOST_KEYS, AccessKey, Scope
from bedplate.domain.ids import TenantId
from bedplate.errors import Conflict, NotFound, StorageError
from bedplate.sql import Row, Session, Sessions

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

COLUMNS = "id, tenant_id, name, scopes, created_at, expires_at, rotated_at, used_at, revoked_at"
HOLDS = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)"


class SqlAccessKeys:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def add(self, key: AccessKey, digest: bytes) -> None:
        moments = (key.created_at, key.expires_at, key.rotated_at, key.used_at, key.revoked_at)
        scopes = " ".join(sorted(key.scopes))
        values = (key.id, key.tenant, key.name, scopes, *map(_micros, moments), digest)

        def work(session: Session) -> None:
            holding = f"SELECT count(*) FROM access_key WHERE {HOLDS}"  # noqa: S608 - constants
            [(count,)] = session.select(holding, (_micros(key.created_at),))
            if count >= MOST_KEYS:
                raise Conflict(f"There are {count:,} access keys, as many as can be: revoke some.")
            session.execute(
                f"INSERT INTO access_key ({COLUMNS}, digest)"  # noqa: S608 - constants
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            _move_on(session)

        await self._sessions.write(work)

    async def list(
        self, tenant: TenantId, *, after: str | None = None, limit: int = MOST_KEYS
    ) -> Sequence[AccessKey]:
        sql = (
            f"SELECT {COLUMNS} FROM access_key"  # noqa: S608 - constants
            " WHERE tenant_id = ? AND id > ? ORDER BY id LIMIT ?"
        )
        values = (tenant, after or "", limit)
        rows = await self._sessions.read(lambda session: session.select(sql, values))
        return [_key(row) for row in rows]

    async def rotate(
        self, tenant: TenantId, id: str, digest: bytes, *, moment: datetime, overlap: timedelta
    ) -> AccessKey:
        def work(session: Session) -> AccessKey:
            key = _find(session, tenant, id)
            if not key.holds_at(moment):
                ended = "revoked" if key.revoked_at else "expired"
                raise Conflict(f"The access key {id!r} is {ended}: make a new one.")
            expires = None if key.lifetime is None else moment + key.lifetime
            until = moment + overlap
            if key.expires_at is not None:
                until = min(until, key.expires_at)
            session.execute(
                "UPDATE access_key SET former_digest = digest, former_until = ?, digest = ?,"
                " rotated_at = ?, expires_at = ? WHERE tenant_id = ? AND id = ?",
                (
                    _micros(until),
                    digest,
                    _micros(moment),
                    _micros(expires),
                    tenant,
                    id,
                ),
            )
            _move_on(session)
            return _find(session, tenant, id)

        return await self._sessions.write(work)

    async def revoke(self, tenant: TenantId, id: str, moment: datetime) -> AccessKey:
        def work(session: Session) -> AccessKey:
            if session.execute(
                "UPDATE access_key SET revoked_at = ?"
                " WHERE tenant_id = ? AND id = ? AND revoked_at IS NULL",
                (_micros(moment), tenant, id),
            ):
                _move_on(session)
            return _find(session, tenant, id)

        return await self._sessions.write(work)

    async def note_use(self, used: Mapping[str, datetime]) -> None:
        # In one order everywhere: two processes that wait for each other's rows would not end.
        rows = [(_micros(used[id]), id, _micros(used[id])) for id in sorted(used)]
        await self._sessions.write(
            lambda session: session.execute_many(
                "UPDATE access_key SET used_at = ?"
                " WHERE id = ? AND (used_at IS NULL OR used_at < ?)",
                rows,
            )
        )

    async def look(
        self, known: int | None, moment: datetime
    ) -> tuple[int, Mapping[bytes, AccessKey]] | None:
        now = _micros(moment)

        def work(session: Session) -> tuple[int, list[Row]] | None:
            version = _version(session)
            if version == known:
                return None
            sql = (
                f"SELECT {COLUMNS}, digest, former_digest, former_until"  # noqa: S608 - constants
                f" FROM access_key WHERE {HOLDS}"
            )
            return version, session.select(sql, (now,))

        found = await self._sessions.read(work)
        return found and (found[0], _by_digest(found[1]))


def _by_digest(rows: Sequence[Row]) -> Mapping[bytes, AccessKey]:
    keys: dict[bytes, AccessKey] = {}
    for *columns, digest, former, until in rows:
        keys[bytes(digest)] = _key(tuple(columns))
        if former is not None:
            keys[bytes(former)] = replace(keys[bytes(digest)], expires_at=_moment(until))
    return keys


def _find(session: Session, tenant: TenantId, id: str) -> AccessKey:
    sql = f"SELECT {COLUMNS} FROM access_key WHERE tenant_id = ? AND id = ?"  # noqa: S608 - constants
    if rows := session.select(sql, (tenant, id)):
        return _key(rows[0])
    raise NotFound(f"There is no access key with the id {id[:100]!r}.")


def _version(session: Session) -> int:
    if rows := session.select("SELECT version FROM access_version"):
        return int(rows[0][0])
    raise StorageError("The access keys have lost their version: restore the table access_version.")


def _move_on(session: Session) -> None:
    session.execute("UPDATE access_version SET version = version + 1")


def _key(row: Row) -> AccessKey:
    id, tenant, name, scopes, created, expires, rotated, used, revoked = row
    return AccessKey(
        id=id,
        tenant=TenantId(tenant),
        name=name,
        scopes=frozenset[Scope](cast(list[Scope], scopes.split())),
        created_at=EPOCH + int(created) * MICROSECOND,
        expires_at=_moment(expires),
        rotated_at=_moment(rotated),
        used_at=_moment(used),
        revoked_at=_moment(revoked),
    )


def _micros(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - EPOCH) // MICROSECOND


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else EPOCH + int(micros) * MICROSECOND
