"""The catalog's PostgreSQL database as a place for SQL that SQLite reads as well."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from zlib import crc32

from bedplate.postgres.database import (
    LOCK_SECONDS,
    SCHEMA,
    Connection,
    Database,
    check_tables,
    connected,
    execute,
    select,
    select_one,
)
from bedplate.sql import Row, Session, scripts_after

T = TypeVar("T")

MIGRATING = 0x6265_6470 << 32
"""Beginning of the advisory locks under which one process migrates; "bedp" in ASCII."""


class PostgresSession:
    locking = " FOR UPDATE"

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
                execute(db, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                return work(PostgresSession(db))

        return await self._database.read(run)

    async def write(self, work: Callable[[Session], T], /) -> T:
        return await self._database.write(lambda db: work(PostgresSession(db)))


def migrate(dsn: str, package: str, folder: str, *, version_table: str) -> None:
    """Apply the scripts that are missing, in order, all or nothing.

    Raises:
        StorageError: tables of a newer version.
        ConfigError: the database does not let us in, or does not hold the catalog yet.
    """
    check_tables(dsn)
    table = f"{SCHEMA}.{version_table}"
    with connected(dsn) as db:
        execute(db, f"SET search_path = {SCHEMA}")
        execute(db, f"SET lock_timeout = '{LOCK_SECONDS}s'")
        if not scripts_after(_version(db, table), package, folder):
            return
        # Before the transaction begins: what others made meanwhile is seen from its start on.
        execute(db, f"SELECT pg_advisory_lock({MIGRATING | crc32(package.encode())})")
        with db.transaction():
            execute(db, f"CREATE TABLE IF NOT EXISTS {table} (version integer NOT NULL)")
            for number, script in scripts_after(_version(db, table), package, folder):
                execute(db, script.read_text(encoding="utf-8"))
                execute(db, f"INSERT INTO {table} VALUES (%s)", (number,))  # noqa: S608 - constants


def _version(db: Connection, table: str) -> int:
    there = select_one(db, "SELECT to_regclass(%s) IS NOT NULL", (table,))
    if there is None or not there[0]:
        return 0
    found = select_one(db, f"SELECT coalesce(max(version), 0) FROM {table}")  # noqa: S608 - constants
    return int(found[0]) if found else 0
