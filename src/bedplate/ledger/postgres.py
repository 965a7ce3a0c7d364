"""The ledger in the catalog's PostgreSQL database. `migrations_postgres/` lays out the tables."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg

from bedplate.errors import ConfigError
from bedplate.ledger.protocol import Ledger, LedgerOptions
from bedplate.ledger.running import running
from bedplate.ledger.scripts import scripts_after
from bedplate.ledger.sessions import Session
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
    place_of,
    select,
    select_one,
)

T = TypeVar("T")

MIGRATING = 0x6265_6470_6C65_6467
"""The advisory lock under which one process migrates; "bedpledg" in ASCII."""

VERSION = f"{SCHEMA}.ledger_version"


class PostgresSession:
    locking = " FOR UPDATE"
    claiming = " FOR UPDATE SKIP LOCKED"

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
        return await self._database.read(lambda db: work(PostgresSession(db)))

    async def write(self, work: Callable[[Session], T], /, *, durable: bool = True) -> T:
        def transaction(db: Connection) -> T:
            if not durable:
                execute(db, "SET LOCAL synchronous_commit = off")
            return work(PostgresSession(db))

        return await self._database.write(transaction)


def migrate(dsn: str) -> None:
    """Apply what is missing, in order, all or nothing. Where nothing is, no right to make it is needed.

    Raises:
        ConfigError: this user may not make what is missing.
        StorageError: the tables are of a newer version.
    """
    check_tables(dsn)
    with connected(dsn) as db:
        execute(db, f"SET search_path = {SCHEMA}")
        execute(db, f"SET lock_timeout = '{LOCK_SECONDS}s'")
        if not scripts_after(_version(db), "migrations_postgres"):
            return
        # Before the transaction begins: what others made meanwhile is seen from its start on.
        execute(db, f"SELECT pg_advisory_lock({MIGRATING})")
        try:
            with db.transaction():
                execute(db, f"CREATE TABLE IF NOT EXISTS {VERSION} (version integer NOT NULL)")
                for number, script in scripts_after(_version(db), "migrations_postgres"):
                    execute(db, script.read_text(encoding="utf-8"))
                    execute(db, f"INSERT INTO {VERSION} VALUES (%s)", (number,))  # noqa: S608 - constants
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigError(
                f"{place_of(dsn)} does not let this user make the tables of the ledger: start "
                f"Bedplate once as the owner of the schema {SCHEMA}."
            ) from error


def _version(db: Connection) -> int:
    there = select_one(db, "SELECT to_regclass(%s) IS NOT NULL", (VERSION,))
    if there is None or not there[0]:
        return 0
    found = select_one(db, f"SELECT coalesce(max(version), 0) FROM {VERSION}")  # noqa: S608 - constants
    return int(found[0]) if found else 0


@asynccontextmanager
async def open_postgres_ledger(options: LedgerOptions) -> AsyncGenerator[Ledger]:
    """
    Raises:
        ConfigError: the database does not let us in, or does not hold the catalog yet.
        Unavailable: the server cannot be reached.
    """
    dsn = str(options.place)
    await asyncio.to_thread(migrate, dsn)
    async with (
        open_database(dsn) as database,
        running(PostgresSessions(database), options) as ledger,
    ):
        yield ledger
