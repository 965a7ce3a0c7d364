"""SQLite connections: one writer, a few readers, each in its own thread.

All of Bedplate's own SQLite files are opened through apsw and here. Two copies of the SQLite
library that open one file in one process cancel each other's POSIX locks
(https://www.sqlite.org/howtocorrupt.html, section 2.2.1), so nothing else may open these files.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import apsw

from bedplate.errors import InvalidInput, StorageError, Unavailable

T = TypeVar("T")
Row = tuple[Any, ...]

READERS = 4
BUSY_MILLISECONDS = 30_000
CACHE_KIBIBYTES = 2_048
"""Of pages that each connection keeps in memory, and fills in the course of hours."""
INDEX_CACHE_KIBIBYTES = 16_384
"""The same of a file that is read all over for each request."""
OPEN = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI


class Database:
    """One SQLite file. `read` and `write` run a function with a connection in a worker thread."""

    def __init__(self, path: Path, cache_kibibytes: int) -> None:
        self.path = path
        self._cache_kibibytes = cache_kibibytes
        self._local = threading.local()
        self._opened: list[apsw.Connection] = []
        self._identity: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")

    async def read(
        self, work: Callable[[apsw.Connection], T], *, attach: Collection[Path] = ()
    ) -> T:
        """Run `work` on a reader; it sees one consistent state only if it opens a transaction.

        `attach` are other SQLite files that it reads, each as a schema called by its path. Nothing
        can be written to them.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._readers, self._run, work, attach
        )

    async def write(self, work: Callable[[apsw.Connection], T], *, durable: bool = True) -> T:
        """Run `work` inside one transaction: committed durably on return, or undone on error.

        Where it need not be `durable`, it may be lost with the machine, though never without all
        that was written after it.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._writer, self._run_transaction, work, durable
        )

    def close(self) -> None:
        self._readers.shutdown(cancel_futures=True)
        self._writer.shutdown()
        for connection in self._opened:
            connection.close()

    def _run(self, work: Callable[[apsw.Connection], T], attach: Collection[Path]) -> T:
        with _translated(self.path):
            self._check_in_place()
            connection = self._connection()
        for file in attach:
            with _translated(file):
                self._attach(connection, file)
        with _translated(self.path, *attach):
            return work(connection)

    def _run_transaction(self, work: Callable[[apsw.Connection], T], durable: bool) -> T:  # noqa: FBT001
        with _translated(self.path):
            self._check_in_place()
            connection = self._connection()
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                # A failed COMMIT (disk full) may have rolled back already.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return result

    def _connection(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            # As an absolute path it is no URI; what is attached may then be one.
            connection = apsw.Connection(str(self.path.absolute()), OPEN)
            connection.set_busy_timeout(BUSY_MILLISECONDS)
            # Fetched, as apsw runs no further than the first row: the ones after it would not happen.
            connection.execute(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                f"PRAGMA cache_size = -{self._cache_kibibytes}; PRAGMA temp_store = MEMORY"
            ).fetchall()
            self._local.connection = connection
            with self._lock:
                self._opened.append(connection)
                self._identity = self._identity or _identity(self.path)
        return connection

    def _attach(self, connection: apsw.Connection, file: Path) -> None:
        """Unless that very file is attached already: it may have been replaced by a newer one."""
        attached = cast(
            dict[Path, tuple[int, int] | None], self._local.__dict__.setdefault("attached", {})
        )
        found = _identity(file)
        if found is not None and attached.get(file) == found:
            return
        if file in attached:
            connection.execute("DETACH ?", (str(file),))
            del attached[file]
        connection.execute("ATTACH ? AS ?", (f"{file.absolute().as_uri()}?mode=ro", str(file)))
        attached[file] = found

    def _check_in_place(self) -> None:
        """A file that was deleted can still be written, but what is written is lost with it."""
        if self._identity is not None and _identity(self.path) != self._identity:
            raise StorageError(
                f"{self.path} was deleted or replaced while in use: stop every process that uses "
                "it, put the right file in place, and start again."
            )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def select(db: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> list[Row]:
    """All rows of a query."""
    return cast(list[Row], db.execute(sql, tuple(values)).fetchall())


def select_one(db: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Row | None:
    """The first row of a query."""
    return cast("Row | None", db.execute(sql, tuple(values)).fetchone())


@contextmanager
def one_moment(db: apsw.Connection) -> Generator[None]:
    """Let several reads of one `read` see the same state."""
    with db:
        yield


@contextmanager
def _translated(*paths: Path) -> Generator[None]:
    path = " or ".join(map(str, paths))
    try:
        yield
    except apsw.FullError as error:
        raise StorageError(
            f"There is no room left for {path}: free some disk space and try again. "
            "Nothing was written by this step; what was acknowledged before is safe."
        ) from error
    except apsw.BusyError as error:
        raise Unavailable(f"{path} is held by another process: try again.") from error
    except (apsw.CantOpenError, apsw.ReadOnlyError, apsw.IOError) as error:
        raise StorageError(f"{path} cannot be read or written: {error}.") from error
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise StorageError(f"{path} is damaged or no database: {error}.") from error
    except apsw.Error as error:
        raise StorageError(f"{path} refused the request: {error}.") from error
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{error.object[:80]!r} is not valid Unicode: it holds half of a surrogate pair."
        ) from error


@asynccontextmanager
async def open_database(
    path: Path, *, cache_kibibytes: int = CACHE_KIBIBYTES
) -> AsyncGenerator[Database]:
    """Open `path`, made with its folder where missing; StorageError when it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The data folder {path.parent} cannot be made: {error.strerror}."
        ) from error
    database = Database(path, cache_kibibytes)
    try:
        # Opened now: from here on a file in its place is another one.
        await database.read(lambda _: None)
        yield database
    finally:
        await asyncio.to_thread(database.close)
