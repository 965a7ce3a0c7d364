"""/v1/vector_stores/{id}/file_batches. Source: OpenAI API reference, "Vector store file batches"."""

from fastapi import APIRouter

from bedplate.api.current import CurrentLibrary, Tenant
from bedplate.api.object_pages import AskedPage, ObjectList, one_more
from bedplate.api.vector_store_files import listed
from bedplate.api.vector_store_schemas import FileBatchObject, NewFileBatch, StoreFileObject
from bedplate.api.vector_stores import counted
from bedplate.library.attaching import BatchView
from bedplate.objects.protocol import FileStatus

router = APIRouter(
    prefix="/v1/vector_stores/{vector_store_id}/file_batches", tags=["vector stores"]
)


@router.post("")
async def create_file_batch(
    vector_store_id: str, body: NewFileBatch, library: CurrentLibrary, tenant: Tenant
) -> FileBatchObject:
    """Let one job ingest all of them."""
    return _shown(await library.attaching.attach_all(tenant, vector_store_id, body.attachments()))


@router.get("/{batch_id}")
async def get_file_batch(
    vector_store_id: str, batch_id: str, library: CurrentLibrary, tenant: Tenant
) -> FileBatchObject:
    return _shown(await library.attaching.batch(tenant, vector_store_id, batch_id))


@router.post("/{batch_id}/cancel")
async def cancel_file_batch(
    vector_store_id: str, batch_id: str, library: CurrentLibrary, tenant: Tenant
) -> FileBatchObject:
    """Files that are done stay."""
    return _shown(await library.attaching.cancel(tenant, vector_store_id, batch_id))


@router.get("/{batch_id}/files")
async def list_batch_files(
    vector_store_id: str,
    batch_id: str,
    page: AskedPage,
    library: CurrentLibrary,
    tenant: Tenant,
    filter: FileStatus | None = None,
) -> ObjectList[StoreFileObject]:
    found = await library.attaching.list(
        tenant, vector_store_id, one_more(page), status=filter, batch=batch_id
    )
    return listed(found, page)


def _shown(view: BatchView) -> FileBatchObject:
    counts = counted(view.sums)
    status: FileStatus = "completed"
    if counts.in_progress:
        status = "in_progress"
    elif view.batch.cancelled:
        status = "cancelled"
    elif counts.failed and counts.failed == counts.total:
        status = "failed"
    return FileBatchObject(
        id=view.batch.id,
        created_at=view.batch.created_at,
        vector_store_id=view.batch.store,
        status=status,
        file_counts=counts,
    )
