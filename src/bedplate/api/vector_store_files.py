"""/v1/vector_stores/{id}/files. Source: OpenAI API reference, "Vector store files"."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter

from bedplate.api.current import CurrentLibrary, Tenant
from bedplate.api.object_pages import AskedPage, ObjectList, object_list, one_more
from bedplate.api.vector_store_schemas import (
    FileContent,
    LastError,
    NewStoreFile,
    StoreFileChange,
    StoreFileDeleted,
    StoreFileObject,
    TextContent,
    attributes,
)
from bedplate.objects.protocol import Chunking, FileStatus, Page, StoreFile

# What a file left to the server was cut by is said as OpenAI says it of files from before it knew.
OTHER = {"type": "other"}

router = APIRouter(prefix="/v1/vector_stores/{vector_store_id}/files", tags=["vector stores"])


@router.post("")
async def attach_file(
    vector_store_id: str, body: NewStoreFile, library: CurrentLibrary, tenant: Tenant
) -> StoreFileObject:
    """Let a job ingest it."""
    return shown(await library.attaching.attach(tenant, vector_store_id, body.attachment()))


@router.get("")
async def list_store_files(
    vector_store_id: str,
    page: AskedPage,
    library: CurrentLibrary,
    tenant: Tenant,
    filter: FileStatus | None = None,
) -> ObjectList[StoreFileObject]:
    """Files, then documents that came into the collection by another way."""
    found = await library.attaching.list(tenant, vector_store_id, one_more(page), status=filter)
    return listed(found, page)


# Ids of documents may hold a "/", so the longer path is looked for first.
@router.get("/{file_id:path}/content")
async def get_store_file_content(
    vector_store_id: str, file_id: str, library: CurrentLibrary, tenant: Tenant
) -> FileContent:
    """The text that is searched, which guards may have changed, of each of its documents."""
    texts = await library.attaching.texts(tenant, vector_store_id, file_id)
    return FileContent(data=[TextContent(text=text) for text in texts])


@router.get("/{file_id:path}")
async def get_store_file(
    vector_store_id: str, file_id: str, library: CurrentLibrary, tenant: Tenant
) -> StoreFileObject:
    return shown(await library.attaching.get(tenant, vector_store_id, file_id))


@router.post("/{file_id:path}")
async def update_store_file(
    vector_store_id: str,
    file_id: str,
    body: StoreFileChange,
    library: CurrentLibrary,
    tenant: Tenant,
) -> StoreFileObject:
    """Put attributes in place of the former ones; the file is ingested anew with them."""
    changed = await library.attaching.update(
        tenant, vector_store_id, file_id, attributes(body.attributes)
    )
    return shown(changed)


@router.delete("/{file_id:path}")
async def detach_file(
    vector_store_id: str, file_id: str, library: CurrentLibrary, tenant: Tenant
) -> StoreFileDeleted:
    """Take it out of the vector store; the file stays."""
    await library.attaching.detach(tenant, vector_store_id, file_id)
    return StoreFileDeleted(id=file_id)


def listed(found: Sequence[StoreFile], page: Page) -> ObjectList[StoreFileObject]:
    return object_list([shown(each) for each in found], page, [each.file for each in found])


def shown(file: StoreFile) -> StoreFileObject:
    error = None
    if file.error_code is not None:
        error = LastError(code=file.error_code, message=file.error or file.error_code)
    return StoreFileObject(
        id=file.file,
        usage_bytes=file.bytes,
        created_at=file.created_at,
        vector_store_id=file.store,
        status=file.status,
        last_error=error,
        attributes=dict(file.attributes),
        chunking_strategy=_strategy(file.chunking),
    )


def _strategy(chunking: Chunking | None) -> dict[str, Any]:
    if chunking is None:
        return OTHER
    static = {
        "max_chunk_size_tokens": chunking.max_tokens,
        "chunk_overlap_tokens": chunking.overlap_tokens,
    }
    return {"type": "static", "static": static}
