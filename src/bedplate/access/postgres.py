"""Access keys in the catalog's PostgreSQL database. `migrations_postgres/` lays out the tables."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from bedplate.access.protocol import AccessKeys
from bedplate.access.scripts import scripts_after
from bedplate.access.sessions import Session
from bedplate.access.sql import SqlAccessKeys
from bedplate.postgres.database import (
    LOCK_SECONDS,
    SCHEMA,
    Connection,
    Database,
    Row,
    check_tables,
    connected,
    execute,
    open_database,
    select,
    select_one,
)

T = TypeVar("T")

MIGRATING = 0x6265_6470_6B65_7973
"""The advisory lock under which one process migrates; "bedpkeys" in ASCII."""

VERSION = f"{SCHEMA}.access_schema"


class PostgresSession:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return select(self._connection, sql.replace("?", "%s"), values)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        return execute(self._connection, sql.replace("?", "%s"), values)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(sql.replace("?", "%s").encode(), rows)


class PostgresSessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, work: Callable[[Session], T], /) -> T:
        def run(db: Connection) -> T:
            with db.transaction():
                execute(db, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                return work(PostgresSession(db))

        return await self._database.read(run)

    async def write(self, work: Callable[[Session], T], /) -> T:
        return await self._database.write(lambda db: work(PostgresSession(db)))


@asynccontextmanager
async def open_postgres_keys(place: Path | str) -> AsyncGenerator[AccessKeys]:
    """
    Raises:
        ConfigError: the database does not let us in, or does not hold the catalog yet.
        StorageError: the tables are of a newer version.
        Unavailable: the server cannot be reached.
    """
    dsn = str(place)
    await asyncio.to_thread(_migrate, dsn)
    async with open_database(dsn) as database:
        yield SqlAccessKeys(PostgresSessions(database))


def _migrate(dsn: str) -> None:
    check_tables(dsn)
    with connected(dsn) as db:
        execute(db, f"SET search_path = {SCHEMA}")
        execute(db, f"SET lock_timeout = '{LOCK_SECONDS}s'")
        if not scripts_after(_version(db), "migrations_postgres"):
            return
        # Before the transaction begins: what others made meanwhile is seen from its start on.
        execute(db, f"SELECT pg_advisory_lock({MIGRATING})")
        with db.transaction():
            execute(db, f"CREATE TABLE IF NOT EXISTS {VERSION} (version integer NOT NULL)")
            for number, script in scripts_after(_version(db), "migrations_postgres"):
                execute(db, script.read_text(encoding="utf-8"))
                execute(db, f"INSERT INTO {VERSION} VALUES (%s)", (number,))  # noqa: S608 - constants


def _version(db: Connection) -> int:
    there = select_one(db, "SELECT to_regclass(%s) IS NOT NULL", (VERSION,))
    if there is None or not there[0]:
        return 0
    found = select_one(db, f"SELECT coalesce(max(version), 0) FROM {VERSION}")  # noqa: S608 - constants
    return int(found[0]) if found else 0
