"""/v1/files. Source: OpenAI API reference, "Files"."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile

from bedplate.api.current import CurrentLibrary, Tenant
from bedplate.api.media_types import media_type, sent_as
from bedplate.api.object_pages import Cursor, ObjectList, object_list, one_more
from bedplate.errors import InvalidInput
from bedplate.objects.protocol import File, Order, Page

FORM = "multipart/form-data"
MOST = 10_000
MAX_FIELDS = 20

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
PURPOSES: tuple[str, ...] = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
SHORTEST, LONGEST = 3_600, 2_592_000
ANCHOR, SECONDS = "expires_after[anchor]", "expires_after[seconds]"

UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["file", "purpose"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "purpose": {"type": "string", "enum": list(PURPOSES)},
                        "expires_after": {
                            "type": "object",
                            "required": ["anchor", "seconds"],
                            "properties": {
                                "anchor": {"type": "string", "enum": ["created_at"]},
                                "seconds": {
                                    "type": "integer", "minimum": SHORTEST, "maximum": LONGEST,
                                },
                            },
                        },
                    },
                }
            }
        },
    }
}  # fmt: skip

router = APIRouter(prefix="/v1/files", tags=["files"])


class FileObject(BaseModel):
    """`status` is always processed: OpenAI gave it up."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: str
    status: Literal["processed"] = "processed"
    status_details: None = None


class FileDeleted(BaseModel):
    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


@dataclass(frozen=True, slots=True)
class _Asked:
    limit: Annotated[int, Query(ge=1, le=MOST)] = MOST
    order: Order = "desc"
    after: Cursor = None
    purpose: Annotated[str | None, Query(max_length=100)] = None


@router.post("", openapi_extra=UPLOAD)
async def upload_file(request: Request, library: CurrentLibrary, tenant: Tenant) -> FileObject:
    """Keep a file. Those for batches expire after `files.batch_days` unless they say otherwise."""
    if media_type(request) != FORM:
        raise InvalidInput(f"The body {sent_as(request)}: send the file as {FORM}.", param="file")
    async with request.form(max_files=1, max_fields=MAX_FIELDS) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidInput("file: is required, as a part with a filename.", param="file")
        purpose = form.get("purpose")
        if purpose not in PURPOSES:
            raise InvalidInput(
                f"purpose: {'is required' if purpose is None else f'{purpose!r} is unknown'}; it is "
                f"one of {', '.join(PURPOSES)}.",
                param="purpose",
            )
        seconds = _seconds(form)
        content = await file.read()
        kept = await library.files.create(
            tenant, file.filename or "", content, purpose=str(purpose), seconds=seconds
        )
    return shown(kept)


@router.get("")
async def list_files(
    asked: Annotated[_Asked, Depends()], library: CurrentLibrary, tenant: Tenant
) -> ObjectList[FileObject]:
    page = Page(asked.limit, asked.order, asked.after)
    found = await library.objects.files.list(tenant, one_more(page), purpose=asked.purpose)
    return object_list([shown(file) for file in found], page, [file.id for file in found])


@router.get("/{file_id}")
async def get_file(file_id: str, library: CurrentLibrary, tenant: Tenant) -> FileObject:
    return shown(await library.objects.files.get(tenant, file_id))


@router.delete("/{file_id}")
async def delete_file(file_id: str, library: CurrentLibrary, tenant: Tenant) -> FileDeleted:
    """Delete it, and take it out of every vector store."""
    await library.attaching.delete_file(tenant, file_id)
    return FileDeleted(id=file_id)


@router.get("/{file_id}/content", response_class=StreamingResponse)
async def get_content(file_id: str, library: CurrentLibrary, tenant: Tenant) -> StreamingResponse:
    """Its bytes, as they were sent."""
    file = await library.objects.files.get(tenant, file_id)
    return StreamingResponse(
        library.objects.files.content(tenant, file_id),
        media_type="application/octet-stream",
        headers={
            "Content-Length": str(file.bytes),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename)}",
            "X-Content-Type-Options": "nosniff",
        },
    )


def shown(file: File) -> FileObject:
    return FileObject(
        id=file.id,
        bytes=file.bytes,
        created_at=file.created_at,
        expires_at=file.expires_at,
        filename=file.filename,
        purpose=file.purpose,
    )


def _seconds(form: FormData) -> int | None:
    anchor, seconds = form.get(ANCHOR), form.get(SECONDS)
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise InvalidInput(
            f"expires_after.anchor: must be 'created_at', not {anchor!r}.",
            param="expires_after.anchor",
        )
    try:
        given = int(str(seconds))
    except ValueError:
        given = 0
    if not SHORTEST <= given <= LONGEST:
        raise InvalidInput(
            f"expires_after.seconds: must be {SHORTEST} to {LONGEST}, not {seconds!r}.",
            param="expires_after.seconds",
        )
    return given
