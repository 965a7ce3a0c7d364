"""The ledger in an SQLite file of its own. `migrations/` lays out and explains the tables."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw

from bedplate.ledger.protocol import Ledger, LedgerOptions
from bedplate.ledger.running import running
from bedplate.ledger.scripts import scripts_after
from bedplate.ledger.sessions import Session
from bedplate.sqlite.database import Database, Row, open_database, select

T = TypeVar("T")


class SqliteSession:
    # A write has the whole file to itself from its beginning on.
    locking = claiming = ""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return select(self._connection, sql, values)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        self._connection.execute(sql, tuple(values))
        return self._connection.changes()

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, [tuple(row) for row in rows])


class SqliteSessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, work: Callable[[Session], T], /) -> T:
        return await self._database.read(lambda db: work(SqliteSession(db)))

    async def write(self, work: Callable[[Session], T], /, *, durable: bool = True) -> T:
        return await self._database.write(lambda db: work(SqliteSession(db)), durable=durable)


def migrate(db: apsw.Connection) -> None:
    """Apply what is missing, in order; StorageError for a file from a newer version."""
    for number, script in scripts_after(int(db.pragma("user_version")), "migrations"):
        db.execute(script.read_text(encoding="utf-8")).fetchall()
        db.execute(f"PRAGMA user_version = {number}")


@asynccontextmanager
async def open_sqlite_ledger(options: LedgerOptions) -> AsyncGenerator[Ledger]:
    """StorageError where the file cannot be made, read or written."""
    async with open_database(Path(options.place)) as database:
        await database.write(migrate)
        async with running(SqliteSessions(database), options) as ledger:
            yield ledger
