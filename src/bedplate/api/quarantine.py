"""/api/collections/{collection}/quarantine: documents that were kept out of the index."""

from typing import Annotated

from fastapi import APIRouter, Query

from bedplate.api.current import CurrentApp, Tenant
from bedplate.api.schemas import Held, QuarantinePage
from bedplate.domain.ids import DocumentId

router = APIRouter(prefix="/api/collections/{collection}/quarantine", tags=["quarantine"])


@router.get("")
async def list_held(
    collection: str,
    app: CurrentApp,
    tenant: Tenant,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> QuarantinePage:
    """In order of id; `after` is the last id of the page before."""
    found = await app.catalog.quarantine.list(
        app.scope(collection, tenant),
        after=None if after is None else DocumentId(after),
        limit=limit + 1,
    )
    held = [Held.model_validate(each) for each in found[:limit]]
    return QuarantinePage(
        held=held, has_more=len(found) > limit, after=held[-1].document_id if held else None
    )


@router.post("/{document_id:path}/release")
async def release(collection: str, document_id: str, app: CurrentApp, tenant: Tenant) -> Held:
    """Let the document in when it is sent again as it was."""
    scope = app.scope(collection, tenant)
    return Held.model_validate(await app.catalog.quarantine.release(scope, DocumentId(document_id)))
