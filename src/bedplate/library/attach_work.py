"""Files of vector stores ingested as durable work: those that a job was begun for, one by one.

What is left to do stands in the tables, so a work that a crash cut off goes on with the next file.
"""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace

from bedplate.chunkers.protocol import Chunker
from bedplate.domain.documents import Blob, Failure
from bedplate.domain.ids import DocumentId, TenantId
from bedplate.domain.retrieval import Scope
from bedplate.durable.protocol import JSON, Queue, Retry, Steps
from bedplate.errors import (
    BedplateError,
    InvalidInput,
    NotFound,
    StorageError,
    TooLarge,
    Unavailable,
    UpstreamError,
    WorkFailed,
)
from bedplate.ingest.incoming import Upload
from bedplate.ingest.pipeline import Ingest
from bedplate.ingest.report import Report
from bedplate.ingest.run import Cut
from bedplate.library import file_documents
from bedplate.library.files import UploadedFiles
from bedplate.objects.protocol import Chosen, Chunking, Objects, Page, StoreFile, VectorStore
from bedplate.state.protocol import Catalog

logger = logging.getLogger(__name__)

WORK = "attach"
QUEUE = "attach"
RETRY = Retry(attempts=5)
NEXT = Page(limit=1, order="asc")
MAX_MESSAGE = 300
UNSUPPORTED = frozenset({"unsupported", "binary"})
TOO_BUSY = (StorageError, Unavailable, UpstreamError)
"""Errors that are nothing of the file's: the step is tried again."""

OpenChunker = Callable[[Chunking], AbstractAsyncContextManager[Chunker]]


def attach_queue(*, at_once: int, waiting: int) -> Queue:
    return Queue(QUEUE, concurrency=at_once, per_process=at_once, length=waiting)


class AttachWork:
    """See Work. It has no argument: its files name the job."""

    name = WORK

    def __init__(
        self,
        objects: Objects,
        catalog: Catalog,
        ingest: Ingest,
        files: UploadedFiles,
        chunker: OpenChunker,
        *,
        seconds: float,
    ) -> None:
        self._objects = objects
        self._catalog = catalog
        self._ingest = ingest
        self._files = files
        self._chunker = chunker
        self._seconds = seconds

    async def run(self, steps: Steps, argument: JSON) -> JSON:
        async def ingest() -> JSON:
            return await self._run(steps)

        async def fail() -> JSON:
            # What the last try could not do.
            why = "It could not be ingested: add the file again."
            left = Chosen(job=steps.job)
            await self._objects.store_files.end(steps.tenant, left, "failed", error=why)
            return None

        try:
            return await steps.step("ingest", ingest, retry=RETRY, seconds=self._seconds)
        except WorkFailed:
            await steps.step("fail", fail)
            raise

    async def _run(self, steps: Steps) -> JSON:
        left = Chosen(job=steps.job, status="in_progress")
        done = failed = 0
        while found := await self._objects.store_files.list(steps.tenant, left, NEXT):
            file = await self._file(steps.tenant, found[0])
            done += 1
            failed += file.status == "failed"
            await steps.emit({"phase": "ingest", "done": done, "failed": failed})
        return {"files": done, "failed": failed}

    async def _file(self, tenant: TenantId, file: StoreFile) -> StoreFile:
        """What became of it."""
        try:
            store = await self._objects.stores.get(tenant, file.store)
        except NotFound:
            # It went with its vector store.
            return file
        scope = Scope(tenant, store.collection)
        try:
            ended = await self._ingested(tenant, scope, file)
        except TOO_BUSY:
            raise
        except BedplateError as error:
            ended = _failed(file, _code(error), error.message)
        if not await self._objects.store_files.finish(tenant, ended):
            await self._undo(tenant, store, file)
        return ended

    async def _ingested(self, tenant: TenantId, scope: Scope, file: StoreFile) -> StoreFile:
        facts = await self._objects.files.get(tenant, file.file)
        content = await self._files.read(tenant, file.file)
        upload = Upload(
            Blob(content, facts.filename),
            id=DocumentId(file.file),
            metadata=file.attributes,
            many=True,
        )
        async with self._cut(file.chunking) as cut:
            report = await self._ingest.run(scope, [upload], cut=cut)
        if report.failures and not report.kept:
            return _refused(file, report.failures[0])
        texts = await file_documents.texts_of(self._catalog, scope, file.file)
        remark = _remark(report)
        return replace(
            file,
            status="completed",
            bytes=sum(len(text.encode(errors="replace")) for text in texts),
            documents=len(texts),
            error_code=remark and "invalid_file",
            error=remark,
        )

    async def _undo(self, tenant: TenantId, store: VectorStore, file: StoreFile) -> None:
        """It was cancelled or taken out meanwhile, or given anew to another job."""
        same = Chosen(store=file.store, file=file.file)
        there = await self._objects.store_files.list(tenant, same, NEXT)
        if there and there[0].status != "cancelled":
            return
        scope = Scope(tenant, store.collection)
        with suppress(NotFound):
            await file_documents.remove(self._catalog, self._ingest, scope, file.file)
            try:
                await self._objects.stores.get(tenant, store.id)
            except NotFound:
                # The ingest made the collection once more that was dropped just before.
                if not (await self._catalog.collections.get(scope)).documents:
                    await self._ingest.drop(scope)

    @asynccontextmanager
    async def _cut(self, chunking: Chunking | None) -> AsyncGenerator[Cut | None]:
        if chunking is None:
            yield None
            return
        async with self._chunker(chunking) as chunker:
            yield Cut(f"static {chunking.max_tokens} {chunking.overlap_tokens}", chunker)


def _refused(file: StoreFile, failure: Failure) -> StoreFile:
    code = "unsupported_file" if failure.code in UNSUPPORTED else "invalid_file"
    return _failed(file, code, failure.message)


def _remark(report: Report) -> str | None:
    """What of a file that is searched could not be read."""
    if not report.failures:
        return None
    return f"{report.failed} of its parts could not be read. {report.failures[0].message}"


def _code(error: BedplateError) -> str:
    return (
        "invalid_file" if isinstance(error, InvalidInput | NotFound | TooLarge) else "server_error"
    )


def _failed(file: StoreFile, code: str, message: str) -> StoreFile:
    return replace(file, status="failed", error_code=code, error=message[:MAX_MESSAGE])
