"""SQL that several databases read, on a connection of SQLite."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import apsw

from bedplate.sqlite.database import Database, Row, select
from bedplate.state.sessions import Session

T = TypeVar("T")


class SqliteSession:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return select(self._connection, _spelled(sql), values)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        self._connection.execute(_spelled(sql), tuple(values))
        return self._connection.changes()

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, [tuple(row) for row in rows])


class SqliteSessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, work: Callable[[Session], T], /) -> T:
        return await self._database.read(lambda db: work(SqliteSession(db)))

    async def write(self, work: Callable[[Session], T], /) -> T:
        return await self._database.write(lambda db: work(SqliteSession(db)))


def _spelled(sql: str) -> str:
    return sql.replace("members(?)", "SELECT value FROM json_each(?)")
