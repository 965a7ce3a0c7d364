"""`folder`: the files below a folder of this machine, or of a share that is mounted here.

It is polled: each sync lists it anew. A file counts as changed when its size or its time of
modification did, as with rsync and make.
"""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.documents import Blob
from bedplate.errors import NotFound, TooLarge, Unavailable, Unreadable
from bedplate.sources.names import key_of, path_of
from bedplate.sources.protocol import MAX_KEY, Fetched, Gap, Item, Source

PAGE = 1_000
"""Files that one turn in a worker thread lists."""

GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})


class _Entries(Protocol):
    """What os.scandir returns."""

    def __next__(self) -> os.DirEntry[str]: ...

    def __iter__(self) -> Iterator[os.DirEntry[str]]: ...

    def close(self) -> None: ...


class FolderOptions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hidden: bool = False
    max_depth: int = Field(default=64, ge=0, le=200)


class FolderSource:
    """Links are followed only to files below the folder, and never to folders: none goes in circles."""

    incremental = False

    def __init__(self, options: FolderOptions, name: str) -> None:
        self._options = options
        self._name = name
        self._root = Path(os.path.abspath(options.path))  # noqa: PTH100 - resolved when it is used

    async def list(self, since: str | None) -> AsyncIterator[Item | Gap]:
        """See Source."""
        walk = self._walk()
        try:
            while page := await asyncio.to_thread(lambda: tuple(islice(walk, PAGE))):
                for found in page:
                    yield found
        finally:
            # A thread that is still in it closes what it opened when it is through.
            with suppress(ValueError):
                walk.close()

    async def read(self, item: Item, *, known: str | None, max_bytes: int) -> Fetched:
        """See Source."""
        return await asyncio.to_thread(self._read, item, max_bytes)

    def _walk(self) -> Generator[Item | Gap]:
        """Depth first, with one folder of each level open: memory and files do not grow with it."""
        try:
            top = os.path.realpath(self._root, strict=True)
            levels = [_Level("", os.scandir(top))]
        except OSError as error:
            raise Unavailable(
                f"The folder {str(self._root)!r} of source {self._name!r} cannot be listed: "
                f"{error.strerror}. Is it mounted, and may this user read it?"
            ) from error
        try:
            while levels:
                match self._step(levels[-1], top, len(levels)):
                    case _Level() as below:
                        levels.append(below)
                    case Item() | Gap() as found:
                        yield found
                    case "end":
                        levels.pop().entries.close()
                    case "skip":
                        pass
        finally:
            for level in levels:
                level.entries.close()

    def _step(
        self, level: "_Level", top: str, depth: int
    ) -> "Item | Gap | _Level | Literal['skip', 'end']":
        """What the next entry of an open folder comes to; a Gap is also its end where it fails."""
        if level.broken:
            return "end"
        try:
            entry = next(level.entries, None)
        except OSError as error:
            level.broken = True
            return _gap(level.prefix, error)
        if entry is None:
            return "end"
        path = f"{level.prefix}{entry.name}"
        if self._excluded(path) or (entry.name.startswith(".") and not self._options.hidden):
            return "skip"
        if _is_folder(entry):
            return self._enter(f"{path}/", top, depth)
        return _item(path, entry, top) if self._included(path) else "skip"

    def _enter(self, path: str, top: str, depth: int) -> "_Level | Gap | Literal['skip']":
        if depth > self._options.max_depth:
            most = self._options.max_depth
            return Gap(
                key_of(path), "too_deep", f"It is more than {most} folders deep (max_depth)."
            )
        try:
            return _Level(path, os.scandir(Path(top, path)))
        except OSError as error:
            return "skip" if error.errno in GONE else _gap(path, error)

    def _included(self, path: str) -> bool:
        include = self._options.include
        return not include or any(fnmatchcase(path, pattern) for pattern in include)

    def _excluded(self, path: str) -> bool:
        return any(fnmatchcase(path, pattern) for pattern in self._options.exclude)

    def _read(self, item: Item, max_bytes: int) -> Fetched:
        name = f"{self._name}/{item.key}"
        too_large = TooLarge(f"{name!r} has more than {max_bytes:,} bytes (ingest.max_file_bytes).")
        if item.size is not None and item.size > max_bytes:
            raise too_large
        try:
            top = Path(os.path.realpath(self._root))
            target = Path(os.path.realpath(top / path_of(item.key), strict=True))
            # It may have become a link to elsewhere since it was listed.
            if not target.is_relative_to(top):
                raise NotFound(f"{name!r} now leads out of the folder.")
            # Without waiting for a writer, should it be a pipe by now.
            opened = os.open(target, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            with open(opened, "rb") as file:  # noqa: PTH123 - a descriptor
                if not stat.S_ISREG(os.fstat(opened).st_mode):
                    raise NotFound(f"{name!r} is no longer a regular file.")
                content = file.read(max_bytes + 1)
        except OSError as error:
            if error.errno in GONE:
                if not _holds_anything(self._root):
                    raise Unavailable(
                        f"The folder {str(self._root)!r} is empty or gone: is it mounted?"
                    ) from error
                raise NotFound(f"{name!r} is gone.") from error
            raise Unreadable(
                f"{name!r} cannot be read: {error.strerror}.", reason="unreadable_file"
            ) from error
        if len(content) > max_bytes:
            raise too_large
        return Fetched(Blob(content, name))


@dataclass(slots=True)
class _Level:
    """A folder that is being listed; `prefix` is its path below the top, with "/" at the end."""

    prefix: str
    entries: _Entries
    broken: bool = False


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    with suppress(OSError):
        return entry.is_dir(follow_symlinks=False)
    return False


def _item(path: str, entry: "os.DirEntry[str]", top: str) -> "Item | Gap | Literal['skip']":
    """A regular file; all else is skipped, such as a link to the outside, to nothing or to itself."""
    key = key_of(path)
    try:
        if entry.is_symlink():
            target = Path(os.path.realpath(entry.path))
            if not target.is_relative_to(top):
                return "skip"
        found = entry.stat()
    except OSError as error:
        # ELOOP: a link to itself. What is gone by now is not there.
        return "skip" if error.errno in {*GONE, errno.ELOOP} else _gap(path, error)
    if not stat.S_ISREG(found.st_mode):
        return "skip"
    if len(key) > MAX_KEY:
        return Gap(key[:MAX_KEY], "bad_name", "Its path is too long for a key.")
    return Item(key, f"{found.st_mtime_ns}-{found.st_size}", found.st_size)


def _gap(path: str, error: OSError) -> Gap:
    return Gap(key_of(path), "unreadable_folder", f"It cannot be listed: {error.strerror}.")


def _holds_anything(folder: Path) -> bool:
    """A share that was taken away leaves an empty folder behind, or none."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


@asynccontextmanager
async def open_folder(options: Mapping[str, Any], *, name: str) -> AsyncGenerator[Source]:
    """See FolderOptions. Patterns are shell patterns on the path below the folder; "*" crosses "/"."""
    yield FolderSource(FolderOptions.model_validate(dict(options)), name)
