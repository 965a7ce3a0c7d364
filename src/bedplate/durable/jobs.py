"""Jobs in the database: started, looked at, stopped, listened to."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar, cast

from dbos import DBOS, EnqueueOptions, PortableWorkflowError, WorkflowStatus

from bedplate.domain.ids import TenantId, new_id
from bedplate.durable.failures import translated
from bedplate.durable.names import job_of, name_of
from bedplate.durable.protocol import (
    DEFAULT_QUEUE,
    JSON,
    WORK_SECONDS,
    Event,
    Failure,
    Job,
    Page,
    Queue,
    State,
    WorkId,
)
from bedplate.durable.steps import INTERNAL, STREAM
from bedplate.durable.values import journalled
from bedplate.errors import Busy, Conflict, InvalidInput, NotFound, Unavailable

T = TypeVar("T")

STATES: Mapping[str, State] = {
    "DELAYED": State.WAITING,
    "ENQUEUED": State.WAITING,
    "PENDING": State.RUNNING,
    "SUCCESS": State.SUCCEEDED,
    "ERROR": State.FAILED,
    "CANCELLED": State.CANCELLED,
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": State.ABANDONED,
}
ENDED = [name for name, state in STATES.items() if state.ended]
WAITING = [name for name, state in STATES.items() if state is State.WAITING]
VERSION = "1"
"""Of the journal's meaning, not of the program: other work is not run by a process of this one."""
CALLS = 4
CALL_SECONDS = 60.0
PRUNED_AT_ONCE = 200
POLL_SECONDS = 0.25


class Jobs:
    """See `Durable`. DBOS is called from threads of our own: there it sees no running work, which
    would make each call a step of it, and leaves the event loop's own threads alone.
    """

    def __init__(
        self,
        place: str,
        works: Sequence[str],
        queues: Sequence[Queue],
        *,
        max_bytes: int,
        ring: Callable[[str], None],
    ) -> None:
        """`ring` is told of a queue into which a job was put."""
        self._place = place
        self._ring = ring
        self._works = works
        self._queues = {queue.name: queue for queue in queues}
        self._max_bytes = max_bytes
        self._starting = asyncio.Lock()
        self._threads = ThreadPoolExecutor(CALLS, thread_name_prefix="durable")

    async def start(
        self,
        work: str,
        argument: JSON,
        *,
        tenant: TenantId,
        id: str | None = None,
        queue: str = DEFAULT_QUEUE,
        seconds: float = WORK_SECONDS,
    ) -> Job:
        name = name_of(tenant, id or new_id())
        value = journalled(argument, "The argument", most=self._max_bytes)
        if self._works and work not in self._works:
            known = ", ".join(sorted(self._works))
            raise InvalidInput(f"There is no work {work!r}. Known: {known}.", param="work")
        if queue not in self._queues:
            known = ", ".join(self._queues)
            raise InvalidInput(f"There is no queue {queue!r}. Known: {known}.", param="queue")
        options: EnqueueOptions = {
            "workflow_name": work,
            "queue_name": queue,
            "workflow_id": name,
            "app_version": VERSION,
            "workflow_timeout": seconds,
            "authenticated_user": tenant,
            # DBOS forgets a cancelled job's queue, and would run it on one without bounds.
            "attributes": {"queue": queue},
        }
        async with self._starting:
            job = await self._find(name)
            if job is None:
                await self._check_room(self._queues[queue])
                await self.call(partial(DBOS.enqueue_workflow_with_options, options, value))
                self._ring(queue)
        job = job or await self._job(name)
        if job.work != work:
            raise Conflict(
                f"The job {job.id!r} is {job.work!r} already, not {work!r}: take another id."
            )
        return job

    async def get(self, id: WorkId, *, tenant: TenantId) -> Job:
        return await self._job(name_of(tenant, id))

    async def list(self, tenant: TenantId, page: Page = Page()) -> tuple[Job, ...]:  # noqa: B008
        chosen = [name for name, state in STATES.items() if state in page.states]
        found = await self.call(
            partial(
                DBOS.list_workflows,
                user=tenant,
                name=page.work,
                status=chosen or None,
                limit=page.limit,
                offset=page.offset,
                sort_desc=True,
                load_input=False,
                load_output=False,
            )
        )
        return tuple(map(_to_job, found))

    async def cancel(self, id: WorkId, *, tenant: TenantId) -> Job:
        name = name_of(tenant, id)
        await self._job(name)
        await self.call(partial(DBOS.cancel_workflow, name))
        return await self._job(name)

    async def resume(self, id: WorkId, *, tenant: TenantId) -> Job:
        name = name_of(tenant, id)
        job = await self._job(name)
        if job.state not in (State.CANCELLED, State.ABANDONED):
            raise Conflict(
                f"The job {id!r} is {job.state}: only a cancelled or abandoned one can be resumed."
            )
        await self.call(partial(DBOS.resume_workflow, name, queue_name=job.queue))
        self._ring(job.queue)
        return await self._job(name)

    async def tail(self, id: WorkId, *, tenant: TenantId, after: int = 0) -> AsyncGenerator[Event]:
        name = name_of(tenant, id)
        await self._job(name)
        values = DBOS.read_stream_async(
            name, STREAM, offset=after, polling_interval_sec=POLL_SECONDS
        )
        with translated(self._place):
            async with aclosing(values):
                async for value in values:
                    yield Event(after, value)
                    after += 1

    async def owners(self) -> set[str]:
        """The processes that hold running work, by what the database says."""
        found = await self.call(
            partial(DBOS.list_workflows, status="PENDING", load_input=False, load_output=False)
        )
        return {job.executor_id for job in found if job.executor_id}

    async def take_over(self, node: str) -> bool:
        """Put the running work of a dead process back into its queues; whether all of it is there.

        It changes only what is running and held by that process, so that it does nothing twice.
        """
        # There is no public call for it; the one that resumes would take from living processes.
        recover = DBOS._recover_pending_workflows  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        await self.call(partial(recover, [node]))
        left = partial(
            DBOS.list_workflows,
            status="PENDING",
            executor_id=node,
            app_version=VERSION,
            limit=1,
            load_input=False,
            load_output=False,
        )
        return not await self.call(left)

    async def prune(self, age: timedelta) -> int:
        """Delete jobs that ended longer ago; how many. One call deletes a bounded number."""
        found = await self.call(
            partial(
                DBOS.list_workflows,
                status=ENDED,
                completed_before=(datetime.now(UTC) - age).isoformat(),
                limit=PRUNED_AT_ONCE,
                load_input=False,
                load_output=False,
            )
        )
        if found:
            await self.call(partial(DBOS.delete_workflows, [job.workflow_id for job in found]))
        return len(found)

    async def call(self, work: Callable[[], T]) -> T:
        """Run a blocking call of DBOS; Unavailable where the database keeps it waiting."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                with translated(self._place):
                    return await loop.run_in_executor(self._threads, work)
        except TimeoutError as error:
            raise Unavailable(
                f"{self._place} did not answer within {CALL_SECONDS:g} seconds: try again."
            ) from error

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _check_room(self, queue: Queue) -> None:
        """Whether there is a last place that is taken, which costs no more than one row."""
        last = await self.call(
            partial(
                DBOS.list_queued_workflows,
                queue_name=queue.name,
                status=WAITING,
                limit=1,
                offset=queue.length - 1,
                load_input=False,
            )
        )
        if last:
            raise Busy(
                f"The queue {queue.name!r} is full: {queue.length:,} jobs wait. Try again later."
            )

    async def _job(self, name: str) -> Job:
        job = await self._find(name)
        if job is None:
            raise NotFound(f"There is no job {job_of(name)!r}.", param="id")
        return job

    async def _find(self, name: str) -> Job | None:
        found = await self.call(partial(DBOS.list_workflows, workflow_ids=[name]))
        return _to_job(found[0]) if found else None


def _to_job(found: WorkflowStatus) -> Job:
    state = STATES[found.status]
    given: Sequence[Any] = found.input["args"] if found.input else ()
    return Job(
        id=job_of(found.workflow_id),
        tenant=TenantId(found.authenticated_user or ""),
        work=found.name,
        queue=str((found.attributes or {}).get("queue", "")),
        state=state,
        created_at=_time(found.created_at or 0),
        ended_at=_time(found.completed_at) if found.completed_at else None,
        argument=cast(JSON, given[0]) if given else None,
        result=cast(JSON, found.output) if state is State.SUCCEEDED else None,
        failure=_to_failure(found.error) if state is State.FAILED else None,
    )


def _to_failure(error: Exception | None) -> Failure | None:
    match error:
        case None:
            return None
        case PortableWorkflowError():
            return Failure(str(error.code or INTERNAL), error.message)
        case _:
            return Failure(INTERNAL, str(error))


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
