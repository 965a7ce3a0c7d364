"""SQL that several databases read, on a connection to PostgreSQL."""

from collections.abc import Sequence
from typing import Any

from bedplate.postgres.database import Connection, Row, execute, select


class PostgresSession:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return select(self._connection, sql.replace("?", "%s"), values)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        return execute(self._connection, sql.replace("?", "%s"), values)
