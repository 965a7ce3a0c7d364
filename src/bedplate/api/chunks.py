"""/api/collections/{collection}/chunks: the passages that a document was cut into."""

from typing import Annotated

from fastapi import APIRouter, Query

from bedplate.api.current import CurrentApp, Tenant
from bedplate.api.schemas import Shown
from bedplate.domain.ids import ChunkId, DocumentId

MOST = 200

router = APIRouter(prefix="/api/collections/{collection}/chunks", tags=["documents"])


class Chunk(Shown):
    """`start` and `end` count characters of the document's text; passages may overlap."""

    id: str
    text: str
    start: int
    end: int
    page: int | None
    heading: str | None


class ChunkPage(Shown):
    """`total` is how many the document has, `offset` how many come before these."""

    document_id: str
    title: str
    chunks: list[Chunk]
    offset: int
    total: int


@router.get("/{document_id:path}")
async def list_chunks(
    collection: str,
    document_id: str,
    app: CurrentApp,
    tenant: Tenant,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
) -> ChunkPage:
    """In the order of the text."""
    scope = app.scope(collection, tenant)
    document = await app.catalog.documents.get(scope, DocumentId(document_id))
    last = min(offset + limit, document.chunks)
    wanted = [ChunkId(f"{document.id}#{number}") for number in range(offset, last)]
    found = {
        hit.chunk_id: hit
        for hit in await app.catalog.documents.hits(scope, dict.fromkeys(wanted, 0.0))
    }
    return ChunkPage(
        document_id=document.id,
        title=document.title,
        chunks=[
            Chunk(
                id=id,
                text=hit.text,
                start=hit.start,
                end=hit.end,
                page=hit.page,
                heading=hit.heading,
            )
            for id in wanted
            if (hit := found.get(id))
        ],
        offset=offset,
        total=document.chunks,
    )
