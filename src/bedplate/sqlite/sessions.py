"""An SQLite file as a place for SQL that PostgreSQL reads as well."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import apsw

from bedplate.sql import Row, Session, scripts_after
from bedplate.sqlite.database import Database, one_moment, select

T = TypeVar("T")


class SqliteSession:
    # A write has the whole file to itself from its beginning on.
    locking = claiming = ""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return select(self._connection, _spelled(sql), values)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        self._connection.execute(_spelled(sql), tuple(values))
        return self._connection.changes()

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, [tuple(row) for row in rows])

    def lock(self, name: str) -> None:
        """Nothing: see `locking`."""


class SqliteSessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, work: Callable[[Session], T], /) -> T:
        def run(db: apsw.Connection) -> T:
            with one_moment(db):
                return work(SqliteSession(db))

        return await self._database.read(run)

    async def write(self, work: Callable[[Session], T], /, *, durable: bool = True) -> T:
        return await self._database.write(lambda db: work(SqliteSession(db)), durable=durable)


def _spelled(sql: str) -> str:
    return sql.replace("members(?)", "SELECT value FROM json_each(?)")


async def migrate(database: Database, package: str, folder: str) -> None:
    """Apply the scripts that are missing, in order; StorageError for a file of a newer version."""

    def run(db: apsw.Connection) -> None:
        for number, script in scripts_after(int(db.pragma("user_version")), package, folder):
            db.execute(script.read_text(encoding="utf-8")).fetchall()
            db.execute(f"PRAGMA user_version = {number}")

    await database.write(run)
