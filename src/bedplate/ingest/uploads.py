"""Uploads as durable jobs: on disk before they are answered, ingested in the order they came.

A job is two steps: ingest, which a crash lets be done again from the file, and drop the file. What
an ingest kept before a crash is unchanged for the one after it, so nothing is there twice.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from bedplate.domain.documents import Blob
from bedplate.domain.ids import DocumentId, new_id
from bedplate.domain.retrieval import Scope
from bedplate.durable.again import again
from bedplate.durable.protocol import JSON, Durable, Job, Queue, Retry, Steps, WorkId
from bedplate.errors import BedplateError, Busy, NotFound, WorkFailed
from bedplate.ingest.incoming import Upload
from bedplate.ingest.pipeline import Ingest
from bedplate.ingest.report import Progress, Report
from bedplate.ingest.spool import Spool, Spooled
from bedplate.ingest.whole import whole

WORK = QUEUE = "upload"
RETRY = Retry(attempts=20, pause=2.0, longest=300.0)
"""Of an ingest that a model server or a disk keeps from going on: for about an hour and a quarter."""

EVENT_SECONDS = 1.0
SWEEP_SECONDS = 60.0
ORPHAN_SECONDS = 3_600.0
"""How old a file without a job must be: another process may be about to start its job."""

SHOWN = 100
"""Failures, warnings and copies that a result names, so that a journal takes it; all are counted."""

MAX_MESSAGE = 300


def upload_queue(*, at_once: int, waiting: int) -> Queue:
    """`at_once` run over all processes: one alone keeps the order in which uploads came."""
    return Queue(QUEUE, concurrency=at_once, per_process=at_once, length=waiting)


@dataclass(frozen=True, slots=True)
class _Argument:
    """What the journal keeps of an upload; the content is in the spool."""

    collection: str
    file: str
    name: str
    media_type: str | None
    document: str | None
    bytes: int


class UploadWork:
    """See Work. Its events are the progress; its argument is as `Uploads` writes it."""

    name = WORK

    def __init__(self, ingest: Ingest, spool: Spool, *, seconds: float) -> None:
        self._ingest = ingest
        self._spool = spool
        self._seconds = seconds

    async def run(self, steps: Steps, argument: JSON) -> JSON:
        asked = _Argument(**cast(Mapping[str, Any], argument))

        async def ingest() -> JSON:
            return await self._run(steps, asked)

        async def drop() -> JSON:
            await self._spool.drop(steps.tenant, asked.file)
            return None

        try:
            result = await steps.step("ingest", ingest, retry=RETRY, seconds=self._seconds)
        except WorkFailed:
            await steps.step("drop", drop)
            raise
        await steps.step("drop", drop)
        return result

    async def _run(self, steps: Steps, asked: _Argument) -> JSON:
        content = await self._spool.get(steps.tenant, asked.file)
        upload = Upload(
            Blob(content, asked.name, asked.media_type),
            id=None if asked.document is None else DocumentId(asked.document),
        )
        news: list[Progress] = []

        async def tell() -> None:
            while True:
                await asyncio.sleep(EVENT_SECONDS)
                if news:
                    event = _event(news[-1])
                    news.clear()
                    await steps.emit(event)

        try:
            async with asyncio.TaskGroup() as tasks:
                telling = tasks.create_task(tell())
                try:
                    scope = Scope(steps.tenant, asked.collection)
                    report = await self._ingest.run(scope, [upload], progress=news.append)
                finally:
                    telling.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from group.exceptions[0].__cause__
        if news:
            await steps.emit(_event(news[-1]))
        return _result(report)


class Uploads:
    """Takes uploads for later, and clears away what no job needs any more."""

    def __init__(self, jobs: Durable, ingest: Ingest, spool: Spool, *, seconds: float) -> None:
        self._jobs = jobs
        self._ingest = ingest
        self._spool = spool
        self._seconds = seconds

    async def start(self, scope: Scope, upload: Upload) -> Job:
        """The job that ingests it. File and job are durable when this returns.

        Raises:
            Busy: too many uploads wait, or too many bytes of them.
            InvalidInput, Conflict: see Ingest.create.
        """
        await self._ingest.create(scope)
        # A client that leaves must not do so between the two.
        return await whole(self._start(scope, upload))

    async def run(self) -> None:
        """Sweep, until it is cancelled."""
        await again("uploads", self.sweep, SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Drop files whose job has ended, as one that was cancelled, and those without a job."""
        for found in await self._spool.list():
            if not await self._is_needed(found):
                await self._spool.drop(found.tenant, found.id)

    async def _start(self, scope: Scope, upload: Upload) -> Job:
        id = f"upload-{new_id()}"
        content = upload.blob.content
        try:
            await self._spool.put(scope.tenant, id, content)
        except Busy:
            await self.sweep()
            await self._spool.put(scope.tenant, id, content)
        argument = _Argument(
            collection=scope.collection,
            file=id,
            name=upload.name,
            media_type=upload.blob.media_type,
            document=upload.id,
            bytes=len(content),
        )
        try:
            return await self._jobs.start(
                WORK,
                asdict(argument),
                tenant=scope.tenant,
                id=id,
                queue=QUEUE,
                seconds=self._seconds,
            )
        except BedplateError:
            # Should the job be there all the same, it ends with that and the client was told so.
            await self._spool.drop(scope.tenant, id)
            raise

    async def _is_needed(self, found: Spooled) -> bool:
        if found.part:
            return found.age < ORPHAN_SECONDS
        try:
            job = await self._jobs.get(WorkId(found.id), tenant=found.tenant)
        except NotFound:
            return found.age < ORPHAN_SECONDS
        return not job.state.ended


def _event(now: Progress) -> JSON:
    return {
        "phase": "ingest",
        "done": now.bytes,
        "total": now.total_bytes,
        "counts": {"documents": now.documents, "chunks": now.chunks, "failures": now.failures},
    }


def _result(report: Report) -> JSON:
    """The report with a bounded number of its failures, as the journal's entries are bounded."""
    kept_nothing = report.failures and not report.kept
    return {
        "collection": report.collection,
        "status": "failed" if kept_nothing else "partly" if report.failures else "done",
        "documents": {
            "added": report.added,
            "updated": report.updated,
            "unchanged": report.unchanged,
            "deleted": report.deleted,
            "skipped": report.skipped,
            "failed": report.failed,
        },
        "chunks": report.chunks,
        "redactions": dict(sorted(report.redactions.items())),
        "failures": [
            {"source": _short(each.source), "code": each.code, "message": _short(each.message)}
            for each in report.failures[:SHOWN]
        ],
        "warnings": [_short(each) for each in report.warnings[:SHOWN]],
        "duplicates": [
            {"id": each.id, "duplicate_of": each.duplicate_of} for each in report.duplicates[:SHOWN]
        ],
        "seconds": report.seconds,
    }


def _short(text: str) -> str:
    """Of a length, and without what a journal in UTF-8 could not take."""
    return text[:MAX_MESSAGE].encode(errors="replace").decode()
