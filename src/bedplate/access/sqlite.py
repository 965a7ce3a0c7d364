"""Access keys in a SQLite file of their own."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import apsw

from bedplate.access.protocol import AccessKey, AccessKeys, Scope
from bedplate.domain.ids import TenantId
from bedplate.errors import NotFound, StorageError
from bedplate.sqlite.database import Database, Row, one_moment, open_database, select, select_one

SCHEMA = 1
TABLES = """
CREATE TABLE access_key (
  id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  digest BLOB NOT NULL UNIQUE,
  scopes TEXT NOT NULL,
  created_at REAL NOT NULL,
  expires_at REAL,
  used_at REAL,
  revoked_at REAL
) STRICT;
CREATE INDEX access_key_tenant ON access_key (tenant_id, id);
CREATE TABLE access_version (version INTEGER NOT NULL) STRICT;
INSERT INTO access_version VALUES (0);
PRAGMA user_version = 1;
"""
COLUMNS = "id, tenant_id, name, scopes, created_at, expires_at, used_at, revoked_at"


@asynccontextmanager
async def open_keys(path: Path) -> AsyncGenerator[AccessKeys]:
    """Keys in `path`, made where missing; StorageError where it cannot be used."""
    async with open_database(path) as database:
        await database.write(_migrate)
        yield SqliteAccessKeys(database)


class SqliteAccessKeys:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: AccessKey, digest: bytes) -> None:
        def work(db: apsw.Connection) -> None:
            values = (
                key.id,
                key.tenant,
                key.name,
                digest,
                " ".join(sorted(key.scopes)),
                *map(_seconds, (key.created_at, key.expires_at, key.used_at, key.revoked_at)),
            )
            db.execute(
                "INSERT INTO access_key (id, tenant_id, name, digest, scopes, created_at,"
                " expires_at, used_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            _move_on(db)

        await self._database.write(work)

    async def list(self, tenant: TenantId) -> Sequence[AccessKey]:
        sql = f"SELECT {COLUMNS} FROM access_key WHERE tenant_id = ? ORDER BY id"  # noqa: S608
        rows = await self._database.read(lambda db: select(db, sql, (tenant,)))
        return [_key(row) for row in rows]

    async def revoke(self, tenant: TenantId, id: str, moment: datetime) -> AccessKey:
        def work(db: apsw.Connection) -> Row | None:
            db.execute(
                "UPDATE access_key SET revoked_at = ?"
                " WHERE tenant_id = ? AND id = ? AND revoked_at IS NULL",
                (moment.timestamp(), tenant, id),
            )
            if db.changes():
                _move_on(db)
            sql = f"SELECT {COLUMNS} FROM access_key WHERE tenant_id = ? AND id = ?"  # noqa: S608
            return select_one(db, sql, (tenant, id))

        row = await self._database.write(work)
        if row is None:
            raise NotFound(f"There is no access key with the id {id!r}.")
        return _key(row)

    async def version(self) -> int:
        return await self._database.read(_version)

    async def digests(self) -> tuple[int, Mapping[bytes, AccessKey]]:
        sql = f"SELECT digest, {COLUMNS} FROM access_key WHERE revoked_at IS NULL"  # noqa: S608

        def work(db: apsw.Connection) -> tuple[int, list[Row]]:
            with one_moment(db):
                return _version(db), select(db, sql)

        version, rows = await self._database.read(work)
        return version, {cast(bytes, row[0]): _key(row[1:]) for row in rows}

    async def note_use(self, used: Mapping[str, datetime]) -> None:
        rows = [(moment.timestamp(), id) for id, moment in used.items()]

        def work(db: apsw.Connection) -> None:
            db.executemany(
                "UPDATE access_key SET used_at = max(coalesce(used_at, 0), ?) WHERE id = ?", rows
            )

        await self._database.write(work)


def _migrate(db: apsw.Connection) -> None:
    found = int(db.pragma("user_version"))
    if found > SCHEMA:
        raise StorageError(
            f"The access keys have schema {found}, newer than {SCHEMA}, the newest this version "
            "of Bedplate knows: upgrade Bedplate."
        )
    if found < SCHEMA:
        db.execute(TABLES).fetchall()


def _version(db: apsw.Connection) -> int:
    row = select_one(db, "SELECT version FROM access_version")
    if row is None:
        raise StorageError("The access keys have lost their version: restore access.db.")
    return int(row[0])


def _move_on(db: apsw.Connection) -> None:
    db.execute("UPDATE access_version SET version = version + 1")


def _key(row: Row) -> AccessKey:
    id, tenant, name, scopes, created, expires, used, revoked = row
    return AccessKey(
        id=id,
        tenant=TenantId(tenant),
        name=name,
        scopes=frozenset[Scope](cast(list[Scope], scopes.split())),
        created_at=datetime.fromtimestamp(created, UTC),
        expires_at=_moment(expires),
        used_at=_moment(used),
        revoked_at=_moment(revoked),
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
