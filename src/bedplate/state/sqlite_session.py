"""SQL that several databases read, on a connection of SQLite."""

from collections.abc import Sequence
from typing import Any

import apsw

from bedplate.sqlite.database import Row, select


class SqliteSession:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        return select(self._connection, sql, values)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        self._connection.execute(sql, tuple(values))
        return self._connection.changes()
