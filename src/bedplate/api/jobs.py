"""/api/jobs: work that goes on without its client, and after a crash of the server."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Header, Query, Response

from bedplate.api.current import CurrentJobs, Deadline, Tenant
from bedplate.api.schemas import Shown
from bedplate.api.sse import MEDIA_TYPE, encode_event
from bedplate.api.streams import open_stream
from bedplate.domain.ids import TenantId
from bedplate.durable import protocol as durable
from bedplate.durable.protocol import Durable, Page, State, WorkId

EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`job` as it is, `progress` with ids, and `job` again when it has ended.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


class JobFailure(Shown):
    code: str
    message: str


class Job(Shown):
    """`argument` and `result` are null in a list."""

    id: str
    work: str
    state: State
    created_at: datetime
    ended_at: datetime | None
    argument: Any
    result: Any
    failure: JobFailure | None

    @classmethod
    def of(cls, job: durable.Job) -> Self:
        return cls.model_validate(job)


class JobList(Shown):
    jobs: list[Job]


@router.get("")
async def list_jobs(
    jobs: CurrentJobs,
    tenant: Tenant,
    state: Annotated[list[State] | None, Query(description="Those in these states.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> JobList:
    """Newest first."""
    page = Page(states=tuple(state or ()), limit=limit, offset=offset)
    return JobList(jobs=[Job.of(job) for job in await jobs.list(tenant, page)])


@router.get("/{id}")
async def get_job(id: str, jobs: CurrentJobs, tenant: Tenant) -> Job:
    return Job.of(await jobs.get(WorkId(id), tenant=tenant))


@router.post("/{id}/cancel")
async def cancel_job(id: str, jobs: CurrentJobs, tenant: Tenant) -> Job:
    """Stop it; one that has ended stays as it is."""
    return Job.of(await jobs.cancel(WorkId(id), tenant=tenant))


@router.post("/{id}/resume")
async def resume_job(id: str, jobs: CurrentJobs, tenant: Tenant) -> Job:
    """Go on with one that was cancelled, or abandoned after too many crashes."""
    return Job.of(await jobs.resume(WorkId(id), tenant=tenant))


@router.get("/{id}/events", responses=EVENTS, response_class=Response)
async def watch_job(
    id: str,
    jobs: CurrentJobs,
    tenant: Tenant,
    deadline: Deadline,
    last_event_id: Annotated[int, Header(ge=-1, description="Events after this one.")] = -1,
) -> Response:
    """Follow it until its end or until this request's time is over, from any event on."""
    events = _events(jobs, tenant, WorkId(id), last_event_id + 1, deadline)
    return await open_stream(events)


async def _events(
    jobs: Durable, tenant: TenantId, id: WorkId, after: int, deadline: float
) -> AsyncGenerator[bytes]:
    yield _job(await jobs.get(id, tenant=tenant))
    async with aclosing(jobs.tail(id, tenant=tenant, after=after)) as events:
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    event = await anext(events, None)
            except TimeoutError:
                return
            if event is None:
                break
            yield encode_event(event.value, "progress", id=event.offset)
    yield _job(await jobs.get(id, tenant=tenant))


def _job(job: durable.Job) -> bytes:
    return encode_event(Job.of(job).model_dump(mode="json"), "job")
