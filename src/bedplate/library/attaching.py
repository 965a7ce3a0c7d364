"""Files into vector stores: what is asked for, what became of it, and batches of them."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from bedplate.domain.documents import Scalar
from bedplate.domain.ids import DocumentId, TenantId, new_id
from bedplate.domain.retrieval import Scope
from bedplate.durable.protocol import Durable, WorkId
from bedplate.errors import BedplateError, Conflict, InvalidInput, NotFound
from bedplate.ingest.pipeline import Ingest
from bedplate.ingest.whole import whole
from bedplate.library import file_documents
from bedplate.library.attach_work import QUEUE, WORK
from bedplate.library.ids import is_file_id, new_object_id
from bedplate.library.moments import now
from bedplate.library.vector_stores import VectorStores
from bedplate.objects.protocol import (
    Chosen,
    Chunking,
    FileBatch,
    FileStatus,
    Objects,
    Page,
    StoreFile,
    Sums,
    VectorStore,
)
from bedplate.state.protocol import Catalog

MAX_BATCH = 2_000
UPDATE_SECONDS = 20.0
"""How long a change of attributes is waited for; then it is told as being in progress."""

ONE = Page(limit=1)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that is to be put into a vector store."""

    file: str
    attributes: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    chunking: Chunking | None = None


@dataclass(frozen=True, slots=True)
class BatchView:
    batch: FileBatch
    sums: Sums


class Attaching:
    """Puts files into vector stores, by durable work, and takes them out again."""

    def __init__(
        self,
        objects: Objects,
        stores: VectorStores,
        catalog: Catalog,
        ingest: Ingest,
        jobs: Durable,
        *,
        seconds: float,
    ) -> None:
        self._objects = objects
        self._stores = stores
        self._catalog = catalog
        self._ingest = ingest
        self._jobs = jobs
        self._seconds = seconds

    async def attach(self, tenant: TenantId, store: str, wanted: Attachment) -> StoreFile:
        """Begin with it; durable on return. A file that is there already is ingested anew.

        Raises:
            NotFound: there is no such vector store or file.
            Conflict: the vector store has expired.
            Busy: too much work waits.
        """
        place = await self._stores.live(tenant, store)
        (file,) = await self._rows(tenant, place, [wanted])

        async def work() -> None:
            await self._objects.store_files.put(tenant, [file])
            await self._start(tenant, [file])

        # A client that leaves must not do so between the two.
        await whole(work())
        await self._stores.touch(tenant, place)
        return file

    async def attach_all(
        self, tenant: TenantId, store: str, wanted: Sequence[Attachment]
    ) -> BatchView:
        """As `attach`, all of them as one batch."""
        if not 0 < len(wanted) <= MAX_BATCH:
            raise InvalidInput(
                f"file_ids: a batch has 1 to {MAX_BATCH:,} files, not {len(wanted):,}.",
                param="file_ids",
            )
        place = await self._stores.live(tenant, store)
        batch = FileBatch(new_object_id("vsfb_"), place.id, now())
        files = await self._rows(tenant, place, wanted, batch.id)

        async def work() -> None:
            await self._objects.file_batches.add(tenant, batch, files)
            await self._start(tenant, files)

        await whole(work())
        await self._stores.touch(tenant, place)
        return await self._view(tenant, batch)

    async def batch(self, tenant: TenantId, store: str, id: str) -> BatchView:
        place = await self._stores.live(tenant, store)
        return await self._view(tenant, await self._objects.file_batches.get(tenant, place.id, id))

    async def cancel(self, tenant: TenantId, store: str, id: str) -> BatchView:
        """Files that are done stay; the one in work is taken out once it is."""
        place = await self._stores.live(tenant, store)
        found = await self._objects.file_batches.get(tenant, place.id, id)
        if (await self._view(tenant, found)).sums.counts["in_progress"]:
            await self._objects.file_batches.cancel(tenant, place.id, id)
        return await self.batch(tenant, store, id)

    async def get(self, tenant: TenantId, store: str, file: str) -> StoreFile:
        place = await self._stores.live(tenant, store)
        if is_file_id(file):
            return await self._row(tenant, place, file)
        scope = Scope(tenant, place.collection)
        try:
            document = await self._catalog.documents.get(scope, DocumentId(file))
        except NotFound as error:
            raise _missing(store, file) from error
        return _document(place, document.id, int(document.updated_at.timestamp()))

    async def list(
        self,
        tenant: TenantId,
        store: str,
        page: Page,
        *,
        status: FileStatus | None = None,
        batch: str | None = None,
    ) -> tuple[StoreFile, ...]:
        """Files first, then documents that came by another way, in order of their ids."""
        place = await self._stores.live(tenant, store)
        if batch is not None:
            await self._objects.file_batches.get(tenant, place.id, batch)
        among_files = page.after is None or is_file_id(page.after)
        found: tuple[StoreFile, ...] = ()
        if among_files:
            chosen = Chosen(store=place.id, batch=batch, status=status)
            found = await self._objects.store_files.list(tenant, chosen, page)
        left = page.limit - len(found)
        if batch is None and status in (None, "completed") and page.before is None and left:
            documents = await file_documents.others(
                self._catalog,
                Scope(tenant, place.collection),
                after=None if among_files else page.after,
                limit=left,
            )
            found += tuple(
                _document(place, each.id, int(each.updated_at.timestamp())) for each in documents
            )
        return found

    async def texts(self, tenant: TenantId, store: str, file: str) -> tuple[str, ...]:
        """The text of each of its documents."""
        place = await self._stores.live(tenant, store)
        await self.get(tenant, store, file)
        scope = Scope(tenant, place.collection)
        return tuple(await file_documents.texts_of(self._catalog, scope, file))

    async def update(
        self, tenant: TenantId, store: str, file: str, attributes: Mapping[str, Scalar]
    ) -> StoreFile:
        """Put attributes in place of the former ones. Guards look at them as at all that comes in."""
        place = await self._stores.live(tenant, store)
        if not is_file_id(file):
            await self.get(tenant, store, file)
            raise Conflict(
                f"{file!r} did not come as a file, so its metadata is changed where it came from."
            )
        known = await self._row(tenant, place, file)
        changed = await self.attach(tenant, place.id, Attachment(file, attributes, known.chunking))
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(UPDATE_SECONDS),
                aclosing(self._jobs.tail(WorkId(changed.job), tenant=tenant)) as events,
            ):
                async for _ in events:
                    pass
        return await self._row(tenant, place, file)

    async def detach(self, tenant: TenantId, store: str, file: str) -> None:
        """Take it out; the file itself stays."""
        place = await self._stores.live(tenant, store)
        await self.get(tenant, store, file)
        await self._detach(tenant, place, file)

    async def delete_file(self, tenant: TenantId, file: str) -> None:
        """Delete a file, and take it out of every vector store first; NotFound without it."""
        await self._objects.files.get(tenant, file)
        await self.forget_file(tenant, file)

    async def forget_file(self, tenant: TenantId, file: str) -> None:
        """The same for one that may have expired."""
        async for each in self._places(tenant, file):
            with suppress(NotFound, Conflict):
                place = await self._stores.live(tenant, each.store)
                await self._detach(tenant, place, file)
                continue
            await self._objects.store_files.delete(tenant, each.store, file)
        await self._objects.files.delete(tenant, file)

    async def _places(self, tenant: TenantId, file: str) -> AsyncGenerator[StoreFile]:
        while found := await self._objects.store_files.list(tenant, Chosen(file=file), ONE):
            yield found[0]

    async def _detach(self, tenant: TenantId, place: VectorStore, file: str) -> None:
        # Before its documents: work under way sees by it that they are to go.
        await self._objects.store_files.delete(tenant, place.id, file)
        scope = Scope(tenant, place.collection)
        await file_documents.remove(self._catalog, self._ingest, scope, file)

    async def _row(self, tenant: TenantId, place: VectorStore, file: str) -> StoreFile:
        chosen = Chosen(store=place.id, file=file)
        found = await self._objects.store_files.list(tenant, chosen, ONE)
        if not found:
            raise _missing(place.id, file)
        return found[0]

    async def _rows(
        self,
        tenant: TenantId,
        place: VectorStore,
        wanted: Sequence[Attachment],
        batch: str | None = None,
    ) -> tuple[StoreFile, ...]:
        """One work for all of them; the same file twice counts once, as it is given last."""
        job, moment = f"attach-{new_id()}", now()
        last = {each.file: each for each in wanted}
        for file in last:
            await self._objects.files.get(tenant, file)
        return tuple(
            StoreFile(place.id, each.file, job, moment, batch=batch, attributes=each.attributes,
                      chunking=each.chunking)
            for each in last.values()
        )  # fmt: skip

    async def _start(self, tenant: TenantId, files: Sequence[StoreFile]) -> None:
        job = files[0].job
        try:
            await self._jobs.start(
                WORK, None, tenant=tenant, id=job, queue=QUEUE, seconds=self._seconds
            )
        except BedplateError as error:
            # Not in progress for ever: nobody would go on with them.
            chosen = Chosen(job=job)
            await self._objects.store_files.end(tenant, chosen, "failed", error=error.message)
            raise

    async def _view(self, tenant: TenantId, batch: FileBatch) -> BatchView:
        chosen = Chosen(store=batch.store, batch=batch.id)
        return BatchView(batch, await self._objects.store_files.sums(tenant, chosen))


def _document(place: VectorStore, document: DocumentId, moment: int) -> StoreFile:
    """A document that came by another way, as if it were a file."""
    return StoreFile(place.id, document, "", moment, status="completed")


def _missing(store: str, file: str) -> NotFound:
    return NotFound(f"There is no file {file!r} in vector store {store!r}.", param="file_id")
