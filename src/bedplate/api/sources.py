"""/api/sources: places that collections are kept in step with, and their syncs.

A sync goes on in the server when its client goes. Whoever may call may set a source up, and so have
the server read what it can read: this machine alone may, see `gates`.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from bedplate.api.current import CurrentApp, Deadline, Tenant
from bedplate.api.source_schemas import (
    Accepted,
    FailedItem,
    FailureList,
    NewSource,
    Removed,
    Retried,
    Schedule,
    Source,
    SourceList,
    Sync,
    SyncList,
    SyncOptions,
)
from bedplate.api.sse import MEDIA_TYPE, encode_event
from bedplate.api.streams import open_stream
from bedplate.app import App
from bedplate.domain.ids import TenantId
from bedplate.domain.sources import SourceSpec
from bedplate.errors import NotFound
from bedplate.ingest.sync import SyncRequest

POLL_SECONDS = 0.25
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`sync` events with the counts so far; the last has an end.",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}

router = APIRouter(prefix="/api/sources", tags=["sources"])


@router.get("")
async def list_sources(app: CurrentApp, tenant: Tenant) -> SourceList:
    found = await app.sources.list(tenant)
    return SourceList(sources=[Source.of(state) for state in found])


@router.post("", status_code=201)
async def add_source(body: NewSource, app: CurrentApp, tenant: Tenant) -> Source:
    spec = SourceSpec(
        tenant, body.name, body.collection, body.kind, body.options, schedule=body.schedule
    )
    return Source.of(await app.sources.add(spec, check=body.check))


@router.get("/{source}")
async def get_source(source: str, app: CurrentApp, tenant: Tenant) -> Source:
    return Source.of(await app.sources.get(tenant, source))


@router.patch("/{source}")
async def change_source(source: str, body: Schedule, app: CurrentApp, tenant: Tenant) -> Source:
    """Sync it at other times, or with null at none."""
    await app.sources.schedule(tenant, source, body.schedule)
    return Source.of(await app.sources.get(tenant, source))


@router.delete("/{source}")
async def remove_source(
    source: str,
    app: CurrentApp,
    tenant: Tenant,
    keep: Annotated[bool, Query(description="Keep its documents.")] = False,  # noqa: FBT002
) -> Removed:
    return Removed(name=source, deleted=await app.sources.remove(tenant, source, keep=keep))


@router.post("/{source}/retry")
async def retry_source(source: str, app: CurrentApp, tenant: Tenant) -> Retried:
    """Let the next sync try failed and dead items again."""
    return Retried(items=await app.sources.retry(tenant, source))


@router.get("/{source}/failures")
async def list_failures(
    source: str,
    app: CurrentApp,
    tenant: Tenant,
    after: str = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> FailureList:
    """In order of key; `after` is the last key of the page before."""
    found = await app.sources.failures(tenant, source, after=after, limit=limit + 1)
    page = [FailedItem.model_validate(each) for each in found[:limit]]
    return FailureList(
        failures=page, has_more=len(found) > limit, after=page[-1].key if page else None
    )


@router.get("/{source}/syncs")
async def list_syncs(
    source: str,
    app: CurrentApp,
    tenant: Tenant,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> SyncList:
    """Newest first."""
    found = await app.sources.syncs(tenant, source, limit)
    return SyncList(syncs=[Sync.of(each) for each in found])


@router.post("/{source}/syncs", status_code=202)
async def start_sync(
    source: str, app: CurrentApp, tenant: Tenant, body: SyncOptions | None = None
) -> Accepted:
    """Start a sync soon; its id leads to what it comes to."""
    await app.sources.get(tenant, source)
    options = body or SyncOptions()
    request = SyncRequest(
        tenant,
        source,
        allow_shrink=options.allow_shrink,
        complete=options.complete,
        afresh=options.afresh,
    )
    app.schedules.ask(request)
    return Accepted(id=request.id)


@router.get("/{source}/syncs/{id}")
async def get_sync(source: str, id: str, app: CurrentApp, tenant: Tenant) -> Sync:
    """404 also before it has begun; the error of one that could not begin."""
    if found := await _find(app, tenant, source, id):
        return found
    raise NotFound(f"The source {source!r} has no sync {id!r}, or it has not begun.", param="id")


@router.get("/{source}/syncs/{id}/events", responses=EVENTS, response_class=Response)
async def watch_sync(
    source: str, id: str, app: CurrentApp, tenant: Tenant, deadline: Deadline
) -> Response:
    """Follow a sync until its end, wherever it runs, or until this request's time is over."""
    return await open_stream(_events(app, tenant, source, id, deadline))


async def _events(
    app: App, tenant: TenantId, source: str, id: str, deadline: float
) -> AsyncGenerator[bytes]:
    clock = asyncio.get_running_loop().time
    said: Sync | None = None
    while clock() < deadline:
        found = await _find(app, tenant, source, id)
        if found is not None and found != said:
            said = found
            yield encode_event(found.model_dump(mode="json"), "sync")
        if found is not None and found.ended_at is not None:
            return
        await asyncio.sleep(POLL_SECONDS)
    if said is None:
        raise NotFound(f"The sync {id!r} of source {source!r} has not begun yet.", param="id")


async def _find(app: App, tenant: TenantId, source: str, id: str) -> Sync | None:
    found = await app.sources.find_sync(tenant, source, id)
    if found is not None:
        return Sync.of(found)
    if error := app.schedules.refusal(id):
        raise error
    return None
