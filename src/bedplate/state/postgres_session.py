"""SQL that several databases read, on a connection to PostgreSQL."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from bedplate.postgres.database import Connection, Database, Row, execute, select
from bedplate.state.sessions import Session

T = TypeVar("T")


class PostgresSession:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return select(self._connection, _spelled(sql), values)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        return execute(self._connection, _spelled(sql), values)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_spelled(sql).encode(), rows)


class PostgresSessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, work: Callable[[Session], T], /) -> T:
        return await self._database.read(lambda db: work(PostgresSession(db)))

    async def write(self, work: Callable[[Session], T], /) -> T:
        return await self._database.write(lambda db: work(PostgresSession(db)))


def _spelled(sql: str) -> str:
    return sql.replace("members(?)", "SELECT jsonb_array_elements_text(?::jsonb)").replace(
        "?", "%s"
    )
