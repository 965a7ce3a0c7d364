"""Uploads that wait on disk for their turn: one file each, under finite limits."""

import asyncio
import os
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from bedplate.domain.ids import TenantId
from bedplate.errors import Busy, NotFound, StorageError

PART = ".part"
"""Ends the name of a file that is still being written."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """A file that waits. `age` is in seconds by this machine's clock; `part` is one not whole."""

    tenant: TenantId
    id: str
    age: float
    part: bool


class Spool:
    """Files by tenant and id; an id is a name that a file may have.

    The limits are exact for one process; several that share the folder may together exceed them by
    their number.
    """

    def __init__(self, folder: Path, *, max_files: int, max_bytes: int) -> None:
        self._folder = folder
        self._max_files = max_files
        self._max_bytes = max_bytes
        self._writing = asyncio.Lock()

    async def put(self, tenant: TenantId, id: str, content: bytes) -> None:
        """Keep it; it is on disk when this returns.

        Raises:
            Busy: too many files wait, or too many bytes.
            StorageError: the disk refused.
        """
        async with self._writing:
            await asyncio.to_thread(self._put, tenant, id, content)

    async def get(self, tenant: TenantId, id: str) -> bytes:
        """What was put; NotFound once it was dropped."""
        return await asyncio.to_thread(self._get, tenant, id)

    async def drop(self, tenant: TenantId, id: str) -> None:
        """Nothing happens when it is gone already."""
        await asyncio.to_thread(self._drop, tenant, id)

    async def list(self) -> list[Spooled]:
        """All that is there, of every tenant."""
        return await asyncio.to_thread(lambda: [found for found, _ in self._files()])

    def _put(self, tenant: TenantId, id: str, content: bytes) -> None:
        sizes = [size for _, size in self._files()]
        if len(sizes) >= self._max_files:
            raise Busy(
                f"{len(sizes):,} uploads wait, as many as uploads.max_files allows: try again later."
            )
        if sum(sizes) + len(content) > self._max_bytes:
            raise Busy(
                f"The uploads that wait have {sum(sizes):,} bytes, and {len(content):,} more are over "
                f"the {self._max_bytes:,} of uploads.max_bytes: try again later."
            )
        file = self._file(tenant, id)
        part = file.with_name(f"{id}{PART}")
        with _translated(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                with part.open("xb") as out:
                    out.write(content)
                    out.flush()
                    os.fsync(out.fileno())
                part.replace(file)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            for folder in (file.parent, self._folder, self._folder.parent):
                _sync(folder)

    def _get(self, tenant: TenantId, id: str) -> bytes:
        file = self._file(tenant, id)
        with _translated(file):
            try:
                return file.read_bytes()
            except FileNotFoundError as error:
                raise NotFound(
                    "The file of this upload is not kept in this server's data folder, as after its "
                    "job was stopped: send it again."
                ) from error

    def _drop(self, tenant: TenantId, id: str) -> None:
        for file in (self._file(tenant, id), self._file(tenant, f"{id}{PART}")):
            with _translated(file):
                file.unlink(missing_ok=True)

    def _files(self) -> Iterator[tuple[Spooled, int]]:
        now = time.time()
        with _translated(self._folder):
            for folder in self._folder.glob("=*"):
                tenant = TenantId(unquote(folder.name.removeprefix("=")))
                for file in folder.iterdir():
                    # It may have had its turn meanwhile.
                    with suppress(FileNotFoundError):
                        found = file.stat()
                        part = file.name.endswith(PART)
                        id = file.name.removesuffix(PART)
                        yield Spooled(tenant, id, now - found.st_mtime, part), found.st_size

    def _file(self, tenant: TenantId, id: str) -> Path:
        # A tenant may be called "..".
        return self._folder / f"={quote(tenant, safe='')}" / id


@contextmanager
def _translated(file: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"{file} cannot be read or written: {error.strerror}.") from error


def _sync(folder: Path) -> None:
    """Let the names in a folder be on disk, where its system can do that."""
    if os.name == "nt":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
