"""SQLite as the `sql` source reads it: sqlite:///relative.db or sqlite:////absolute.db."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import apsw

from bedplate.errors import ConfigError, Unavailable
from bedplate.sources.sql_connection import PAGE, Connection, Row

BUSY_MILLISECONDS = 5_000
STEPS = 10_000
"""Instructions of SQLite's machine between two looks at the clock."""


class SqliteConnection:
    def __init__(self, connection: apsw.Connection, place: str, seconds: float) -> None:
        self._connection = connection
        self._place = place
        self._seconds = seconds
        self._until = 0.0
        connection.set_progress_handler(lambda: time.monotonic() > self._until, STEPS)

    def quoted(self, name: str) -> str:
        return '"' + name.replace('"', '""') + '"'

    def columns(self, relation: str) -> tuple[str, ...]:
        with self._statement():
            # Closed over: apsw describes a statement only while it runs, and runs none without rows.
            names: list[str] = []

            def describe(cursor: apsw.Cursor, _: str, __: object) -> bool:
                names.extend(column[0] for column in cursor.get_description())
                return True

            cursor = self._connection.cursor()
            cursor.exec_trace = describe
            cursor.execute(f"SELECT * FROM {relation} LIMIT 0")  # noqa: S608 - checked by the caller
            return tuple(names)

    def stream(self, sql: str, values: Sequence[Any]) -> Iterator[Sequence[Row]]:
        cursor = self._connection.cursor()
        try:
            with self._statement():
                cursor.execute(sql, tuple(values))
            while True:
                with self._statement():
                    page = cast(list[Row], list(islice(cursor, PAGE)))
                if not page:
                    return
                yield page
        finally:
            cursor.close(force=True)

    def rows(self, sql: str, values: Sequence[Any], limit: int) -> Sequence[Row]:
        with self._statement():
            return cast(
                list[Row], list(islice(self._connection.execute(sql, tuple(values)), limit))
            )

    @contextmanager
    def _statement(self) -> Generator[None]:
        self._until = time.monotonic() + self._seconds
        with _translated(self._place, self._seconds):
            yield


@contextmanager
def _translated(place: str, seconds: float) -> Generator[None]:
    try:
        yield
    except apsw.InterruptError as error:
        raise Unavailable(f"{place} took longer than {seconds:g} s (statement_seconds).") from error
    except (apsw.BusyError, apsw.LockedError, apsw.CantOpenError, apsw.IOError) as error:
        raise Unavailable(f"{place} cannot be read now: {error}.") from error
    except apsw.Error as error:
        raise ConfigError(f"{place} refused the request: {error}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{place} holds text that is not UTF-8.") from error


@contextmanager
def connect_sqlite(address: str, seconds: float) -> Generator[Connection]:
    """Unavailable when there is no such file; it is never made."""
    path = Path(unquote(urlsplit(address).path).removeprefix("/"))
    place = f"The SQLite file {str(path)!r}"
    if not path.is_file():
        raise Unavailable(f"{place} is not there.")
    with _translated(place, seconds):
        connection = apsw.Connection(
            f"{path.absolute().as_uri()}?mode=ro",
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
        )
        connection.set_busy_timeout(BUSY_MILLISECONDS)
        # A name that is no column is then an error, and not a string.
        connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
        # Nothing else may be opened from within a query, whatever it says.
        connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
    try:
        yield SqliteConnection(connection, place, seconds)
    finally:
        connection.close(force=True)
