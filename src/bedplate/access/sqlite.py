"""Access keys in an SQLite file of their own."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw

from bedplate.access.protocol import AccessKeys
from bedplate.access.scripts import scripts_after
from bedplate.access.sessions import Session
from bedplate.access.sql import SqlAccessKeys
from bedplate.sqlite.database import Database, Row, one_moment, open_database, select

T = TypeVar("T")


class SqliteSession:
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
        def run(db: apsw.Connection) -> T:
            with one_moment(db):
                return work(SqliteSession(db))

        return await self._database.read(run)

    async def write(self, work: Callable[[Session], T], /) -> T:
        return await self._database.write(lambda db: work(SqliteSession(db)))


@asynccontextmanager
async def open_sqlite_keys(place: Path | str) -> AsyncGenerator[AccessKeys]:
    """StorageError where the file cannot be made, read or written, or is from a newer version."""
    async with open_database(Path(place)) as database:
        await database.write(_migrate)
        yield SqlAccessKeys(SqliteSessions(database))


def _migrate(db: apsw.Connection) -> None:
    for number, script in scripts_after(int(db.pragma("user_version")), "migrations"):
        db.execute(script.read_text(encoding="utf-8")).fetchall()
        db.execute(f"PRAGMA user_version = {number}")
