"""A batch as durable work: its lines are asked, a few at once, and what came of them put into files.

Where it stands is in the tables. A work that a crash cut off goes on with the lines that are not kept
yet, so that each is told once; one that was under way is asked again.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bedplate.domain.batches import Batch, BatchError, BatchStatus
from bedplate.domain.ids import TenantId
from bedplate.durable.protocol import JSON, Queue, Retry, Steps
from bedplate.errors import NotFound, WorkFailed
from bedplate.library.batch_calls import Calls, undone
from bedplate.library.batch_lines import Request, read
from bedplate.library.files import UploadedFiles
from bedplate.library.ids import new_object_id
from bedplate.library.moments import now
from bedplate.objects.protocol import File, Objects

WORK = "batch"
QUEUE = "batch"
RETRY = Retry(attempts=5)
OUTPUT = "batch_output"
WATCH_SECONDS = 1.0
"""Between two looks whether it was cancelled or its time is over."""

GRACE_SECONDS = 30.0
"""How long requests under way may still be answered then: they are paid for."""

KEPT_AT_ONCE = 500
DAY_SECONDS = 86_400
LOST = BatchError("server_error", "The work was given up: make the batch again.")
CANCELLED = "batch_cancelled", "The batch was cancelled before this request was answered."
EXPIRED = "batch_expired", "The completion window ended before this request was answered."


def batch_queue(*, at_once: int, waiting: int) -> Queue:
    return Queue(QUEUE, concurrency=at_once, per_process=at_once, length=waiting)


def work_seconds(batch: Batch) -> float:
    """How long the work may take: its own window ends it before."""
    return batch.expires_at - batch.created_at + DAY_SECONDS


class BatchWork:
    """See Work. Its job has the id of the batch, and no argument."""

    name = WORK

    def __init__(
        self, objects: Objects, files: UploadedFiles, calls: Calls, *, at_once: int, most: int
    ) -> None:
        """`at_once` requests of a batch are under way together; `most` may be in its file."""
        self._objects = objects
        self._files = files
        self._calls = calls
        self._at_once = at_once
        self._most = most

    async def run(self, steps: Steps, argument: JSON) -> JSON:
        tenant, id = steps.tenant, str(steps.job)

        async def work() -> JSON:
            return await self._run(tenant, id)

        async def fail() -> JSON:
            # What the last try could not do.
            await self.fail(tenant, id, LOST)
            return None

        batch = await self._objects.batches.get(tenant, id)
        try:
            return await steps.step("run", work, retry=RETRY, seconds=work_seconds(batch))
        except WorkFailed:
            await steps.step("fail", fail)
            raise

    async def fail(self, tenant: TenantId, id: str, *errors: BatchError) -> None:
        """End it as failed, with the files of what was done; one that has ended stays as it is."""
        while not (batch := await self._objects.batches.get(tenant, id)).ended:
            failed = stamped(replace(batch, errors=errors), "failed")
            if await self._finish(tenant, failed, batch.status):
                return

    async def _run(self, tenant: TenantId, id: str) -> JSON:
        batch = await self._objects.batches.get(tenant, id)
        if not (batch.ended or (batch.status == "cancelling" and not batch.total)):
            try:
                content = await self._files.read(tenant, batch.input_file)
            except NotFound as error:
                await self.fail(tenant, id, BatchError("input_file_not_found", error.message))
                return {"status": "failed"}
            found = await asyncio.to_thread(read, content, batch.endpoint, most=self._most)
            if found.errors:
                await self.fail(tenant, id, *found.errors)
                return {"status": "failed"}
            if batch.status == "validating":
                begun = replace(batch, total=len(found.requests), model=found.model)
                begun = stamped(begun, "in_progress")
                await self._objects.batches.change(tenant, begun, batch.status)
            await self._ask(tenant, id, found.requests)
            return await self._end(tenant, id, found.requests)
        return await self._end(tenant, id, ())

    async def _ask(self, tenant: TenantId, id: str, requests: Sequence[Request]) -> None:
        batch = await self._objects.batches.get(tenant, id)
        if batch.status != "in_progress" or now() >= batch.expires_at:
            return
        done = await self._objects.batch_lines.done(tenant, id)
        # One iterator for all: each request is taken by one of them.
        waiting = iter([each for each in requests if each.number not in done])
        stopped = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                asking = [
                    tasks.create_task(self._some(tenant, batch, waiting, stopped))
                    for _ in range(self._at_once)
                ]
                watch = tasks.create_task(self._watch(tenant, id, asking, stopped))
                await asyncio.wait(asking)
                watch.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from group.exceptions[0].__cause__

    async def _some(
        self, tenant: TenantId, batch: Batch, waiting: Iterator[Request], stopped: asyncio.Event
    ) -> None:
        for request in waiting:
            line = await self._calls.ask(tenant, batch.key, batch.endpoint, request)
            await self._objects.batch_lines.keep(tenant, batch.id, [line])
            if stopped.is_set():
                return

    async def _watch(
        self,
        tenant: TenantId,
        id: str,
        asking: Sequence["asyncio.Task[None]"],
        stopped: asyncio.Event,
    ) -> None:
        while True:
            batch = await self._objects.batches.get(tenant, id)
            left = batch.expires_at - now()
            if batch.status != "in_progress" or left <= 0:
                break
            await asyncio.sleep(min(WATCH_SECONDS, left))
        stopped.set()
        await asyncio.sleep(GRACE_SECONDS)
        for task in asking:
            task.cancel()

    async def _end(self, tenant: TenantId, id: str, requests: Sequence[Request]) -> JSON:
        while not (batch := await self._objects.batches.get(tenant, id)).ended:
            done = await self._objects.batch_lines.done(tenant, id)
            left = [request for request in requests if request.number not in done]
            status: BatchStatus = "expired" if left else "completed"
            if batch.status == "cancelling":
                status = "cancelled"
            elif batch.status == "in_progress":
                # Nobody cancels it from here on.
                await self._objects.batches.change(
                    tenant, stamped(batch, "finalizing"), batch.status
                )
                continue
            why = CANCELLED if status == "cancelled" else EXPIRED
            for start in range(0, len(left), KEPT_AT_ONCE):
                lines = [undone(each, *why) for each in left[start : start + KEPT_AT_ONCE]]
                await self._objects.batch_lines.keep(tenant, id, lines)
            await self._finish(tenant, stamped(batch, status), batch.status)
        return {"status": batch.status}

    async def _finish(self, tenant: TenantId, batch: Batch, was: BatchStatus) -> bool:
        output, errors = _file(batch, "output"), _file(batch, "error")
        return await self._objects.batches.finish(tenant, batch, output, errors, was)


def stamped(batch: Batch, status: BatchStatus) -> Batch:
    """The batch as it comes into that status."""
    return replace(batch, status=status, times={**batch.times, status: now()})


def _file(batch: Batch, what: str) -> File:
    made = now()
    return File(
        new_object_id("file-"),
        f"{batch.id}_{what}.jsonl",
        OUTPUT,
        0,
        made,
        made + batch.output_seconds,
    )
