"""A batch of a source's items: read within bounds, several at once, and what became of each."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bedplate.domain.documents import Failure
from bedplate.domain.ids import DocumentId
from bedplate.domain.sources import Claim, KnownItem, Outcome
from bedplate.errors import InvalidInput, NotFound, StorageError, Unavailable, UpstreamError
from bedplate.ingest.incoming import Upload
from bedplate.ingest.origins import SYNCED
from bedplate.sources.protocol import Fetched, Item, Source
from bedplate.state.protocol import Catalog
from bedplate.upstream.turns import deadline

MAX_ERROR = 500
MOST_WAITING = 21_600.0
"""Seconds that one reading may wait until a polite source lets it: a site may ask for a minute or
more between requests, and other readers go first.
"""

Trouble = UpstreamError | Unavailable | StorageError


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Of one batch: its items and about its bytes, and how many are read at once.

    So many failures `in_a_row` that are the source's rather than an item's end the sync.
    """

    items: int
    bytes: int
    file_bytes: int
    seconds: float
    readers: int
    in_a_row: int


@dataclass(slots=True)
class Batch:
    """`last` is the key of the last item that was taken on; all before it were, too."""

    last: str = ""
    read: dict[str, tuple[KnownItem, Fetched]] = field(
        default_factory=dict[str, tuple[KnownItem, Fetched]]
    )
    same: list[KnownItem] = field(default_factory=list[KnownItem])
    failed: list[Outcome] = field(default_factory=list[Outcome])
    vanished: list[str] = field(default_factory=list[str])
    """Keys of those that were listed and are not there."""
    bytes: int = 0
    row: list[Outcome] = field(default_factory=list[Outcome])
    """The last failures, while they are the source's."""
    trouble: Trouble | None = None
    """Set when there were too many of them."""


async def read_batch(source: Source, items: Iterable[KnownItem], limits: ReadLimits) -> Batch:
    """Read items until the batch is full. Only what is the item's own fault counts against it."""
    batch = Batch()
    left = iter(items)

    async def work() -> None:
        while batch.bytes < limits.bytes and batch.trouble is None:
            item = next(left, None)
            if item is None:
                return
            batch.last = item.key
            await _read(source, item, limits, batch)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(limits.readers):
                tasks.create_task(work())
    except ExceptionGroup as group:
        raise group.exceptions[0] from group.exceptions[0].__cause__
    if batch.trouble is None:
        batch.failed += batch.row
    return batch


async def _read(source: Source, item: KnownItem, limits: ReadLimits, batch: Batch) -> None:
    asked = Item(item.key, item.version, item.size)
    try:
        async with deadline(limits.seconds, most_waiting=MOST_WAITING):
            fetched = await source.read(asked, known=item.known, max_bytes=limits.file_bytes)
    except NotFound:
        batch.vanished.append(item.key)
    except InvalidInput as error:
        code = getattr(error, "reason", error.code)
        batch.failed.append(failed(item.key, code, error.message))
    except (UpstreamError, Unavailable, StorageError) as error:
        _trouble(batch, item, error, limits.in_a_row)
        return
    except TimeoutError:
        late = Unavailable(f"{item.key!r} was not read in {limits.seconds:g} s.")
        _trouble(batch, item, late, limits.in_a_row)
        return
    else:
        _take(batch, item, fetched)
    batch.failed += batch.row
    batch.row.clear()


def _take(batch: Batch, item: KnownItem, fetched: Fetched | None) -> None:
    if fetched is None:
        batch.same.append(item)
        return
    name = fetched.blob.source
    if name in batch.read:
        other = batch.read[name][0].key
        message = f"{other!r} is called {name!r}, too."
        batch.failed.append(failed(item.key, "duplicate_name", message))
        return
    batch.read[name] = (item, fetched)
    batch.bytes += len(fetched.blob.content)


def _trouble(batch: Batch, item: KnownItem, error: Trouble, most: int) -> None:
    batch.row.append(failed(item.key, error.code, error.message))
    if len(batch.row) >= most:
        batch.trouble = error


def failed(key: str, code: str, message: str) -> Outcome:
    return Outcome(key, code=code, error=message.replace("\0", "")[:MAX_ERROR])


class BatchLedger:
    """See Ledger; of the items of one batch, by the names of their blobs."""

    def __init__(self, catalog: Catalog, claim: Claim, listing: int, batch: Batch) -> None:
        self._documents = catalog.source_documents
        self._claim = claim
        self._listing = listing
        self._batch = batch
        self._taken: dict[DocumentId, str] = {}
        self._owned: dict[DocumentId, str] = {}
        self._before: set[DocumentId] = set()
        self._made: dict[str, set[DocumentId]] = {}
        self._failures: dict[str, list[Failure]] = {}

    async def open(self) -> None:
        """Own what most items make, one document by the blob's name, in one transaction for all.

        Where they make others, the name is given up with the batch.
        """
        keys = {DocumentId(name): item.key for name, (item, _) in self._batch.read.items()}
        self._before = set(await self._documents.owned(self._claim, list(keys.values())))
        self._taken = await self._documents.own(self._claim, self._listing, keys)
        self._owned = {id: key for id, key in keys.items() if id not in self._taken}

    @property
    def uploads(self) -> list[Upload]:
        return [
            Upload(fetched.blob, metadata=fetched.metadata, way=SYNCED)
            for _, fetched in self._batch.read.values()
        ]

    async def own(self, name: str, ids: Sequence[DocumentId]) -> Mapping[DocumentId, str]:
        key = self._batch.read[name][0].key
        taken = {id: self._taken[id] for id in ids if id in self._taken}
        more = {id: key for id in ids if id not in taken and self._owned.get(id) != key}
        if more:
            taken |= await self._documents.own(self._claim, self._listing, more)
        self._made.setdefault(key, set()).update(set(ids) - taken.keys())
        return taken

    def fail(self, name: str, failure: Failure) -> None:
        self._failures.setdefault(self._batch.read[name][0].key, []).append(failure)

    def outcomes(self, owned: Mapping[DocumentId, str]) -> tuple[list[Outcome], list[DocumentId]]:
        """What became of every item of the batch, and documents that items no longer make.

        An item that failed in part keeps what it had: the part may hold it.
        """
        read = {item.key for item, _ in self._batch.read.values()}

        def is_stale(id: DocumentId, key: str) -> bool:
            kept = id in self._made.get(key, ()) or (key in self._failures and id in self._before)
            return key in read and not kept

        stale = [id for id, key in owned.items() if is_stale(id, key)]
        counts: dict[str, int] = {}
        for id in owned.keys() - set(stale):
            counts[owned[id]] = counts.get(owned[id], 0) + 1
        found = [*self._batch.failed]
        found += [Outcome(item.key, item.version or item.known) for item in self._batch.same]
        for item, fetched in self._batch.read.values():
            failures = self._failures.get(item.key)
            if failures:
                more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
                found.append(failed(item.key, failures[0].code, f"{failures[0].message}{more}"))
            else:
                found.append(Outcome(item.key, item.version or fetched.version))
        return [
            Outcome(each.key, each.version, counts.get(each.key, 0), each.code, each.error)
            for each in found
        ], stale
