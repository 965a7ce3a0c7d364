"""/v1/batches. Source: OpenAI API reference, "Batch"."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from bedplate.api.current import CurrentAccount, CurrentLibrary, Tenant
from bedplate.api.files import LONGEST, SHORTEST
from bedplate.api.object_pages import MOST, USUAL, Cursor, ObjectList, object_list
from bedplate.api.schemas import Body
from bedplate.api.vector_store_schemas import Metadata
from bedplate.domain.batches import BatchStatus, BatchUsage
from bedplate.errors import InvalidInput
from bedplate.library.batches import BatchView
from bedplate.objects.protocol import Page

router = APIRouter(prefix="/v1/batches", tags=["batches"])

LONGEST_HOURS = 720
Limit = Annotated[int, Query(ge=1, le=MOST)]


class OutputExpiry(Body):
    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=SHORTEST, le=LONGEST)]


class NewBatch(Body):
    input_file_id: Annotated[str, Field(min_length=1, max_length=200)]
    endpoint: Annotated[str, Field(max_length=200)]
    completion_window: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}h$")]
    metadata: Metadata | None = None
    output_expires_after: OutputExpiry | None = None

    def hours(self) -> int:
        hours = int(self.completion_window[:-1])
        if hours > LONGEST_HOURS:
            raise InvalidInput(
                f"completion_window: {self.completion_window!r} is longer than {LONGEST_HOURS}h.",
                param="completion_window",
            )
        return hours


class BatchErrorObject(BaseModel):
    code: str
    line: int | None
    message: str
    param: str | None


class BatchErrors(BaseModel):
    object: Literal["list"] = "list"
    data: list[BatchErrorObject]


class RequestCounts(BaseModel):
    total: int
    completed: int
    failed: int


class InputDetails(BaseModel):
    cached_tokens: int


class OutputDetails(BaseModel):
    reasoning_tokens: int


class BatchUsageObject(BaseModel):
    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class BatchObject(BaseModel):
    """`model` is there once the file was read, if every request asks the same one."""

    id: str
    object: Literal["batch"] = "batch"
    endpoint: str
    model: str | None
    errors: BatchErrors | None
    input_file_id: str
    completion_window: str
    status: BatchStatus
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: RequestCounts
    usage: BatchUsageObject
    metadata: dict[str, str] | None


@router.post("")
async def create_batch(
    body: NewBatch, library: CurrentLibrary, account: CurrentAccount
) -> BatchObject:
    """Answer the requests of a file in the background, each as if this key had sent it."""
    kept = body.output_expires_after
    made = await library.batches.create(
        account.tenant,
        account.key,
        input_file=body.input_file_id,
        endpoint=body.endpoint,
        hours=body.hours(),
        metadata=body.metadata,
        output_seconds=kept and kept.seconds,
    )
    return _shown(made)


@router.get("")
async def list_batches(
    library: CurrentLibrary, tenant: Tenant, limit: Limit = USUAL, after: Cursor = None
) -> ObjectList[BatchObject]:
    found = await library.batches.list(tenant, after=after, limit=limit + 1)
    ids = [view.batch.id for view in found]
    return object_list([_shown(view) for view in found], Page(limit, after=after), ids)


@router.get("/{batch_id}")
async def get_batch(batch_id: str, library: CurrentLibrary, tenant: Tenant) -> BatchObject:
    return _shown(await library.batches.get(tenant, batch_id))


@router.post("/{batch_id}/cancel")
async def cancel_batch(batch_id: str, library: CurrentLibrary, tenant: Tenant) -> BatchObject:
    """Requests under way are still answered; the others are not asked."""
    return _shown(await library.batches.cancel(tenant, batch_id))


def _shown(view: BatchView) -> BatchObject:
    batch, sums = view.batch, view.sums
    errors = [
        BatchErrorObject(code=each.code, line=each.line, message=each.message, param=each.param)
        for each in batch.errors
    ]
    times = batch.times
    return BatchObject(
        id=batch.id,
        endpoint=batch.endpoint,
        model=batch.model,
        errors=BatchErrors(data=errors) if errors else None,
        input_file_id=batch.input_file,
        completion_window=batch.window,
        status=batch.status,
        output_file_id=batch.output_file,
        error_file_id=batch.error_file,
        created_at=batch.created_at,
        in_progress_at=times.get("in_progress"),
        expires_at=batch.expires_at,
        finalizing_at=times.get("finalizing"),
        completed_at=times.get("completed"),
        failed_at=times.get("failed"),
        expired_at=times.get("expired"),
        cancelling_at=times.get("cancelling"),
        cancelled_at=times.get("cancelled"),
        request_counts=RequestCounts(
            total=batch.total, completed=sums.completed, failed=sums.failed
        ),
        usage=_usage(sums.usage),
        metadata=None if batch.metadata is None else dict(batch.metadata),
    )


def _usage(usage: BatchUsage) -> BatchUsageObject:
    return BatchUsageObject(
        input_tokens=usage.input,
        input_tokens_details=InputDetails(cached_tokens=usage.cached),
        output_tokens=usage.output,
        output_tokens_details=OutputDetails(reasoning_tokens=usage.reasoning),
        total_tokens=usage.input + usage.output,
    )
