"""/v1/uploads: files in parts. Source: OpenAI API reference, "Uploads"."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.datastructures import UploadFile

from bedplate.api.current import CurrentLibrary, Tenant
from bedplate.api.files import FORM, LONGEST, SHORTEST, FileObject, Purpose, shown
from bedplate.api.media_types import media_type, sent_as
from bedplate.errors import InvalidInput
from bedplate.objects.protocol import File, Upload, UploadStatus

MAX_FIELDS = 5
PART = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["data"],
                    "properties": {"data": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}

router = APIRouter(prefix="/v1/uploads", tags=["uploads"])


class FileExpiry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=SHORTEST, le=LONGEST)]


class NewUpload(BaseModel):
    """`mime_type` has no effect: what a file is, is told by its bytes."""

    model_config = ConfigDict(extra="forbid", strict=True)

    filename: str
    purpose: Purpose
    bytes: Annotated[int, Field(gt=0)]
    mime_type: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    expires_after: FileExpiry | None = None


class Completion(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    part_ids: list[str]
    md5: Annotated[str, StringConstraints(pattern="^[0-9a-fA-F]{32}$")] | None = None


class UploadObject(BaseModel):
    id: str
    object: Literal["upload"] = "upload"
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: UploadStatus
    file: FileObject | None = None


class PartObject(BaseModel):
    id: str
    object: Literal["upload.part"] = "upload.part"
    created_at: int
    upload_id: str


@router.post("")
async def create_upload(body: NewUpload, library: CurrentLibrary, tenant: Tenant) -> UploadObject:
    """Announce a file of so many bytes; its parts are taken for an hour."""
    made = await library.uploads.create(
        tenant,
        body.filename,
        bytes=body.bytes,
        purpose=body.purpose,
        seconds=body.expires_after and body.expires_after.seconds,
    )
    return _shown(made)


@router.post("/{upload_id}/parts", openapi_extra=PART)
async def add_part(
    upload_id: str, request: Request, library: CurrentLibrary, tenant: Tenant
) -> PartObject:
    """Parts may come at once, in any order: `part_ids` puts them in theirs."""
    if media_type(request) != FORM:
        raise InvalidInput(f"The body {sent_as(request)}: send the part as {FORM}.", param="data")
    async with request.form(max_files=1, max_fields=MAX_FIELDS) as form:
        data = form.get("data")
        if not isinstance(data, UploadFile):
            raise InvalidInput("data: is required, as a part with a filename.", param="data")
        content = await data.read()
    part = await library.uploads.add(tenant, upload_id, content)
    return PartObject(id=part.id, created_at=part.created_at, upload_id=part.upload)


@router.post("/{upload_id}/complete")
async def complete_upload(
    upload_id: str, body: Completion, library: CurrentLibrary, tenant: Tenant
) -> UploadObject:
    """Make a file of the parts, which must have all the bytes that were announced."""
    made, file = await library.uploads.complete(tenant, upload_id, body.part_ids, md5=body.md5)
    return _shown(made, file)


@router.post("/{upload_id}/cancel")
async def cancel_upload(upload_id: str, library: CurrentLibrary, tenant: Tenant) -> UploadObject:
    return _shown(await library.uploads.cancel(tenant, upload_id))


def _shown(upload: Upload, file: File | None = None) -> UploadObject:
    return UploadObject(
        id=upload.id,
        bytes=upload.bytes,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
        filename=upload.filename,
        purpose=upload.purpose,
        status=upload.status,
        file=None if file is None else shown(file),
    )
