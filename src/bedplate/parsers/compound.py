"""OLE containers ([MS-CFB]): storages and streams by name, as Outlook keeps a mail and what is in it.

Nothing in the file is believed: chains end, trees are walked once, and no stream is longer than
its file.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bedplate.domain.documents import Blob
from bedplate.errors import Unreadable

_HEADER = struct.Struct("<8s16s5H6s9I109I")
_ENTRY = struct.Struct("<64sHBBIII16sIQQIQ")
_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NOTHING = 0xFFFFFFFA
"""From here on a number is no sector: the end of a chain, free, or the table's own."""

_STORAGE, _STREAM, _ROOT = 1, 2, 5


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    kind: int
    left: int
    right: int
    child: int
    start: int
    size: int


class Storage:
    """A folder of the container: what it holds, by name."""

    def __init__(self, file: "CompoundFile", entries: Mapping[str, _Entry]) -> None:
        self._file = file
        self._entries = entries

    def streams(self) -> Iterator[str]:
        yield from (name for name, entry in self._entries.items() if entry.kind == _STREAM)

    def storages(self) -> Iterator[tuple[str, "Storage"]]:
        for name, entry in self._entries.items():
            if entry.kind == _STORAGE:
                yield name, self._file.below(entry)

    def storage(self, name: str) -> "Storage | None":
        entry = self._entries.get(name)
        return None if entry is None or entry.kind != _STORAGE else self._file.below(entry)

    def read(self, name: str) -> bytes | None:
        """A stream; None where there is none of that name."""
        entry = self._entries.get(name)
        return None if entry is None or entry.kind != _STREAM else self._file.stream(entry)


class CompoundFile:
    """Opens a container; Unreadable "malformed" for what is none, here or as it is read."""

    def __init__(self, blob: Blob) -> None:
        self._source = blob.source
        self._content = blob.content
        if len(blob.content) < _HEADER.size or not blob.content.startswith(_MAGIC):
            raise self._broken("its header is missing")
        fields = _HEADER.unpack_from(blob.content)
        sector, mini, first_directory, cutoff, first_mini, first_table, tables = (
            fields[5], fields[6], fields[10], fields[12], fields[13], fields[15], fields[17:],
        )  # fmt: skip
        if sector not in (9, 12) or mini != 6:
            raise self._broken("its sectors are of an unknown size")
        self._size = 1 << sector
        self._cutoff = cutoff
        self._table = self._joined(self._tables(tables, first_table))
        self._entries = [
            self._entry(row) for row in _ENTRY.iter_unpack(self._whole(self._chain(first_directory)))
        ]  # fmt: skip
        if not self._entries or self._entries[0].kind != _ROOT:
            raise self._broken("it has no root")
        self._mini_table = self._joined(self._chain(first_mini))
        self._mini: bytes | None = None

    @property
    def root(self) -> Storage:
        return self.below(self._entries[0])

    def below(self, entry: _Entry) -> Storage:
        """What a storage holds: the tree of its entries, each once."""
        found: dict[str, _Entry] = {}
        seen: set[int] = set()
        left = [entry.child]
        while left:
            number = left.pop()
            if number >= len(self._entries) or number in seen:
                continue
            seen.add(number)
            each = self._entries[number]
            found[each.name] = each
            left += (each.left, each.right)
        return Storage(self, dict(sorted(found.items())))

    def stream(self, entry: _Entry) -> bytes:
        if entry.size > len(self._content):
            raise self._broken(f"{entry.name!r} is longer than the file")
        if entry.size >= self._cutoff:
            return self._whole(self._chain(entry.start))[: entry.size]
        if self._mini is None:
            root = self._entries[0]
            self._mini = self._whole(self._chain(root.start))[: root.size]
        places = self._follow(self._mini_table, entry.start)
        return b"".join(self._mini[at * 64 : at * 64 + 64] for at in places)[: entry.size]

    def _tables(self, first: tuple[int, ...], more: int) -> list[int]:
        """The sectors of the table of sectors: those in the header, and in sectors of their own."""
        found = [number for number in first if number < _NOTHING]
        seen: set[int] = set()
        while more < _NOTHING and more not in seen:
            seen.add(more)
            *numbers, more = np.frombuffer(self._sector(more), "<u4").tolist()
            found += [number for number in numbers if number < _NOTHING]
        return found

    def _chain(self, start: int) -> list[int]:
        return self._follow(self._table, start)

    def _follow(self, table: np.ndarray, start: int) -> list[int]:
        found: list[int] = []
        while start < _NOTHING:
            if start >= len(table) or len(found) > len(table):
                raise self._broken("a chain of its sectors leads nowhere")
            found.append(start)
            start = int(table[start])
        return found

    def _joined(self, sectors: list[int]) -> np.ndarray:
        return np.frombuffer(self._whole(sectors), "<u4")

    def _whole(self, sectors: list[int]) -> bytes:
        if len(sectors) * self._size > len(self._content) + self._size:
            raise self._broken("a chain of its sectors is longer than the file")
        return b"".join(self._sector(number) for number in sectors)

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._size
        found = self._content[start : start + self._size]
        if not found:
            raise self._broken("a sector lies beyond its end")
        return found.ljust(self._size, b"\0")

    def _entry(
        self, row: tuple[bytes, int, int, int, int, int, int, bytes, int, int, int, int, int]
    ) -> _Entry:
        name, length, kind, _, left, right, child, *_, start, size = row
        wide = name[: max(0, min(length, 64) - 2)]
        # Older writers leave what they like in the upper half of a size.
        size = size if self._size > 512 else size & 0xFFFFFFFF
        text = wide.decode("utf-16-le", "replace")
        return _Entry(text, kind, left, right, child, start, size)

    def _broken(self, what: str) -> Unreadable:
        return Unreadable(f"{self._source!r} is damaged: {what}.", reason="malformed")
