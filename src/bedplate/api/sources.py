"""/api/sources: places that collections are kept in step with, and their syncs.

A sync is a job, which goes on when its client goes, see `jobs`.
"""

import asyncio
import hashlib
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Query

from bedplate.api.current import CurrentApp, CurrentSyncs, Tenant
from bedplate.api.source_access import check_access
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
from bedplate.domain.sources import SourceSpec
from bedplate.errors import NotFound
from bedplate.ingest.own_files import without_own
from bedplate.ingest.sync import SyncRequest
from bedplate.ingest.sync_work import sync_of

IdempotencyKey = Annotated[
    str | None, Header(max_length=255, description="Of one sync that may be asked for again.")
]

router = APIRouter(prefix="/api/sources", tags=["sources"])


@router.get("")
async def list_sources(app: CurrentApp, tenant: Tenant) -> SourceList:
    found = await app.sources.list(tenant)
    return SourceList(sources=[Source.of(state) for state in found])


@router.post("", status_code=201)
async def add_source(body: NewSource, app: CurrentApp, tenant: Tenant) -> Source:
    """Set one up; what may not be opened for a caller over HTTP is refused."""
    check_access(body.kind, body.options, app.config.sync)
    options = body.options
    if body.kind == "folder":
        options = await asyncio.to_thread(without_own, options, [Path(app.config.data.dir)])
    spec = SourceSpec(
        tenant, body.name, body.collection, body.kind, options, schedule=body.schedule
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
    source: str,
    app: CurrentApp,
    syncs: CurrentSyncs,
    tenant: Tenant,
    body: SyncOptions | None = None,
    idempotency_key: IdempotencyKey = None,
) -> Accepted:
    """Start a sync soon, as a job; under one key only once, whenever it is asked for."""
    await app.sources.get(tenant, source)
    options = body or SyncOptions()
    request = SyncRequest(
        tenant,
        source,
        allow_shrink=options.allow_shrink,
        complete=options.complete,
        afresh=options.afresh,
    )
    key = request.id
    if idempotency_key is not None:
        key = f"key-{hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]}"
    job = await syncs.start(request, key)
    return Accepted(id=sync_of(job), job=job.id)


@router.get("/{source}/syncs/{id}")
async def get_sync(source: str, id: str, app: CurrentApp, tenant: Tenant) -> Sync:
    """404 before it has begun, and where it never did: the job says why."""
    if found := await app.sources.find_sync(tenant, source, id):
        return Sync.of(found)
    raise NotFound(f"The source {source!r} has no sync {id!r}, or it has not begun.", param="id")
