"""What clients of OpenAI's API keep on the server, as rows and nothing else.

Every id is one tenant's: another tenant's is NotFound. Times are whole seconds since 1970, UTC.
Lists are in the order in which things were made, the newest first unless a page says otherwise.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from bedplate.domain.batches import Batch, BatchLine, BatchStatus, BatchSums
from bedplate.domain.documents import Scalar
from bedplate.domain.ids import TenantId

Order = Literal["asc", "desc"]
FileStatus = Literal["in_progress", "completed", "cancelled", "failed"]
UploadStatus = Literal["pending", "completed", "cancelled", "expired"]
FILE_STATUSES: tuple[FileStatus, ...] = ("in_progress", "completed", "cancelled", "failed")


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list. `after` and `before` are ids in it, which need not be there any more."""

    limit: int = 20
    order: Order = "desc"
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """Facts of a file; `bytes` is its size. After `expires_at` it is not there."""

    id: str
    filename: str
    purpose: str
    bytes: int
    created_at: int
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """How many files a tenant may keep, and how many bytes of them."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that comes in parts. `bytes` is what it is to have, `seconds` how long it is to be kept,
    None for always; `file` is what became of it. After `expires_at` no part is taken any more.
    """

    id: str
    filename: str
    purpose: str
    bytes: int
    created_at: int
    expires_at: int
    status: UploadStatus = "pending"
    seconds: int | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class UploadPart:
    id: str
    upload: str
    bytes: int
    created_at: int


@dataclass(frozen=True, slots=True)
class VectorStore:
    """A collection as OpenAI's clients know it.

    `made_at` is the collection's own time, by which one that was dropped and made again under its
    name is told from it. `expired_at` is when its contents were given up.
    """

    id: str
    collection: str
    made_at: str
    name: str
    created_at: int
    active_at: int
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    expires_days: int | None = None
    expired_at: int | None = None

    @property
    def expires_at(self) -> int | None:
        return None if self.expires_days is None else self.active_at + self.expires_days * 86_400


@dataclass(frozen=True, slots=True)
class Chunking:
    """Sizes in tokens, as OpenAI's clients give them."""

    max_tokens: int
    overlap_tokens: int


@dataclass(frozen=True, slots=True)
class StoreFile:
    """A file in a vector store. `job` is the durable work that ingests it.

    `bytes` counts the text that is searched, `documents` what the file held. `chunking` is None where
    it is left to the server.
    """

    store: str
    file: str
    job: str
    created_at: int
    status: FileStatus = "in_progress"
    batch: str | None = None
    attributes: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    chunking: Chunking | None = None
    bytes: int = 0
    documents: int = 0
    error_code: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which files of a vector store: those that fit all that is given."""

    store: str | None = None
    batch: str | None = None
    job: str | None = None
    file: str | None = None
    status: FileStatus | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """Files by their status, and what the completed ones come to."""

    counts: Mapping[FileStatus, int]
    bytes: int
    documents: int


@dataclass(frozen=True, slots=True)
class FileBatch:
    id: str
    store: str
    created_at: int
    cancelled: bool = False


class Files(Protocol):
    async def put(
        self, tenant: TenantId, file: File, content: bytes, *, room: Room | None = None
    ) -> None:
        """Keep it, all of it or nothing; durable on return. TooLarge where there is no room for it."""
        ...

    async def get(self, tenant: TenantId, id: str) -> File: ...

    async def list(
        self, tenant: TenantId, page: Page, *, purpose: str | None = None
    ) -> tuple[File, ...]: ...

    def content(self, tenant: TenantId, id: str) -> AsyncGenerator[bytes]:
        """Its bytes in parts; NotFound before the first one."""
        ...

    async def delete(self, tenant: TenantId, id: str) -> bool:
        """Whether it was there."""
        ...


class Uploads(Protocol):
    """Files that come in parts."""

    async def add(self, tenant: TenantId, upload: Upload, *, most: int, room: Room) -> None:
        """Keep a new one. Busy where `most` are pending; TooLarge where there is no room for all."""
        ...

    async def get(self, tenant: TenantId, id: str) -> Upload: ...

    async def add_part(self, tenant: TenantId, part: UploadPart, content: bytes) -> None:
        """Keep a part. Conflict where its upload is not pending; TooLarge for more than it said."""
        ...

    async def complete(
        self,
        tenant: TenantId,
        id: str,
        parts: Sequence[str],
        file: File,
        *,
        room: Room,
        md5: str | None = None,
    ) -> None:
        """Make a file of the parts in that order, all or nothing.

        Conflict where it is not pending, NotFound for a part that is not its, InvalidInput where
        they are not what was announced, TooLarge as `Files.put`.
        """
        ...

    async def cancel(self, tenant: TenantId, id: str) -> None:
        """Conflict where it is not pending."""
        ...

    async def sweep(self, now: int) -> None:
        """Of every tenant: give up what is late, and forget what ended a day ago."""
        ...


class VectorStores(Protocol):
    async def add(self, tenant: TenantId, store: VectorStore) -> VectorStore:
        """Keep it, or give back the one that is there of the same collection.

        One of a collection that is gone, by its `made_at`, makes way with all of its files.
        """
        ...

    async def get(self, tenant: TenantId, id: str) -> VectorStore: ...

    async def list(self, tenant: TenantId) -> tuple[VectorStore, ...]:
        """All of them, the oldest first."""
        ...

    async def save(self, tenant: TenantId, store: VectorStore) -> None:
        """Put name, metadata, expiry and its times in place of what is kept."""
        ...

    async def touch(self, tenant: TenantId, id: str, now: int) -> None:
        """It was used."""
        ...

    async def delete(self, tenant: TenantId, id: str) -> bool:
        """With its list of files and their batches, not the files."""
        ...


class StoreFiles(Protocol):
    """Which files are in which vector store."""

    async def put(self, tenant: TenantId, files: Sequence[StoreFile]) -> None:
        """All at once, in place of what is kept of the same ones; they keep their place in lists."""
        ...

    async def list(self, tenant: TenantId, chosen: Chosen, page: Page) -> tuple[StoreFile, ...]: ...

    async def sums(self, tenant: TenantId, chosen: Chosen) -> Sums: ...

    async def finish(self, tenant: TenantId, file: StoreFile) -> bool:
        """Put what became of it in place; False, and nothing, where it is not in progress for its
        `job` any more.
        """
        ...

    async def end(
        self, tenant: TenantId, chosen: Chosen, status: FileStatus, *, error: str | None = None
    ) -> int:
        """Give up those in progress among the chosen; how many there were. An `error` is the
        server's.
        """
        ...

    async def delete(self, tenant: TenantId, store: str, file: str) -> bool: ...


class FileBatches(Protocol):
    async def add(self, tenant: TenantId, batch: FileBatch, files: Sequence[StoreFile]) -> None:
        """The batch with its files, all at once."""
        ...

    async def get(self, tenant: TenantId, store: str, id: str) -> FileBatch: ...

    async def cancel(self, tenant: TenantId, store: str, id: str) -> None: ...


class Batches(Protocol):
    async def add(self, tenant: TenantId, batch: Batch, *, most: int) -> None:
        """Keep a new one; Busy where `most` of the tenant have not ended."""
        ...

    async def get(self, tenant: TenantId, id: str) -> Batch: ...

    async def list(self, tenant: TenantId, *, after: str | None, limit: int) -> tuple[Batch, ...]:
        """The newest first, from below `after` on, which need not be there any more."""
        ...

    async def change(self, tenant: TenantId, batch: Batch, was: BatchStatus) -> bool:
        """Put it in place; False, and nothing, where its status is not as it `was` any more."""
        ...

    async def finish(
        self, tenant: TenantId, batch: Batch, output: File, errors: File, was: BatchStatus
    ) -> bool:
        """`change`, with what is kept of lines put into the two files, in the lines' order.

        All of it or nothing. A file that would be empty is not made; the others count against no
        limit, as what is in them is paid for. The batch is told their ids, the files their sizes.
        """
        ...


class BatchLines(Protocol):
    """What became of the lines of batches."""

    async def keep(self, tenant: TenantId, id: str, lines: Sequence[BatchLine]) -> None:
        """What became of lines, durably; a line that is there stays as it was first."""
        ...

    async def done(self, tenant: TenantId, id: str) -> frozenset[int]:
        """Numbers of the lines that are kept."""
        ...

    async def sums(self, tenant: TenantId, id: str) -> BatchSums:
        """Of the lines that are kept, those of a batch that ended included."""
        ...


class Due(Protocol):
    """What waits for somebody to do something about it, of every tenant; a bounded number at once."""

    async def files(self, now: int) -> tuple[tuple[TenantId, str], ...]:
        """Files that have expired."""
        ...

    async def stores(self, now: int) -> tuple[tuple[TenantId, VectorStore], ...]:
        """Vector stores that have, and whose contents are still there."""
        ...

    async def jobs(self, before: int) -> tuple[tuple[TenantId, str], ...]:
        """Work that files have been in progress for since before that time."""
        ...

    async def batches(self, before: int) -> tuple[tuple[TenantId, Batch], ...]:
        """Those that were made before that time and have not ended."""
        ...


class Objects(Protocol):
    """All of it, in one database."""

    @property
    def files(self) -> Files: ...

    @property
    def uploads(self) -> Uploads: ...

    @property
    def stores(self) -> VectorStores: ...

    @property
    def store_files(self) -> StoreFiles: ...

    @property
    def file_batches(self) -> FileBatches: ...

    @property
    def batches(self) -> Batches: ...

    @property
    def batch_lines(self) -> BatchLines: ...

    @property
    def due(self) -> Due: ...


class OpenObjects(Protocol):
    """Opens what is kept at `place`, its tables brought to the newest version.

    A place is a file, or the address of a PostgreSQL database whose catalog is there.
    """

    def __call__(self, place: Path | str, /) -> AbstractAsyncContextManager[Objects]: ...
