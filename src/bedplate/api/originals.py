"""/api/collections/{collection}/originals: the files that documents were made from."""

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Response

from bedplate.api.current import CurrentApp, Tenant
from bedplate.domain.ids import DocumentId

OCTETS = "application/octet-stream"
FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {OCTETS: {"schema": {"type": "string", "format": "binary"}}},
    }
}

router = APIRouter(prefix="/api/collections/{collection}/originals", tags=["documents"])


@router.get("/{document_id:path}", response_class=Response, responses=FILE)
async def get_original(
    collection: str, document_id: str, app: CurrentApp, tenant: Tenant
) -> Response:
    """The file as it came, with all that guards took out of the document."""
    scope = app.scope(collection, tenant)
    found = await app.originals.get(scope, DocumentId(document_id))
    name = quote(found.name.rpartition("/")[2], safe="")
    # It is somebody's file: no browser is to show it as a page of this server.
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(found.content, headers=headers, media_type=_plain(found.media_type))


def _plain(media_type: str | None) -> str:
    """What a header can hold."""
    fits = media_type is not None and media_type.isascii() and media_type.isprintable()
    return (media_type if fits else None) or OCTETS
