"""SQLite for the `sql` tools: sqlite:///relative.db or sqlite:////absolute.db."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import apsw

from bedplate.errors import Unavailable
from bedplate.tools.sql_database import MOST_CHARACTERS, Bounds, Rows, SqlDatabase, SqlFailed

STEPS = 10_000
"""Instructions of SQLite's machine between two looks at the clock."""

MOST_VALUE = 10_000_000
"""Bytes of one value; SQLite makes none that is larger."""

_READS = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_RECURSIVE})
_WRITES = _READS | {
    apsw.SQLITE_READ, apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE,
    apsw.SQLITE_TRANSACTION, apsw.SQLITE_SAVEPOINT,
}  # fmt: skip
_REFUSED = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})


class SqliteDatabase:
    """A connection for each call: none outlives what it was allowed."""

    dialect = "sqlite"

    def __init__(self, path: Path, bounds: Bounds) -> None:
        self._path = path
        self._bounds = bounds
        self._place = f"The SQLite file {str(path)!r}"

    def describe(self) -> Mapping[str, Sequence[str]]:
        with self._open(reads=True, checked=False) as connection:
            listed = (
                cast(Any, connection)
                .execute(
                    "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') "
                    "AND name NOT LIKE 'sqlite@_%' ESCAPE '@' ORDER BY name"
                )
                .fetchall()
            )
            tables = self._bounds.tables
            names = [str(name) for (name,) in listed]
            return {
                name: [
                    f"{column} {kind}".strip()
                    for column, kind in connection.execute(
                        "SELECT name, type FROM pragma_table_info(?)", (name,)
                    )
                ]
                for name in names
                if not tables or name.lower() in tables
            }

    def query(self, sql: str) -> Rows:
        with self._open(reads=True) as connection:
            return self._rows(connection, sql, {})

    def run(self, sql: str, values: Mapping[str, Any], *, reads: bool) -> Rows:
        with self._open(reads=reads, checked=not reads) as connection:
            if reads:
                return self._rows(connection, sql, values)
            connection.execute("BEGIN IMMEDIATE")
            try:
                before = connection.total_changes()
                found = self._rows(connection, sql, values)
                changed = connection.total_changes() - before
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return Rows(found.columns, found.rows, found.more, changed)

    def _rows(self, connection: apsw.Connection, sql: str, values: Mapping[str, Any]) -> Rows:
        columns: list[str] = []

        def describe(cursor: apsw.Cursor, _: str, __: object) -> bool:
            columns.extend(column[0] for column in cursor.get_description())
            return True

        cursor = connection.cursor()
        cursor.exec_trace = describe
        rows: list[Any] = []
        size = 0
        # All are fetched: apsw runs a statement no further than what is asked of it.
        for row in cursor.execute(sql, {key: _bound(value) for key, value in values.items()}):
            if len(rows) < self._bounds.rows and size <= MOST_CHARACTERS:
                told = [_plain(value) for value in row]
                size += sum(len(value) if isinstance(value, str) else 8 for value in told)
                rows.append(told)
            elif connection.readonly("main"):
                return Rows(columns, rows, more=True)
        return Rows(columns, rows)

    @contextmanager
    def _open(self, *, reads: bool, checked: bool = True) -> Generator[apsw.Connection]:
        """`checked` connections do only what a query, or a change of rows, needs."""
        if not self._path.is_file():
            raise Unavailable(f"{self._place} is not there.")
        mode, flag = (
            ("ro", apsw.SQLITE_OPEN_READONLY) if reads else ("rw", apsw.SQLITE_OPEN_READWRITE)
        )
        until = time.monotonic() + self._bounds.seconds
        try:
            with closing(
                apsw.Connection(
                    f"{self._path.absolute().as_uri()}?mode={mode}",
                    flags=flag | apsw.SQLITE_OPEN_URI,
                )
            ) as connection:
                connection.set_busy_timeout(int(self._bounds.seconds * 1000))
                connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
                # A name that is no column is then an error, and not a string.
                connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
                connection.limit(apsw.SQLITE_LIMIT_ATTACHED, 0)
                connection.limit(apsw.SQLITE_LIMIT_LENGTH, MOST_VALUE)
                if checked:
                    connection.authorizer = self._may_read if reads else _may_write
                yield connection
        except apsw.InterruptError as error:
            raise SqlFailed(
                f"It took longer than {self._bounds.seconds:g} s.", late=True
            ) from error
        except (apsw.BusyError, apsw.LockedError, apsw.CantOpenError, apsw.IOError) as error:
            raise Unavailable(f"{self._place} cannot be used now: {error}.") from error
        except apsw.AuthError as error:
            raise SqlFailed(f"It reaches for what may not be read: {error}.") from error
        except (apsw.Error, UnicodeDecodeError) as error:
            raise SqlFailed(f"{str(error).rstrip('.')}.") from error

    def _may_read(
        self, action: int, first: str | None, second: str | None, _: str | None, view: str | None
    ) -> int:
        """`view` is the one by way of which a table is read."""
        if action in _READS:
            return apsw.SQLITE_OK
        if action == apsw.SQLITE_FUNCTION:
            return apsw.SQLITE_DENY if (second or "").lower() in _REFUSED else apsw.SQLITE_OK
        if action == apsw.SQLITE_READ:
            tables = self._bounds.tables
            names = {(name or "").lower() for name in (first, view)}
            own = (first or "").lower().startswith("sqlite_")
            return apsw.SQLITE_OK if (names & tables if tables else not own) else apsw.SQLITE_DENY
        return apsw.SQLITE_DENY


def _may_write(
    action: int, first: str | None, second: str | None, _: str | None, __: str | None
) -> int:
    if action == apsw.SQLITE_FUNCTION:
        return apsw.SQLITE_DENY if (second or "").lower() in _REFUSED else apsw.SQLITE_OK
    return apsw.SQLITE_OK if action in _WRITES else apsw.SQLITE_DENY


@contextmanager
def connect_sqlite(address: str, bounds: Bounds) -> Generator[SqlDatabase]:
    """A file that is not there is Unavailable when it is asked; it is never made."""
    path = Path(unquote(urlsplit(address).path).removeprefix("/"))
    yield SqliteDatabase(path, bounds)


def _bound(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _plain(value: Any) -> Any:
    return f"({len(value):,} bytes)" if isinstance(value, bytes) else value
