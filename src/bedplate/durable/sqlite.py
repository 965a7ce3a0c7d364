"""Durable work in a SQLite file; each of its processes holds the lock of a file while it lives.

DBOS opens its file through SQLAlchemy and the standard library, so nothing of ours opens it
through apsw (decision 2).
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Collection, Generator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import apsw
from sqlalchemy import URL

from bedplate.durable.places import FILE, Place, joined
from bedplate.errors import StorageError

NODES = "durable-nodes"
SUFFIX = ".lock"


@asynccontextmanager
async def open_sqlite_place(
    folder: Path, database: str, node: str, *, dead_seconds: float
) -> AsyncGenerator[Place]:
    """The file in `folder`, made where missing; StorageError where that fails."""
    del database, dead_seconds
    path = folder / FILE
    await asyncio.to_thread(_prepare, path)
    nodes = FileNodes(folder / NODES, node)
    url = URL.create("sqlite", database=str(path.absolute()))
    async with joined(nodes):
        yield Place(url.render_as_string(hide_password=False), str(path), nodes)


def _prepare(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as db:
            # It stays with the file. Without it a step costs twice the time.
            db.execute("PRAGMA journal_mode = WAL").fetchall()
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"{path} cannot be made or opened: {error}.") from error


class FileNodes:
    """For work in a SQLite file. The system takes the lock from a process that dies, at once.

    The lock is SQLite's own on an empty file, as it is there on every system. A process that
    hangs keeps it, so nothing is ever taken from a process that may still do it.
    """

    def __init__(self, folder: Path, node: str) -> None:
        self._folder = folder
        self._node = node
        self._held: apsw.Connection | None = None

    async def join(self) -> None:
        with self._translated():
            await asyncio.to_thread(self._join)

    async def beat(self) -> None:
        """The lock says it."""

    async def dead(self, owners: Collection[str] = ()) -> list[str]:
        with self._translated():
            return await asyncio.to_thread(self._dead, owners)

    async def bury(self, node: str) -> None:
        with self._translated():
            await asyncio.to_thread(self._path(node).unlink, missing_ok=True)

    async def leave(self) -> None:
        """The file stays, and says that there may be work to take over."""
        if self._held is not None:
            await asyncio.to_thread(self._held.close)
            self._held = None

    def _path(self, node: str) -> Path:
        return self._folder / f"{node}{SUFFIX}"

    def _join(self) -> None:
        path = self._path(self._node)
        self._folder.mkdir(parents=True, exist_ok=True)
        # Between being made and being locked it looks dead, and may be buried.
        while self._held is None or not path.exists():
            if self._held is not None:
                self._held.close()
            self._held = _lock(path, create=True)

    def _dead(self, owners: Collection[str]) -> list[str]:
        files = {path.stem for path in self._folder.glob(f"*{SUFFIX}")}
        return [n for n in sorted({*files, *owners} - {self._node}) if not self._lives(n)]

    def _lives(self, node: str) -> bool:
        with suppress(apsw.CantOpenError):
            held = _lock(self._path(node), create=False)
            if held is None:
                return True
            held.close()
        return False

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except (OSError, apsw.Error) as error:
            raise StorageError(
                f"The lock files in {self._folder} cannot be made or read: {error}."
            ) from error


def _lock(path: Path, *, create: bool) -> apsw.Connection | None:
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    connection = apsw.Connection(str(path.absolute()), flags)
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except apsw.BusyError:
        connection.close()
        return None
    return connection
